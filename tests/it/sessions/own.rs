//! What people see of themselves, and leaving.

use super::{read, status_of_me};
use crate::support::{
    gateway::{TestGateway, until_status},
    session::{CLI, Kind, WEB},
};
use rack_gateway::core::{Timestamp, id::SessionId};
use serde_json::{Value, json};

#[tokio::test]
async fn info_says_what_a_page_needs() {
    let gateway = TestGateway::with([
        ("SENTRY_JS_DSN", "https://key@sentry.example/1"),
        ("SENTRY_JS_TRACES_SAMPLE_RATE", "0.5"),
        ("RACK_ALIAS", "production"),
    ])
    .await;
    let now = gateway.clock.now();
    let session = gateway.session_of("ops", &Kind { step_up: Some(now), ..WEB }).await;
    let (status, info) = read(gateway.by_cookie(&session, "GET /api/v1/info")).await;
    assert_eq!(status, 200, "{info}");
    let user = &info["user"];
    assert_eq!((&user["email"], &user["roles"]), (&session.email.as_str().into(), &json!(["ops"])));
    assert_eq!((&user["mfa_enrolled"], &user["mfa_required"]), (&true.into(), &true.into()));
    assert_eq!((&user["preferred_mfa_method"], &user["has_trusted_device"]), (&Value::Null, &false.into()));
    let recent = Timestamp::parse(user["recent_step_up_expires_at"].as_str().unwrap()).unwrap();
    assert_eq!(recent.as_micros(), now.as_micros() + 600_000_000);
    assert_eq!(info["csrf_token"], session.csrf());
    assert_eq!(
        (&info["session"]["id"], &info["session"]["channel"]),
        (&session.id.to_string().into(), &"web".into())
    );
    assert!(info["session"]["idle_expires_at"].as_str() <= info["session"]["expires_at"].as_str());
    assert_eq!((&info["rack"]["name"], &info["rack"]["alias"]), (&"demo".into(), &"production".into()));
    assert_eq!(info["racks"].as_array().unwrap().len(), 1);
    assert_eq!(info["version"]["version"], env!("CARGO_PKG_VERSION"));
    assert_eq!(info["sentry"]["traces_sample_rate"], 0.5);
    assert!(!info.to_string().contains("rgs_"), "never the secret itself");

    let by_header = read(gateway.own(&session.secret, "GET /api/v1/info")).await.1;
    assert_eq!(by_header["csrf_token"], Value::Null);
    let token = gateway.token("ops").await;
    assert_eq!(read(gateway.own(&token, "GET /api/v1/info")).await.0, 403, "a token is no person");
}

#[tokio::test]
async fn the_list_is_ones_own_and_so_is_the_power_over_it() {
    let gateway = TestGateway::start().await;
    let (mine, other) = (gateway.session("admin").await, gateway.session("viewer").await);
    let phone = mine.another(&gateway.db, gateway.clock.now(), &CLI).await;
    let (_, list) = read(gateway.own(&mine.secret, "GET /api/v1/sessions")).await;
    let sessions = list["sessions"].as_array().unwrap();
    assert_eq!(sessions.len(), 2, "{list}");
    assert_eq!((&sessions[0]["id"], &sessions[0]["current"]), (&phone.id.to_string().into(), &false.into()));
    assert_eq!((&sessions[1]["id"], &sessions[1]["current"]), (&mine.id.to_string().into(), &true.into()));
    assert_eq!((&sessions[0]["channel"], &sessions[0]["ip"]), (&"cli".into(), &"192.0.2.1".into()));
    assert!(!list.to_string().contains("rgs_") && !list.to_string().contains("hash"), "{list}");

    let delete = |id: String| gateway.own(&mine.secret, &format!("DELETE /api/v1/sessions/{id}"));
    for id in [other.id.to_string(), SessionId::new(gateway.clock.now()).to_string()] {
        let (status, document) = read(delete(id)).await;
        assert_eq!((status, &document["code"]), (404, &"not_found".into()), "not even an admin here");
    }
    let (status, document) = read(delete("x".to_owned())).await;
    assert_eq!((status, &document["field"]), (400, &"id".into()));
    assert_eq!(status_of_me(&gateway, &other).await, 200);

    assert_eq!(read(delete(phone.id.to_string())).await.0, 200);
    assert_eq!(status_of_me(&gateway, &phone).await, 401, "at once");
    assert_eq!(read(delete(phone.id.to_string())).await.0, 404, "once");
    let record = gateway
        .lines
        .wait_for(|record| record["action"] == "session.revoke" && record["status"] == "success");
    assert_eq!(record.await["resource"], phone.id.to_string());
}

#[tokio::test]
async fn others_are_ended_at_once() {
    let gateway = TestGateway::start().await;
    let mine = gateway.session("viewer").await;
    let others = [
        mine.another(&gateway.db, gateway.clock.now(), &CLI).await,
        mine.another(&gateway.db, gateway.clock.now(), &WEB).await,
    ];
    let stranger = gateway.session("viewer").await;
    let (status, document) = read(gateway.own(&mine.secret, "POST /api/v1/sessions/revoke-others")).await;
    assert_eq!((status, &document["revoked_count"]), (200, &2.into()));
    for other in &others {
        assert_eq!(status_of_me(&gateway, other).await, 401);
    }
    assert_eq!(status_of_me(&gateway, &mine).await, 200);
    assert_eq!(status_of_me(&gateway, &stranger).await, 200);
}

#[tokio::test]
async fn leaving_ends_the_session_and_clears_the_cookie() {
    let gateway = TestGateway::start().await;
    let session = gateway.session("viewer").await;
    let by_get = gateway.by_cookie(&session, "GET /api/v1/auth/web/logout").send().await.unwrap();
    assert_eq!(by_get.status(), 405, "a picture on a foreign page logs nobody out");
    let answer = gateway.by_page(&session, "POST /api/v1/auth/web/logout").send().await.unwrap();
    assert_eq!(answer.status(), 200);
    let cookie = answer.headers()["set-cookie"].to_str().unwrap().to_owned();
    assert!(cookie.starts_with("session_token=; ") && cookie.contains("Max-Age=0"), "{cookie}");
    assert_eq!(answer.json::<Value>().await.unwrap(), json!({ "redirect": "/app/login" }));
    assert_eq!(status_of_me(&gateway, &session).await, 401);

    let cli = gateway.session_of("viewer", &CLI).await;
    assert_eq!(read(gateway.own(&cli.secret, "POST /api/v1/auth/logout")).await.0, 200);
    assert_eq!(status_of_me(&gateway, &cli).await, 401);
    let token = gateway.token("viewer").await;
    assert_eq!(read(gateway.own(&token, "POST /api/v1/auth/logout")).await.0, 403);
}

/// What is given to a person later is for a secret that nobody can have seen before.
#[tokio::test]
async fn new_rights_come_with_a_new_secret() {
    let gateway = TestGateway::start().await;
    let session = gateway.session("viewer").await;
    let first = gateway.by_cookie(&session, "GET /api/v1/info").send().await.unwrap();
    assert!(first.headers().get("set-cookie").is_none(), "nothing was given since");
    let users = gateway.own(&session.secret, "GET /api/v1/users");
    assert_eq!(read(users).await.0, 403, "not yet");
    let now = gateway.clock.now();
    let grant = rack_gateway::store::GrantRow::new(
        rack_gateway::store::Subject::User(session.user),
        "admin",
        "*",
        None,
        now,
    );
    gateway.db.add_grant(&grant).await.unwrap();
    // Asked by header, which renews nothing.
    until_status(|| gateway.own(&session.secret, "GET /api/v1/users"), 200).await;
    let answer = gateway.by_cookie(&session, "GET /api/v1/info").send().await.unwrap();
    let cookie = answer.headers()["set-cookie"].to_str().unwrap().to_owned();
    let csrf = answer.headers()["x-csrf-token"].to_str().unwrap().to_owned();
    let info: Value = answer.json().await.unwrap();
    assert_eq!(info["csrf_token"], csrf);
    assert_ne!(info["csrf_token"], session.csrf());
    assert!(cookie.len() < 512 && cookie.contains("HttpOnly") && cookie.contains("SameSite=Lax"), "{cookie}");
    assert_eq!(status_of_me(&gateway, &session).await, 401, "the old secret is worth nothing");
    let new = cookie.split(';').next().unwrap();
    let me = gateway.plain("GET /api/v1/info").header("cookie", new).send().await.unwrap();
    assert_eq!(me.status(), 200);
    assert!(me.headers().get("set-cookie").is_none(), "once");
}
