//! Real sockets, and a directory that tests fill.

use super::*;
use crate::{
    core::{Timestamp, id::UserId},
    directory::{Address, AddressRules, Instance, InstanceId, Owner, Resolve, Status},
    upstream::Trust,
};
use futures_util::future::BoxFuture;
use http::{Method, StatusCode};
use http_body_util::BodyExt as _;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use std::{
    convert::Infallible,
    io,
    net::SocketAddr,
    sync::atomic::{AtomicUsize, Ordering},
};
use tokio::{net::TcpListener, task::JoinHandle};

/// A service that says its name, and how it was asked.
struct Server {
    at: SocketAddr,
    hits: Arc<AtomicUsize>,
    task: JoinHandle<()>,
}

impl Server {
    async fn start(name: &'static str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (at, hits) = (listener.local_addr().unwrap(), Arc::new(AtomicUsize::new(0)));
        let counted = hits.clone();
        let task = tokio::spawn(async move {
            let mut connections = tokio::task::JoinSet::new();
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let counted = counted.clone();
                connections.spawn(async move {
                    let service = service_fn(move |request: Request<hyper::body::Incoming>| {
                        counted.fetch_add(1, Ordering::SeqCst);
                        async move {
                            if request.uri().path() == "/slow" {
                                tokio::time::sleep(Duration::from_secs(30)).await;
                            }
                            let host = request.headers()["host"].to_str().unwrap().to_owned();
                            let text = format!("{name} {} {}", request.uri(), host);
                            Ok::<_, Infallible>(Response::new(http_body_util::Full::new(bytes::Bytes::from(
                                text,
                            ))))
                        }
                    });
                    let _ = hyper::server::conn::http1::Builder::new()
                        .serve_connection(TokioIo::new(stream), service)
                        .await;
                });
            }
        });
        Self { at, hits, task }
    }

    fn hits(&self) -> usize {
        self.hits.load(Ordering::SeqCst)
    }

    /// As abrupt as a kill: the listener and all connections are gone.
    async fn kill(&mut self) {
        self.task.abort();
        let _ = (&mut self.task).await;
    }
}

fn instance(id: &str, url: &str) -> Instance {
    let now = Timestamp::from_micros(1_000_000);
    let owner = Owner { user: UserId::new(now), email: "ada@example.com".to_owned() };
    let id = InstanceId::parse(id).unwrap();
    let mut one = Instance::new(id, "web", Address::from_url(url).unwrap(), owner, now);
    one.status = Status::Healthy;
    one
}

fn at(id: &str, server: &Server) -> Instance {
    instance(id, &format!("http://{}", server.at))
}

fn guard() -> AddressGuard {
    let allow = vec!["127.0.0.0/8".parse().unwrap()];
    AddressGuard::new(AddressRules { allow, ..AddressRules::default() }, Vec::new())
}

const SECOND: Duration = Duration::from_secs(1);

fn services(directory: &Directory, guard: AddressGuard) -> Services {
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let settings = ServiceSettings {
        limits: ServiceLimits { connect: SECOND, response: SECOND / 2, idle: SECOND },
        by_slug: HashMap::new(),
        ejection: EjectionRules { after: 3, span: SECOND * 60, share: 50 },
    };
    let tls = Trust::System.client_config().unwrap();
    // The first of all draws, unless load decides.
    Services::new(directory.clone(), guard, tls, settings).with_dice(|_| 0)
}

fn asked(method: Method, target: &str, body: OutgoingBody) -> Request<OutgoingBody> {
    Request::builder().method(method).uri(target).body(body).unwrap()
}

async fn get(services: &Services, target: &str) -> Result<String, ServiceError> {
    let answered = services.forward("web", asked(Method::GET, target, OutgoingBody::Empty)).await?;
    let bytes = answered.answer.into_body().collect().await.unwrap().to_bytes();
    Ok(String::from_utf8(bytes.to_vec()).unwrap())
}

#[tokio::test]
async fn an_instance_is_asked_with_its_own_host_and_below_its_own_path() {
    let server = Server::start("one").await;
    let directory = Directory::for_tests(vec![instance("inst_1", &format!("http://{}/base", server.at))]);
    let services = services(&directory, guard());
    let said = get(&services, "/a%2Fb//c?x=%20&y").await.unwrap();
    assert_eq!(said, format!("one /base/a%2Fb//c?x=%20&y {}", server.at));
}

#[tokio::test]
async fn nobody_there_is_told_apart_from_nobody_known() {
    let server = Server::start("one").await;
    let directory = Directory::for_tests(vec![]);
    let services = services(&directory, guard());
    assert!(matches!(get(&services, "/").await, Err(ServiceError::Unknown(slug)) if slug == "web"));
    let mut draining = at("inst_1", &server);
    draining.draining = Some("upgrade".to_owned());
    let mut failing = at("inst_2", &server);
    failing.status = Status::Unreachable;
    directory.replace(vec![draining, failing]);
    let error = get(&services, "/").await.unwrap_err();
    assert!(matches!(error, ServiceError::NoneLive) && error.status() == StatusCode::SERVICE_UNAVAILABLE);
    // Found at once when it is there, and forgotten at once when it is not.
    directory.replace(vec![at("inst_1", &server)]);
    assert!(get(&services, "/").await.is_ok());
    directory.replace(vec![]);
    assert!(matches!(get(&services, "/").await, Err(ServiceError::Unknown(_))));
    assert_eq!(server.hits(), 1);
}

#[tokio::test]
async fn a_get_is_sent_to_another_instance_when_the_first_is_gone_and_a_post_is_not() {
    let (mut gone, there) = (Server::start("gone").await, Server::start("there").await);
    let directory = Directory::for_tests(vec![at("inst_1", &gone), at("inst_2", &there)]);
    let services = services(&directory, guard());
    gone.kill().await;
    assert!(get(&services, "/x").await.unwrap().starts_with("there /x"));
    let post = asked(Method::POST, "/x", OutgoingBody::Empty);
    let error = services.forward("web", post).await.unwrap_err();
    assert!(matches!(error, ServiceError::Unreachable(_)), "{error:?}");
    let put = asked(Method::PUT, "/x", OutgoingBody::Form(Some("a".into())));
    let error = services.forward("web", put).await.unwrap_err();
    assert_eq!((error.status(), error.code()), (StatusCode::BAD_GATEWAY, "service_unreachable"));
    assert_eq!(there.hits(), 1);
}

#[tokio::test]
async fn who_fails_again_and_again_is_left_out_until_it_registers_again() {
    let (mut gone, there) = (Server::start("gone").await, Server::start("there").await);
    let directory = Directory::for_tests(vec![at("inst_1", &gone), at("inst_2", &there)]);
    let services = services(&directory, guard());
    gone.kill().await;
    for _ in 0..3 {
        let post = asked(Method::POST, "/x", OutgoingBody::Empty);
        assert!(services.forward("web", post).await.is_err());
    }
    for _ in 0..5 {
        let post = asked(Method::POST, "/x", OutgoingBody::Empty);
        assert!(services.forward("web", post).await.is_ok(), "the dice would have it the first");
    }
    // The same instance elsewhere, under a new revision.
    let back = Server::start("back").await;
    let mut again = at("inst_1", &back);
    again.revision = 7;
    directory.replace(vec![again, at("inst_2", &there)]);
    assert!(get(&services, "/").await.unwrap().starts_with("back"));
}

#[tokio::test]
async fn the_last_one_is_never_left_out() {
    let mut gone = Server::start("gone").await;
    let directory = Directory::for_tests(vec![at("inst_1", &gone)]);
    let services = services(&directory, guard());
    gone.kill().await;
    for _ in 0..10 {
        assert!(matches!(get(&services, "/").await, Err(ServiceError::Unreachable(_))));
    }
}

#[tokio::test]
async fn silence_ends_a_call_and_is_not_repeated() {
    let (one, other) = (Server::start("one").await, Server::start("other").await);
    let directory = Directory::for_tests(vec![at("inst_1", &one), at("inst_2", &other)]);
    let services = services(&directory, guard());
    let error = get(&services, "/slow").await.unwrap_err();
    assert_eq!((error.status(), one.hits(), other.hits()), (StatusCode::GATEWAY_TIMEOUT, 1, 0));
}

#[tokio::test]
async fn calls_go_to_whoever_has_less_to_do() {
    let (one, other) = (Server::start("one").await, Server::start("other").await);
    let directory = Directory::for_tests(vec![at("inst_1", &one), at("inst_2", &other)]);
    let services = services(&directory, guard());
    let first = services.forward("web", asked(Method::GET, "/", OutgoingBody::Empty)).await.unwrap();
    assert!(get(&services, "/").await.unwrap().starts_with("other"), "the first has a call under way");
    drop(first);
    assert!(get(&services, "/").await.unwrap().starts_with("one"));
}

/// Says another address each time it is asked.
#[derive(Debug)]
struct Rebinding(AtomicUsize);

impl Resolve for Rebinding {
    fn lookup<'a>(&'a self, _: &'a str, port: u16) -> BoxFuture<'a, io::Result<Vec<SocketAddr>>> {
        let first = self.0.fetch_add(1, Ordering::SeqCst) == 0;
        let ip = if first { [127, 0, 0, 1] } else { [169, 254, 169, 254] };
        Box::pin(async move { Ok(vec![SocketAddr::from((ip, port))]) })
    }
}

#[tokio::test]
async fn a_name_that_leads_elsewhere_later_is_not_followed() {
    let mut server = Server::start("one").await;
    let url = format!("http://rebinding.example:{}", server.at.port());
    let directory = Directory::for_tests(vec![instance("inst_1", &url)]);
    let guard = guard().with_resolver(Arc::new(Rebinding(AtomicUsize::new(0))));
    let services = services(&directory, guard);
    assert!(get(&services, "/").await.unwrap().starts_with("one"));
    // The connection is gone, so the name is asked again.
    server.kill().await;
    let Err(ServiceError::Unreachable(cause)) = get(&services, "/").await else { panic!("not refused") };
    assert!(cause.to_string().contains("169.254.169.254 is not allowed"), "{cause}");
}

#[tokio::test]
async fn what_may_not_be_dialled_is_not() {
    let server = Server::start("one").await;
    let directory = Directory::for_tests(vec![at("inst_1", &server)]);
    let services = services(&directory, AddressGuard::new(AddressRules::default(), Vec::new()));
    assert!(matches!(get(&services, "/").await, Err(ServiceError::Unreachable(_))));
    assert_eq!(server.hits(), 0);
}
