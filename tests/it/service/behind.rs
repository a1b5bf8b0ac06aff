//! The registry and the artifact server behind the gateway, named by slug, that move.

use super::register;
use crate::{
    registry::target::{Target, digest, refused},
    support::{
        artifact_server::{ArtifactServer, TOKEN},
        gateway::TestGateway,
        registry::{Distribution, RegistryServer},
        tls::{Authority, before},
    },
};
use axum::{extract::State, response::Response};
use http::{HeaderMap, Uri};
use serde_json::json;
use std::{
    net::SocketAddr,
    sync::{Arc, Mutex},
};

const LOCAL: (&str, &str) = ("DIRECTORY_ALLOW_CIDRS", "127.0.0.0/8");
const PROXY: (&str, &str) = ("REGISTRY_STORAGE", "proxy");

fn at(url: &str) -> SocketAddr {
    url.trim_start_matches("http://").trim_end_matches('/').parse().unwrap()
}

/// The instance `id`, wherever it was, is at this URL from now on.
async fn move_to(gateway: &TestGateway, token: &str, id: &str, url: &str) {
    let body =
        json!({ "id": id, "slug": "images", "url": url, "status": "Healthy", "check": { "type": "none" } });
    let answer = gateway.own(token, "PUT /registry-svc/instance").json(&body).send().await.unwrap();
    assert!(answer.status().is_success(), "{}", answer.text().await.unwrap());
}

fn client(gateway: &TestGateway, token: &str) -> Target {
    let token = token.to_owned();
    Target::new(&gateway.url(""), move |request| request.basic_auth("any", Some(&token)))
}

async fn pull(target: &Target) -> u16 {
    target.get("/v2/team/app/manifests/v1").await.status().as_u16()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_registry_that_moves_is_found_again() {
    let gateway = TestGateway::with([LOCAL, PROXY, ("REGISTRY_UPSTREAM_URL", "svc://images")]).await;
    let admin = gateway.token("admin").await;
    let target = client(&gateway, &admin);
    let answer = target.get("/v2/team/app/manifests/v1").await;
    assert_eq!(answer.headers()["retry-after"], "1");
    refused(answer, 503, "UNAVAILABLE").await;
    let health = reqwest::get(gateway.url("/health")).await.unwrap().text().await.unwrap();
    assert!(health.contains("no instance of the registry behind takes calls"), "{health}");

    let images = tempfile::tempdir().unwrap();
    let first = RegistryServer::in_directory(images.path()).await;
    let id = register(&gateway, &admin, "images", first.address).await;
    target.push_image("team/app", "v1", "an image").await;
    // An upload that was begun at the old place goes on at the new one.
    let upload = target.start("team/app").await;
    assert_eq!(target.request("PATCH", &upload).body("one ").send().await.unwrap().status(), 202);

    drop(first);
    // Connections that were kept break off before it is found that nobody takes new ones.
    while target.get("/v2/team/app/manifests/v1").await.status() == 502 {
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    let answer = target.get("/v2/team/app/manifests/v1").await;
    assert_eq!(answer.headers()["retry-after"], "1");
    let said = refused(answer, 503, "UNAVAILABLE").await.to_string();
    assert!(!said.contains("127.0.0.1"), "{said}");
    let second = RegistryServer::in_directory(images.path()).await;
    move_to(&gateway, &admin, &id, &second.url()).await;
    assert_eq!(pull(&target).await, 200);
    assert_eq!(target.request("PATCH", &upload).body("two").send().await.unwrap().status(), 202);
    let put = crate::registry::target::with_digest(&upload, &digest(b"one two"));
    assert_eq!(target.send("PUT", &put).await.status(), 201);

    let drain = gateway.own(&admin, &format!("PUT /registry-svc/instance/{id}/drain"));
    assert!(drain.json(&json!({ "reason": "upgrade" })).send().await.unwrap().status().is_success());
    refused(target.get("/v2/team/app/manifests/v1").await, 503, "UNAVAILABLE").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn debians_registry_moves_and_still_asks_for_the_password() {
    // "word", as htpasswd -B writes it.
    let work = tempfile::tempdir().unwrap();
    let file = work.path().join("htpasswd");
    std::fs::write(&file, "me:$2b$05$gwINSBIqMyMsNYaeCuO/K.uftE1TJ9Lu5ioZGRKVrT918LG8wlNjK\n").unwrap();
    let auth = format!("auth: {{htpasswd: {{realm: inside, path: {}}}}}", file.display());
    let Some(registry) = Distribution::with_auth(&auth).await else { return };
    let gateway = TestGateway::with([
        LOCAL,
        PROXY,
        ("REGISTRY_UPSTREAM_URL", "svc://images"),
        ("REGISTRY_UPSTREAM_USERNAME", "me"),
        ("REGISTRY_UPSTREAM_PASSWORD", "word"),
    ])
    .await;
    let admin = gateway.token("admin").await;
    let target = client(&gateway, &admin);
    let id = register(&gateway, &admin, "images", at(&registry.url)).await;
    target.push_image("team/app", "v1", "an image").await;
    let registry = registry.moved().await;
    move_to(&gateway, &admin, &id, &registry.url).await;
    assert_eq!(pull(&target).await, 200);
    target.push_image("team/app", "v2", "another image").await;
}

type Seen = Arc<Mutex<Vec<(String, HeaderMap)>>>;

/// A registry that sends everybody who wants a blob to `place`, and has nothing else.
async fn redirecting(place: Arc<Mutex<String>>) -> (SocketAddr, Seen) {
    let seen = Seen::default();
    let handle =
        async |State((seen, place)): State<(Seen, Arc<Mutex<String>>)>, uri: Uri, headers: HeaderMap| {
            seen.lock().unwrap().push((uri.path().to_owned(), headers));
            let answer = Response::builder();
            let answer = match uri.path() {
                path if path.contains("/blobs/") => {
                    answer.status(307).header("location", place.lock().unwrap().clone())
                }
                "/content" => answer.status(200),
                _ => answer.status(404),
            };
            answer.body(axum::body::Body::from("content")).unwrap()
        };
    let app = axum::Router::new().fallback(handle).with_state((seen.clone(), place));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, app).await });
    (address, seen)
}

#[tokio::test]
async fn each_instance_is_called_by_its_own_name_and_path_and_gets_a_token_of_its_own() {
    const KEY: &str = "MC4CAQAwBQYDK2VwBCIEINTuctv5E1hK1bbY8fdp+K06/nwoy/HU++CXqI9EdVhC";
    let gateway = TestGateway::with([
        LOCAL,
        PROXY,
        ("REGISTRY_UPSTREAM_URL", "svc://images/inner"),
        ("REGISTRY_UPSTREAM_JWT_KEY", KEY),
    ])
    .await;
    let admin = gateway.token("admin").await;
    let (address, seen) = redirecting(Arc::default()).await;
    let url = format!("http://{address}/outer");
    move_to(&gateway, &admin, "inst_one", &url).await;
    let target = client(&gateway, &admin);
    assert_eq!(pull(&target).await, 404);
    assert_eq!(pull(&target).await, 404);
    let asked = seen.lock().unwrap().clone();
    let tokens: Vec<_> =
        asked.iter().map(|(_, headers)| headers["authorization"].to_str().unwrap()).collect();
    assert!(asked.iter().all(|(path, _)| path == "/outer/inner/v2/team/app/manifests/v1"), "{asked:?}");
    assert!(asked.iter().all(|(_, headers)| headers["host"] == address.to_string().as_str()));
    assert!(tokens[0].starts_with("Bearer ey") && tokens[0] != tokens[1]);
}

/// Whoever holds the slug answers for the registry, but leads the gateway only to where services may be.
#[tokio::test]
async fn redirects_lead_nowhere_that_a_service_may_not_be() {
    let gateway = TestGateway::with([LOCAL, PROXY, ("REGISTRY_UPSTREAM_URL", "svc://images")]).await;
    let admin = gateway.token("admin").await;
    let place = Arc::new(Mutex::new(String::new()));
    let (address, seen) = redirecting(place.clone()).await;
    register(&gateway, &admin, "images", address).await;
    let target = client(&gateway, &admin);
    let path = format!("/v2/team/app/blobs/{}", digest(b"content"));
    let (other, others) = redirecting(Arc::default()).await;
    for allowed in
        ["/content".to_owned(), format!("http://{address}/content"), format!("http://{other}/content")]
    {
        *place.lock().unwrap() = allowed.clone();
        let answer = target.get(&path).await;
        assert_eq!(
            (answer.status().as_u16(), answer.text().await.unwrap().as_str()),
            (200, "content"),
            "{allowed}"
        );
    }
    assert_eq!(others.lock().unwrap().len(), 1);
    let followed = seen.lock().unwrap().iter().filter(|(path, _)| path == "/content").count();
    assert_eq!(followed, 2);
    for forbidden in
        [gateway.ops_url("/metrics"), gateway.url("/health"), "http://169.254.169.254/".to_owned()]
    {
        *place.lock().unwrap() = forbidden.clone();
        let said = refused(target.get(&path).await, 503, "UNAVAILABLE").await.to_string();
        assert!(!said.contains("gateway_") && !said.contains("169.254"), "{forbidden}: {said}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn where_an_authority_is_named_only_whom_it_vouches_for_is_the_registry() {
    let authority = Authority::new();
    let work = tempfile::tempdir().unwrap();
    let file = work.path().join("ca.pem");
    std::fs::write(&file, &authority.pem).unwrap();
    let gateway = TestGateway::with([
        LOCAL,
        PROXY,
        ("REGISTRY_UPSTREAM_URL", "svc://images"),
        ("REGISTRY_UPSTREAM_CA_FILE", file.to_str().unwrap()),
    ])
    .await;
    let admin = gateway.token("admin").await;
    let target = client(&gateway, &admin);
    let images = tempfile::tempdir().unwrap();
    let registry = RegistryServer::in_directory(images.path()).await;
    let id = register(&gateway, &admin, "images", registry.address).await;
    refused(target.get("/v2/team/app/manifests/v1").await, 503, "UNAVAILABLE").await;
    let foreign = before(&Authority::new().sign(&["127.0.0.1"]), registry.address).await;
    move_to(&gateway, &admin, &id, &format!("https://{foreign}")).await;
    refused(target.get("/v2/team/app/manifests/v1").await, 503, "UNAVAILABLE").await;
    let own = before(&authority.sign(&["127.0.0.1"]), registry.address).await;
    move_to(&gateway, &admin, &id, &format!("https://{own}")).await;
    target.push_image("team/app", "v1", "over TLS").await;
    assert_eq!(pull(&target).await, 200);
}

#[tokio::test]
async fn an_artifact_server_that_moves_is_found_again_and_named_in_the_record() {
    let gateway =
        TestGateway::with([LOCAL, ("ARTIFACT_URL", "svc://artifacts"), ("ARTIFACT_TOKEN", TOKEN)]).await;
    let admin = gateway.token("admin").await;
    let get = async || {
        let url = gateway.url("/api/v1/artifact-proxy/registries/@team/base/versions");
        reqwest::Client::new().get(url).bearer_auth(&admin).send().await.unwrap()
    };
    let answer = get().await;
    assert_eq!((answer.status().as_u16(), answer.headers()["retry-after"].to_str().unwrap()), (503, "1"));
    let document: serde_json::Value = answer.json().await.unwrap();
    assert_eq!(document["code"], "UPSTREAM_UNREACHABLE");
    for _ in 0..2 {
        let server = ArtifactServer::start(&["@team"]).await;
        server.put("@team/base", "1.0.0", &[("registry.json", b"{}")]);
        let at = server.address;
        let id = register(&gateway, &admin, "artifacts", at).await;
        let answer = get().await;
        assert_eq!(answer.status(), 200);
        let request = answer.headers()["x-request-id"].to_str().unwrap().to_owned();
        let record = gateway.lines.wait_for(|line| line["request_id"] == request.as_str()).await;
        assert_eq!(record["instance"], id.as_str());
        assert_eq!(record["instance_address"], format!("http://{at}"));
        assert_eq!(server.seen()[0].headers["host"], at.to_string().as_str());
        let gone = gateway.own(&admin, &format!("DELETE /registry-svc/instance/{id}")).send().await.unwrap();
        assert!(gone.status().is_success());
    }
}
