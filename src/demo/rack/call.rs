//! One request on its way to a handler, and the ways in which the rack reads parameters from it.

use super::{auth::Role, reply::Refusal, shared::Shared, world::World};
use crate::core::Timestamp;
use bytes::Bytes;
use http::{Method, header, request::Parts};
use http_body::{Body, Frame, SizeHint};
use http_body_util::{BodyExt as _, Limited};
use hyper::body::Incoming;
use std::{
    collections::BTreeMap,
    io,
    pin::Pin,
    str::FromStr,
    sync::{
        Arc, MutexGuard,
        atomic::{AtomicU64, Ordering},
    },
    task::{Context, Poll},
};

/// Forms hold environments and parameters, never files.
const FORM_LIMIT: usize = 10 * 1024 * 1024;

pub struct Call {
    pub shared: Arc<Shared>,
    pub parts: Parts,
    pub body: Counted,
    /// What the credentials prove; `None` when they are missing or wrong.
    pub grant: Option<Role>,
}

impl Call {
    pub fn world(&self) -> MutexGuard<'_, World> {
        self.shared.world()
    }

    pub fn now(&self) -> Timestamp {
        self.shared.now()
    }

    /// The first header of this name. The CLI puts raw UTF-8 into headers, so this does too.
    pub fn header(&self, name: &str) -> Option<String> {
        let value = self.parts.headers.get(name)?;
        Some(String::from_utf8_lossy(value.as_bytes()).into_owned())
    }

    /// The first parameter of this name in the query.
    pub fn query(&self, name: &str) -> Option<String> {
        let query = self.parts.uri.query()?;
        form_urlencoded::parse(query.as_bytes())
            .find(|(key, _)| key == name)
            .map(|(_, value)| value.into_owned())
    }

    /// Reads the form: the body (of POST, PUT and PATCH only), then the query, so that the body wins.
    pub async fn form(&mut self) -> Result<Form, Refusal> {
        let mut pairs = Vec::new();
        if self.has_form_body() {
            let limited = Limited::new(&mut self.body, FORM_LIMIT).collect().await;
            let body = limited.map_err(|error| Refusal::Body(io::Error::other(error)))?.to_bytes();
            pairs.extend(form_urlencoded::parse(&body).into_owned());
        }
        let query = self.parts.uri.query().unwrap_or_default();
        pairs.extend(form_urlencoded::parse(query.as_bytes()).into_owned());
        Ok(Form { pairs, headers: self.parts.headers.clone() })
    }

    fn has_form_body(&self) -> bool {
        let reads_body = matches!(self.parts.method, Method::POST | Method::PUT | Method::PATCH);
        let kind = self.header(header::CONTENT_TYPE.as_str()).unwrap_or_default();
        reads_body && kind.starts_with("application/x-www-form-urlencoded")
    }
}

pub struct Form {
    pairs: Vec<(String, String)>,
    headers: http::HeaderMap,
}

impl Form {
    /// A field from body or query; of several the first.
    pub fn get(&self, name: &str) -> Option<String> {
        self.pairs.iter().find(|(key, _)| key == name).map(|(_, value)| value.clone())
    }

    /// A field from body or query, else from a header of that name. An open door that a gateway has to close.
    pub fn named(&self, name: &str) -> Option<String> {
        let from_header =
            || self.headers.get(name).map(|value| String::from_utf8_lossy(value.as_bytes()).into());
        self.get(name).filter(|value| !value.is_empty()).or_else(from_header)
    }

    /// A field that must be there and not empty.
    pub fn required(&self, name: &str) -> Result<String, Refusal> {
        let value = self.named(name).filter(|value| !value.is_empty());
        value.ok_or_else(|| Refusal::Invalid(format!("{name} is required")))
    }

    /// A field that, when there, must be readable as a `T`.
    pub fn parsed<T: FromStr>(&self, name: &str) -> Result<Option<T>, Refusal> {
        let Some(text) = self.get(name).filter(|text| !text.is_empty()) else { return Ok(None) };
        let value =
            text.parse().map_err(|_| Refusal::Invalid(format!("invalid value for {name}: {text}")))?;
        Ok(Some(value))
    }

    /// A map, which the CLI encodes twice.
    pub fn map(&self, name: &str) -> Option<BTreeMap<String, String>> {
        let inner = self.get(name)?;
        Some(form_urlencoded::parse(inner.as_bytes()).into_owned().collect())
    }
}

/// A request body that counts what is read from it.
pub struct Counted {
    inner: Incoming,
    read: Arc<AtomicU64>,
}

impl Counted {
    pub fn new(inner: Incoming, read: Arc<AtomicU64>) -> Self {
        Self { inner, read }
    }
}

impl Body for Counted {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        let polled = Pin::new(&mut self.inner).poll_frame(cx);
        if let Poll::Ready(Some(Ok(frame))) = &polled {
            let length = frame.data_ref().map_or(0, Bytes::len);
            self.read.fetch_add(length as u64, Ordering::SeqCst);
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderMap;

    fn form(pairs: &[(&str, &str)]) -> Form {
        let headers = HeaderMap::from_iter([("role".parse().unwrap(), "admin".parse().unwrap())]);
        Form { pairs: pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect(), headers }
    }

    #[test]
    fn the_first_value_wins_and_headers_come_last() {
        let form = form(&[("a", "1"), ("a", "2")]);
        assert_eq!(form.get("a").as_deref(), Some("1"));
        assert_eq!(form.get("role"), None);
        assert_eq!(form.named("role").as_deref(), Some("admin"));
        assert!(form.required("server").unwrap_err().to_string().contains("server is required"));
    }

    #[test]
    fn maps_are_encoded_twice_and_numbers_are_checked() {
        let form = form(&[("parameters", "K=V&L=a%26b"), ("count", "two")]);
        assert_eq!(form.map("parameters").unwrap()["L"], "a&b");
        assert_eq!(form.parsed::<u32>("count").unwrap_err().to_string(), "invalid value for count: two");
    }
}
