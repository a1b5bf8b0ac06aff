//! Every change stands in the audit log, in the same database.

use super::Machine;
use rack_gateway::store::{AuditFilter, Db, Options, Place};
use serde_json::Value;

async fn open(machine: &Machine) -> Db {
    Db::open(&Options::new(Place::Sqlite(machine.database()))).await.unwrap()
}

/// Oldest first.
async fn records(machine: &Machine) -> Vec<Value> {
    let db = open(machine).await;
    let rows = db.audit_rows(&AuditFilter { limit: 1_000, ..AuditFilter::default() }).await.unwrap();
    db.close().await;
    rows.iter().rev().map(|row| serde_json::from_slice(&row.record).unwrap()).collect()
}

#[tokio::test]
async fn each_change_is_recorded_before_and_after() {
    let machine = Machine::new();
    for command in [
        &["users", "add", "ada@example.com", "--role", "ops"][..],
        &["users", "lock", "ada@example.com", "--reason", "left us"],
        &["users", "unlock", "ada@example.com"],
        &["roles", "add", "night-shift", "--permission", "convox:app:*"],
        &[
            "tokens",
            "create",
            "--user",
            "ada@example.com",
            "--name",
            "ci",
            "--role",
            "cicd",
            "--expires",
            "never",
        ],
        &["grants", "add", "--token", "ci", "--role", "night-shift", "--target", "staging"],
        &["tokens", "revoke", "ci"],
        &["roles", "remove", "night-shift"],
    ] {
        assert_eq!(machine.run(command).code, 0, "{command:?}");
    }
    let grant = machine.json(&["grants", "list", "--token", "ci"])[1]["id"].as_str().unwrap().to_owned();
    machine.text(&["grants", "remove", &grant]);

    let records = records(&machine).await;
    let text = |record: &Value, key: &str| record[key].as_str().unwrap_or_default().to_owned();
    let told: Vec<_> =
        records.iter().map(|record| (text(record, "action"), text(record, "resource"))).collect();
    let expected = [
        ("user.create", "ada@example.com"),
        ("grant.add", "ada@example.com"),
        ("user.lock", "ada@example.com"),
        ("user.unlock", "ada@example.com"),
        ("role.create", "night-shift"),
        ("token.create", "ci"),
        ("grant.add", "ci"),
        ("token.revoke", "ci"),
        ("role.delete", "night-shift"),
        ("grant.remove", "ci"),
    ];
    let expected = expected.map(|(action, resource)| (action.to_owned(), resource.to_owned()));
    assert_eq!(told[0], ("database.migrate".to_owned(), "sqlite".to_owned()));
    assert!(told[1..].chunks(2).all(|pair| pair[0] == pair[1]), "{told:?}");
    assert!(told[1..].iter().step_by(2).eq(&expected), "{told:?}");

    for pair in records[1..].chunks(2) {
        assert_eq!(pair[0]["request_id"], pair[1]["request_id"]);
        assert_eq!((text(&pair[0], "event"), text(&pair[0], "status")), ("intent".into(), "pending".into()));
        assert_eq!((text(&pair[1], "event"), text(&pair[1], "status")), ("outcome".into(), "success".into()));
        assert!(text(&pair[1], "user_email").starts_with("local:"), "{}", pair[1]);
        assert_eq!(
            (&pair[1]["action_type"], &pair[1]["rbac_decision"]),
            (&"gateway".into(), &"allow".into())
        );
    }
    assert_eq!(records[5]["detail"], "left us");
    assert!(!records.iter().any(|record| record.to_string().contains("rgw_")));
}

#[tokio::test]
async fn reading_leaves_no_trace_and_failing_does() {
    let machine = Machine::new();
    machine.text(&["users", "add", "ada@example.com"]);
    let before = records(&machine).await.len();
    for command in
        [&["users", "list"][..], &["roles", "list"], &["grants", "list"], &["tokens", "list"], &["migrate"]]
    {
        machine.text(command);
    }
    assert_eq!(records(&machine).await.len(), before);
    machine.refused(&["users", "add", "ada@example.com"], 1, "the user ada@example.com exists already");
    let after = records(&machine).await;
    assert_eq!(after.len(), before + 2);
    assert_eq!(
        (&after[before + 1]["status"], &after[before + 1]["event"]),
        (&"failed".into(), &"outcome".into())
    );
}

/// The same command succeeds again once the log takes records.
#[tokio::test]
async fn without_the_audit_log_nothing_is_changed() {
    let machine = Machine::new();
    machine.text(&["users", "list"]);
    let db = open(&machine).await;
    let Db::Sqlite { write, .. } = &db else { panic!("asked for SQLite") };
    let stop =
        "CREATE TRIGGER full BEFORE INSERT ON audit_log BEGIN SELECT RAISE(ABORT, 'disk is full'); END";
    sqlx::query(stop).execute(write).await.unwrap();

    let ended = machine.run(&["users", "add", "ada@example.com"]);
    assert_eq!((ended.code, ended.stdout.as_str()), (1, ""), "{ended:?}");
    let lines: Vec<_> = ended.stderr.lines().collect();
    assert_eq!(lines[0], "error: nothing was changed, because the audit log cannot be written");
    assert!(ended.stderr.contains("disk is full"), "{ended:?}");
    assert_eq!(machine.json(&["users", "list"]), Value::Array(Vec::new()));

    sqlx::query("DROP TRIGGER full").execute(write).await.unwrap();
    db.close().await;
    machine.text(&["users", "add", "ada@example.com"]);
}

#[tokio::test]
async fn an_outcome_that_cannot_be_recorded_is_told() {
    let machine = Machine::new();
    machine.text(&["users", "list"]);
    let db = open(&machine).await;
    let Db::Sqlite { write, .. } = &db else { panic!("asked for SQLite") };
    let stop = "CREATE TRIGGER full BEFORE INSERT ON audit_log WHEN NEW.event = 'outcome' \
                BEGIN SELECT RAISE(ABORT, 'disk is full'); END";
    sqlx::query(stop).execute(write).await.unwrap();
    db.close().await;
    let told = "the change was made, but its outcome could not be written to the audit log\n";
    machine.refused(&["users", "add", "ada@example.com"], 1, told);
    assert_eq!(machine.json(&["users", "list"])[0]["email"], "ada@example.com");
}
