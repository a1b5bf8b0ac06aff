//! The socket side: accept, read a request, find its route, check who calls, answer.

use super::{
    auth::{self, Role},
    call::{Call, Counted},
    path,
    reply::{self, Refusal, Reply},
    routes::{self, Found},
    shared::Shared,
};
use http::{HeaderName, HeaderValue, Request, StatusCode, header};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use rand::Rng as _;
use std::{convert::Infallible, sync::Arc, time::Duration};
use tokio::net::{TcpListener, TcpStream};

/// The real rack waits 30 s for a started header and 120 s for the next request; here one timer does both.
const IDLE_TIMEOUT: Duration = Duration::from_secs(120);
const PAUSE_AFTER_FAILED_ACCEPT: Duration = Duration::from_millis(50);

pub async fn serve(shared: Arc<Shared>, listener: TcpListener) {
    loop {
        match listener.accept().await {
            Ok((stream, _)) => shared.spawn(connection(shared.clone(), stream)),
            // Out of file descriptors, most likely: waiting is all that helps.
            Err(error) => {
                tracing::warn!(%error, "demo rack could not accept a connection");
                tokio::time::sleep(PAUSE_AFTER_FAILED_ACCEPT).await;
            }
        }
    }
}

async fn connection(shared: Arc<Shared>, stream: TcpStream) {
    let _ = stream.set_nodelay(true);
    let service = service_fn(move |request| {
        let shared = shared.clone();
        async move { Ok::<_, Infallible>(answer(shared, request).await) }
    });
    let served = http1::Builder::new()
        .timer(TokioTimer::new())
        .title_case_headers(true)
        .header_read_timeout(IDLE_TIMEOUT)
        .serve_connection(TokioIo::new(stream), service)
        .with_upgrades()
        .await;
    if let Err(error) = served {
        tracing::debug!(%error, "demo rack connection ended early");
    }
}

async fn answer(shared: Arc<Shared>, request: Request<Incoming>) -> Reply {
    let (parts, body) = request.into_parts();
    let read = shared.seen.remember(&parts);
    let Some(segments) = path::segments(parts.uri.path()) else { return reply::empty(StatusCode::NOT_FOUND) };
    let segments: Vec<&str> = segments.iter().map(String::as_str).collect();

    let method = parts.method.clone();
    let grant = auth::identify(&shared, &parts.headers);
    let allowed = auth::require(grant, Role::needed_for(&method));
    let call = Call { shared, parts, body: Counted::new(body, read), grant };

    let answer = match routes::find(call, &segments) {
        // Unknown routes come before the check of the password, and without a body: clients match on it.
        None => return reply::empty(StatusCode::NOT_FOUND),
        Some(Found::Open(answer)) => answer.await,
        // Sockets say what is wrong after the handshake.
        Some(Found::Socket(answer)) => answer,
        Some(Found::Guarded(answer)) => match allowed {
            Ok(()) => answer.await,
            Err(refusal) => Err(refusal),
        },
    };
    stamped(answer.unwrap_or_else(Refusal::into_reply))
}

fn stamped(mut reply: Reply) -> Reply {
    if reply.status() == StatusCode::SWITCHING_PROTOCOLS {
        return reply;
    }
    let mut id = [0; 6];
    rand::rng().fill_bytes(&mut id);
    let headers = reply.headers_mut();
    if let Ok(id) = HeaderValue::from_str(&hex::encode(id)) {
        headers.insert(HeaderName::from_static("request-id"), id);
    }
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(header::X_FRAME_OPTIONS, HeaderValue::from_static("DENY"));
    reply
}

#[cfg(test)]
mod tests {
    use super::super::testing::Client;

    #[tokio::test]
    async fn asks_for_the_password_but_not_on_unknown_routes() {
        let client = Client::start().await;
        let status = async |path: &str| reqwest::get(format!("{}{path}", client.rack.url())).await.unwrap();
        let refused = status("/apps").await;
        assert_eq!(refused.status(), 401);
        assert_eq!(refused.headers()["www-authenticate"], "Basic realm=\"convox\"");
        assert_eq!(refused.text().await.unwrap(), "invalid authentication\n");
        for path in ["/machines", "/racks", "//apps", "/system/", "/apps/web/logs", "/nope"] {
            let unknown = status(path).await;
            assert_eq!(unknown.status(), 404, "{path}");
            assert_eq!(unknown.text().await.unwrap(), "", "{path}");
        }
        let climbing = client.raw("GET /apps/../system HTTP/1.1\r\nHost: rack\r\n\r\n").await.0;
        assert!(
            climbing.starts_with("HTTP/1.1 404 Not Found\r\n") && climbing.contains("Content-Length: 0\r\n")
        );
        assert_eq!(status("/check").await.text().await.unwrap(), "ok\n");
        let wrong = reqwest::Client::new().get(format!("{}/apps", client.rack.url()));
        let wrong = wrong.basic_auth("convox", Some("wrong"));
        assert_eq!(wrong.send().await.unwrap().status(), 401);
    }

    #[tokio::test]
    async fn records_what_it_saw_and_marks_its_answers() {
        let client = Client::start().await;
        let reply = client.form("POST", "/apps?x=%2F", &[("name", "new")]).await;
        assert_eq!(reply.headers()["x-frame-options"], "DENY");
        assert_eq!(reply.headers()["x-content-type-options"], "nosniff");
        assert_eq!(reply.headers()["request-id"].len(), 12);
        let seen = client.rack.requests();
        let last = seen.last().unwrap();
        assert_eq!(
            (last.method.as_str(), last.target.as_str(), last.body_length),
            ("POST", "/apps?x=%2F", 8)
        );
        assert_eq!(last.header("host").unwrap(), client.rack.address().to_string());
    }

    #[tokio::test]
    async fn routes_on_the_decoded_path_as_the_real_rack_does() {
        let client = Client::start().await;
        let release = client.get("/apps/web%2Freleases%2FR000000003").await;
        assert!(release["env"].as_str().unwrap().contains("STRIPE_SECRET_KEY="));
    }

    #[tokio::test]
    async fn stops_and_frees_its_address() {
        let client = Client::start().await;
        let follow = client.socket("/apps/web/logs", &[]).await;
        let address = client.rack.address();
        client.rack.shutdown().await;
        tokio::net::TcpListener::bind(address).await.unwrap();
        drop(follow);
    }
}
