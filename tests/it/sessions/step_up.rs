//! How fresh a proof each call asks of a person.

use super::read;
use crate::support::{
    gateway::TestGateway,
    session::{CLI, Kind, Session, WEB},
    wire::{Head, Wire},
};
use rack_gateway::{
    api,
    core::Timestamp,
    gateway::classify::convox::{Verb, routes},
    policy::MfaLevel,
};

struct People {
    stale: Session,
    fresh: Session,
    old: Session,
}

impl People {
    async fn of(gateway: &TestGateway) -> Self {
        let now = gateway.clock.now();
        let ago = |seconds: i64| Some(Timestamp::from_micros(now.as_micros() - seconds * 1_000_000));
        Self {
            stale: gateway.session_of("admin", &CLI).await,
            fresh: gateway.session_of("admin", &Kind { step_up: ago(0), ..CLI }).await,
            old: gateway.session_of("admin", &Kind { step_up: ago(601), ..CLI }).await,
        }
    }
}

/// Every route of the catalogue by its own permissions' level.
#[tokio::test]
async fn every_route_of_the_rack_asks_for_its_level() {
    let gateway = TestGateway::with([("RATE_LIMIT_PER_MINUTE", "1000000")]).await;
    let people = People::of(&gateway).await;
    let mut counted = [0; 3];
    for route in routes() {
        let level = route.needs.iter().map(|permission| permission.mfa()).max().unwrap();
        counted[level as usize] += 1;
        for (who, passes) in [
            (&people.stale, level == MfaLevel::None),
            (&people.old, level == MfaLevel::None),
            (&people.fresh, level != MfaLevel::Always),
        ] {
            let (head, text) = ask(&gateway, who, route.verb, &filled(route.template)).await;
            let name = route.template;
            assert_eq!(head.status() == 401, !passes, "{name} {level:?}: {head:?}");
            if !passes {
                assert_eq!(head.header("x-mfa-required"), Some("true"), "{name}");
                assert_eq!(head.header("x-mfa-level"), Some(level.as_str()), "{name}");
                assert_eq!(head.header("www-authenticate"), None, "{name}");
                let told = "Multi-factor authentication is required for this action";
                assert!(route.verb == Verb::Head || text.starts_with(told), "{name}: {text}");
            }
        }
    }
    assert!(counted.iter().all(|count| *count > 5), "{counted:?}");
}

fn filled(template: &str) -> String {
    let segments = template.split('/').map(|segment| match segment {
        "{port}" => "5432".to_owned(),
        _ if segment.starts_with('{') => "x".to_owned() + segment.split_once('}').map_or("", |(_, end)| end),
        _ => segment.to_owned(),
    });
    segments.collect::<Vec<_>>().join("/")
}

/// The head of the answer, and the text of a refusal.
async fn ask(gateway: &TestGateway, who: &Session, verb: Verb, path: &str) -> (Head, String) {
    let lines = match verb {
        Verb::Socket => {
            "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
             Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
        }
        _ => "Content-Length: 0\r\n",
    };
    let method = verb.as_str();
    let request = format!(
        "{method} /api/v1/rack-proxy{path} HTTP/1.1\r\nHost: gateway\r\nAuthorization: Bearer {}\r\n{lines}\r\n",
        who.secret
    );
    let mut wire = Wire::open(gateway.address()).await;
    wire.send(request).await;
    let head = wire.head().await;
    let has_text = head.status() == 401 && verb != Verb::Head;
    let text = if has_text { wire.body(&head).await.text() } else { String::new() };
    (head, text)
}

/// Every own route whose level is not none.
#[tokio::test]
async fn every_route_of_our_own_asks_for_its_level() {
    let gateway = TestGateway::with([("RATE_LIMIT_PER_MINUTE", "1000000")]).await;
    let people = People::of(&gateway).await;
    for route in api::routes().into_iter().filter(|route| !route.access.is_public()) {
        let level = route.mfa_level();
        let request = format!("{} {}", route.method, super::filled(route.path));
        let (status, document) = read(gateway.own(&people.old.secret, &request)).await;
        let asked = document["code"].as_str().filter(|code| code.starts_with("mfa_"));
        let expected = match level {
            MfaLevel::None => None,
            MfaLevel::StepUp => Some("mfa_step_up_required"),
            MfaLevel::Always => Some("mfa_required"),
        };
        if level != MfaLevel::None {
            assert_eq!((status, asked), (401, expected), "{request}: {document}");
        }
        let (_, document) = read(gateway.own(&people.fresh.secret, &request)).await;
        let asked = document["code"].as_str() == Some("mfa_step_up_required");
        assert!(!asked, "{request}: {document}");
        // Leaving is one of the routes.
        if super::status_of_me(&gateway, &people.old).await != 200 {
            return;
        }
    }
}

/// Who may not do a thing is not asked for a code.
#[tokio::test]
async fn permission_comes_before_proof() {
    let gateway = TestGateway::start().await;
    let viewer = gateway.session("viewer").await;
    for request in ["POST /api/v1/rack-proxy/apps/web/restart", "DELETE /api/v1/rack-proxy/apps/web"] {
        let (status, _) = read(gateway.own(&viewer.secret, request)).await;
        assert_eq!(status, 403, "{request}");
    }
}

/// Tokens are for machines, which have no second factor.
#[tokio::test]
async fn tokens_are_never_asked() {
    let gateway = TestGateway::start().await;
    let token = gateway.token("admin").await;
    for request in ["POST /apps/web/restart", "DELETE /apps/web"] {
        let status = gateway.call(&token, request).send().await.unwrap().status();
        assert!(status.is_success(), "{request}: {status}");
    }
}

/// Without a factor there is one thing to do.
#[tokio::test]
async fn the_unenrolled_may_only_enrol() {
    let gateway = TestGateway::start().await;
    for kind in [WEB, CLI] {
        let session = gateway.session_of("admin", &Kind { enrolled: false, ..kind }).await;
        for path in ["/api/v1/rack-proxy/apps", "/api/v1/audit-logs", "/api/v1/sessions", "/api/v1/racks"] {
            let answer = gateway.own(&session.secret, &format!("GET {path}")).send().await.unwrap();
            assert_eq!(answer.status(), 401, "{path}");
            assert_eq!(answer.headers()["x-mfa-required"], "enrollment", "{path}");
        }
        let request = gateway.own(&session.secret, "GET /api/v1/rack-proxy/apps");
        let (_, document) = read(request.header("accept", "application/json")).await;
        assert_eq!(document["code"], "mfa_enrollment_required");
        for path in ["/api/v1/info", "/api/v1/me"] {
            assert_eq!(read(gateway.own(&session.secret, &format!("GET {path}"))).await.0, 200, "{path}");
        }
        assert_eq!(read(gateway.own(&session.secret, "POST /api/v1/auth/logout")).await.0, 200);
    }
}

/// A proof that does not hold is worse than none, and is recorded.
#[tokio::test]
async fn a_wrong_proof_opens_nothing() {
    let gateway = TestGateway::start().await;
    let session = gateway.session_of("admin", &CLI).await;
    let restart = "POST /api/v1/rack-proxy/apps/web/restart";
    let header = gateway.own(&session.secret, restart).header("x-mfa-totp", "123456");
    let inline = gateway.own(&format!("{}.totp.123456", session.secret), restart);
    let key = gateway.own(&session.secret, restart).header("x-mfa-webauthn", "e30=");
    for request in [header, inline, key] {
        let answer = request.header("accept", "application/json").send().await.unwrap();
        assert_eq!(answer.status(), 401);
        assert_eq!(answer.headers()["x-mfa-level"], "step_up");
        let document: serde_json::Value = answer.json().await.unwrap();
        assert_eq!(document["code"], "mfa_verification_failed");
    }
    assert_eq!(gateway.rack.requests(), []);
    let record = gateway.lines.wait_for(|record| record["action"] == "app.restart").await;
    assert_eq!((&record["rbac_decision"], &record["status"]), (&"deny".into(), &"denied".into()));
}
