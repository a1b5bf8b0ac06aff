//! Who was sent away does not come back through a link that was made for them before.

use super::world::{ADA, Site};
use crate::support::{
    database::{TestDb, each},
    issuer::Script,
};
use rack_gateway::{
    core::{
        PublicUrl, Secret, SharedClock, Timestamp,
        clock::FixedClock,
        id::{LinkId, UserId},
    },
    identity::{
        change::{
            Actor,
            users::{self, UserEdit},
        },
        links::{ENROLMENT, INVITATION, LinkError, Links, Newcomer},
        token::{self, TokenHash},
    },
    store::{Db, IdentityRow, LinkRow, NewPerson, Ticket, UserRow},
};
use serde_json::{Value, json};
use std::time::Duration;

const NOW: Timestamp = Timestamp::from_micros(1_700_000_000_000_000);
const BOB: &str = "bob@corp.example";

fn links(db: &TestDb) -> Links {
    let clock: SharedClock = FixedClock::at(NOW);
    Links::new(db.db.clone(), clock, PublicUrl::of_domain("gateway.example.com"))
}

async fn add(db: &Db, kind: &str, email: &str) -> Secret {
    let secret = token::generate_link();
    let link = LinkRow {
        id: LinkId::new(NOW),
        hash: TokenHash::of(secret.expose()).as_bytes().to_vec(),
        kind: kind.to_owned(),
        email: email.to_owned(),
        name: String::new(),
        role: Some("ops".to_owned()),
        target: Some("staging".to_owned()),
        created_by: Some(UserId::new(NOW)),
        created_at: NOW,
        expires_at: NOW.saturating_add(Duration::from_secs(86_400)),
        used_at: None,
        revoked_at: None,
    };
    db.add_link(&link).await.unwrap();
    secret
}

async fn row(db: &Db, secret: &Secret) -> LinkRow {
    db.link_by_hash(TokenHash::of(secret.expose()).as_bytes()).await.unwrap().unwrap()
}

/// Used and revoked.
async fn ends(db: &Db, secret: &Secret) -> (Option<Timestamp>, Option<Timestamp>) {
    let row = row(db, secret).await;
    (row.used_at, row.revoked_at)
}

const OPEN: (Option<Timestamp>, Option<Timestamp>) = (None, None);
const REVOKED: (Option<Timestamp>, Option<Timestamp>) = (None, Some(NOW));

#[tokio::test]
async fn who_comes_in_by_one_link_ends_the_others_for_the_address() {
    each(async |db: TestDb| {
        let links = links(&db);
        let (older, newer) = (add(&db, INVITATION, ADA).await, add(&db, INVITATION, ADA).await);
        let enrolment = add(&db, ENROLMENT, ADA).await;
        let bobs = add(&db, INVITATION, BOB).await;
        let ada = links.take(newer.expose(), &Newcomer::default()).await.unwrap().user;
        assert_eq!(ada.email, ADA);
        assert_eq!(ends(&db, &newer).await, (Some(NOW), None), "used, and not revoked besides");
        assert_eq!(ends(&db, &older).await, REVOKED);
        assert_eq!(ends(&db, &enrolment).await, REVOKED);
        assert_eq!(ends(&db, &bobs).await, OPEN, "another address");

        users::delete(&db, &Actor::Operator, NOW, ADA).await.unwrap();
        let back = links.take(older.expose(), &Newcomer::default()).await;
        assert!(matches!(back, Err(LinkError::Gone)), "{back:?}");
        assert_eq!(db.users().await.unwrap(), []);
        links.take(bobs.expose(), &Newcomer::default()).await.unwrap();
    })
    .await;
}

#[tokio::test]
async fn who_comes_in_by_a_provider_ends_the_links_for_the_address() {
    each(async |db: TestDb| {
        let (older, newer) = (add(&db, INVITATION, ADA).await, add(&db, INVITATION, ADA).await);
        let bobs = add(&db, INVITATION, BOB).await;
        let enter = async |email: &str, ticket: Ticket| {
            let user = UserRow::new(email, "", NOW);
            let identity = IdentityRow {
                issuer: "https://issuer.example.com".to_owned(),
                subject: email.to_owned(),
                user_id: user.id,
                email: email.to_owned(),
                created_at: NOW,
                last_login_at: None,
            };
            let person = NewPerson { user, identity: Some(identity), grants: Vec::new(), ticket };
            db.add_person(&person).await.unwrap();
        };
        enter(ADA, Ticket::Invitation(row(&db, &newer).await.id)).await;
        assert_eq!(ends(&db, &newer).await, (Some(NOW), None));
        assert_eq!(ends(&db, &older).await, REVOKED);
        assert_eq!(ends(&db, &bobs).await, OPEN);
        enter(BOB, Ticket::None).await;
        assert_eq!(
            ends(&db, &bobs).await,
            REVOKED,
            "a group gave him the role; the invitation was not needed"
        );
    })
    .await;
}

#[tokio::test]
async fn a_deletion_and_a_new_address_end_links_for_the_old_one() {
    each(async |db: TestDb| {
        db.add_user(ADA, "Ada", NOW).await.unwrap();
        db.add_user(BOB, "Bob", NOW).await.unwrap();
        let of_ada = [add(&db, INVITATION, ADA).await, add(&db, ENROLMENT, ADA).await];
        let of_bob = [add(&db, INVITATION, BOB).await, add(&db, ENROLMENT, BOB).await];
        let name = UserEdit { email: None, name: Some("Bobby".to_owned()) };
        users::update(&db, &Actor::Operator, NOW, BOB, &name).await.unwrap();
        users::delete(&db, &Actor::Operator, NOW, ADA).await.unwrap();
        for (hers, his) in of_ada.iter().zip(&of_bob) {
            assert_eq!((ends(&db, hers).await, ends(&db, his).await), (REVOKED, OPEN));
        }
        let moved = UserEdit { email: Some("robert@corp.example".to_owned()), name: None };
        users::update(&db, &Actor::Operator, NOW, BOB, &moved).await.unwrap();
        for his in &of_bob {
            assert_eq!(ends(&db, his).await, REVOKED);
        }
    })
    .await;
}

#[tokio::test]
async fn through_the_front_door() {
    let site = Site::with(&["one"], "").await;
    site.issuers.add("one", Script::default());
    let admin = site.gateway.token("admin").await;
    let mut paths = Vec::new();
    for _ in 0..2 {
        let invite = site.gateway.own(&admin, "POST /api/v1/invitations").json(&json!({ "email": ADA }));
        let made: Value = invite.send().await.unwrap().json().await.unwrap();
        let (_, secret) = made["url"].as_str().unwrap().split_once('#').unwrap();
        paths.push(format!("/api/v1/auth/links/{secret}"));
    }
    assert_eq!(site.browser().post(&paths[1], &json!({ "name": "Ada" })).await.status(), 200);
    let delete = format!("DELETE /api/v1/users/{ADA}");
    let deleted = site.gateway.own(&admin, &delete).send().await.unwrap();
    assert!(deleted.status().is_success(), "{deleted:?}");

    let late = site.browser().post(&paths[0], &json!({ "name": "Ada" })).await;
    assert_eq!(late.status(), 404, "the older invitation");
    assert_eq!(late.json::<Value>().await.unwrap()["code"], "link_gone");
    assert_eq!(site.browser().login("one").await.code(), Some("not_authorized"), "nor by the provider");
    site.gateway.stop().await;
}
