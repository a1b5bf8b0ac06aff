//! What is written of uses, and that it comes back.

use super::{read, status_of_me};
use crate::support::{
    database::{TestDb, each},
    gateway::{TestGateway, until_status},
    session::{Kind, Session, WEB},
};
use rack_gateway::{
    core::Timestamp,
    identity::{
        AccessCache,
        session::{Device, NewSession, SessionLimits, SessionUsage, Sessions},
    },
    store::StoreError,
};
use std::{net::IpAddr, sync::Arc};

/// Uses of one replica keep the session alive on the other.
#[tokio::test]
async fn uses_are_shared() {
    each(async |db: TestDb| {
        let clock: rack_gateway::core::SharedClock = Arc::new(rack_gateway::core::SystemClock);
        let now = clock.now();
        let before = Timestamp::from_micros(now.as_micros() - 3_000_000_000);
        let session = Session::add(&db, now, "viewer", &Kind { last_seen: Some(before), ..WEB }).await;
        let idle = SessionLimits::default().idle();
        let here = AccessCache::load(db.db.clone(), clock.clone(), idle).await.unwrap();
        let there = AccessCache::load(db.again().await, clock.clone(), idle).await.unwrap();
        let (mut of_here, mut of_there) = (SessionUsage::begin(&here), SessionUsage::begin(&there));

        here.session(session.id).unwrap().saw(now);
        of_here.exchange(&here, &db, now).await;
        assert_eq!(there.session(session.id).unwrap().last_seen(), before);
        of_there.exchange(&there, &db, now).await;
        assert_eq!(there.session(session.id).unwrap().last_seen(), now);
        of_there.exchange(&there, &db, now).await;
        let row = db.sessions_of(session.user).await.unwrap().remove(0);
        assert_eq!(row.last_seen_at, now, "an older note never replaces a newer one");
    })
    .await;
}

fn new(session: &Session, channel: rack_gateway::identity::Channel) -> NewSession {
    NewSession {
        user: session.user,
        channel,
        method: "oidc:google".to_owned(),
        step_up: None,
        device: Device { id: "1".to_owned(), name: "laptop\u{7}".repeat(200) },
        ip: IpAddr::from([192, 0, 2, 9]),
        user_agent: "Mozilla\n".to_owned(),
    }
}

#[tokio::test]
async fn sessions_are_opened_rotated_and_ended() {
    each(async |db: TestDb| {
        use rack_gateway::identity::Channel::{Cli, Web};
        let clock: rack_gateway::core::SharedClock = Arc::new(rack_gateway::core::SystemClock);
        let person = Session::add(&db, clock.now(), "viewer", &WEB).await;
        let limits = SessionLimits::default();
        let access = AccessCache::load(db.db.clone(), clock.clone(), limits.idle()).await.unwrap();
        let sessions = Sessions::new(db.db.clone(), access.clone(), clock.clone(), limits);

        let (first, row) = sessions.open(new(&person, Web)).await.unwrap();
        assert!(first.expose().starts_with("rgs_"));
        assert_eq!(row.expires_at.as_micros() - row.created_at.as_micros(), 12 * 3_600_000_000);
        assert_eq!((row.user_agent.as_str(), row.device_name.chars().count()), ("Mozilla", 512));
        assert!(access.session(row.id).is_some(), "known when it is handed out");
        let before = access.session_hash(row.id).unwrap();

        let proved = sessions.prove(row.id).await.unwrap();
        assert_ne!(proved.expose(), first.expose());
        assert_ne!(access.session_hash(row.id).unwrap(), before);
        let session = access.session(row.id).unwrap();
        assert!(session.step_up_at.is_some());
        let rotated = sessions.rotate(row.id).await.unwrap();
        assert_ne!(rotated.expose(), proved.expose());
        assert_eq!(access.session(row.id).unwrap().step_up_at, session.step_up_at, "nothing else changes");

        let (_, cli) = sessions.open(new(&person, Cli)).await.unwrap();
        assert_eq!(cli.expires_at.as_micros() - cli.created_at.as_micros(), 90 * 86_400_000_000);
        sessions.note_step_up(cli.id, clock.now()).await.unwrap();
        assert!(access.session(cli.id).unwrap().step_up_at.is_some());
        assert_eq!(sessions.open_ones(person.user).await.unwrap().len(), 3);

        assert_eq!(sessions.revoke_others(person.user, row.id, "test").await.unwrap(), 2);
        assert!(access.session(cli.id).is_none());
        let again = sessions.revoke(person.user, cli.id, "test").await;
        assert!(matches!(again, Err(StoreError::NotFound(_))), "{again:?}");
        assert!(matches!(sessions.prove(cli.id).await, Err(StoreError::NotFound(_))));
        assert_eq!(sessions.revoke_all(person.user, "test").await.unwrap(), 1);
        assert!(sessions.open_ones(person.user).await.unwrap().is_empty());
    })
    .await;
}

/// A secret that was rotated away is worth nothing, wherever it is shown.
#[tokio::test]
async fn the_old_secret_of_a_proof_is_worth_nothing() {
    let gateway = TestGateway::start().await;
    let session = gateway.session("viewer").await;
    assert_eq!(status_of_me(&gateway, &session).await, 200);
    let rows = gateway.db.sessions_of(session.user).await.unwrap();
    gateway.db.step_up_session(session.id, &rows[0].hash, &[7; 32], gateway.clock.now()).await.unwrap();
    until_status(|| gateway.own(&session.secret, "GET /api/v1/me"), 401).await;
    assert_eq!(status_of_me(&gateway, &session).await, 401);
    assert_eq!(read(gateway.by_cookie(&session, "GET /api/v1/info")).await.0, 401);
}
