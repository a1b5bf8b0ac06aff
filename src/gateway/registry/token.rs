//! `/token`: tickets for clients of the registry, by the token protocol of the distribution project. `GET` with
//! Basic, or `POST` with a form as OAuth has it; without a credential, a ticket for a stranger.

use super::{
    body,
    caller::Caller,
    refused::{Refused, refusal, refuse},
    story::{RegistryArrival, RegistryPipeline},
    ticket::{LIFETIME, Subject},
};
use crate::{
    audit::{Decision, Scope, Seen},
    core::{Secret, Timestamp},
    gateway::{Body, count_decision},
    identity::{NotAdmitted, Via},
    policy::{MfaLevel, Permission, Target},
    registry::{ErrorCode, Problem},
};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use http::{
    HeaderMap, HeaderValue, Method, Response, StatusCode,
    header::{ALLOW, AUTHORIZATION, CACHE_CONTROL, CONTENT_TYPE, WWW_AUTHENTICATE},
    request::Parts,
};
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use serde_json::json;
use std::{borrow::Cow, net::IpAddr};

const FORM: usize = 64 * 1024;
/// `Basic Og==`, an empty user with an empty password: what some clients send when they have nothing.
const NOBODY: &str = "Basic Og==";

/// What is asked for.
#[derive(Default)]
struct Asked {
    /// A credential that stands in the form.
    password: Option<(String, Secret)>,
    scopes: Vec<String>,
}

impl RegistryPipeline {
    pub async fn token(&self, arrival: RegistryArrival) -> (Response<Body>, &'static str) {
        const LABEL: &str = "/token";
        let RegistryArrival { head, body, request_id, ip } = arrival;
        let Ok(mut scope) = self.audit.open(Seen::of(request_id, ip, &head.method, &head.headers)) else {
            let message = "the audit log cannot take records now; try again shortly";
            return (refusal(Problem::new(ErrorCode::Unavailable, message)), LABEL);
        };
        scope.action_type = "auth";
        scope.action = Cow::Borrowed("registry.token");
        scope.resource_type = "registry";
        scope.route = LABEL;
        let given = Box::pin(self.give(&mut scope, &head, ip, body)).await;
        let response = match given {
            Ok(response) => {
                count_decision(scope.decision, None);
                scope.answered(response.status());
                scope.close();
                response
            }
            Err(refused) => refuse(scope, refused),
        };
        (response, LABEL)
    }

    async fn give(
        &self,
        scope: &mut Scope,
        head: &Parts,
        ip: IpAddr,
        body: Incoming,
    ) -> Result<Response<Body>, Refused> {
        let mut headers = head.headers.clone();
        let asked = match head.method {
            Method::GET => Asked::from_query(head.uri.query().unwrap_or_default()),
            Method::POST => Asked::from_form(&headers, body).await?,
            _ => {
                let message = "ask for tokens with GET or POST";
                return Err(Problem::new(ErrorCode::Unsupported, message).header(ALLOW, "GET, POST").into());
            }
        };
        if let Some((user, password)) = &asked.password {
            headers.insert(AUTHORIZATION, basic(user, password)?);
        }
        let is_nobody = headers.get(AUTHORIZATION).is_none_or(|value| value == NOBODY);
        let caller = if is_nobody { Caller::Anonymous } else { self.known(scope, &headers).await? };
        self.prove(MfaLevel::None, &caller, &headers, ip).await?;
        let subject = match caller.principal().map(|principal| &principal.via) {
            None => Subject::Anonymous,
            Some(Via::Token(token)) => Subject::Token(token.id),
            Some(Via::Session(session)) => Subject::Session(session.id),
        };
        scope.decision = Decision::Allow;
        let (ticket, at) = self.tickets.issue(subject);
        let granted = self.granted(&caller, &asked.scopes);
        scope.command = Some(granted.clone()).filter(|granted| !granted.is_empty());
        Ok(document(&ticket, at, &granted))
    }

    /// By a credential only: a ticket does not beget tickets.
    async fn known(&self, scope: &mut Scope, headers: &HeaderMap) -> Result<Caller, Refused> {
        match self.entrance.admit(headers).await {
            Ok(principal) => {
                scope.set_principal(&principal);
                Ok(Caller::Known(principal))
            }
            Err(NotAdmitted::Stale(_)) => {
                let message = "rights cannot be verified now; try again shortly";
                Err(Problem::new(ErrorCode::Unavailable, message).into())
            }
            Err(NotAdmitted::Auth(error)) => {
                let message =
                    "log in with an API token of this gateway as the password; any user name will do";
                let problem = Problem::new(ErrorCode::Unauthorized, message)
                    .header(WWW_AUTHENTICATE, "Basic realm=\"rack-gateway\"");
                let reason = Cow::Borrowed(error.code());
                Err(Refused { problem: Box::new(problem), code: "unauthenticated", reason })
            }
        }
    }

    /// The part of the wished scopes that the caller has now. It binds nothing: rights are looked up each time.
    fn granted(&self, caller: &Caller, wished: &[String]) -> String {
        let now = self.clock.now();
        let mut granted: Vec<String> = Vec::new();
        for scope in wished.iter().flat_map(|scope| scope.split(' ')).take(100) {
            let Some((name, actions)) = repository_scope(scope) else { continue };
            let target = Target::repository(name);
            let may = |action: &str| {
                let permission = match action {
                    "pull" => Permission::RepoPull,
                    "push" => Permission::RepoPush,
                    "delete" => Permission::RepoDelete,
                    _ => return false,
                };
                caller.may(permission, &target, &self.public, now)
            };
            let asked = actions.split(',').flat_map(|action| match action {
                "*" => vec!["pull", "push", "delete"],
                action => vec![action],
            });
            let held: Vec<_> = asked.filter(|action| may(action)).collect();
            if !held.is_empty() {
                granted.push(format!("repository:{name}:{}", held.join(",")));
            }
        }
        granted.dedup();
        granted.join(" ")
    }
}

/// Name and actions of `repository:name:actions`; the name may hold a colon, as `host:5000/name` does.
fn repository_scope(scope: &str) -> Option<(&str, &str)> {
    let (kind, rest) = scope.split_once(':')?;
    let (name, actions) = rest.rsplit_once(':')?;
    (kind.split('(').next() == Some("repository") && name.len() <= 255).then_some((name, actions))
}

impl Asked {
    fn from_query(query: &str) -> Self {
        let scopes = form_urlencoded::parse(query.as_bytes()).filter(|(name, _)| name == "scope");
        Self { password: None, scopes: scopes.map(|(_, value)| value.into_owned()).collect() }
    }

    async fn from_form(headers: &HeaderMap, body: Incoming) -> Result<Self, Refused> {
        let media_type = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let media_type = media_type.split(';').next().unwrap_or_default().trim();
        if !media_type.eq_ignore_ascii_case("application/x-www-form-urlencoded") {
            return Err(bad("send the form as application/x-www-form-urlencoded"));
        }
        let body = body.map_err(Into::into).boxed_unsync();
        let form = body::read(body, FORM).await.map_err(|_| bad("the form is too long or broke off"))?;
        let (mut grant, mut user, mut password, mut scopes) = (None, String::new(), None, Vec::new());
        for (name, value) in form_urlencoded::parse(&form) {
            match &*name {
                "grant_type" => grant = Some(value.into_owned()),
                "username" => user = value.into_owned(),
                "password" => password = Some(Secret::new(value.into_owned())),
                "scope" => scopes.push(value.into_owned()),
                _ => {}
            }
        }
        match (grant.as_deref(), password) {
            (Some("password"), Some(password)) => Ok(Self { password: Some((user, password)), scopes }),
            (Some("password"), None) => Err(bad("the field password is missing")),
            (None, None) => Ok(Self { password: None, scopes }),
            _ => Err(bad("the field grant_type must be password; no refresh tokens are given here")),
        }
    }
}

fn bad(message: &'static str) -> Refused {
    Problem::new(ErrorCode::Unsupported, message).status(StatusCode::BAD_REQUEST).into()
}

fn basic(user: &str, password: &Secret) -> Result<HeaderValue, Refused> {
    let pair = format!("{}:{}", user.replace(':', ""), password.expose());
    let mut value = HeaderValue::from_str(&format!("Basic {}", STANDARD.encode(pair)))
        .map_err(|_| bad("the user name or password cannot be used"))?;
    value.set_sensitive(true);
    Ok(value)
}

fn document(ticket: &str, at: Timestamp, scope: &str) -> Response<Body> {
    let document = json!({
        "token": ticket,
        "access_token": ticket,
        "expires_in": LIFETIME,
        "issued_at": at,
        "scope": scope,
    });
    let mut response = Response::new(Body::whole(document.to_string()));
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scopes_are_split_at_the_first_and_the_last_colon() {
        assert_eq!(repository_scope("repository:team/app:pull,push"), Some(("team/app", "pull,push")));
        assert_eq!(repository_scope("repository:host:5000/app:pull"), Some(("host:5000/app", "pull")));
        assert_eq!(repository_scope("repository(plugin):app:pull"), Some(("app", "pull")));
        for scope in ["registry:catalog:*", "repository:app", "", ":", "repository"] {
            assert_eq!(repository_scope(scope), None, "{scope}");
        }
    }

    #[test]
    fn a_query_may_repeat_its_scope() {
        let asked =
            Asked::from_query("service=x&scope=repository%3Aa%3Apull&scope=repository%3Ab%3Apull%2Cpush");
        assert_eq!(asked.scopes, ["repository:a:pull", "repository:b:pull,push"]);
        assert!(asked.password.is_none());
    }
}
