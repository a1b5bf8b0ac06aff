//! Registries behind that are down, strange or hostile, and what they are sent.

use super::{
    Own,
    target::{Target, digest, header_of, location, refused, with_digest},
};
use crate::support::{
    registry::{Distribution, ProxyServer},
    tls::{Authority, before},
};
use axum::{body::Bytes, extract::State, http::HeaderMap, response::Response};
use http::{Method, Uri};
use rack_gateway::{
    core::SystemClock,
    registry::{
        Rules,
        proxy::{Login, Redirects, Scrape, Signer},
    },
    upstream::Trust,
};
use std::sync::{Arc, Mutex};

/// What it was sent: method, path and query, headers.
type Seen = Arc<Mutex<Vec<(Method, String, HeaderMap)>>>;
type Answer = Arc<dyn Fn(&Method, &str) -> Response + Send + Sync>;

/// A registry that answers whatever the test says.
struct Fake {
    url: String,
    seen: Seen,
}

impl Fake {
    async fn start(answer: impl Fn(&Method, &str) -> Response + Send + Sync + 'static) -> Self {
        let seen = Seen::default();
        let state: (Seen, Answer) = (seen.clone(), Arc::new(answer));
        let handle = async |State((seen, answer)): State<(Seen, Answer)>,
                            method: Method,
                            uri: Uri,
                            headers: HeaderMap,
                            _: Bytes| {
            let target = uri.path_and_query().unwrap().to_string();
            let response = answer(&method, &target);
            seen.lock().unwrap().push((method, target, headers));
            response
        };
        let app = axum::Router::new().fallback(handle).with_state(state);
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, app).await });
        Self { url, seen }
    }

    fn last(&self) -> (Method, String, HeaderMap) {
        self.seen.lock().unwrap().last().unwrap().clone()
    }
}

fn plain(status: u16, headers: &[(&str, &str)]) -> Response {
    let builder = Response::builder().status(status);
    headers
        .iter()
        .fold(builder, |builder, (name, value)| builder.header(*name, *value))
        .body("".into())
        .unwrap()
}

const D: &str = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

#[tokio::test]
async fn one_that_is_down_is_said_to_be() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let proxy = ProxyServer::before(&url).await;
    let target = Target::open(&proxy.url());
    for (method, path) in [
        ("GET", "/v2/a/manifests/v1".to_owned()),
        ("GET", format!("/v2/a/blobs/{D}")),
        ("GET", "/v2/_catalog".to_owned()),
        ("POST", "/v2/a/blobs/uploads/".to_owned()),
        ("DELETE", format!("/v2/a/blobs/{D}")),
    ] {
        let said = refused(target.send(method, &path).await, 503, "UNAVAILABLE").await.to_string();
        assert!(!said.contains("127.0.0.1"), "{said}");
    }
    let health = target.get("/health").await;
    assert_eq!(health.status(), 503);
    assert!(health.text().await.unwrap().contains("ECONNREFUSED"));
}

#[tokio::test]
async fn its_refusal_of_the_gateway_is_not_the_clients() {
    let fake = Fake::start(|_, _| plain(401, &[("www-authenticate", "Basic realm=\"inside\"")])).await;
    let proxy = ProxyServer::before(&fake.url).await;
    let target = Target::open(&proxy.url());
    for (method, path) in
        [("GET", "/v2/a/tags/list"), ("POST", "/v2/a/blobs/uploads/"), ("GET", "/v2/_catalog")]
    {
        let answer = target.send(method, path).await;
        assert!(answer.headers().get("www-authenticate").is_none());
        refused(answer, 502, "UNAVAILABLE").await;
    }
    assert!(target.get("/health").await.text().await.unwrap().contains("credential"));
}

#[tokio::test]
async fn silence_does_not_last() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let proxy = ProxyServer::before(&format!("http://{}", listener.local_addr().unwrap())).await;
    let target = Target::open(&proxy.url());
    refused(target.get(&format!("/v2/a/blobs/{D}")).await, 504, "UNAVAILABLE").await;
}

#[tokio::test]
async fn only_what_the_protocol_means_is_passed_on() {
    let fake = Fake::start(|method, _| match *method {
        Method::POST => plain(202, &[("location", "/v2/a/blobs/uploads/inside?_state=s")]),
        _ => plain(404, &[]),
    })
    .await;
    let proxy =
        ProxyServer::with(&fake.url, Login::basic("me", &"word".into()), Redirects::Follow, Rules::default());
    let proxy = proxy.await;
    let target = Target::open(&proxy.url());
    let ask = |method: &str, path: &str| {
        let request =
            target.request(method, path).header("forwarded", "host=evil").header("x-forwarded-host", "evil");
        let request = request.header("cookie", "session=1").header("authorization", "Bearer client");
        request
            .header("accept", "application/vnd.oci.image.index.v1+json")
            .header("accept", "text/x-own")
            .send()
    };
    ask("GET", "/v2/a/manifests/v1").await.unwrap();
    let (_, path, headers) = fake.last();
    assert_eq!(path, "/v2/a/manifests/v1");
    for name in ["forwarded", "x-forwarded-host", "cookie"] {
        assert!(headers.get(name).is_none(), "{name}");
    }
    assert_eq!(headers["authorization"], "Basic bWU6d29yZA==");
    let accept: Vec<_> = headers.get_all("accept").iter().collect();
    assert_eq!(accept, ["application/vnd.oci.image.index.v1+json", "text/x-own"], "each line by itself");
    // The query is written anew, and the client sees no address but ours.
    let answer = ask("POST", "/v2/a/blobs/uploads/?x=1&origin=evil").await.unwrap();
    assert_eq!(fake.last().1, "/v2/a/blobs/uploads/");
    let place = location(&answer);
    assert!(
        place.starts_with("/v2/a/blobs/uploads/") && !place.contains("inside") && !place.contains("_state"),
        "{place}"
    );
}

#[tokio::test]
async fn uploads_do_not_go_on_elsewhere() {
    for place in
        ["http://evil.example/v2/b/blobs/uploads/1", "//evil.example/x", "file:///etc/passwd", "\u{7}"]
    {
        let fake = Fake::start(move |_, _| {
            let value = http::HeaderValue::from_bytes(place.as_bytes());
            let mut answer = plain(202, &[]);
            answer.headers_mut().extend(value.ok().map(|value| (http::header::LOCATION, value)));
            answer
        });
        let proxy = ProxyServer::before(&fake.await.url).await;
        let answer = Target::open(&proxy.url()).send("POST", "/v2/a/blobs/uploads/").await;
        refused(answer, 502, "UNAVAILABLE").await;
    }
}

/// A registry that gives the address by which others know it: asked is the one that was configured.
#[tokio::test]
async fn uploads_go_on_at_the_address_that_was_configured() {
    let fake = Fake::start(|method, _| match *method {
        Method::POST | Method::PATCH => {
            plain(202, &[("location", "https://public.invalid/v2/a/blobs/uploads/inside?_state=s")])
        }
        _ => plain(404, &[]),
    })
    .await;
    let proxy = ProxyServer::before(&fake.url).await;
    let target = Target::open(&proxy.url());
    let upload = target.start("a").await;
    assert_eq!(target.request("PATCH", &upload).body("x").send().await.unwrap().status(), 202);
    assert_eq!(fake.last().1, "/v2/a/blobs/uploads/inside?_state=s");
}

#[tokio::test]
async fn another_digest_than_was_sent_is_a_failure() {
    let own = Own::start().await;
    let (image, _) = own.target().push_image("a", "v1", "first").await;
    let fake = Fake::start(|method, path| match *method {
        Method::PUT => plain(201, &[("docker-content-digest", D)]),
        _ if path.contains("blobs") => plain(200, &[("content-length", "15")]),
        _ => plain(404, &[]),
    })
    .await;
    let mut document = image.clone();
    for part in ["config", "layers"] {
        let entry = if part == "config" { &mut document["config"] } else { &mut document["layers"][0] };
        entry["size"] = 15.into();
    }
    let proxy = ProxyServer::before(&fake.url).await;
    let answer =
        Target::open(&proxy.url()).put_manifest("a", "v1", super::target::OCI_MANIFEST, &document).await;
    let status = answer.status().as_u16();
    assert_eq!(status, 502, "{}", answer.text().await.unwrap());
}

#[tokio::test]
async fn redirects_are_followed_without_our_credential_or_passed_on() {
    let store = Fake::start(|method, _| match *method {
        Method::HEAD => plain(200, &[("content-length", "7")]),
        _ => Response::builder().status(200).header("content-length", "7").body("content".into()).unwrap(),
    })
    .await;
    let place = format!("{}/bucket/key?signature=secret", store.url);
    let registry = Fake::start(move |_, _| plain(307, &[("location", &place)])).await;
    let login = || Login::basic("me", &"word".into());
    let path = format!("/v2/a/blobs/{}", digest(b"content"));

    let proxy = ProxyServer::with(&registry.url, login(), Redirects::Follow, Rules::default()).await;
    let target = Target::open(&proxy.url());
    let answer = target.get(&path).await;
    assert_eq!((answer.status().as_u16(), answer.headers().get("location")), (200, None));
    assert_eq!(answer.text().await.unwrap(), "content");
    let (_, asked, headers) = store.last();
    assert_eq!(asked, "/bucket/key?signature=secret");
    assert!(headers.get("authorization").is_none());
    let ranged = target.request("GET", &path).header("range", "bytes=1-3").send().await.unwrap();
    assert_eq!(ranged.status(), 200, "the store ignores ranges, and the answer says so");
    assert_eq!(store.last().2["range"], "bytes=1-3");
    assert_eq!(header_of(&target.send("HEAD", &path).await, "content-length"), "7");

    let proxy = ProxyServer::with(&registry.url, login(), Redirects::Pass, Rules::default()).await;
    let answer = Target::open(&proxy.url()).get(&path).await;
    assert_eq!(answer.status(), 307);
    assert!(header_of(&answer, "location").ends_with("/bucket/key?signature=secret"));

    for place in ["file:///etc/passwd", "ftp://x/y", "http://me:you@x/"] {
        let registry = Fake::start(move |_, _| plain(307, &[("location", place)])).await;
        let proxy = ProxyServer::before(&registry.url).await;
        refused(Target::open(&proxy.url()).get(&path).await, 502, "UNAVAILABLE").await;
    }
}

#[tokio::test]
async fn each_request_carries_a_token_of_its_own() {
    let fake = Fake::start(|_, _| plain(404, &[])).await;
    let signer = Signer::new(&[3; 32], "rack-gateway", "registry", Arc::new(SystemClock));
    let proxy =
        ProxyServer::with(&fake.url, Login::Signed(signer), Redirects::Follow, Rules::default()).await;
    let target = Target::open(&proxy.url());
    let mut tokens = Vec::new();
    for path in ["/v2/team/app/manifests/v1", "/v2/team/app/manifests/v1"] {
        target.get(path).await;
        tokens.push(fake.last().2["authorization"].to_str().unwrap().to_owned());
    }
    assert!(tokens[0].starts_with("Bearer ey") && tokens[0] != tokens[1]);
}

#[tokio::test]
async fn a_password_opens_debians_registry() {
    let work = tempfile::tempdir().unwrap();
    // "word", as htpasswd -B writes it.
    let file = work.path().join("htpasswd");
    std::fs::write(&file, "me:$2b$05$gwINSBIqMyMsNYaeCuO/K.uftE1TJ9Lu5ioZGRKVrT918LG8wlNjK\n").unwrap();
    let auth = format!("auth: {{htpasswd: {{realm: inside, path: {}}}}}", file.display());
    let Some(registry) = Distribution::with_auth(&auth).await else { return };
    let with = |word: &str| {
        let login = Login::basic("me", &word.into());
        let url = registry.url.clone();
        async move { ProxyServer::with(&url, login, Redirects::Follow, Rules::default()).await }
    };
    let right = with("word").await;
    Target::open(&right.url()).push_image("team/app", "v1", "behind a password").await;
    let wrong = with("wrong").await;
    refused(Target::open(&wrong.url()).get("/v2/team/app/manifests/v1").await, 502, "UNAVAILABLE").await;
}

#[tokio::test]
async fn storage_metrics_come_from_the_registry_behind() {
    let Some(registry) = Distribution::start().await else { return };
    let proxy = ProxyServer::before(&registry.url).await;
    Target::open(&proxy.url()).push_image("team/app", "v1", "measured").await;
    let scrape = Scrape::new(registry.metrics_url.parse().unwrap(), &Trust::System).unwrap();
    scrape.look().await;
    let text = scrape.text().load_full();
    assert!(
        text.contains("registry_storage_action_seconds_count{action=\"PutContent\",driver=\"filesystem\"}"),
        "{text}"
    );
    assert!(!text.contains("registry_http"));
    let gone = Scrape::new("http://127.0.0.1:1/metrics".parse().unwrap(), &Trust::System).unwrap();
    gone.look().await;
    assert!(gone.text().load_full().is_empty());
}

/// What was noted of an upload is there for every replica and after every restart.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_upload_goes_on_at_another_replica() {
    let Some(registry) = Distribution::start().await else { return };
    let first = ProxyServer::before(&registry.url).await;
    let one = Target::open(&first.url());
    let upload = one.start("team/app").await;
    assert_eq!(one.request("PATCH", &upload).body("first ").send().await.unwrap().status(), 202);
    let second =
        ProxyServer::on(&first.db, &registry.url, Login::None, Redirects::Follow, Rules::default()).await;
    let other = Target::open(&second.url());
    assert_eq!(header_of(&other.get(&upload).await, "range"), "0-5");
    assert_eq!(other.request("PATCH", &upload).body("second").send().await.unwrap().status(), 202);
    let digest = digest(b"first second");
    assert_eq!(one.send("PUT", &with_digest(&upload, &digest)).await.status(), 201);
    assert_eq!(
        other.get(&format!("/v2/team/app/blobs/{digest}")).await.text().await.unwrap(),
        "first second"
    );
    assert_eq!(registry.uploads(), 0);
}

/// Whoever cannot prove to be the registry behind gets no password.
#[tokio::test]
async fn the_registry_behind_proves_who_it_is() {
    let own = Own::start().await;
    let authority = Authority::new();
    let url = format!("https://{}", before(&authority.sign(&["127.0.0.1"]), own.server.address).await);
    let work = tempfile::tempdir().unwrap();
    let file = |name: &str, pem: &str| {
        let path = work.path().join(name);
        std::fs::write(&path, pem).unwrap();
        Trust::Authority(path)
    };
    let base = ProxyServer::before(&url).await;
    let with = async |trust: Trust| {
        let login = Login::basic("me", &"word".into());
        ProxyServer::trusting(trust, &base.db, &url, login, Redirects::Follow, Rules::default()).await
    };
    let right = with(file("right.pem", &authority.pem)).await;
    Target::open(&right.url()).push_image("team/app", "v1", "over TLS").await;
    for wrong in [Trust::System, file("wrong.pem", &Authority::new().pem)] {
        let proxy = with(wrong).await;
        let answer = Target::open(&proxy.url()).get("/v2/team/app/manifests/v1").await;
        refused(answer, 503, "UNAVAILABLE").await;
    }
}
