//! One-time links: the first administrator's, and invitations.

use super::world::{ADA, Site, cookie};
use crate::support::{
    database::{TestDb, each},
    issuer::Script,
    session::enrol,
};
use rack_gateway::{
    core::{PublicUrl, Secret, SharedClock, Timestamp, clock::FixedClock, id::UserId},
    identity::{
        change::{Actor, Refused},
        links::{INVITATION, Invitation, LinkError, Links, Newcomer},
    },
    store::{AuditFilter, LinkRow},
};
use serde_json::{Value, json};
use std::time::Duration;

const NOW: Timestamp = Timestamp::from_micros(1_700_000_000_000_000);
const DAY: Duration = Duration::from_secs(86_400);

fn links(db: &TestDb, clock: &SharedClock) -> Links {
    Links::new(db.db.clone(), clock.clone(), PublicUrl::of_domain("gateway.example.com"))
}

fn newcomer(email: &str) -> Newcomer {
    Newcomer { email: Some(email.to_owned()), name: None }
}

async fn invite(links: &Links, email: &str) -> (Secret, LinkRow) {
    let grant = Some(("ops".to_owned(), "staging".to_owned()));
    let by = UserId::new(NOW);
    let new = Invitation {
        email: email.into(),
        name: "Ada".into(),
        grant,
        by,
        expires_at: NOW.saturating_add(7 * DAY),
    };
    links.invite(&Actor::Operator, new).await.unwrap()
}

#[tokio::test]
async fn the_first_link_makes_the_first_administrator_and_no_second() {
    each(async |db: TestDb| {
        let clock = FixedClock::at(NOW);
        let shared: SharedClock = clock.clone();
        let links = links(&db, &shared);
        let (first, _) = links.bootstrap().await.unwrap().unwrap();
        let (second, _) = links.bootstrap().await.unwrap().unwrap();
        assert!(links.address(&first).starts_with("https://gateway.example.com/app/welcome#rgl_"));
        for bad in ["", "ada", "a@b@c", "ada@exämple.com"] {
            assert!(
                matches!(links.take(first.expose(), &newcomer(bad)).await, Err(LinkError::Email)),
                "{bad}"
            );
        }
        let user = links.take(first.expose(), &newcomer(" Ada@Example.com ")).await.unwrap().user;
        assert_eq!(user.email, "ada@example.com");
        let grants = db.grants().await.unwrap();
        assert_eq!((&*grants[0].role, &*grants[0].target, grants[0].user_id), ("admin", "*", Some(user.id)));
        for used in [&first, &second] {
            assert!(matches!(
                links.take(used.expose(), &newcomer("eve@example.com")).await,
                Err(LinkError::Gone)
            ));
            assert!(matches!(links.look(used.expose()).await, Err(LinkError::Gone)));
        }
        assert!(links.bootstrap().await.unwrap().is_none());
        assert_eq!(db.users().await.unwrap().len(), 1);
    })
    .await;
}

#[tokio::test]
async fn of_many_who_use_links_at_once_one_gets_in() {
    each(async |db: TestDb| {
        let shared: SharedClock = FixedClock::at(NOW);
        let links = links(&db, &shared);
        let (one, _) = links.bootstrap().await.unwrap().unwrap();
        let (two, _) = links.bootstrap().await.unwrap().unwrap();
        let attempts = (0..12).map(|number| {
            let (links, secret) = (links.clone(), if number % 2 == 0 { one.clone() } else { two.clone() });
            async move {
                links.take(secret.expose(), &newcomer(&format!("user{number}@example.com"))).await.is_ok()
            }
        });
        let won = futures_util::future::join_all(attempts).await;
        assert_eq!(won.iter().filter(|won| **won).count(), 1);
        assert_eq!((db.users().await.unwrap().len(), db.grants().await.unwrap().len()), (1, 1));

        let (secret, _) = invite(&links, "bob@example.com").await;
        let attempts = (0..12).map(|_| {
            let (links, secret) = (links.clone(), secret.clone());
            async move { links.take(secret.expose(), &Newcomer::default()).await.is_ok() }
        });
        let won = futures_util::future::join_all(attempts).await;
        assert_eq!(won.iter().filter(|won| **won).count(), 1);
    })
    .await;
}

#[tokio::test]
async fn links_end() {
    each(async |db: TestDb| {
        let clock = FixedClock::at(NOW);
        let shared: SharedClock = clock.clone();
        let links = links(&db, &shared);
        let (first, _) = links.bootstrap().await.unwrap().unwrap();
        let (open, _) = invite(&links, "ada@example.com").await;
        let (revoked, row) = invite(&links, "bob@example.com").await;
        db.revoke_link(row.id, INVITATION, NOW).await.unwrap();
        assert!(db.revoke_link(row.id, INVITATION, NOW).await.is_err(), "once");
        assert!(matches!(links.take(revoked.expose(), &Newcomer::default()).await, Err(LinkError::Gone)));
        for unknown in [
            "",
            "rgl_x",
            rack_gateway::identity::token::generate_link().expose(),
            &open.expose().to_uppercase(),
        ] {
            assert!(matches!(links.look(unknown).await, Err(LinkError::Gone)), "{unknown}");
        }
        clock.advance(DAY);
        assert!(matches!(links.look(first.expose()).await, Err(LinkError::Gone)));
        assert!(links.look(open.expose()).await.is_ok());
        clock.advance(6 * DAY);
        assert!(matches!(links.take(open.expose(), &Newcomer::default()).await, Err(LinkError::Gone)));
        assert_eq!(db.users().await.unwrap(), []);
    })
    .await;
}

#[tokio::test]
async fn of_several_enrolments_one_is_good_and_only_without_another_way_in() {
    each(async |db: TestDb| {
        let shared: SharedClock = FixedClock::at(NOW);
        let links = links(&db, &shared);
        let ada = db.add_user("ada@example.com", "Ada", NOW).await.unwrap();
        let mut secrets = Vec::new();
        for _ in 0..6 {
            secrets.push(links.enrolment(&ada).await.unwrap().unwrap().0);
        }
        let tries = secrets.iter().map(|secret| {
            let (links, secret) = (links.clone(), secret.clone());
            tokio::spawn(async move { links.take(secret.expose(), &newcomer("eve@example.com")).await })
        });
        let mut taken = Vec::new();
        for attempt in tries.collect::<Vec<_>>() {
            taken.extend(attempt.await.unwrap().ok());
        }
        assert_eq!(taken.len(), 1, "the others end with the first");
        assert_eq!((&*taken[0].user.email, taken[0].is_new), ("ada@example.com", false));
        assert_eq!(db.users().await.unwrap().len(), 1);

        let (late, _) = links.enrolment(&ada).await.unwrap().unwrap();
        db.set_user_lock("ada@example.com", Some((NOW, "left"))).await.unwrap();
        assert!(matches!(links.take(late.expose(), &Newcomer::default()).await, Err(LinkError::Gone)));
        db.set_user_lock("ada@example.com", None).await.unwrap();
        enrol(&db, ada.id, NOW).await;
        assert!(matches!(links.take(late.expose(), &Newcomer::default()).await, Err(LinkError::Gone)));
        assert!(links.enrolment(&ada).await.unwrap().is_none());
    })
    .await;
}

#[tokio::test]
async fn an_invitation_is_no_second_way_into_an_account() {
    each(async |db: TestDb| {
        let shared: SharedClock = FixedClock::at(NOW);
        let links = links(&db, &shared);
        let (secret, _) = invite(&links, "ada@example.com").await;
        db.add_user("ada@example.com", "Ada", NOW).await.unwrap();
        let other = newcomer("admin@example.com");
        assert!(matches!(links.take(secret.expose(), &other).await, Err(LinkError::Taken)));
        let again = Invitation {
            email: "ada@example.com".into(),
            name: String::new(),
            grant: None,
            by: UserId::new(NOW),
            expires_at: NOW.saturating_add(DAY),
        };
        assert!(matches!(links.invite(&Actor::Operator, again).await, Err(Refused::Conflict(_))));
        assert_eq!((db.users().await.unwrap().len(), db.grants().await.unwrap().len()), (1, 0));
    })
    .await;
}

#[tokio::test]
async fn through_the_front_door() {
    let site = Site::with(&["one"], "").await;
    let address = site.gateway.first_link().expect("nobody is there yet").to_owned();
    let secret = address.split_once("/app/welcome#").unwrap().1;
    let path = format!("/api/v1/auth/links/{secret}");
    let browser = site.browser();
    let shown: Value = browser.get(&path).await.json().await.unwrap();
    assert_eq!((&shown["kind"], &shown["email"]), (&json!("bootstrap"), &Value::Null));
    let ways: Value = browser.get("/api/v1/auth/providers").await.json().await.unwrap();
    assert_eq!(ways["providers"], json!([{ "id": "one", "name": "One", "kind": "oidc" }]));
    assert_eq!(ways["first_run"], json!(true));

    for (body, field) in [
        (json!({}), "email"),
        (json!({ "email": "x" }), "email"),
        (json!({ "email": ADA, "name": "x".repeat(201) }), "name"),
    ] {
        let answer = browser.post(&path, &body).await;
        assert_eq!(answer.status(), 400);
        assert_eq!(answer.json::<Value>().await.unwrap()["field"], field);
    }
    let answer = browser.post(&path, &json!({ "email": ADA, "name": "Ada" })).await;
    assert_eq!(answer.status(), 200);
    assert!(cookie(&answer, "session_token").is_some());
    let id = answer.headers()["x-request-id"].to_str().unwrap().to_owned();
    assert_eq!(
        answer.json::<Value>().await.unwrap()["redirect"],
        "/app/account/security?enrollment=required"
    );
    let record = site.gateway.lines.wait_for(|record| record["request_id"] == id.as_str()).await;
    assert_eq!((&record["user_email"], &record["action"]), (&json!(ADA), &json!("link.use")));

    let filter = AuditFilter { action: Some("link.use".to_owned()), limit: 20, ..AuditFilter::default() };
    let rows = site.gateway.db.audit_rows(&filter).await.unwrap();
    let records: Vec<Value> = rows.iter().map(|row| serde_json::from_slice(&row.record).unwrap()).collect();
    assert!(
        records.iter().any(|record| record["request_id"] == id.as_str() && record["event"] == "intent"),
        "written before anybody was made: {records:#?}"
    );
    assert!(records.iter().all(|record| !record.to_string().contains(secret)));

    let again = browser.post(&path, &json!({ "email": "eve@corp.example" })).await;
    assert_eq!(again.status(), 404);
    assert!(cookie(&again, "session_token").is_none());
    assert_eq!(again.json::<Value>().await.unwrap()["code"], "link_gone");
    assert!(!site.gateway.lines.text().contains(secret), "the secret stands in the record");
    let ways: Value = browser.get("/api/v1/auth/providers").await.json().await.unwrap();
    assert_eq!(ways["first_run"], json!(false));
    site.gateway.stop().await;
}

#[tokio::test]
async fn who_invites_gives_no_more_than_they_hold() {
    let site = Site::with(&["one"], "").await;
    site.issuers.add("one", Script::default());
    let admin = site.gateway.token("admin").await;
    let viewer = site.gateway.token("viewer").await;
    let invite = async |token: &str, body: Value| {
        site.gateway.own(token, "POST /api/v1/invitations").json(&body).send().await.unwrap()
    };
    assert_eq!(invite(&viewer, json!({ "email": ADA })).await.status(), 403);
    // Whatever a token may do, it cannot make people.
    let by_token = invite(&admin, json!({ "email": ADA, "role": "viewer" })).await;
    assert_eq!(by_token.status(), 403);
    for (body, field) in [
        (json!({ "email": "x" }), "email"),
        (json!({ "email": ADA, "role": "none" }), "role"),
        (json!({ "email": ADA, "role": "ops", "target": "a b" }), "target"),
        (json!({ "email": ADA, "target": "staging" }), "target"),
        (json!({ "email": ADA, "nonsense": 1 }), "nonsense"),
    ] {
        let answer = invite(&admin, body).await;
        assert_eq!(answer.status(), 400);
        assert_eq!(answer.json::<Value>().await.unwrap()["field"], field);
    }
    let answer = invite(&admin, json!({ "email": ADA, "name": "Ada" })).await;
    assert_eq!(answer.status(), 201);
    let made: Value = answer.json().await.unwrap();
    assert_eq!((&made["state"], &made["email"]), (&json!("open"), &json!(ADA)));
    let listed: Value =
        site.gateway.own(&admin, "GET /api/v1/invitations").send().await.unwrap().json().await.unwrap();
    assert_eq!(listed["invitations"][0]["id"], made["id"]);
    assert!(!listed.to_string().contains("rgl_"));

    // A provider's word uses it up as well.
    assert!(site.browser().login("one").await.session.is_some());
    let secret = made["url"].as_str().unwrap().split_once('#').unwrap().1.to_owned();
    let late = site.browser().post(&format!("/api/v1/auth/links/{secret}"), &json!({})).await;
    assert_eq!(late.status(), 404);
    let revoke = format!("DELETE /api/v1/invitations/{}", made["id"].as_str().unwrap());
    assert_eq!(site.gateway.own(&admin, &revoke).send().await.unwrap().status(), 404, "used");
    assert!(!site.gateway.lines.text().contains(&secret), "the secret stands in the record");
    site.gateway.stop().await;
}
