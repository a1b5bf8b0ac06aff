//! A registry's backend at `/v2/`, for anybody: no door in front of it. Mounts are granted, as if all could be read.
//! Who asks is whoever the header `x-subject` names.

use super::port::free_port;
use http::{Method, Request, Response, StatusCode};
use http_body_util::BodyExt as _;
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use rack_gateway::{
    config::RegistryBucket,
    core::{SharedClock, SystemClock},
    registry::{
        Backend, Body, Embedded, Leases, Observed, Proxy, Request as Asked, Ruled, Rules, Terms,
        embedded::{Options, Place},
        model::route,
        proxy::{self, Behind, Login, Redirects},
    },
    store::{self, Db},
    upstream::Trust,
};
use std::{convert::Infallible, net::SocketAddr, path::Path, sync::Arc, time::Duration};
use tempfile::TempDir;
use tokio::{
    net::TcpListener,
    process::{Child, Command},
    task::JoinHandle,
};

/// A backend that is served until this is dropped.
pub struct Served {
    pub address: SocketAddr,
    serving: JoinHandle<()>,
}

impl Served {
    pub async fn start(backend: Arc<dyn Backend>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let serving = tokio::spawn(async move {
            let mut connections = tokio::task::JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                let backend = backend.clone();
                let service = service_fn(move |request| {
                    let backend = backend.clone();
                    async move { Ok::<_, Infallible>(serve(&*backend, request).await) }
                });
                let connection = http1::Builder::new().serve_connection(TokioIo::new(stream), service);
                connections.spawn(async move { drop(connection.await) });
            }
        });
        Self { address, serving }
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

pub struct RegistryServer {
    pub address: SocketAddr,
    pub embedded: Embedded,
    served: Served,
}

impl RegistryServer {
    pub async fn in_directory(root: &Path) -> Self {
        Self::start(Place::Directory(root.to_owned()), Arc::new(SystemClock)).await
    }

    pub async fn start(place: Place, clock: SharedClock) -> Self {
        Self::with_rules(place, clock, Rules::default()).await
    }

    pub async fn with_rules(place: Place, clock: SharedClock, rules: Rules) -> Self {
        let embedded = Embedded::open(Options { place, leases: None }, clock).await.unwrap();
        let ruled = Ruled::new(embedded.clone(), rules);
        let served = Served::start(Arc::new(Observed::new(ruled))).await;
        Self { address: served.address, embedded, served }
    }

    pub fn url(&self) -> String {
        self.served.url()
    }
}

/// A proxy to a registry, with a database of its own.
pub struct ProxyServer {
    pub served: Served,
    pub db: Db,
    _directory: TempDir,
}

impl ProxyServer {
    pub async fn before(url: &str) -> Self {
        Self::with(url, Login::None, Redirects::Follow, Rules::default()).await
    }

    pub async fn with(url: &str, login: Login, redirects: Redirects, rules: Rules) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let place = store::Place::Sqlite(directory.path().join("gateway.db"));
        let db = Db::open(&store::Options::new(place)).await.unwrap();
        db.migrate().await.unwrap();
        let served = Self::on(&db, url, login, redirects, rules).await;
        Self { served, db, _directory: directory }
    }

    /// One more replica: it shares the database.
    pub async fn on(db: &Db, url: &str, login: Login, redirects: Redirects, rules: Rules) -> Served {
        Self::trusting(Trust::System, db, url, login, redirects, rules).await
    }

    pub async fn trusting(
        trust: Trust,
        db: &Db,
        url: &str,
        login: Login,
        redirects: Redirects,
        rules: Rules,
    ) -> Served {
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        let clock: SharedClock = Arc::new(SystemClock);
        let silence = Duration::from_secs(3);
        let behind = Behind::Address { url: url.parse().unwrap(), trust };
        let options = proxy::Options { behind, login, redirects, silence };
        let leases = Leases::new(db.clone(), clock.clone());
        let proxy = Proxy::open(options, db.clone(), leases, clock).unwrap();
        Served::start(Arc::new(Observed::new(Ruled::new(proxy, rules)))).await
    }

    pub fn url(&self) -> String {
        self.served.url()
    }
}

/// Debian's registry, which is distribution 2.8, as a process with a directory of its own. Without it on the path the
/// tests say so and end, unless `TEST_DOCKER_REGISTRY` insists.
pub struct Distribution {
    program: String,
    process: Child,
    pub url: String,
    pub metrics_url: String,
    root: TempDir,
    auth: String,
}

impl Distribution {
    pub async fn start() -> Option<Self> {
        Self::with_auth("").await
    }

    /// `auth` is a part of its configuration.
    pub async fn with_auth(auth: &str) -> Option<Self> {
        Self::on("docker-registry".to_owned(), tempfile::tempdir().unwrap(), auth.to_owned()).await
    }

    /// Version 3, if `TEST_DISTRIBUTION_3` names the program; Debian has none.
    pub async fn third_with_auth(auth: &str) -> Option<Self> {
        let program =
            rack_gateway::config::Env::get(&rack_gateway::config::ProcessEnv, "TEST_DISTRIBUTION_3")?;
        Self::on(program, tempfile::tempdir().unwrap(), auth.to_owned()).await
    }

    /// The same images at another port, after a kill.
    pub async fn moved(self) -> Self {
        let Self { program, mut process, root, auth, .. } = self;
        process.kill().await.unwrap();
        Self::on(program, root, auth).await.unwrap()
    }

    async fn on(program: String, root: TempDir, auth: String) -> Option<Self> {
        for _ in 0..5 {
            let (port, debug) = (free_port(), free_port());
            let data = root.path().join("data").display().to_string();
            let config = format!(
                "version: 0.1\nlog: {{level: error, accesslog: {{disabled: true}}}}\n\
                 storage: {{cache: {{blobdescriptor: inmemory}}, filesystem: {{rootdirectory: {data}}}, \
                 delete: {{enabled: true}}}}\n\
                 http: {{addr: '127.0.0.1:{port}', secret: s, debug: {{addr: '127.0.0.1:{debug}', \
                 prometheus: {{enabled: true, path: /metrics}}}}}}\n{auth}\n"
            );
            let file = root.path().join("config.yml");
            std::fs::write(&file, config).unwrap();
            let log = std::fs::File::create(root.path().join("log")).unwrap();
            let started = Command::new(&program)
                .arg("serve")
                .arg(&file)
                .stdout(log.try_clone().unwrap())
                .stderr(log)
                .kill_on_drop(true)
                .spawn();
            let Ok(mut process) = started else {
                let insists =
                    rack_gateway::config::Env::get(&rack_gateway::config::ProcessEnv, "TEST_DOCKER_REGISTRY");
                assert!(insists.is_none(), "TEST_DOCKER_REGISTRY is set, but docker-registry is not there");
                eprintln!("docker-registry is not installed: not tried");
                return None;
            };
            let url = format!("http://127.0.0.1:{port}");
            for _ in 0..500 {
                if reqwest::get(format!("{url}/v2/")).await.is_ok() {
                    let metrics_url = format!("http://127.0.0.1:{debug}/metrics");
                    return Some(Self { program, process, url, metrics_url, root, auth });
                }
                if process.try_wait().unwrap().is_some() {
                    break;
                }
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        }
        panic!("docker-registry does not start");
    }

    /// Folders of uploads under way.
    pub fn uploads(&self) -> usize {
        let mut count = 0;
        let mut open = vec![self.root.path().join("data")];
        while let Some(folder) = open.pop() {
            let Ok(entries) = std::fs::read_dir(&folder) else { continue };
            let is_uploads = folder.file_name().is_some_and(|name| name == "_uploads");
            for entry in entries.map(|entry| entry.unwrap().path()).filter(|path| path.is_dir()) {
                match is_uploads {
                    true => count += 1,
                    false => open.push(entry),
                }
            }
        }
        count
    }
}

async fn serve(backend: &dyn Backend, request: Request<Incoming>) -> Response<Body> {
    let (parts, body) = request.into_parts();
    if parts.uri.path() == "/health" && parts.method == Method::GET {
        let healthy = backend.health().await;
        let status = if healthy.is_ok() { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
        let text = healthy.err().map(|why| why.to_string()).unwrap_or_default();
        let body = http_body_util::Full::from(text).map_err(|never| match never {}).boxed_unsync();
        return Response::builder().status(status).body(body).unwrap();
    }
    match route::parse(&parts.method, parts.uri.path(), parts.uri.query().unwrap_or_default()) {
        Ok(operation) => {
            let body = body.map_err(Into::into).boxed_unsync();
            let subject = parts.headers.get("x-subject").map(|subject| subject.to_str().unwrap().into());
            let terms = Terms { subject, pins: Vec::new() };
            let operation = operation.grant_mount();
            backend.answer(Asked { operation, headers: parts.headers, body, terms }).await
        }
        Err(problem) => problem.into_response(),
    }
}

/// The bucket that `TEST_S3_ENDPOINT` offers, such as `http://127.0.0.1:5555`; its name is new for each test.
pub fn bucket(name: &str) -> Option<RegistryBucket> {
    let endpoint = rack_gateway::config::Env::get(&rack_gateway::config::ProcessEnv, "TEST_S3_ENDPOINT")?;
    let keys = Some(("test".to_owned(), "test".into()));
    Some(RegistryBucket { name: name.to_owned(), region: "us-east-1".into(), endpoint: Some(endpoint), keys })
}
