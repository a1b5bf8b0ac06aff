//! Proofs that come along with a request: what a command line sends, once by header and once behind its secret.

use super::read;
use crate::{
    mfa::World,
    support::{
        gateway::{TestGateway, until_status},
        session::{CLI, Session, WEB},
    },
};
use rack_gateway::store::{GrantRow, Subject};

const KEY: &str = "the key of the tests";
const RESTART: &str = "POST /api/v1/rack-proxy/apps/web/restart";
const DELETE: &str = "DELETE /api/v1/rack-proxy/apps/web";

/// An admin with an authenticator app, who is logged in.
async fn somebody(
    gateway: &TestGateway,
    kind: &crate::support::session::Kind,
) -> (Session, impl Fn() -> String) {
    let world = World::with_key(&gateway.db, KEY);
    let (who, app) = world.person_with_app("ada@example.com").await;
    let now = gateway.clock.now();
    let grant = GrantRow::new(Subject::User(who.user.id), "admin", "*", None, now);
    gateway.db.add_grant(&grant).await.unwrap();
    let known = Session {
        email: "ada@example.com".to_owned(),
        user: who.user.id,
        grant: grant.id,
        id: who.session().unwrap().id,
        secret: String::new(),
    };
    let session = known.another(&gateway.db, now, kind).await;
    let clock = gateway.clock.clone();
    (session, move || app.code(clock.now()).expose().to_owned())
}

async fn status(request: reqwest::RequestBuilder) -> u16 {
    request.send().await.unwrap().status().as_u16()
}

/// Several requests of one command carry the same code, which is good once: the first of them makes the session
/// fresh.
#[tokio::test]
async fn a_command_line_proves_once_and_is_fresh_for_a_while() {
    let gateway = TestGateway::with([("APP_SECRET_KEY", KEY)]).await;
    let (session, code) = somebody(&gateway, &CLI).await;
    assert_eq!(status(gateway.own(&session.secret, RESTART)).await, 401);
    let inline = format!("{}.totp.{}", session.secret, code());
    assert_eq!(
        status(gateway.own(&inline, "GET /api/v1/rack-proxy/apps")).await,
        200,
        "no proof is spent on reads"
    );
    let basic = gateway.plain(RESTART).basic_auth("convox", Some(&inline));
    assert_eq!(status(basic).await, 200);
    assert_eq!(status(gateway.own(&inline, RESTART)).await, 200, "the same code is not looked at again");
    assert_eq!(status(gateway.own(&session.secret, RESTART)).await, 200, "and not needed either");

    let (refused, document) = read(gateway.own(&inline, DELETE).header("accept", "application/json")).await;
    assert_eq!((refused, &document["code"]), (401, &"mfa_verification_failed".into()), "a code is good once");
    assert!(gateway.rack.requests().iter().all(|request| request.method != "DELETE"));
}

#[tokio::test]
async fn what_always_asks_takes_a_new_proof_each_time() {
    let gateway = TestGateway::with([("APP_SECRET_KEY", KEY)]).await;
    let (session, code) = somebody(&gateway, &CLI).await;
    let first = gateway.own(&session.secret, DELETE).header("X-Mfa-Totp", code());
    assert_eq!(status(first).await, 200);
    let answer = gateway.own(&session.secret, DELETE).send().await.unwrap();
    assert_eq!(
        (answer.status().as_u16(), &answer.headers()["x-mfa-level"]),
        (401, &"always".parse().unwrap())
    );
    let record =
        gateway.lines.wait_for(|record| record["action"] == "app.delete" && record["status"] == "success");
    assert_eq!(record.await["session_id"], session.id.to_string());
}

/// In a browser a proof by header counts for its own call; the page that asks for a code renews the session.
#[tokio::test]
async fn a_browser_is_not_made_fresh_by_a_header() {
    let gateway = TestGateway::with([("APP_SECRET_KEY", KEY)]).await;
    let (session, code) = somebody(&gateway, &WEB).await;
    let proved = gateway.own(&session.secret, RESTART).header("X-Mfa-Totp", code());
    assert_eq!(status(proved).await, 200);
    assert_eq!(status(gateway.own(&session.secret, RESTART)).await, 401);
}

/// A proof does not replace the credential, nor the permission.
#[tokio::test]
async fn a_proof_alone_opens_nothing() {
    let gateway = TestGateway::with([("APP_SECRET_KEY", KEY)]).await;
    let (session, code) = somebody(&gateway, &CLI).await;
    assert_eq!(status(gateway.plain(RESTART).header("X-Mfa-Totp", code())).await, 401);
    // Without a code, which is good once.
    let unproved = || gateway.own(&session.secret, RESTART);
    until_status(unproved, 401).await;
    gateway.db.remove_grant(session.grant).await.unwrap();
    until_status(unproved, 403).await;
    let now = code();
    assert_eq!(status(gateway.own(&session.secret, RESTART).header("X-Mfa-Totp", &now)).await, 403);
    let grant = GrantRow::new(Subject::User(session.user), "admin", "*", None, gateway.clock.now());
    gateway.db.add_grant(&grant).await.unwrap();
    until_status(unproved, 401).await;
    let again = gateway.own(&session.secret, RESTART).header("X-Mfa-Totp", &now);
    assert_eq!(status(again).await, 200, "who was refused for the permission has not spent the code");
}
