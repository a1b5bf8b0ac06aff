//! Several gateways on one database: what one knows, the others know in time.

use super::{read, status_of_me};
use crate::support::{
    database::{TestDb, each},
    gateway::TestGateway,
    session::{CLI, Kind, Session, WEB},
    socket::{End, Socket},
    wire::SOON,
};
use std::time::{Duration, Instant};

/// Two gateways on the database.
async fn pair(db: &TestDb) -> Vec<TestGateway> {
    let directory = || tempfile::tempdir().unwrap();
    vec![
        TestGateway::on(db.again().await, directory(), []).await,
        TestGateway::on(db.again().await, directory(), []).await,
    ]
}

async fn stop(gateways: Vec<TestGateway>) {
    for gateway in gateways {
        gateway.stop().await;
    }
}

/// Another replica may have opened it a moment ago.
#[tokio::test]
async fn a_new_session_is_good_everywhere_at_once() {
    each(async |db: TestDb| {
        let gateways = pair(&db).await;
        for round in 0..5 {
            let session = Session::add(&db, gateways[0].clock.now(), "viewer", &WEB).await;
            for gateway in &gateways {
                assert_eq!(status_of_me(gateway, &session).await, 200, "{round}");
            }
        }
        stop(gateways).await;
    })
    .await;
}

#[tokio::test]
async fn a_logout_here_is_a_logout_there() {
    each(async |db: TestDb| {
        let gateways = pair(&db).await;
        let session = Session::add(&db, gateways[0].clock.now(), "viewer", &CLI).await;
        assert_eq!(status_of_me(&gateways[1], &session).await, 200);
        assert_eq!(read(gateways[0].own(&session.secret, "POST /api/v1/auth/logout")).await.0, 200);
        assert_eq!(status_of_me(&gateways[0], &session).await, 401, "at once where it was asked for");
        let started = Instant::now();
        while status_of_me(&gateways[1], &session).await != 401 {
            assert!(started.elapsed() < SOON);
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        stop(gateways).await;
    })
    .await;
}

/// CVE-2023-40025, CVE-2024-41666: a terminal that outlives the right to it.
#[tokio::test]
async fn cve_2023_40025_what_runs_ends_with_its_session() {
    each(async |db: TestDb| {
        let gateways = pair(&db).await;
        let now = gateways[0].clock.now();
        let fresh = Kind { step_up: Some(now), ..CLI };
        let session = Session::add(&db, now, "ops", &fresh).await;
        let mut running = Vec::new();
        for gateway in &gateways {
            let mut command =
                Socket::exec(gateway.address(), &session.secret, "echo started; sleep 60").await;
            command.read_until("started").await;
            let mut log = Socket::logs(gateway.address(), &session.secret).await;
            log.read_until("GET").await;
            running.push((command, log));
        }
        let other = session.another(&db, now, &fresh).await;
        let mut kept =
            Socket::exec(gateways[1].address(), &other.secret, "echo started; sleep 1; exit 7").await;
        kept.read_until("started").await;

        let path = format!("DELETE /api/v1/sessions/{}", session.id);
        assert_eq!(read(gateways[0].own(&other.secret, &path)).await.0, 200);
        let revoked = Instant::now();
        for (command, log) in running {
            let (command, log) = tokio::join!(command.finish(), log.finish());
            assert_eq!((&command.exit, command.end), (&Ok(1), End::Told));
            for outcome in [&command, &log] {
                assert!(outcome.text().contains("your access was withdrawn"), "{}", outcome.text());
            }
        }
        assert!(revoked.elapsed() < SOON, "{:?}", revoked.elapsed());
        assert_eq!(kept.finish().await.exit, Ok(7), "the person's other session goes on");
        stop(gateways).await;
    })
    .await;
}
