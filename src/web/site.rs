//! The console as a whole: from a path to an answer, by a lookup in memory.

use super::{
    Pages,
    embedded::{self, Files},
    file::{Caching, File},
    policy::Policy,
};
use crate::gateway::Body;
use bytes::Bytes;
use http::{
    HeaderMap, HeaderValue, Method, Response, StatusCode,
    header::{ALLOW, CACHE_CONTROL, LOCATION},
};
use std::{borrow::Cow, collections::HashMap};

/// Where the console lives; `vite.config.ts` has the same.
const HOME: &str = "/app/";

const ROBOTS: &[u8] = b"User-agent: *\nDisallow: /\n";

#[derive(Debug)]
pub struct Site {
    files: HashMap<String, File>,
    index: File,
    robots: File,
    policy: Policy,
}

impl Site {
    /// What this program was built with.
    pub fn embedded() -> Self {
        Self::new(embedded::files())
    }

    fn new(mut files: Files) -> Self {
        let index = take(&mut files, "index.html", Caching::Never);
        let names: Vec<_> = files.keys().filter(|name| !is_encoding(name)).cloned().collect();
        let files = names
            .into_iter()
            .map(|name| {
                let caching =
                    if name.starts_with("assets/") { Caching::Forever } else { Caching::Revalidate };
                let file = take(&mut files, &name, caching);
                (name, file)
            })
            .collect();
        let robots = File::new("robots.txt", Bytes::from_static(ROBOTS), Caching::Revalidate);
        Self { files, index, robots, policy: Policy::closed() }
    }

    /// Pages may send reports of their errors to this origin.
    #[must_use]
    pub fn reporting_to(mut self, origin: Option<&str>) -> Self {
        self.policy = origin.map_or_else(Policy::closed, Policy::reporting_to);
        self
    }

    /// Answers a request for `path`, which is neither decoded nor normalised: what is not listed is not there.
    pub fn answer(&self, method: &Method, path: &str, headers: &HeaderMap) -> Response<Body> {
        let mut response = match *method {
            Method::GET | Method::HEAD => self.find(path, headers),
            _ => not_allowed(),
        };
        self.policy.protect(response.headers_mut());
        response
    }

    fn find(&self, path: &str, headers: &HeaderMap) -> Response<Body> {
        match path {
            "/" | "/app" => return to_home(),
            "/robots.txt" => return self.robots.answer(headers),
            _ => {}
        }
        let name = path.strip_prefix(HOME).unwrap_or_else(|| path.trim_start_matches('/'));
        if let Some(file) = self.files.get(name) {
            return file.answer(headers);
        }
        let is_page = path.starts_with(HOME) && Pages::has(name);
        let mut response = match is_page || looks_like_a_page(path) {
            true => self.index.answer(headers),
            false => Response::new(Body::Empty),
        };
        if !is_page {
            *response.status_mut() = StatusCode::NOT_FOUND;
            response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        }
        response
    }
}

/// Whoever mistypes an address in the console is told so by the console.
fn looks_like_a_page(path: &str) -> bool {
    path.strip_prefix(HOME).is_some_and(|name| !name.contains('.') && !name.starts_with("assets/"))
}

fn is_encoding(name: &str) -> bool {
    name.ends_with(".br") || name.ends_with(".gz")
}

fn take(files: &mut Files, name: &str, caching: Caching) -> File {
    let mut bytes = |name: &str| files.remove(name).map(into_bytes);
    let file = File::new(name, bytes(name).unwrap_or_default(), caching);
    [("br", "br"), ("gzip", "gz")].into_iter().fold(file, |file, (coding, ending)| {
        match bytes(&format!("{name}.{ending}")) {
            Some(encoded) => file.with_encoding(coding, encoded),
            None => file,
        }
    })
}

fn into_bytes(data: Cow<'static, [u8]>) -> Bytes {
    match data {
        Cow::Borrowed(data) => Bytes::from_static(data),
        Cow::Owned(data) => Bytes::from(data),
    }
}

fn to_home() -> Response<Body> {
    let mut response = Response::new(Body::Empty);
    *response.status_mut() = StatusCode::FOUND;
    response.headers_mut().insert(LOCATION, HeaderValue::from_static(HOME));
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

fn not_allowed() -> Response<Body> {
    let mut response = Response::new(Body::Empty);
    *response.status_mut() = StatusCode::METHOD_NOT_ALLOWED;
    response.headers_mut().insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    fn site() -> Site {
        let files = [
            ("index.html", "<!doctype html>"),
            ("index.html.br", "b"),
            ("assets/main-1a2b.js", "1"),
            ("assets/main-1a2b.js.br", "b"),
            ("favicon.ico", "i"),
        ];
        Site::new(files.map(|(name, text)| (name.to_owned(), Cow::Borrowed(text.as_bytes()))).into())
    }

    fn get(path: &str) -> Response<Body> {
        site().answer(&Method::GET, path, &HeaderMap::new())
    }

    fn caching(path: &str) -> (u16, String) {
        let response = get(path);
        let value = response.headers().get(CACHE_CONTROL).map(|value| value.to_str().unwrap().to_owned());
        (response.status().as_u16(), value.unwrap_or_default())
    }

    #[test]
    fn files_pages_and_nothing_else() {
        for (path, status, cached) in [
            ("/", 302, "no-store"),
            ("/app", 302, "no-store"),
            ("/app/", 200, "no-store"),
            ("/app/login", 200, "no-store"),
            ("/app/account/security", 200, "no-store"),
            ("/app/assets/main-1a2b.js", 200, "public, max-age=31536000, immutable"),
            ("/app/favicon.ico", 200, "public, no-cache"),
            ("/favicon.ico", 200, "public, no-cache"),
            ("/robots.txt", 200, "public, no-cache"),
            ("/app/nowhere", 404, "no-store"),
            ("/app/index.html", 404, "no-store"),
            ("/app/assets/main-1a2b.js.br", 404, "no-store"),
            ("/app/assets/", 404, "no-store"),
            ("/app/assets/other.js", 404, "no-store"),
            ("/app/../Cargo.toml", 404, "no-store"),
            ("/app/%2e%2e/Cargo.toml", 404, "no-store"),
            ("/app//login", 404, "no-store"),
            ("/app/Login", 404, "no-store"),
        ] {
            assert_eq!(caching(path), (status, cached.to_owned()), "{path}");
        }
    }

    #[test]
    fn only_reading() {
        for method in [Method::POST, Method::PUT, Method::DELETE, Method::OPTIONS, Method::TRACE] {
            let response = site().answer(&method, "/app/login", &HeaderMap::new());
            assert_eq!(response.status(), StatusCode::METHOD_NOT_ALLOWED);
            assert_eq!(response.headers()[ALLOW], "GET, HEAD");
        }
    }
}
