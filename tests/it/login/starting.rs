//! What the start itself changes: users that the environment names, and the first link.

use crate::support::{
    gateway::TestGateway,
    session::{Session, WEB, enrol},
};
use rack_gateway::{
    core::{SharedClock, SystemClock},
    store::{AuditFilter, Db, GrantRow, IdentityRow, Options, Place, Subject},
};
use serde_json::{Value, json};
use std::sync::Arc;

/// Action, event and status, oldest first.
async fn recorded(db: &Db) -> Vec<String> {
    let filter = AuditFilter { limit: 100, ..AuditFilter::default() };
    let rows = db.audit_rows(&filter).await.unwrap();
    let records = rows.iter().rev().map(|row| serde_json::from_slice::<Value>(&row.record).unwrap());
    let by_start = records.filter(|record| record["user_email"] == "local:start");
    let word = |record: &Value, key: &str| record[key].as_str().unwrap().to_owned();
    by_start.map(|record| ["action", "resource", "status"].map(|key| word(&record, key)).join(" ")).collect()
}

async fn empty() -> (Db, tempfile::TempDir) {
    let directory = tempfile::tempdir().unwrap();
    let db = Db::open(&Options::new(Place::Sqlite(directory.path().join("gateway.db")))).await.unwrap();
    db.migrate().await.unwrap();
    (db, directory)
}

#[tokio::test]
async fn named_users_are_made_once_and_recorded() {
    let (db, directory) = empty().await;
    let kept = tempfile::tempdir().unwrap();
    let variables =
        [("ADMIN_USERS", "Ada@corp.example"), ("VIEWER_USERS", "bob@corp.example, ada@corp.example")];
    let gateway = TestGateway::on(db.clone(), directory, variables).await;
    assert_eq!(gateway.first_link(), None, "there are users");
    let mut expected = vec![
        "user.create ada@corp.example pending",
        "user.create ada@corp.example success",
        "user.create bob@corp.example pending",
        "user.create bob@corp.example success",
        "link.create ada@corp.example pending",
        "link.create ada@corp.example success",
    ];
    assert_eq!(recorded(&db).await, expected);
    let grants = db.grants().await.unwrap();
    let roles: Vec<_> = grants.iter().map(|grant| (&*grant.role, &*grant.target)).collect();
    assert_eq!(roles, [("admin", "*"), ("viewer", "*")], "who exists keeps what they have");

    let again = TestGateway::on(db.clone(), kept, variables).await;
    // Ada still has nothing to log in with.
    expected.extend(["link.create ada@corp.example pending", "link.create ada@corp.example success"]);
    assert_eq!(recorded(&db).await, expected, "nothing else was changed");
    again.stop().await;
}

/// Without a provider nobody would ever get in: there is no first link, for there are users.
#[tokio::test]
async fn named_administrators_without_a_provider_come_in_by_a_link() {
    let (db, directory) = empty().await;
    let variables =
        [("ADMIN_USERS", "ada@corp.example, eve@corp.example"), ("VIEWER_USERS", "bob@corp.example")];
    let gateway = TestGateway::on(db.clone(), directory, variables).await;
    let emails: Vec<_> = gateway.enrolments().iter().map(|one| one.email.as_str()).collect();
    assert_eq!(emails, ["ada@corp.example", "eve@corp.example"]);
    let secret = gateway.enrolments()[0].address.split_once("/app/welcome#").unwrap().1.to_owned();
    let path = format!("/api/v1/auth/links/{secret}");
    let shown: Value = gateway.plain(&format!("GET {path}")).send().await.unwrap().json().await.unwrap();
    assert_eq!((&shown["kind"], &shown["email"]), (&json!("enrolment"), &json!("ada@corp.example")));

    let mut session = Session::add(&db, gateway.clock.now(), "viewer", &WEB).await;
    let take = async || {
        let body = json!({ "name": "Ada", "email": "bob@corp.example" });
        gateway.plain(&format!("POST {path}")).json(&body).send().await.unwrap()
    };
    let answer = take().await;
    assert_eq!(answer.status(), 200);
    let cookie = answer.headers()["set-cookie"].to_str().unwrap().split(';').next().unwrap();
    session.secret = cookie.split_once('=').unwrap().1.to_owned();
    let info = gateway.by_cookie(&session, "GET /api/v1/me").send().await.unwrap();
    let me: Value = info.json().await.unwrap();
    assert_eq!(me["email"], "ada@corp.example", "the link says who, not the form");
    assert_eq!(db.user_by_email("ada@corp.example").await.unwrap().name, "Ada");
    // Nothing but a second factor may be done yet.
    let gated = gateway.by_cookie(&session, "GET /api/v1/users").send().await.unwrap();
    assert_eq!(gated.status(), 401);
    assert_eq!(gated.headers()["x-mfa-required"], "enrollment");
    assert_eq!(take().await.status(), 404, "used");
    assert!(!gateway.lines.text().contains(&secret), "the secret stands in the record");
    gateway.stop().await;
}

#[tokio::test]
async fn only_who_has_nothing_to_log_in_with_gets_a_link() {
    let (db, directory) = empty().await;
    let shared: SharedClock = Arc::new(SystemClock);
    let now = shared.now();
    for (email, role) in [
        ("has-passkey", "admin"),
        ("has-identity", "admin"),
        ("locked", "admin"),
        ("demoted", "viewer"),
        ("ada", "admin"),
    ] {
        let user = db.add_user(&format!("{email}@corp.example"), email, now).await.unwrap();
        db.add_grant(&GrantRow::new(Subject::User(user.id), role, "*", None, now)).await.unwrap();
        match email {
            "has-passkey" => enrol(&db, user.id, now).await,
            "has-identity" => {
                let identity = IdentityRow {
                    issuer: "https://id.corp.example".into(),
                    subject: "1".into(),
                    user_id: user.id,
                    email: user.email,
                    created_at: now,
                    last_login_at: None,
                };
                db.add_identity(&identity).await.unwrap();
            }
            "locked" => db.set_user_lock(&user.email, Some((now, "left"))).await.unwrap(),
            _ => {}
        }
    }
    let named = "has-passkey@corp.example, has-identity@corp.example, locked@corp.example, \
                 demoted@corp.example, ada@corp.example";
    let gateway = TestGateway::on(db.clone(), directory, [("ADMIN_USERS", named)]).await;
    let emails: Vec<_> = gateway.enrolments().iter().map(|one| one.email.as_str()).collect();
    assert_eq!(emails, ["ada@corp.example"]);
    let secret = gateway.enrolments()[0].address.split_once('#').unwrap().1.to_owned();

    // The link of an earlier start ends when there is another way in.
    let user = db.user_by_email("ada@corp.example").await.unwrap().id;
    enrol(&db, user, now).await;
    let answer = gateway.plain(&format!("GET /api/v1/auth/links/{secret}")).send().await.unwrap();
    assert_eq!(answer.status(), 404);
    gateway.stop().await;
}

#[tokio::test]
async fn where_a_provider_vouches_no_link_is_made() {
    let (db, directory) = empty().await;
    let variables = [
        ("ADMIN_USERS", "new@corp.example"),
        ("GOOGLE_CLIENT_ID", "id"),
        ("GOOGLE_CLIENT_SECRET", "secret"),
        ("GOOGLE_ALLOWED_DOMAIN", "corp.example"),
    ];
    let gateway = TestGateway::on(db.clone(), directory, variables).await;
    assert!(gateway.enrolments().is_empty());
    gateway.stop().await;
}

#[tokio::test]
async fn the_first_link_is_recorded_without_its_secret() {
    let (db, directory) = empty().await;
    let gateway = TestGateway::on(db.clone(), directory, []).await;
    let address = gateway.first_link().unwrap();
    let secret = address.split_once('#').unwrap().1;
    assert_eq!(
        recorded(&db).await,
        ["link.create the first administrator pending", "link.create the first administrator success"]
    );
    let rows = db.audit_rows(&AuditFilter { limit: 100, ..AuditFilter::default() }).await.unwrap();
    assert!(rows.iter().all(|row| !String::from_utf8_lossy(&row.record).contains(secret)));
    gateway.stop().await;
}
