//! A call of a service: what is asked of which, and what that demands.

use super::path::RawTarget;
use crate::{
    gateway::Refusal,
    policy::{Asked, Demand, Demanding, Permission, Target},
    upstream::Outbound,
};
use http::{
    HeaderMap, Method, Version,
    header::{CONNECTION, UPGRADE},
    request::Parts,
};

#[derive(Debug)]
pub struct ServiceCall {
    pub slug: String,
    method: Method,
    target: RawTarget,
    /// What is sent; empty until the caller is known.
    pub headers: HeaderMap,
    is_websocket: bool,
    demands: [Demand; 1],
}

impl ServiceCall {
    /// `rest` is the path below the service's root.
    pub fn read(head: &Parts, slug: &str, rest: &str, has_body: bool) -> Result<Self, Refusal> {
        let method = head.method.clone();
        // TRACE would show what the gateway adds; CONNECT leads out of HTTP.
        if matches!(method, Method::TRACE | Method::CONNECT) {
            return Err(Refusal::ServiceMethod(method));
        }
        let target = RawTarget::parse(rest, head.uri.query())?;
        let is_websocket = asks_for_websocket(head);
        if is_websocket && has_body {
            return Err(Refusal::HandshakeBody);
        }
        let asked = Asked::of(method.as_str(), target.path());
        let demand = Demand { permission: Permission::ServiceCall, target: Target::call(slug, asked) };
        let (slug, headers) = (slug.to_owned(), HeaderMap::new());
        Ok(Self { slug, method, target, headers, is_websocket, demands: [demand] })
    }

    pub fn path(&self) -> &str {
        self.target.path()
    }

    /// Whether it may change something, as far as the method tells.
    pub fn may_change(&self) -> bool {
        !matches!(self.method, Method::GET | Method::HEAD | Method::OPTIONS) || self.is_websocket
    }
}

impl Demanding for ServiceCall {
    fn demands(&self) -> &[Demand] {
        &self.demands
    }
}

impl Outbound for ServiceCall {
    fn method(&self) -> &Method {
        &self.method
    }

    fn path_and_query(&self) -> &str {
        self.target.as_str()
    }

    fn take_headers(&mut self) -> HeaderMap {
        std::mem::take(&mut self.headers)
    }

    fn is_websocket(&self) -> bool {
        self.is_websocket
    }
}

/// RFC 6455 §4.1. Other upgrades are not offered to services, which answer as without one.
fn asks_for_websocket(head: &Parts) -> bool {
    let lists = |name, word: &[u8]| {
        let values = head.headers.get_all(name).iter();
        values
            .flat_map(|value| value.as_bytes().split(|byte| *byte == b','))
            .any(|item| item.trim_ascii().eq_ignore_ascii_case(word))
    };
    head.method == Method::GET
        && head.version == Version::HTTP_11
        && lists(CONNECTION, b"upgrade")
        && lists(UPGRADE, b"websocket")
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::Request;

    fn read(
        method: &str,
        rest: &str,
        headers: &[(&str, &str)],
        has_body: bool,
    ) -> Result<ServiceCall, Refusal> {
        let mut request = Request::builder().method(method).uri(format!("/svc/web{rest}"));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let (head, ()) = request.body(()).unwrap().into_parts();
        let path = rest.split('?').next().unwrap();
        ServiceCall::read(&head, "web", path, has_body)
    }

    const UPGRADES: [(&str, &str); 2] = [("connection", "keep-alive, Upgrade"), ("upgrade", "WebSocket")];

    #[test]
    fn a_call_says_what_it_demands_and_keeps_its_bytes() {
        let call = read("POST", "/a%2Fb?x=%20", &[], true).unwrap();
        assert_eq!((call.path_and_query(), call.path()), ("/a%2Fb?x=%20", "/a%2Fb"));
        let [demand] = call.demands() else { panic!("one demand") };
        assert_eq!((demand.permission, demand.target.path()), (Permission::ServiceCall, "web"));
        assert_eq!(demand.target.asked(), Some(&Asked::of("POST", "/a%2Fb")));
        assert!(call.may_change() && !call.is_websocket());
        assert!(!read("GET", "/", &[], false).unwrap().may_change());
    }

    #[test]
    fn websockets_are_asked_for_with_get_and_without_a_body() {
        let call = read("GET", "/", &UPGRADES, false).unwrap();
        assert!(call.is_websocket() && call.may_change());
        assert!(!read("POST", "/", &UPGRADES, false).unwrap().is_websocket());
        assert!(!read("GET", "/", &[("upgrade", "websocket")], false).unwrap().is_websocket());
        assert!(
            !read("GET", "/", &[("connection", "upgrade"), ("upgrade", "h2c")], false)
                .unwrap()
                .is_websocket()
        );
        assert!(matches!(read("GET", "/", &UPGRADES, true), Err(Refusal::HandshakeBody)));
    }

    #[test]
    fn some_methods_are_not_for_services() {
        assert!(matches!(read("TRACE", "/", &[], false), Err(Refusal::ServiceMethod(Method::TRACE))));
        assert!(matches!(read("GET", "/../x", &[], false), Err(Refusal::BadTarget(_))));
    }
}
