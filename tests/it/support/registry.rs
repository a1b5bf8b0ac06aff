//! A registry's backend at `/v2/`, for anybody: no door in front of it. Mounts are granted, as if all could be read.

use http::{Method, Request, Response, StatusCode};
use http_body_util::BodyExt as _;
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use rack_gateway::{
    config::RegistryBucket,
    core::{SharedClock, SystemClock},
    registry::{
        Backend, Body, Embedded, Observed, Request as Asked,
        embedded::{Options, Place},
        model::route,
    },
};
use std::{convert::Infallible, net::SocketAddr, path::Path, sync::Arc};
use tokio::{net::TcpListener, task::JoinHandle};

pub struct RegistryServer {
    pub address: SocketAddr,
    pub embedded: Embedded,
    serving: JoinHandle<()>,
}

impl RegistryServer {
    pub async fn in_directory(root: &Path) -> Self {
        Self::start(Place::Directory(root.to_owned()), Arc::new(SystemClock)).await
    }

    pub async fn start(place: Place, clock: SharedClock) -> Self {
        let embedded = Embedded::open(Options { place, read_only: None }, clock).await.unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let backend: Arc<dyn Backend> = Arc::new(Observed::new(embedded.clone()));
        let serving = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let backend = backend.clone();
                let service = service_fn(move |request| {
                    let backend = backend.clone();
                    async move { Ok::<_, Infallible>(serve(&*backend, request).await) }
                });
                let connection = http1::Builder::new().serve_connection(TokioIo::new(stream), service);
                tokio::spawn(async move { drop(connection.await) });
            }
        });
        Self { address, embedded, serving }
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }
}

impl Drop for RegistryServer {
    fn drop(&mut self) {
        self.serving.abort();
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
            backend.answer(Asked { operation: operation.grant_mount(), headers: parts.headers, body }).await
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
