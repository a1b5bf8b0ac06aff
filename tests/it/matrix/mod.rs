//! Who may call what of the gateway's own API: every route against every role, as a token and as a person, on what is
//! their own, somebody else's and nobody's.

mod world;

use crate::support::{gateway::TestGateway, wire::SOON};
use rack_gateway::{
    api::{self, Access, ApiRoute},
    policy::MfaLevel,
};
use std::collections::BTreeMap;
use world::{Caller, Object, Outcome, World};

/// Letters stand for viewer, ops, deployer, cicd, admin: first those whose tokens may, then those who may as persons.
/// `public` needs no credential. A route without a row fails, and so does a row without a route: whoever adds one
/// decides here, in plain sight, who may use it.
const WHO_MAY: &str = "
----a ----a GET    /api/v1/audit-logs
vodca vodca GET    /api/v1/me
vodca vodca GET    /api/v1/racks
----- vodca GET    /api/v1/info
----- vodca GET    /api/v1/sessions
----- vodca DELETE /api/v1/sessions/{id}
----- vodca POST   /api/v1/sessions/revoke-others
----- vodca POST   /api/v1/auth/logout
----- vodca POST   /api/v1/auth/web/logout
public      GET    /api/v1/openapi.json
----a ----a GET    /api/v1/users
----- ----a POST   /api/v1/users
----a ----a GET    /api/v1/users/{email}
----- ----a PUT    /api/v1/users/{email}
----a ----a DELETE /api/v1/users/{email}
----a ----a POST   /api/v1/users/{email}/lock
----- ----a POST   /api/v1/users/{email}/unlock
----a ----a GET    /api/v1/users/{email}/sessions
----a ----a POST   /api/v1/users/{email}/sessions/{id}/revoke
----a ----a POST   /api/v1/users/{email}/sessions/revoke_all
----- ----a POST   /api/v1/users/{email}/mfa/reset
----a ----a GET    /api/v1/roles
----- ----a POST   /api/v1/roles
----a ----a GET    /api/v1/roles/{name}
----- ----a PUT    /api/v1/roles/{name}
----a ----a DELETE /api/v1/roles/{name}
----- vodca GET    /api/v1/auth/mfa/status
----- vodca POST   /api/v1/auth/mfa/enroll/totp/start
----- vodca POST   /api/v1/auth/mfa/enroll/totp/confirm
----- vodca POST   /api/v1/auth/mfa/enroll/webauthn/start
----- vodca POST   /api/v1/auth/mfa/enroll/webauthn/confirm
----- vodca POST   /api/v1/auth/mfa/verify
----- vodca POST   /api/v1/auth/mfa/webauthn/assertion/start
----- vodca POST   /api/v1/auth/mfa/webauthn/assertion/verify
----- vodca PUT    /api/v1/auth/mfa/preferred-method
----- vodca PUT    /api/v1/auth/mfa/methods/{id}
----- vodca DELETE /api/v1/auth/mfa/methods/{id}
----- vodca POST   /api/v1/auth/mfa/backup-codes/regenerate
----- vodca DELETE /api/v1/auth/mfa/trusted-devices/{id}
public      POST   /api/v1/auth/passkey/start
public      POST   /api/v1/auth/passkey/finish
public      POST   /api/v1/auth/cli/start
public      POST   /api/v1/auth/cli/complete
public      POST   /api/v1/auth/cli/loopback
public      POST   /api/v1/auth/cli/token
public      POST   /api/v1/auth/device/code
public      POST   /api/v1/auth/device/token
----- vodca GET    /api/v1/auth/cli/requests/{request}
----- vodca POST   /api/v1/auth/cli/requests/{request}/approve
----- vodca POST   /api/v1/auth/cli/requests/{request}/deny
public      GET    /api/v1/auth/providers
public      GET    /api/v1/auth/web/login
public      GET    /api/v1/auth/web/callback
public      GET    /api/v1/auth/links/{secret}
public      POST   /api/v1/auth/links/{secret}
----a ----a GET    /api/v1/invitations
----- ----a POST   /api/v1/invitations
----a ----a DELETE /api/v1/invitations/{id}
vodca vodca GET    /api/v1/permissions
----a ----a GET    /api/v1/grants
----- ----a POST   /api/v1/grants
----a ----a DELETE /api/v1/grants/{id}
----a vodca GET    /api/v1/api-tokens
----- vodca POST   /api/v1/api-tokens
----a vodca GET    /api/v1/api-tokens/{id}
----- vodca PUT    /api/v1/api-tokens/{id}
----a vodca DELETE /api/v1/api-tokens/{id}
----a ----a GET    /api/v1/settings
----- ----a PUT    /api/v1/settings/{key}
----- ----a DELETE /api/v1/settings/{key}
vodca vodca GET    /api/v1/access/explain
--d-a --d-a PUT    /registry-svc/instance
vod-a vod-a GET    /registry-svc/instance/{id}
vod-a vod-a GET    /registry-svc/instances
--d-a --d-a DELETE /registry-svc/instance/{id}
--d-a --d-a PUT    /registry-svc/instance/{id}/heartbeat
--d-a --d-a PUT    /registry-svc/instance/{id}/drain
--d-a --d-a DELETE /registry-svc/instance/{id}/drain
vod-a vod-a GET    /registry-svc/watch
vod-a vod-a GET    /registry-svc/services
--d-a --d-a DELETE /registry-svc/service/{slug}
vod-a vod-a GET    /registry-svc/nodes
vod-a vod-a POST   /registry-svc/nodes
vod-a vod-a GET    /registry-svc/node/self
--d-a --d-a PUT    /registry-svc/node
--d-a --d-a DELETE /registry-svc/node/{url}
";

const UNLIMITED: [(&str, &str); 2] =
    [("RATE_LIMIT_PER_MINUTE", "1000000"), ("LOGIN_RATE_LIMIT_PER_MINUTE", "1000000")];

const LETTERS: [(char, &str); 5] =
    [('v', "viewer"), ('o', "ops"), ('d', "deployer"), ('c', "cicd"), ('a', "admin")];

struct Row {
    tokens: String,
    people: String,
}

fn rows() -> BTreeMap<String, Row> {
    let mut rows = BTreeMap::new();
    for line in WHO_MAY.trim().lines() {
        let words: Vec<_> = line.split_whitespace().collect();
        let (tokens, people, method, path) = match words.as_slice() {
            ["public", method, path] => ("public", "public", *method, *path),
            [tokens, people, method, path] => (*tokens, *people, *method, *path),
            _ => panic!("{line}"),
        };
        let row = Row { tokens: tokens.to_owned(), people: people.to_owned() };
        assert!(rows.insert(format!("{method} {path}"), row).is_none(), "{method} {path} has two rows");
    }
    rows
}

/// CVE-2024-47616 and the many like it: an object was reached by its id, whoever it belonged to. A route without a row
/// fails.
#[tokio::test]
async fn every_route_admits_those_in_its_row_and_nobody_else() {
    let gateway = TestGateway::with(UNLIMITED).await;
    let world = World::of(&gateway).await;
    let mut rows = rows();
    let mut wrong = Vec::new();
    for route in api::routes() {
        let name = format!("{} {}", route.method, route.path);
        let Some(row) = rows.remove(&name) else {
            wrong.push(format!("{name} has no row"));
            continue;
        };
        for object in Object::of(route) {
            wrong.extend(check(&world, route, &row, object).await);
        }
    }
    wrong.extend(rows.keys().map(|name| format!("{name} is no route")));
    assert!(wrong.is_empty(), "{} differ:\n{}", wrong.len(), wrong.join("\n"));
}

async fn check(world: &World<'_>, route: &'static ApiRoute, row: &Row, object: Object) -> Vec<String> {
    let mut wrong = Vec::new();
    let is_public = row.tokens == "public";
    let nobody = if is_public { Outcome::Admitted } else { Outcome::Unauthenticated };
    let mut expect = vec![(Caller::Nobody, nobody)];
    for (letter, role) in LETTERS {
        let as_token =
            if is_public || row.tokens.contains(letter) { Outcome::Admitted } else { Outcome::Forbidden };
        expect.push((Caller::Token(role), as_token));
        let as_person = match route.mfa_level() {
            _ if !is_public && !row.people.contains(letter) => Outcome::Forbidden,
            // Who has a factor proves it before they enrol another.
            MfaLevel::None
                if route.path.starts_with("/api/v1/auth/mfa/enroll/") && route.path.ends_with("/start") =>
            {
                Outcome::Unproven
            }
            MfaLevel::None => Outcome::Admitted,
            _ => Outcome::Unproven,
        };
        expect.push((Caller::Person(role), as_person));
    }
    for (caller, expected) in expect {
        let outcome = world.outcome(route, caller, object).await;
        // What a public route says to those who bring nothing useful is its own affair.
        if is_public && !matches!(outcome, Outcome::Unauthenticated | Outcome::Forbidden | Outcome::Unproven)
        {
            continue;
        }
        let expected = match expected {
            Outcome::Admitted if is_hidden(route, caller, object) => Outcome::Missing,
            // Everybody may do it to what they registered themselves.
            Outcome::Admitted if is_another_s_service(route, caller, object) => Outcome::Forbidden,
            // Which settings there are is no secret, so that comes first.
            Outcome::Forbidden
                if caller == Caller::Token("admin")
                    && object == Object::Missing
                    && route.path.contains("{key}") =>
            {
                Outcome::Missing
            }
            other => other,
        };
        if outcome != expected {
            let name = format!("{} {}", route.method, route.path);
            wrong.push(format!("{name} by {caller:?} on {object:?}: {outcome:?}, not {expected:?}"));
        }
    }
    wrong
}

/// What is not there; and other people's tokens, which are not there for those who may not administer them.
fn is_hidden(route: &ApiRoute, caller: Caller, object: Object) -> bool {
    let is_own_room = route.path == "/api/v1/api-tokens/{id}";
    match object {
        Object::Missing => true,
        // Everybody has their own, and nobody others'.
        Object::Others if route.path == "/api/v1/sessions/{id}" || is_login(route) => true,
        // There is no invitation here.
        Object::Others if route.path == "/api/v1/invitations/{id}" => true,
        Object::Others if is_own_room => {
            matches!(caller, Caller::Person(role) if role != "admin") && route.access == Access::Authenticated
        }
        _ => false,
    }
}

fn is_another_s_service(route: &ApiRoute, caller: Caller, object: Object) -> bool {
    let is_admin = matches!(caller, Caller::Token("admin") | Caller::Person("admin"));
    route.path.starts_with("/registry-svc/") && route.is_unsafe() && object == Object::Others && !is_admin
}

fn is_login(route: &ApiRoute) -> bool {
    route.path.starts_with("/api/v1/auth/")
}

/// CVE-2025-6011, CVE-2025-54999: the answer told who or what exists.
#[tokio::test]
async fn who_may_not_look_cannot_tell_what_is_there() {
    let gateway = TestGateway::with(UNLIMITED).await;
    let world = World::of(&gateway).await;
    for route in api::routes().into_iter().filter(|route| route.path.contains('{')) {
        for caller in [Caller::Nobody, Caller::Token("deployer"), Caller::Person("deployer")] {
            // Instances are there for all who may register some.
            if route.path.starts_with("/registry-svc/") && caller != Caller::Nobody {
                continue;
            }
            let there = world.answer(route, caller, Object::Others).await;
            let missing = world.answer(route, caller, Object::Missing).await;
            if there.0 == 200 || there.0 == 204 {
                continue;
            }
            assert_eq!(there, missing, "{} {} by {caller:?}", route.method, route.path);
        }
    }
}

#[tokio::test]
async fn other_methods_are_not_allowed_and_other_paths_not_found() {
    let gateway = TestGateway::with(UNLIMITED).await;
    let admin = gateway.token("admin").await;
    for route in api::routes() {
        let path = route.path.replace(['{', '}'], "");
        let answer = gateway.own(&admin, &format!("PATCH {path}")).send().await.unwrap();
        assert_eq!(answer.status(), 405, "{path}");
        let answer: serde_json::Value = answer.json().await.unwrap();
        assert_eq!(answer["code"], "method_not_allowed", "{path}");
    }
}

#[tokio::test]
async fn bodies_that_are_none_are_refused_by_every_route_that_takes_one() {
    let gateway = TestGateway::with(UNLIMITED).await;
    let world = World::of(&gateway).await;
    let admin = gateway.token("admin").await;
    let deep = format!("{}{}", "[".repeat(200), "]".repeat(200));
    let wide = format!("{{{}}}", vec![r#""a":1"#; 100_000].join(","));
    let long = format!(r#"{{"reason":"{}"}}"#, "x".repeat(2 * 1024 * 1024));
    for route in api::routes().into_iter().filter(|route| route.is_unsafe() && !route.access.is_public()) {
        let path = world.path(route, Object::Others).await;
        let request = format!("{} {path}", route.method);
        for (body, expected) in [(&deep, 400), (&wide, 400), (&long, 413)] {
            let began = std::time::Instant::now();
            let answer = gateway.own(&admin, &request).body(body.clone()).send().await;
            let Ok(answer) = answer else { panic!("{request}: no answer") };
            let status = answer.status().as_u16();
            // Who may not call at all is told so first.
            assert!(status == expected || status == 403, "{request}: {status} to {} bytes", body.len());
            assert!(began.elapsed() < SOON, "{request}");
        }
    }
}
