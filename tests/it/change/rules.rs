//! What people and tokens may change, rule by rule.

use super::{NOW, add, by, email, grant, own, person, token};
use crate::support::database::{TestDb, each};
use rack_gateway::{
    core::{Timestamp, id::LinkId},
    identity::{
        change::{
            Actor, Refused,
            grants::{self, Holder, NewGrant},
            roles::{self, NewRole, RoleEdit},
            settings as setting_changes,
            tokens::{self, NewToken, TokenEdit},
            users::{self, NewUser, UserEdit},
        },
        links::INVITATION,
        settings::{Settings, key},
    },
    policy::{NotYours, Permission},
    store::{Db, LinkRow},
};
use std::time::Duration;

fn new_user(name: &str, grants: Vec<NewGrant>) -> NewUser {
    NewUser { email: email(name), name: name.to_owned(), grants }
}

fn new_token(owner: &str, name: &str, grants: Vec<NewGrant>) -> NewToken {
    NewToken { owner: email(owner), name: name.to_owned(), expires_at: None, grants }
}

async fn roles_of(db: &Db, name: &str) -> Vec<String> {
    let user = db.user_by_email(&email(name)).await.unwrap();
    let grants = db.grants().await.unwrap();
    grants.into_iter().filter(|grant| grant.user_id == Some(user.id)).map(|grant| grant.role).collect()
}

fn role(name: &str, permissions: &[&str]) -> NewRole {
    let permissions = permissions.iter().map(|text| (*text).to_owned()).collect();
    NewRole { name: name.to_owned(), description: String::new(), permissions }
}

fn edit(permissions: &[&str]) -> RoleEdit {
    RoleEdit { permissions: Some(role("", permissions).permissions), ..Default::default() }
}

/// An office that may administer users, roles and grants, and holds `ops` on one rack besides.
async fn office(db: &Db) {
    add(db, "ada", "admin", "*").await;
    roles::create(db, &Actor::Operator, NOW, &role("desk", &["gateway:*:*"])).await.unwrap();
    add(db, "desk", "desk", "*").await;
    let ops = grant("ops", "rack:staging");
    grants::add(db, &Actor::Operator, NOW, &Holder::User(email("desk")), &ops).await.unwrap();
}

#[tokio::test]
async fn nobody_gives_what_they_do_not_hold() {
    each(async |db: TestDb| {
        office(&db).await;
        let desk = person(&db, "desk").await;
        let actor = by(&desk, Permission::UserCreate);
        let with = |grant: NewGrant| new_user("new", vec![grant]);
        for too_much in [
            grant("admin", "*"),
            grant("ops", "*"),
            grant("deployer", "rack:staging"),
            grant("ops", "staging"),
        ] {
            let refused = users::create(&db, &actor, NOW, &with(too_much.clone())).await;
            assert!(matches!(refused, Err(Refused::NotYours(NotYours::Exceeds { .. }))), "{too_much:?}");
        }
        assert!(db.user_by_email(&email("new")).await.is_err(), "nothing was left behind");
        users::create(&db, &actor, NOW, &with(grant("viewer", "rack:staging/web"))).await.unwrap();
        assert_eq!(roles_of(&db, "new").await, ["viewer"]);

        let actor = by(&desk, Permission::GrantUpdate);
        let holder = Holder::User(email("new"));
        assert!(grants::add(&db, &actor, NOW, &holder, &grant("admin", "*")).await.is_err());
        grants::add(&db, &actor, NOW, &holder, &grant("ops", "rack:staging")).await.unwrap();
        let unknown = grants::add(&db, &actor, NOW, &holder, &grant("nobody", "*")).await;
        assert!(matches!(unknown, Err(Refused::Field { field: "role", .. })));
        let past = NewGrant { expires_at: Some(NOW), ..grant("viewer", "rack:staging") };
        let past = grants::add(&db, &actor, NOW, &holder, &past).await;
        assert!(matches!(past, Err(Refused::Field { field: "expires_at", .. })));
    })
    .await;
}

#[tokio::test]
async fn nobody_gives_roles_to_themselves_and_what_is_for_a_time_stays_so() {
    each(async |db: TestDb| {
        office(&db).await;
        let desk = person(&db, "desk").await;
        let actor = by(&desk, Permission::GrantUpdate);
        let (oneself, again) = (Holder::User(email("desk")), grant("ops", "rack:staging/web"));
        let refused = grants::add(&db, &actor, NOW, &oneself, &again).await;
        assert!(matches!(refused, Err(Refused::NotAllowed(_))), "{refused:?}");

        let end = NOW.saturating_add(Duration::from_secs(3_600));
        let borrowed = NewGrant { expires_at: Some(end), ..grant("deployer", "rack:staging") };
        grants::add(&db, &Actor::Operator, NOW, &Holder::User(email("desk")), &borrowed).await.unwrap();
        let colleague = Holder::User(email("ada"));
        let forever = grants::add(&db, &actor, NOW, &colleague, &grant("deployer", "rack:staging")).await;
        assert!(matches!(forever, Err(Refused::NotYours(NotYours::Exceeds { until: Some(None), .. }))));
        grants::add(&db, &actor, NOW, &colleague, &borrowed).await.unwrap();
    })
    .await;
}

#[tokio::test]
async fn an_account_that_holds_more_cannot_be_taken_over() {
    each(async |db: TestDb| {
        office(&db).await;
        add(&db, "bob", "viewer", "rack:staging").await;
        let desk = person(&db, "desk").await;
        let actor = by(&desk, Permission::UserUpdate);
        let mine = UserEdit { email: Some("mallory@example.com".into()), name: None };
        let taken = users::update(&db, &actor, NOW, &email("ada"), &mine).await;
        assert!(matches!(taken, Err(Refused::NotAllowed(_))), "{taken:?}");
        assert!(users::reset_mfa(&db, &actor, NOW, &email("ada")).await.is_err());
        assert!(users::unlock(&db, &actor, NOW, &email("ada")).await.is_err());
        let actor_delete = by(&desk, Permission::UserDelete);
        assert!(users::delete(&db, &actor_delete, NOW, &email("ada")).await.is_err());
        users::update(&db, &actor, NOW, &email("bob"), &mine).await.unwrap();
        users::reset_mfa(&db, &actor, NOW, "mallory@example.com").await.unwrap();
        for oneself in [
            users::lock(&db, &actor, NOW, &email("desk"), "").await.err(),
            users::reset_mfa(&db, &actor, NOW, &email("desk")).await.err(),
            users::delete(&db, &actor_delete, NOW, &email("desk")).await.err(),
        ] {
            assert!(matches!(oneself, Some(Refused::NotAllowed(_))), "{oneself:?}");
        }
    })
    .await;
}

#[tokio::test]
async fn a_role_spreads_only_what_its_editor_holds_wherever_it_is_held() {
    each(async |db: TestDb| {
        office(&db).await;
        let night = |permissions: &[&str]| role("night", permissions);
        let desk = person(&db, "desk").await;
        let actor = by(&desk, Permission::RoleUpdate);
        // As long as nobody holds it, a role gives nothing.
        roles::create(&db, &actor, NOW, &night(&["*:*:*"])).await.unwrap();
        roles::update(&db, &actor, NOW, "night", &edit(&["convox:app:list"])).await.unwrap();
        add(&db, "bob", "night", "rack:staging").await;
        roles::update(&db, &actor, NOW, "night", &edit(&["convox:app:list", "convox:app:restart"]))
            .await
            .unwrap();
        let more = roles::update(&db, &actor, NOW, "night", &edit(&["convox:app:*"])).await;
        assert!(matches!(more, Err(Refused::NotYours(_))), "{more:?}");
        add(&db, "eve", "night", "*").await;
        let elsewhere = edit(&["convox:app:list", "convox:app:restart", "convox:log:read"]);
        let wider = roles::update(&db, &actor, NOW, "night", &elsewhere).await;
        assert!(matches!(wider, Err(Refused::NotYours(_))), "held on racks that the editor is nobody on");
        roles::update(&db, &actor, NOW, "night", &edit(&["convox:app:restart"])).await.unwrap();

        // A role that was removed comes back to life with its grants.
        roles::remove(&db, &actor, NOW, "night").await.unwrap();
        let reborn = roles::create(&db, &actor, NOW, &night(&["*:*:*"])).await;
        assert!(matches!(reborn, Err(Refused::NotYours(_))), "{reborn:?}");
        assert!(roles::update(&db, &actor, NOW, "admin", &edit(&["convox:app:list"])).await.is_err());
        let nonsense = roles::update(&db, &Actor::Operator, NOW, "desk", &edit(&["convox:app:fly"])).await;
        assert!(matches!(nonsense, Err(Refused::Field { field: "permissions", .. })));
    })
    .await;
}

/// Whoever takes it will hold the role, so it is not made more of meanwhile; and whoever is locked lets nobody in.
#[tokio::test]
async fn an_open_invitation_counts_as_held() {
    each(async |db: TestDb| {
        office(&db).await;
        let desk = person(&db, "desk").await;
        let actor = by(&desk, Permission::RoleUpdate);
        let night = |permission| role("night", &[permission]);
        roles::create(&db, &actor, NOW, &night("gateway:user:read")).await.unwrap();
        let invite = async |word: &str, expires_at: Timestamp| {
            let invitation = LinkRow {
                id: LinkId::new(NOW),
                hash: word.as_bytes().to_vec(),
                kind: INVITATION.to_owned(),
                email: email(word),
                name: String::new(),
                role: Some("night".to_owned()),
                target: Some("*".to_owned()),
                created_by: Some(desk.user.id),
                created_at: NOW,
                expires_at,
                used_at: None,
                revoked_at: None,
            };
            db.add_link(&invitation).await.unwrap();
        };
        invite("late", NOW).await;
        let more = edit(&["convox:*:*"]);
        roles::update(&db, &actor, NOW, "night", &more).await.unwrap();
        roles::remove(&db, &actor, NOW, "night").await.unwrap();
        roles::create(&db, &actor, NOW, &night("gateway:user:read")).await.unwrap();

        invite("new", NOW.saturating_add(Duration::from_secs(60))).await;
        let refused = roles::update(&db, &actor, NOW, "night", &more).await;
        assert!(matches!(refused, Err(Refused::NotYours(_))), "{refused:?}");
        roles::remove(&db, &actor, NOW, "night").await.unwrap();
        let reborn = roles::create(&db, &actor, NOW, &night("convox:*:*")).await;
        assert!(matches!(reborn, Err(Refused::NotYours(_))), "{reborn:?}");

        assert!(db.open_invitation(&email("new"), NOW).await.unwrap().is_some());
        users::lock(&db, &Actor::Operator, NOW, &email("desk"), "left").await.unwrap();
        assert_eq!(db.open_invitation(&email("new"), NOW).await.unwrap(), None);
    })
    .await;
}

#[tokio::test]
async fn a_token_of_ones_own_holds_at_most_what_one_holds() {
    each(async |db: TestDb| {
        office(&db).await;
        let bob = add(&db, "bob", "ops", "rack:staging").await;
        let (bob_here, defaults) = (person(&db, "bob").await, Settings::default());
        let make =
            async |actor: Actor<'_>, new: NewToken| tokens::create(&db, &actor, NOW, &defaults, &new).await;
        let made =
            make(own(&bob_here), new_token("bob", "laptop", vec![grant("viewer", "rack:staging/web")]))
                .await
                .unwrap();
        assert_eq!(made.value.token.created_by, Some(bob));
        let ninety_days = NOW.saturating_add(Duration::from_secs(90 * 86_400));
        assert_eq!(made.value.token.expires_at, Some(ninety_days));
        assert!(!made.changes.record().contains(made.value.secret.expose()));

        for too_much in [grant("ops", "*"), grant("admin", "rack:staging"), grant("ops", "staging")] {
            let refused = make(own(&bob_here), new_token("bob", "more", vec![too_much])).await;
            assert!(matches!(refused, Err(Refused::NotYours(_))), "{refused:?}");
        }
        let refused = make(own(&bob_here), new_token("bob", "none", vec![])).await;
        assert!(matches!(refused, Err(Refused::Field { field: "grants", .. })));
        let refused =
            make(own(&bob_here), new_token("bob", "laptop", vec![grant("viewer", "rack:staging")])).await;
        assert!(matches!(refused, Err(Refused::Conflict(_))));
        let id = made.value.token.id;
        let wider = TokenEdit { grants: Some(vec![grant("ops", "*")]), ..TokenEdit::default() };
        assert!(tokens::update(&db, &own(&bob_here), NOW, &defaults, id, &wider).await.is_err());
        let long = NewToken {
            expires_at: Some(NOW.saturating_add(Duration::from_secs(366 * 86_400))),
            ..new_token("bob", "long", vec![grant("viewer", "rack:staging")])
        };
        assert!(matches!(make(own(&bob_here), long).await, Err(Refused::Field { field: "expires_at", .. })));

        // For somebody else: what both hold, and not more.
        let desk = person(&db, "desk").await;
        let for_bob = |role: &str, name: &str| new_token("bob", name, vec![grant(role, "rack:staging")]);
        make(by(&desk, Permission::TokenCreate), for_bob("ops", "from-desk")).await.unwrap();
        assert!(make(by(&desk, Permission::TokenCreate), for_bob("desk", "exceeds-owner")).await.is_err());
        let ada = new_token("ada", "exceeds-maker", vec![grant("admin", "*")]);
        assert!(make(by(&desk, Permission::TokenCreate), ada).await.is_err());
        tokens::revoke(&db, &own(&bob_here), NOW, id).await.unwrap();
        assert!(matches!(tokens::revoke(&db, &own(&bob_here), NOW, id).await, Err(Refused::Conflict(_))));
    })
    .await;
}

#[tokio::test]
async fn a_token_makes_nothing_however_much_it_holds() {
    each(async |db: TestDb| {
        office(&db).await;
        let ada = db.user_by_email(&email("ada")).await.unwrap().id;
        add(&db, "bob", "viewer", "*").await;
        let root = token(&db, ada, "root", "admin").await;
        let actor = |permission| by(&root, permission);
        let bob = Holder::User(email("bob"));
        let role = NewRole {
            name: "x".into(),
            description: String::new(),
            permissions: vec!["convox:app:list".into()],
        };
        let setting = key("mfa_require_all_users").unwrap();
        let defaults = Settings::default();
        let refused = [
            users::create(&db, &actor(Permission::UserCreate), NOW, &new_user("new", vec![])).await.err(),
            users::unlock(&db, &actor(Permission::UserUpdate), NOW, &email("bob")).await.err(),
            users::reset_mfa(&db, &actor(Permission::UserUpdate), NOW, &email("bob")).await.err(),
            grants::add(&db, &actor(Permission::GrantUpdate), NOW, &bob, &grant("ops", "*")).await.err(),
            roles::create(&db, &actor(Permission::RoleUpdate), NOW, &role).await.err(),
            tokens::create(
                &db,
                &actor(Permission::TokenCreate),
                NOW,
                &defaults,
                &new_token("ada", "t", vec![grant("viewer", "*")]),
            )
            .await
            .err(),
            setting_changes::put(&db, &actor(Permission::SettingUpdate), NOW, setting, &false.into())
                .await
                .err(),
        ];
        for refusal in refused {
            assert!(matches!(refusal, Some(Refused::NotYours(NotYours::Token))), "{refusal:?}");
        }
        // It may take rights out of the world.
        users::lock(&db, &actor(Permission::UserUpdate), NOW, &email("bob"), "").await.unwrap();
    })
    .await;
}

#[tokio::test]
async fn who_lost_the_permission_a_moment_ago_changes_nothing() {
    each(async |db: TestDb| {
        office(&db).await;
        add(&db, "bob", "viewer", "rack:staging").await;
        let desk = person(&db, "desk").await;
        let grants = db.grants().await.unwrap();
        for grant in grants.iter().filter(|grant| grant.role == "desk") {
            db.remove_grant(grant.id).await.unwrap();
        }
        let refused = users::lock(&db, &by(&desk, Permission::UserUpdate), NOW, &email("bob"), "").await;
        assert!(matches!(refused, Err(Refused::NotAllowed(_))), "{refused:?}");
        db.set_user_lock(&email("desk"), Some((NOW, ""))).await.unwrap();
        let refused = users::lock(&db, &own(&desk), NOW, &email("bob"), "").await;
        assert!(matches!(refused, Err(Refused::NotAllowed(_))), "{refused:?}");
    })
    .await;
}

#[tokio::test]
async fn a_change_of_roles_asks_for_proof_anew_and_a_lock_ends_sessions() {
    each(async |db: TestDb| {
        office(&db).await;
        let bob = add(&db, "bob", "viewer", "rack:staging").await;
        person(&db, "bob").await;
        let proofs = async || {
            let sessions = db.sessions_of(bob).await.unwrap();
            (sessions[0].step_up_at, sessions[0].revoked_at)
        };
        assert_eq!(proofs().await, (Some(NOW), None));
        let holder = Holder::User(email("bob"));
        grants::add(&db, &Actor::Operator, NOW, &holder, &grant("ops", "*")).await.unwrap();
        assert_eq!(proofs().await, (None, None), "the session goes on, the proof does not");
        users::lock(&db, &Actor::Operator, NOW, &email("bob"), "gone").await.unwrap();
        assert_eq!(proofs().await.1, Some(NOW));
        users::unlock(&db, &Actor::Operator, NOW, &email("bob")).await.unwrap();
        assert_eq!(proofs().await.1, Some(NOW), "what ended stays ended");
        users::delete(&db, &Actor::Operator, NOW, &email("bob")).await.unwrap();
        assert!(db.sessions_of(bob).await.unwrap().is_empty());
    })
    .await;
}

#[tokio::test]
async fn settings_have_a_range_and_tokens_heed_theirs() {
    each(async |db: TestDb| {
        office(&db).await;
        let ada = person(&db, "ada").await;
        let actor = by(&ada, Permission::SettingUpdate);
        let days = key("api_token_max_days").unwrap();
        let bad = setting_changes::put(&db, &actor, NOW, days, &0.into()).await;
        assert!(matches!(bad, Err(Refused::Field { field: "value", .. })));
        let done = setting_changes::put(&db, &actor, NOW, days, &7.into()).await.unwrap();
        assert_eq!(done.changes.record(), r#"{"before":null,"after":7}"#);
        let week = NOW.saturating_add(Duration::from_secs(7 * 86_400));
        let new = new_token("ada", "short", vec![grant("viewer", "*")]);
        let made = tokens::create(&db, &own(&ada), NOW, &Settings::default(), &new).await.unwrap();
        assert_eq!(made.value.token.expires_at, Some(week));
        setting_changes::drop(&db, &actor, NOW, days).await.unwrap();
        assert!(db.settings().await.unwrap().is_empty());
        let far = Some(Timestamp::from_micros(i64::MAX));
        let edit = TokenEdit { expires_at: far, ..TokenEdit::default() };
        let longer =
            tokens::update(&db, &own(&ada), NOW, &Settings::default(), made.value.token.id, &edit).await;
        assert!(matches!(longer, Err(Refused::Field { field: "expires_at", .. })));
    })
    .await;
}
