//! Following what happens.

use super::{call, gateway, register, registered, watcher::Watcher};
use crate::support::{gateway::TestGateway, wire::SOON};
use serde_json::{Value, json};
use std::time::{Duration, Instant};

async fn index(gateway: &TestGateway, token: &str) -> u64 {
    call(gateway, token, "GET /registry-svc/instances", Value::Null).await.1["index"].as_u64().unwrap()
}

#[tokio::test]
async fn a_watcher_that_was_away_misses_nothing() {
    let gateway = gateway().await;
    let token = gateway.token("deployer").await;
    let mut watcher = Watcher::open(&gateway, &token, "").await;
    registered(&gateway, &token, "web", "http://10.0.0.1").await;
    let first = watcher.wait_for(|kind, _| kind == "registered").await;
    drop(watcher);
    let id = first["instance"]["id"].as_str().unwrap();
    register(&gateway, &token, json!({ "id": id, "weight": 5 })).await;
    call(&gateway, &token, &format!("DELETE /registry-svc/instance/{id}"), Value::Null).await;

    let request = gateway.own(&token, "GET /registry-svc/watch");
    let mut again = Watcher::of(request.header("last-event-id", first["index"].to_string())).await;
    again.wait_for(|kind, _| kind == "removed").await;
    let kinds: Vec<_> = again.drain().into_iter().map(|(kind, _)| kind).collect();
    assert_eq!(kinds, ["updated", "removed"]);
}

#[tokio::test]
async fn who_was_away_too_long_is_told_to_start_anew() {
    let gateway = gateway().await;
    let token = gateway.token("deployer").await;
    registered(&gateway, &token, "web", "http://10.0.0.1").await;
    let last = index(&gateway, &token).await;
    for start in [(last + 1).to_string(), u64::MAX.to_string()] {
        let (status, document) =
            call(&gateway, &token, &format!("GET /registry-svc/watch?index={start}"), Value::Null).await;
        assert_eq!((status.as_u16(), &document["code"]), (410, &"compacted".into()), "{start}");
    }
    let (status, document) = call(&gateway, &token, "GET /registry-svc/watch?index=x", Value::Null).await;
    assert_eq!((status.as_u16(), &document["field"]), (400, &"index".into()));
}

#[tokio::test]
async fn a_watcher_sees_what_its_grants_cover() {
    let gateway = gateway().await;
    let admin = gateway.token("admin").await;
    let narrow = gateway.token_on("viewer", "service:billing").await;
    let (mut all, mut few) =
        (Watcher::open(&gateway, &admin, "").await, Watcher::open(&gateway, &narrow, "").await);
    let mut one = Watcher::open(&gateway, &admin, "?slug=billing").await;
    registered(&gateway, &admin, "web", "http://10.0.0.1").await;
    registered(&gateway, &admin, "billing", "http://10.0.0.2").await;
    for watcher in [&mut all, &mut few, &mut one] {
        watcher.wait_for(|_, data| data["instance"]["slug"] == "billing").await;
    }
    assert_eq!((all.drain().len(), few.drain().len(), one.drain().len()), (2, 1, 1));
}

#[tokio::test]
async fn a_watch_ends_with_the_right_to_it() {
    let gateway = gateway().await;
    let token = gateway.token("viewer").await;
    let watcher = Watcher::open(&gateway, &token, "").await;
    for grant in gateway.db.grants().await.unwrap() {
        gateway.db.remove_grant(grant.id).await.unwrap();
    }
    watcher.end().await;
}

#[tokio::test]
async fn a_stop_does_not_wait_for_watchers() {
    let gateway = gateway().await;
    let token = gateway.token("viewer").await;
    let watcher = Watcher::open(&gateway, &token, "").await;
    let began = Instant::now();
    let stopped = gateway.stop().await;
    assert!(stopped.recorded && began.elapsed() < SOON, "{stopped:?} {:?}", began.elapsed());
    watcher.end().await;
}

#[tokio::test]
async fn a_long_poll_wakes_for_what_fits_and_for_nothing_else() {
    let gateway = gateway().await;
    let token = gateway.token("deployer").await;
    let start = index(&gateway, &token).await;
    let request = format!("GET /registry-svc/instances?slug=web&index={start}&wait=60s");
    let waiting = async {
        let began = Instant::now();
        (call(&gateway, &token, &request, Value::Null).await.1, began.elapsed())
    };
    let acting = async {
        tokio::time::sleep(Duration::from_millis(300)).await;
        registered(&gateway, &token, "other", "http://10.0.0.9").await;
        tokio::time::sleep(Duration::from_millis(500)).await;
        registered(&gateway, &token, "web", "http://10.0.0.1").await;
    };
    let ((list, took), ()) = tokio::join!(waiting, acting);
    assert_eq!(list["instances"].as_array().unwrap().len(), 1);
    assert!((Duration::from_millis(700)..SOON).contains(&took), "{took:?}");

    let began = Instant::now();
    let now = index(&gateway, &token).await;
    let quiet = format!("GET /registry-svc/instances?index={now}&wait=1");
    assert_eq!(call(&gateway, &token, &quiet, Value::Null).await.0, 200);
    assert!(began.elapsed() >= Duration::from_secs(1), "nothing happened");
    let past = "GET /registry-svc/instances?index=0&wait=60";
    let began = Instant::now();
    call(&gateway, &token, past, Value::Null).await;
    assert!(began.elapsed() < SOON, "something happened since then");
}
