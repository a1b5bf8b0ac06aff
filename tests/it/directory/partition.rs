//! The database goes away: the last state serves on and says that it is old.

use crate::support::database::{TestDb, each};
use rack_gateway::{
    core::{Clock as _, SharedClock, SystemClock, id::UserId},
    directory::{
        Actor, Address, AddressGuard, AddressRules, Keeper, Owner, Preservation, Reach, Registrar,
        Registration,
    },
    store::Db,
};
use std::{sync::Arc, time::Duration};
use tokio_util::sync::CancellationToken;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_last_good_state_serves_while_the_database_is_away() {
    each(async |db: TestDb| {
        let Db::Postgres(pool) = &db.db else { return };
        let clock: SharedClock = Arc::new(SystemClock);
        let keeper = keeper(&db).await;
        let directory = keeper.directory().clone();
        let (tell, _fresh) = tokio::sync::mpsc::unbounded_channel();
        let guard = AddressGuard::new(AddressRules::default(), Vec::new());
        let registrar = Registrar::new(keeper.clone(), guard, tell);
        let owner = Owner { user: UserId::new(clock.now()), email: "ada@example.com".to_owned() };
        let actor = Actor { owner, reach: Reach::Own };
        let wish = Registration {
            slug: Some("web".to_owned()),
            address: Some(Address::from_url("http://10.0.0.1:8080").unwrap()),
            ..Registration::default()
        };
        registrar.register(&actor, &wish, None).await.unwrap();
        let stop = CancellationToken::new();
        let following = tokio::spawn(keeper.clone().keep_following(stop.clone()));

        let name: String =
            sqlx::query_scalar("SELECT current_database()::text").fetch_one(pool).await.unwrap();
        cut(&name).await;
        wait_until("it is stale", || directory.snapshot().is_stale(SystemClock.now())).await;
        let snapshot = directory.snapshot();
        assert_eq!(snapshot.service("web").unwrap().instances.len(), 1, "and serves all the same");
        assert!(registrar.register(&actor, &Registration { weight: Some(1), ..wish }, None).await.is_err());
        mend(&name).await;
        wait_until("it is fresh", || !directory.snapshot().is_stale(SystemClock.now())).await;
        stop.cancel();
        following.await.unwrap();
    })
    .await;
}

#[tokio::test]
async fn who_comes_late_knows_where_the_history_begins() {
    each(async |db: TestDb| {
        let (one, late) = (keeper(&db).await, db.again().await);
        for index in 1..=6 {
            register(&one, &format!("http://10.0.0.{index}:80")).await;
        }
        let away = keeper(&db).await;
        for index in 7..=9 {
            register(&one, &format!("http://10.0.0.{index}:80")).await;
        }
        db.forget_events(1).await.unwrap();
        let fresh = Keeper::load(late, Arc::new(SystemClock), PRESERVATION).await.unwrap();
        let snapshot = fresh.directory().snapshot();
        assert_eq!(snapshot.service("web").unwrap().instances.len(), 9);
        let forgotten = snapshot.index - 1;
        assert!(fresh.directory().events_after(forgotten, 10).is_ok_and(|events| events.len() == 1));
        let compacted = fresh.directory().events_after(forgotten - 1, 10).unwrap_err();
        assert_eq!(compacted.forgotten, forgotten);

        away.catch_up().await.unwrap();
        let snapshot = away.directory().snapshot();
        assert_eq!(snapshot.service("web").unwrap().instances.len(), 9, "it read all anew");
        assert!(away.directory().events_after(forgotten - 1, 10).is_err(), "for it missed some events");
    })
    .await;
}

const PRESERVATION: Preservation = Preservation { share: 0.5, window: Duration::from_secs(120) };

async fn keeper(db: &TestDb) -> Keeper {
    Keeper::load(db.again().await, Arc::new(SystemClock), PRESERVATION).await.unwrap()
}

async fn register(keeper: &Keeper, url: &str) {
    let (tell, _fresh) = tokio::sync::mpsc::unbounded_channel();
    let guard = AddressGuard::new(AddressRules::default(), Vec::new());
    let user = UserId::from_uuid(uuid::Uuid::from_u128(7));
    let actor = Actor { owner: Owner { user, email: "ada@example.com".to_owned() }, reach: Reach::Own };
    let address = Some(Address::from_url(url).unwrap());
    let wish = Registration { slug: Some("web".to_owned()), address, ..Registration::default() };
    Registrar::new(keeper.clone(), guard, tell).register(&actor, &wish, None).await.unwrap();
}

async fn wait_until(what: &str, is_so: impl Fn() -> bool) {
    for _ in 0..300 {
        if is_so() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    panic!("not within half a minute: {what}");
}

/// Nobody gets in any more, and who is in is thrown out.
async fn cut(name: &str) {
    run(&format!("ALTER DATABASE {name} ALLOW_CONNECTIONS false")).await;
    run(&format!("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'")).await;
}

async fn mend(name: &str) {
    run(&format!("ALTER DATABASE {name} ALLOW_CONNECTIONS true")).await;
}

async fn run(sql: &str) {
    use sqlx::Connection as _;
    let server = crate::support::database::postgres_server().unwrap();
    let mut connection = sqlx::PgConnection::connect(&server).await.unwrap();
    sqlx::raw_sql(sqlx::AssertSqlSafe(sql.to_owned())).execute(&mut connection).await.unwrap();
    connection.close().await.unwrap();
}
