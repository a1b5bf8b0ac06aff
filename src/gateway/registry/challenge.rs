//! What a stranger is answered: 401 with exactly one Bearer challenge, which every client understands, also where
//! anybody may pull: it leads them to `/token`, which gives tickets to strangers too.

use crate::{
    core::PublicUrl,
    registry::{ErrorCode, Operation, Problem, model::Start},
};
use http::{HeaderMap, header};

/// `error` is for tokens that were shown and are not good any more: clients then fetch a new one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shown {
    Nothing,
    Stale,
}

pub fn challenge(realm: &Realm, operation: Option<&Operation>, shown: Shown) -> Problem {
    let mut value = format!("Bearer realm=\"{}/token\",service=\"{}\"", realm.origin, realm.service);
    if let Some(scope) = operation.and_then(scope) {
        value.push_str(&format!(",scope=\"{scope}\""));
    }
    if shown == Shown::Stale {
        value.push_str(",error=\"invalid_token\"");
    }
    Problem::new(ErrorCode::Unauthorized, "authentication required: log in with an API token as the password")
        .header(header::WWW_AUTHENTICATE, &value)
}

/// `repository:team/app:pull,push`; none for the ping, on which clients expect none.
fn scope(operation: &Operation) -> Option<String> {
    use Operation as Op;
    let actions = match operation {
        Op::Ping => return None,
        Op::Catalog { .. } => return Some("registry:catalog:*".to_owned()),
        Op::ManifestDelete { .. } | Op::BlobDelete { .. } => "delete",
        other if other.is_change() || matches!(other, Op::UploadStatus { .. }) => "pull,push",
        _ => "pull",
    };
    let repository = operation.repository()?;
    let own = format!("repository:{repository}:{actions}");
    match operation {
        Op::UploadStart { start: Start::Mount(_), .. } => {
            let from = operation.mount_source()?;
            Some(format!("{own} repository:{from}:pull"))
        }
        _ => Some(own),
    }
}

/// Where tickets are to be had, and the name of the service.
#[derive(Clone, Debug)]
pub struct Realm {
    origin: String,
    service: String,
}

impl Realm {
    /// The public address. A client on the same machine that came by another name of the loopback stays with it:
    /// such a name says nothing about anybody else's.
    pub fn of(headers: &HeaderMap, public: &PublicUrl) -> Self {
        let host =
            headers.get(header::HOST).and_then(|host| host.to_str().ok()).filter(|host| is_loopback(host));
        match host {
            Some(host) if !public.is_https() => {
                Self { origin: format!("http://{host}"), service: host.to_owned() }
            }
            _ => {
                let origin = public.origin().to_owned();
                let service = origin.split("://").last().unwrap_or_default().to_owned();
                Self { origin, service }
            }
        }
    }
}

fn is_loopback(host: &str) -> bool {
    let (name, port) = host.rsplit_once(':').unwrap_or((host, ""));
    matches!(name, "localhost" | "127.0.0.1" | "[::1]") && port.bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::registry::model::route;
    use http::{HeaderValue, Method};

    fn told(method: Method, path: &str, query: &str, shown: Shown) -> String {
        let operation = route::parse(&method, path, query).unwrap();
        let public = PublicUrl::parse("https://gateway.example.com").unwrap();
        let problem = challenge(&Realm::of(&HeaderMap::new(), &public), Some(&operation), shown);
        assert_eq!(problem.status.as_u16(), 401);
        assert_eq!(problem.headers.len(), 1);
        problem.headers[0].1.to_str().unwrap().to_owned()
    }

    const REALM: &str = r#"Bearer realm="https://gateway.example.com/token",service="gateway.example.com""#;

    #[test]
    fn the_scope_is_what_the_operation_needs() {
        assert_eq!(told(Method::GET, "/v2/", "", Shown::Nothing), REALM);
        let pull = told(Method::GET, "/v2/team/app/tags/list", "", Shown::Stale);
        assert_eq!(pull, format!(r#"{REALM},scope="repository:team/app:pull",error="invalid_token""#));
        let push = told(Method::PUT, "/v2/team/app/manifests/v1", "", Shown::Nothing);
        assert_eq!(push, format!(r#"{REALM},scope="repository:team/app:pull,push""#));
        let digest = format!("sha256:{}", "a".repeat(64));
        let mount = format!("mount={digest}&from=base/os");
        let mount = told(Method::POST, "/v2/team/app/blobs/uploads/", &mount, Shown::Nothing);
        assert_eq!(
            mount,
            format!(r#"{REALM},scope="repository:team/app:pull,push repository:base/os:pull""#)
        );
    }

    #[test]
    fn only_names_of_the_loopback_are_taken_from_a_request() {
        let realm = |host: &'static str, public: &str| {
            let headers = HeaderMap::from_iter([(header::HOST, HeaderValue::from_static(host))]);
            Realm::of(&headers, &PublicUrl::parse(public).unwrap()).origin
        };
        assert_eq!(realm("127.0.0.1:5000", "http://localhost:8443"), "http://127.0.0.1:5000");
        assert_eq!(realm("evil.example", "http://localhost:8443"), "http://localhost:8443");
        assert_eq!(realm("127.0.0.1:5000\"x", "http://localhost:8443"), "http://localhost:8443");
        assert_eq!(realm("127.0.0.1:5000", "https://gateway.example.com"), "https://gateway.example.com");
    }
}
