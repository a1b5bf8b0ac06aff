//! An artifact registry in memory that speaks the Registry Server's protocol: its routes, codes, headers and habits, also
//! the bad ones (a public `Cache-Control` on what is gated, a tag that never makes a 304, paths in the text of a 500).

use bytes::Bytes;
use flate2::{Compression, read::GzDecoder, write::GzEncoder};
use http::{HeaderMap, Method, Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Full, StreamBody, combinators::UnsyncBoxBody};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use std::{
    collections::BTreeMap,
    convert::Infallible,
    io::{self, Read as _, Write as _},
    net::SocketAddr,
    sync::{Arc, Mutex},
    time::Duration,
};
use tokio::{net::TcpListener, task::JoinHandle};

/// What the gateway shows it.
pub const TOKEN: &str = "upstream-token-of-the-gateway";

pub type Files = BTreeMap<String, Vec<u8>>;
type Body = UnsyncBoxBody<Bytes, io::Error>;

#[derive(Clone, Debug)]
pub struct Seen {
    pub method: Method,
    pub target: String,
    pub headers: HeaderMap,
}

#[derive(Default)]
struct State {
    /// By `@team/quality/husky`, then by version.
    packages: Mutex<BTreeMap<String, BTreeMap<String, Files>>>,
    namespaces: Mutex<Vec<String>>,
    seen: Mutex<Vec<Seen>>,
    is_ill: Mutex<bool>,
}

#[derive(Clone)]
pub struct ArtifactServer {
    pub address: SocketAddr,
    state: Arc<State>,
    serving: Arc<JoinHandle<()>>,
}

impl ArtifactServer {
    /// With these namespaces, as `auth.json` would list them.
    pub async fn start(namespaces: &[&str]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let state = Arc::new(State::default());
        *state.namespaces.lock().unwrap() = namespaces.iter().map(|name| (*name).to_owned()).collect();
        let served = state.clone();
        let serving = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let state = served.clone();
                let service = service_fn(move |request| {
                    let state = state.clone();
                    async move { Ok::<_, Infallible>(state.answer(request).await) }
                });
                let connection = http1::Builder::new().serve_connection(TokioIo::new(stream), service);
                tokio::spawn(async move { drop(connection.await) });
            }
        });
        Self { address, state, serving: Arc::new(serving) }
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    pub fn put(&self, package: &str, version: &str, files: &[(&str, &[u8])]) {
        let files = files.iter().map(|(name, content)| ((*name).to_owned(), content.to_vec())).collect();
        let mut packages = self.state.packages.lock().unwrap();
        packages.entry(package.to_owned()).or_default().insert(version.to_owned(), files);
    }

    pub fn files(&self, package: &str, version: &str) -> Option<Files> {
        self.state.packages.lock().unwrap().get(package)?.get(version).cloned()
    }

    pub fn seen(&self) -> Vec<Seen> {
        self.state.seen.lock().unwrap().clone()
    }

    pub fn fall_ill(&self) {
        *self.state.is_ill.lock().unwrap() = true;
    }

    pub fn stop(&self) {
        self.serving.abort();
    }
}

impl Drop for ArtifactServer {
    fn drop(&mut self) {
        if Arc::strong_count(&self.serving) == 1 {
            self.serving.abort();
        }
    }
}

impl State {
    async fn answer(&self, request: Request<Incoming>) -> Response<Body> {
        let (head, body) = request.into_parts();
        let (target, method) = (head.uri.to_string(), head.method.clone());
        self.seen.lock().unwrap().push(Seen {
            method: method.clone(),
            target: target.clone(),
            headers: head.headers.clone(),
        });
        let path = head.uri.path().trim_start_matches('/').to_owned();
        let parts: Vec<&str> = path.split('/').collect();
        if *self.is_ill.lock().unwrap() && parts != ["health"] {
            let text = "ENOENT: no such file or directory, open '/srv/secret/storage'";
            return error(StatusCode::INTERNAL_SERVER_ERROR, "INTERNAL_SERVER_ERROR", text);
        }
        if method == Method::POST && parts == ["registries"] {
            let Ok(body) = body.collect().await else {
                return error(StatusCode::BAD_REQUEST, "UPLOAD_FAILED", "cut off");
            };
            return self.upload(&head.headers, &body.to_bytes());
        }
        if !matches!(method, Method::GET | Method::HEAD) {
            let text = format!("Route {method}:{target} not found");
            let document = json!({"message": text, "error": "Not Found", "statusCode": 404});
            return json_of(StatusCode::NOT_FOUND, &document, "no-store");
        }
        self.read(&head.headers, &parts)
    }

    fn read(&self, headers: &HeaderMap, parts: &[&str]) -> Response<Body> {
        const SHORT: &str = "public, max-age=60";
        const LONG: &str = "public, max-age=86400";
        let absent = || error(StatusCode::NOT_FOUND, "NOT_FOUND", "Resource not found");
        match parts {
            ["health"] if *self.is_ill.lock().unwrap() => {
                let text = "ENOENT: no such file or directory, access '/srv/secret/.healthcheck'";
                let storage = json!({"status": "error", "error": text});
                let document = json!({"status": "error", "checks": {"storage": storage}});
                json_of(StatusCode::SERVICE_UNAVAILABLE, &document, "no-store")
            }
            ["health"] => {
                let document = json!({"status": "ok", "checks": {"storage": {"status": "ok"}}});
                json_of(StatusCode::OK, &document, "no-store")
            }
            ["metrics"] => json_of(StatusCode::OK, &json!("secret metrics"), SHORT),
            ["namespaces"] => {
                let all = self.namespaces.lock().unwrap().clone();
                let shown = if is_known(headers) { all } else { Vec::new() };
                json_of(StatusCode::OK, &json!({"namespaces": shown}), SHORT)
            }
            ["namespaces", namespace, "registries"] => match self.gate(headers, namespace) {
                Some(refusal) => refusal,
                None => {
                    let prefix = format!("{namespace}/");
                    let packages = self.packages.lock().unwrap();
                    let names: Vec<_> =
                        packages.keys().filter_map(|name| name.strip_prefix(&prefix)).collect();
                    json_of(StatusCode::OK, &json!({"namespace": namespace, "registries": names}), SHORT)
                }
            },
            ["schemas", file @ ("rack.json" | "preset.json" | "registry-item.json")] => {
                let document = json!({"$id": file});
                file_of(headers, file, document.to_string().as_bytes(), LONG)
            }
            ["presets", "node-app"] => file_of(headers, "preset.json", b"{\"name\":\"node-app\"}", LONG),
            ["registries", namespace, rest @ ..] => match self.gate(headers, namespace) {
                Some(refusal) => refusal,
                None => self.package(headers, namespace, rest).unwrap_or_else(absent),
            },
            _ => absent(),
        }
    }

    fn package(&self, headers: &HeaderMap, namespace: &str, rest: &[&str]) -> Option<Response<Body>> {
        let packages = self.packages.lock().unwrap();
        let known = |names: &[&str]| packages.get(&format!("{namespace}/{}", names.join("/")));
        let at = rest.iter().position(|part| part.starts_with(|c: char| c.is_ascii_digit()));
        let (names, after) = rest.split_at(at.unwrap_or(rest.len()));
        if let [names @ .., "versions"] = names {
            let versions: Vec<_> = known(names)?.keys().rev().collect();
            return Some(json_of(StatusCode::OK, &json!({"versions": versions}), "public, max-age=60"));
        }
        let versions = known(names)?;
        let immutable = "public, max-age=31536000, immutable";
        match after {
            [] => {
                let (_, files) = versions.last_key_value()?;
                Some(file_of(headers, "registry.json", files.get("registry.json")?, "public, max-age=60"))
            }
            [version] => {
                let files = versions.get(*version)?;
                Some(file_of(headers, "registry.json", files.get("registry.json")?, immutable))
            }
            [version, "files", path @ ..] if path == ["dies.bin"] => {
                versions.get(*version)?;
                Some(dying())
            }
            [version, "files", path @ ..] => {
                let path = path.join("/");
                Some(file_of(headers, &path, versions.get(*version)?.get(&path)?, immutable))
            }
            _ => None,
        }
    }

    /// Why a namespace may not be read.
    fn gate(&self, headers: &HeaderMap, namespace: &str) -> Option<Response<Body>> {
        if !self.namespaces.lock().unwrap().iter().any(|known| known == namespace) {
            return Some(error(
                StatusCode::FORBIDDEN,
                "FORBIDDEN_NAMESPACE",
                "Access to namespace is forbidden",
            ));
        }
        if !is_known(headers) {
            return Some(error(StatusCode::UNAUTHORIZED, "INVALID_TOKEN", "Invalid token"));
        }
        None
    }

    fn upload(&self, headers: &HeaderMap, body: &[u8]) -> Response<Body> {
        if !is_known(headers) {
            return error(StatusCode::UNAUTHORIZED, "UNAUTHORIZED", "Token required");
        }
        let bad = |code: &str, text: &str| error(StatusCode::BAD_REQUEST, code, text);
        let kind = headers.get("content-type").and_then(|kind| kind.to_str().ok()).unwrap_or_default();
        let Some((_, boundary)) = kind.split_once("boundary=") else {
            return bad("MISSING_FILE", "no multipart");
        };
        let (mut archive, mut checksum) = (None, None);
        for part in split(body, format!("--{boundary}").as_bytes()) {
            let Some(at) = part.windows(4).position(|four| four == b"\r\n\r\n") else { continue };
            let (head, content) = (String::from_utf8_lossy(&part[..at]), &part[at + 4..part.len() - 2]);
            if head.contains("filename=") {
                archive = Some(content);
            } else if head.contains("name=\"checksum\"") {
                checksum = Some(String::from_utf8_lossy(content).into_owned());
            }
        }
        let Some(archive) = archive else { return bad("MISSING_FILE", "no file") };
        if checksum.as_deref() != Some(&hex::encode(Sha256::digest(archive))) {
            return bad("CHECKSUM_MISMATCH", "Checksum mismatch");
        }
        let Some(files) = unpack(archive) else { return bad("INVALID_ARCHIVE", "Invalid archive") };
        let document: Option<Value> =
            files.get("registry.json").and_then(|bytes| serde_json::from_slice(bytes).ok());
        let Some(document) = document else { return bad("UPLOAD_FAILED", "no registry.json") };
        let text = |key: &str| document[key].as_str().unwrap_or_default().to_owned();
        let (namespace, name, version) = (text("namespace"), text("name"), text("version"));
        let path = match document["path"].as_str() {
            Some(path) => path.to_owned(),
            None if text("type") == "quality" => format!("quality/{name}"),
            None => name.clone(),
        };
        if !self.namespaces.lock().unwrap().contains(&namespace) {
            return error(StatusCode::FORBIDDEN, "NAMESPACE_NOT_ALLOWED", "Namespace is not allowed");
        }
        let mut packages = self.packages.lock().unwrap();
        let versions = packages.entry(format!("{namespace}/{path}")).or_default();
        if versions.contains_key(&version) {
            let text = format!("Version {version} already exists");
            return error(StatusCode::CONFLICT, "VERSION_EXISTS", &text);
        }
        versions.insert(version.clone(), files);
        let path = format!("{namespace}/{path}/{version}");
        let document = json!({
            "message": "Registry uploaded successfully", "namespace": namespace, "name": name,
            "version": version, "path": path,
        });
        json_of(StatusCode::CREATED, &document, "no-store")
    }
}

fn is_known(headers: &HeaderMap) -> bool {
    let bearer = headers.get("authorization").map(|value| value.as_bytes().to_vec());
    let own = headers.get("x-registry-token").map(|value| value.as_bytes().to_vec());
    bearer == Some(format!("Bearer {TOKEN}").into_bytes()) || (bearer.is_none() && own == Some(TOKEN.into()))
}

fn split<'a>(bytes: &'a [u8], at: &[u8]) -> Vec<&'a [u8]> {
    let mut parts = Vec::new();
    let mut rest = bytes;
    while let Some(found) = rest.windows(at.len()).position(|window| window == at) {
        parts.push(&rest[..found]);
        rest = &rest[found + at.len()..];
    }
    parts
}

fn unpack(archive: &[u8]) -> Option<Files> {
    let mut files = Files::new();
    let mut archive = tar::Archive::new(GzDecoder::new(archive));
    for entry in archive.entries().ok()? {
        let mut entry = entry.ok()?;
        let name = entry.path().ok()?.to_str()?.trim_start_matches("./").to_owned();
        let mut content = Vec::new();
        entry.read_to_end(&mut content).ok()?;
        files.insert(name, content);
    }
    Some(files)
}

/// With the headers of a file: a type by its name, a strong tag of time and size, whatever the encoding.
fn file_of(headers: &HeaderMap, name: &str, content: &[u8], keep: &str) -> Response<Body> {
    let kind = match name.rsplit('.').next() {
        Some("json") => "application/json; charset=utf-8",
        Some("html") => "text/html; charset=utf-8",
        Some("ts") => "text/typescript; charset=utf-8",
        _ => "application/octet-stream",
    };
    let mut response = Response::builder()
        .header("content-type", kind)
        .header("etag", format!("\"18c3a-{:x}\"", content.len()))
        .header("cache-control", keep)
        .header("server", "fastify")
        .header("set-cookie", "session=upstream")
        .header("access-control-allow-origin", "*")
        .header("x-ratelimit-limit", "1200");
    let wants = headers.get("accept-encoding").is_some_and(|value| value.to_str().unwrap().contains("gzip"));
    let mut content = content.to_vec();
    if wants && content.len() > 1_000 {
        let mut gzip = GzEncoder::new(Vec::new(), Compression::fast());
        gzip.write_all(&content).unwrap();
        content = gzip.finish().unwrap();
        response = response.header("content-encoding", "gzip").header("vary", "accept-encoding");
    }
    response.header("content-length", content.len()).body(whole(content)).unwrap()
}

/// Promises more than it sends.
fn dying() -> Response<Body> {
    let pieces = async_stream::stream! {
        yield Ok(http_body::Frame::data(Bytes::from(vec![7; 1_000])));
        tokio::time::sleep(Duration::from_millis(100)).await;
        yield Err(io::Error::other("the server dies"));
    };
    let body = StreamBody::new(pieces).boxed_unsync();
    Response::builder().header("content-length", 5_000_000).body(body).unwrap()
}

fn error(status: StatusCode, code: &str, text: &str) -> Response<Body> {
    json_of(status, &json!({"code": code, "message": text}), "no-store")
}

fn json_of(status: StatusCode, document: &Value, keep: &str) -> Response<Body> {
    Response::builder()
        .status(status)
        .header("content-type", "application/json; charset=utf-8")
        .header("cache-control", keep)
        .body(whole(document.to_string().into_bytes()))
        .unwrap()
}

fn whole(bytes: Vec<u8>) -> Body {
    Full::new(Bytes::from(bytes)).map_err(|never| match never {}).boxed_unsync()
}
