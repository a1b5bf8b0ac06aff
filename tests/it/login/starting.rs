//! What the start itself changes: users that the environment names, and the first link.

use crate::support::gateway::TestGateway;
use rack_gateway::store::{AuditFilter, Db, Options, Place};
use serde_json::Value;

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
    let expected = [
        "user.create ada@corp.example pending",
        "user.create ada@corp.example success",
        "user.create bob@corp.example pending",
        "user.create bob@corp.example success",
    ];
    assert_eq!(recorded(&db).await, expected);
    let grants = db.grants().await.unwrap();
    let roles: Vec<_> = grants.iter().map(|grant| (&*grant.role, &*grant.target)).collect();
    assert_eq!(roles, [("admin", "*"), ("viewer", "*")], "who exists keeps what they have");

    let again = TestGateway::on(db.clone(), kept, variables).await;
    assert_eq!(recorded(&db).await, expected, "nothing was changed, so nothing is recorded");
    again.stop().await;
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
