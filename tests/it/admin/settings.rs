//! Settings, on this replica and on others.

use super::get;
use crate::support::gateway::TestGateway;
use rack_gateway::identity::{
    AccessCache,
    change::{Actor, settings},
    settings::{Settings, key},
};
use std::{sync::Arc, time::Duration};
use tokio_util::sync::CancellationToken;

#[tokio::test]
async fn shows_where_each_value_comes_from() {
    let gateway =
        TestGateway::with([("RGW_SETTING_MFA_STEP_UP_WINDOW_MINUTES", "25"), ("WEB_SESSION_IDLE", "90s")])
            .await;
    let admin = gateway.token("admin").await;
    let now = gateway.clock.now();
    let days = key("api_token_max_days").unwrap();
    settings::put(&gateway.db, &Actor::Operator, now, days, &30.into()).await.unwrap();
    let (_, page) = get(&gateway, &admin, "/api/v1/settings").await;
    let setting = |name: &str| {
        page["settings"].as_array().unwrap().iter().find(|one| one["key"] == name).unwrap().clone()
    };
    let window = setting("mfa_step_up_window_minutes");
    assert_eq!((&window["value"], &window["source"]), (&25.into(), &"configuration".into()));
    assert_eq!(setting("session_timeout_minutes")["value"], 2, "rounded up");
    let days = setting("api_token_max_days");
    assert_eq!(
        (&days["value"], &days["configured"], &days["source"]),
        (&30.into(), &365.into(), &"database".into())
    );
    assert_eq!((&days["min"], &days["max"]), (&1.into(), &3650.into()));
}

#[tokio::test]
async fn a_change_reaches_another_replica_within_seconds() {
    let gateway = TestGateway::start().await;
    let other =
        AccessCache::load(gateway.db.clone(), gateway.clock.clone(), Settings::default()).await.unwrap();
    let stop = CancellationToken::new();
    let young = tokio::spawn(Arc::clone(&other).keep_young(stop.clone()));
    assert!(other.settings().mfa_require_all_users);
    let all = key("mfa_require_all_users").unwrap();
    settings::put(&gateway.db, &Actor::Operator, gateway.clock.now(), all, &false.into()).await.unwrap();
    let arrived = async {
        while other.settings().mfa_require_all_users {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(5), arrived).await.expect("within five seconds");
    stop.cancel();
    young.await.unwrap();
}
