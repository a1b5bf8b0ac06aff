//! Whom a provider's word lets in, and with which roles.

use super::world::{ADA, Site};
use crate::support::issuer::{KEYS, Script, header_of};
use serde_json::{Value, json};
use std::sync::Arc;

const ROLES: &str = "[[group_roles]]\nprovider = 'one'\ngroup = 'platform'\nrole = 'ops'\ntarget = 'staging'\n\
                     [[group_roles]]\nprovider = 'one'\ngroup = 'admins'\nrole = 'admin'\n";

fn says(change: impl Fn(&mut Value) + Send + Sync + 'static) -> Script {
    let id_token = move |flow: &crate::support::issuer::Flow| {
        let mut claims = flow.claims();
        change(&mut claims);
        KEYS.token("ed", &header_of("ed"), &claims.to_string())
    };
    Script { id_token: Arc::new(id_token), ..Script::default() }
}

fn member_of(groups: &'static [&'static str]) -> Script {
    says(move |claims| claims["groups"] = json!(groups))
}

async fn held(site: &Site, email: &str) -> Vec<(String, String, Option<String>)> {
    let user = site.gateway.db.user_by_email(email).await.unwrap();
    let mut grants = site.gateway.db.grants().await.unwrap();
    grants.retain(|grant| grant.user_id == Some(user.id));
    let mut held: Vec<_> = grants.into_iter().map(|grant| (grant.role, grant.target, grant.origin)).collect();
    held.sort();
    held
}

#[tokio::test]
async fn strangers_stay_outside() {
    let site = Site::with(&["one"], ROLES).await;
    site.issuers.add("one", member_of(&["others"]));
    let landing = site.browser().login("one").await;
    assert_eq!((landing.code(), landing.session.is_some()), (Some("not_authorized"), false));
    assert_eq!(site.gateway.db.users().await.unwrap(), []);
    let record =
        site.gateway.lines.wait_for(|record| record["request_id"] == landing.request_id.as_str()).await;
    assert_eq!(record["user_email"], ADA);
    site.gateway.stop().await;
}

#[tokio::test]
async fn groups_give_roles_and_take_them_back() {
    let site = Site::with(&["one"], ROLES).await;
    site.gateway.token("admin").await;
    site.issuers.add("one", member_of(&["platform", "others"]));
    assert!(site.browser().login("one").await.session.is_some());
    let of_group = |role: &str, target: &str| (role.to_owned(), target.to_owned(), Some("one".to_owned()));
    assert_eq!(held(&site, ADA).await, [of_group("ops", "staging")]);

    let ada = site.gateway.db.user_by_email(ADA).await.unwrap();
    let own = rack_gateway::store::GrantRow::new(
        rack_gateway::store::Subject::User(ada.id),
        "viewer",
        "*",
        None,
        site.gateway.clock.now(),
    );
    site.gateway.db.add_grant(&own).await.unwrap();
    site.issuers.add("one", member_of(&["admins"]));
    assert!(site.browser().login("one").await.session.is_some());
    assert_eq!(held(&site, ADA).await, [of_group("admin", "*"), ("viewer".into(), "*".into(), None)]);

    for (groups, why) in [
        (json!("platform-x"), "another group"),
        (json!({ "admins": true }), "no list"),
        (json!([["admins"]]), "a list in a list"),
        (json!(["ADMINS"]), "another case"),
    ] {
        site.issuers.add("one", says(move |claims| claims["groups"] = groups.clone()));
        assert!(site.browser().login("one").await.session.is_some());
        assert_eq!(held(&site, ADA).await, [("viewer".into(), "*".into(), None)], "{why}");
    }
    site.gateway.stop().await;
}

/// A wrong group claim, or a group that somebody renamed, would lock all out for good.
#[tokio::test]
async fn groups_do_not_take_the_last_administrator_away() {
    let site = Site::with(&["one"], ROLES).await;
    site.issuers.add("one", member_of(&["admins", "platform"]));
    assert!(site.browser().login("one").await.session.is_some());
    site.issuers.add("one", member_of(&[]));
    let landing = site.browser().login("one").await;
    assert!(landing.session.is_some());
    let of_group = |role: &str, target: &str| (role.to_owned(), target.to_owned(), Some("one".to_owned()));
    assert_eq!(held(&site, ADA).await, [of_group("admin", "*")], "the other role is gone");
    let record =
        site.gateway.lines.wait_for(|record| record["request_id"] == landing.request_id.as_str()).await;
    let changes = record["changes"].as_str().unwrap();
    for part in ["lost ops on staging", "kept, as the last administrator, admin on *"] {
        assert!(changes.contains(part), "{part} in {changes}");
    }
    // With another one there, the next login takes it.
    site.gateway.token("admin").await;
    assert!(site.browser().login("one").await.session.is_some());
    assert_eq!(held(&site, ADA).await, []);
    site.gateway.stop().await;
}

/// CVE-2026-40574, CVE-2026-55075: an e-mail address was the identity, so whoever got the address got the account.
#[tokio::test]
async fn the_subject_counts_and_not_the_address() {
    let site = Site::with(&["one", "two"], "").await;
    site.issuers.add("one", Script::default());
    site.issuers.add("two", Script::default());
    site.add_user(ADA).await;
    assert!(site.browser().login("one").await.session.is_some());
    assert!(site.browser().login("two").await.session.is_some(), "a second provider of the same person");

    // The address was given to somebody else.
    site.issuers.add("one", says(|claims| claims["sub"] = json!("subject-2")));
    let landing = site.browser().login("one").await;
    assert_eq!((landing.code(), landing.session.is_some()), (Some("identity_conflict"), false));

    // The person has another address now.
    site.issuers.add("one", says(|claims| claims["email"] = json!("ada.new@corp.example")));
    assert!(site.browser().login("one").await.session.is_some());
    let users = site.gateway.db.users().await.unwrap();
    assert_eq!(users.len(), 1);
    assert_eq!(site.gateway.db.identities_of(users[0].id).await.unwrap()[0].email, "ada.new@corp.example");
    site.gateway.stop().await;
}

/// CVE-2024-27918: another spelling of an address was another person, or the same.
#[tokio::test]
async fn spelling_does_not_make_another_person() {
    let site = Site::with(&["one"], "").await;
    site.add_user(ADA).await;
    site.issuers.add("one", says(|claims| claims["email"] = json!("ADA@Corp.Example")));
    assert!(site.browser().login("one").await.session.is_some());
    assert_eq!(site.gateway.db.users().await.unwrap().len(), 1);
    site.gateway.stop().await;
}

#[tokio::test]
async fn the_locked_stay_outside() {
    let site = Site::with(&["one"], "").await;
    site.issuers.add("one", Script::default());
    site.add_user(ADA).await;
    let now = site.gateway.clock.now();
    site.gateway.db.set_user_lock(ADA, Some((now, "left"))).await.unwrap();
    for known in [false, true] {
        assert_eq!(site.browser().login("one").await.code(), Some("account_locked"), "known: {known}");
        let ada = site.gateway.db.user_by_email(ADA).await.unwrap();
        assert_eq!(site.gateway.db.identities_of(ada.id).await.unwrap().len(), usize::from(known));
        if !known {
            site.gateway.db.set_user_lock(ADA, None).await.unwrap();
            assert!(site.browser().login("one").await.session.is_some());
            site.gateway.db.set_user_lock(ADA, Some((now, "left"))).await.unwrap();
        }
    }
    site.gateway.stop().await;
}

#[tokio::test]
async fn provisioning_lets_strangers_in_with_nothing() {
    let site = Site::with(&["one"], "[login]\nprovision = true\n").await;
    site.issuers.add("one", Script::default());
    assert!(site.browser().login("one").await.session.is_some());
    assert_eq!(held(&site, ADA).await, []);
    site.gateway.stop().await;
}

/// CVE-2025-24806: the budget of failures was kept for each spelling, address and replica.
#[tokio::test]
async fn failures_of_one_person_share_a_budget() {
    let site = Site::with(&["one"], "").await;
    let spellings = ["ada@corp.example", "ADA@corp.example", "Ada@Corp.Example", "ada@CORP.example"];
    for attempt in 0..10 {
        let spelling = spellings[attempt % spellings.len()];
        site.issuers.add("one", says(move |claims| claims["email"] = json!(spelling)));
        // Each from another address.
        assert_eq!(site.browser().login("one").await.code(), Some("not_authorized"), "{attempt}");
    }
    assert_eq!(site.browser().login("one").await.code(), Some("too_many_attempts"));
    site.gateway.stop().await;
}

#[tokio::test]
async fn a_new_person_who_comes_twice_at_once_is_one_person() {
    let site = Site::with(&["one"], ROLES).await;
    site.issuers.add("one", member_of(&["platform"]));
    let logins = (0..6).map(|_| async { site.browser().login("one").await });
    for landing in futures_util::future::join_all(logins).await {
        assert!(landing.session.is_some(), "{landing:?}");
    }
    assert_eq!(site.gateway.db.users().await.unwrap().len(), 1);
    assert_eq!(held(&site, ADA).await.len(), 1);
    site.gateway.stop().await;
}
