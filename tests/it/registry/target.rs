//! A registry at an address, with whatever a request needs to be let in.

use reqwest::{Client, Method, RequestBuilder, Response, header};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

pub const OCI_MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
pub const OCI_INDEX: &str = "application/vnd.oci.image.index.v1+json";
pub const CONFIG: &str = "application/vnd.oci.image.config.v1+json";
pub const LAYER: &str = "application/vnd.oci.image.layer.v1.tar+gzip";

type Auth = Arc<dyn Fn(RequestBuilder) -> RequestBuilder + Send + Sync>;

#[derive(Clone)]
pub struct Target {
    pub base: String,
    auth: Auth,
    client: Client,
}

impl Target {
    pub fn new(base: &str, auth: impl Fn(RequestBuilder) -> RequestBuilder + Send + Sync + 'static) -> Self {
        let client = Client::builder().redirect(reqwest::redirect::Policy::none()).build().unwrap();
        Self { base: base.trim_end_matches('/').to_owned(), auth: Arc::new(auth), client }
    }

    /// One that lets everybody in.
    pub fn open(base: &str) -> Self {
        Self::new(base, |request| request)
    }

    pub fn address(&self) -> SocketAddr {
        self.base.strip_prefix("http://").unwrap().parse().unwrap()
    }

    /// `path` begins with `/v2/`, or is what a `Location` said.
    pub fn request(&self, method: &str, path: &str) -> RequestBuilder {
        let url = if path.starts_with('/') { format!("{}{path}", self.base) } else { path.to_owned() };
        (self.auth)(self.client.request(Method::from_bytes(method.as_bytes()).unwrap(), url))
    }

    pub async fn send(&self, method: &str, path: &str) -> Response {
        self.request(method, path).send().await.unwrap()
    }

    pub async fn get(&self, path: &str) -> Response {
        self.send("GET", path).await
    }

    /// A repository that no other test uses.
    pub fn repository(&self, word: &str) -> String {
        static NUMBER: AtomicU64 = AtomicU64::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        format!("test-{}/{word}-{number}", std::process::id())
    }

    /// Opens an upload and returns its address.
    pub async fn start(&self, repository: &str) -> String {
        let answer =
            self.request("POST", &format!("/v2/{repository}/blobs/uploads/")).header("content-length", "0");
        let answer = answer.send().await.unwrap();
        assert_eq!(answer.status(), 202);
        location(&answer)
    }

    pub async fn push_blob(&self, repository: &str, bytes: &[u8]) -> String {
        let digest = digest(bytes);
        let upload = self.start(repository).await;
        let put = self.request("PUT", &with_digest(&upload, &digest)).body(bytes.to_vec());
        let answer = put.header(header::CONTENT_TYPE, "application/octet-stream").send().await.unwrap();
        assert_eq!(answer.status(), 201, "{}", answer.text().await.unwrap());
        digest
    }

    pub async fn put_manifest(
        &self,
        repository: &str,
        reference: &str,
        kind: &str,
        document: &Value,
    ) -> Response {
        let path = format!("/v2/{repository}/manifests/{reference}");
        let request = self.request("PUT", &path).header(header::CONTENT_TYPE, kind);
        request.body(document.to_string()).send().await.unwrap()
    }

    /// An image of one layer; returns its document and digest.
    pub async fn push_image(&self, repository: &str, tag: &str, content: &str) -> (Value, String) {
        let (config, layer) = (format!("{{\"of\":\"{content}\"}}"), format!("layer of {content}"));
        self.push_blob(repository, config.as_bytes()).await;
        self.push_blob(repository, layer.as_bytes()).await;
        let image = image(&[descriptor(CONFIG, config.as_bytes()), descriptor(LAYER, layer.as_bytes())]);
        let answer = self.put_manifest(repository, tag, OCI_MANIFEST, &image).await;
        assert_eq!(answer.status(), 201, "{}", answer.text().await.unwrap());
        let digest = digest(image.to_string().as_bytes());
        (image, digest)
    }
}

/// The first is the config.
pub fn image(parts: &[Value]) -> Value {
    json!({"schemaVersion": 2, "mediaType": OCI_MANIFEST, "config": parts[0], "layers": parts[1..]})
}

pub fn descriptor(kind: &str, bytes: &[u8]) -> Value {
    json!({"mediaType": kind, "digest": digest(bytes), "size": bytes.len()})
}

pub fn digest(bytes: &[u8]) -> String {
    format!("sha256:{}", hex::encode(Sha256::digest(bytes)))
}

pub fn header_of<'a>(answer: &'a Response, name: &str) -> &'a str {
    let value = answer.headers().get(name).unwrap_or_else(|| panic!("no {name} in {:?}", answer.headers()));
    value.to_str().unwrap()
}

pub fn location(answer: &Response) -> String {
    header_of(answer, "location").to_owned()
}

pub fn with_digest(upload: &str, digest: &str) -> String {
    let separator = if upload.contains('?') { '&' } else { '?' };
    format!("{upload}{separator}digest={digest}")
}

/// Checks status and code of a refusal.
pub async fn refused(answer: Response, status: u16, code: &str) -> Value {
    let actual = answer.status();
    let text = answer.text().await.unwrap();
    assert_eq!(actual, status, "{text}");
    let document: Value = serde_json::from_str(&text).unwrap_or_else(|_| panic!("not JSON: {text:?}"));
    assert_eq!(document["errors"][0]["code"], code, "{document}");
    assert!(document["errors"][0]["message"].as_str().is_some_and(|message| !message.is_empty()));
    document
}
