//! The artifact registry through the gateway: who reads and publishes what, and what is kept by whom.

mod hostile;
mod publishing;
mod reading;
mod recorded;

use crate::support::{
    artifact_server::{ArtifactServer, TOKEN},
    gateway::TestGateway,
};
use flate2::{Compression, write::GzEncoder};
use reqwest::Response;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use std::io::Write as _;

struct World {
    server: ArtifactServer,
    gateway: TestGateway,
    http: reqwest::Client,
}

impl World {
    async fn start() -> Self {
        Self::with_public("open/**").await
    }

    /// Anybody may read what `patterns` say.
    async fn with_public(patterns: &str) -> Self {
        let server = ArtifactServer::start(&["@team", "@other", "@open"]).await;
        for package in ["@team/quality/husky", "@other/tools/lint", "@open/base"] {
            let name = package.rsplit('/').next().unwrap();
            let document = json!({"name": name}).to_string();
            let long = "x".repeat(5_000);
            let files = [
                ("registry.json", document.as_bytes()),
                ("index.ts", b"export {}".as_slice()),
                ("page.html", b"<script>alert(1)</script>"),
                ("long.txt", long.as_bytes()),
            ];
            server.put(package, "1.0.0", &files);
            server.put(package, "1.1.0", &files);
        }
        let url = server.url();
        let gateway = TestGateway::with([
            ("ARTIFACT_URL", url.as_str()),
            ("ARTIFACT_TOKEN", TOKEN),
            ("ARTIFACT_PUBLIC", patterns),
            ("ARTIFACT_MAX_UPLOAD", "1MiB"),
            ("RATE_LIMIT_PER_MINUTE", "1000000"),
        ]);
        let gateway = gateway.await;
        Self { server, gateway, http: reqwest::Client::new() }
    }

    fn url(&self, path: &str) -> String {
        self.gateway.url(&format!("/api/v1/artifact-proxy{path}"))
    }

    async fn get(&self, token: &str, path: &str) -> Response {
        self.http.get(self.url(path)).bearer_auth(token).send().await.unwrap()
    }

    async fn open(&self, path: &str) -> Response {
        self.http.get(self.url(path)).send().await.unwrap()
    }

    async fn publish(&self, token: &str, archive: Vec<u8>) -> Response {
        let checksum = hex::encode(Sha256::digest(&archive));
        self.upload(token, &archive, &checksum).await
    }

    async fn upload(&self, token: &str, archive: &[u8], checksum: &str) -> Response {
        let before = format!(
            "--B\r\nContent-Disposition: form-data; name=\"checksum\"\r\n\r\n{checksum}\r\n--B\r\n\
             Content-Disposition: form-data; name=\"file\"; filename=\"p.tgz\"\r\n\
             Content-Type: application/gzip\r\n\r\n"
        );
        let body = [before.as_bytes(), archive, b"\r\n--B--\r\n"].concat();
        let request = self.http.post(self.url("/registries")).bearer_auth(token);
        let request = request.header("content-type", "multipart/form-data; boundary=B").body(body);
        request.send().await.unwrap()
    }
}

/// A package as its authors pack it.
fn archive(namespace: &str, version: &str) -> Vec<u8> {
    let document = json!({
        "name": "husky", "namespace": namespace, "type": "quality", "version": version, "priority": 1,
        "files": [{"path": "index.ts"}],
    });
    packed(&[("./registry.json", document.to_string().as_bytes()), ("./index.ts", b"export {}")])
}

fn packed(files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut tar = tar::Builder::new(GzEncoder::new(Vec::new(), Compression::fast()));
    for (name, content) in files {
        let mut header = tar::Header::new_gnu();
        header.set_size(content.len() as u64);
        header.set_mode(0o644);
        tar.append_data(&mut header, name, *content).unwrap();
    }
    let mut gzip = tar.into_inner().unwrap();
    gzip.flush().unwrap();
    gzip.finish().unwrap()
}

async fn document(answer: Response) -> Value {
    let text = answer.text().await.unwrap();
    serde_json::from_str(&text).unwrap_or_else(|_| panic!("not JSON: {text}"))
}

/// Status and code of a refusal.
async fn refusal(answer: Response) -> (u16, String) {
    let status = answer.status().as_u16();
    assert_eq!(answer.headers()["cache-control"], "no-store");
    let request_id = answer.headers()["x-request-id"].to_str().unwrap().to_owned();
    let document = document(answer).await;
    assert_eq!(document["request_id"], request_id);
    assert!(!document["message"].as_str().unwrap().is_empty());
    (status, document["code"].as_str().unwrap().to_owned())
}

fn header<'a>(answer: &'a Response, name: &str) -> &'a str {
    answer.headers().get(name).map_or("", |value| value.to_str().unwrap())
}
