//! `webhooks list` and `webhooks redeliver`.

use super::Machine;
use rack_gateway::{
    core::{Timestamp, id::DeliveryId},
    store::{AuditFilter, Db, DeliveryRow, Options, Place},
};
use serde_json::Value;

const NOW: Timestamp = Timestamp::from_micros(1_700_000_000_000_000);

async fn open(machine: &Machine) -> Db {
    Db::open(&Options::new(Place::Sqlite(machine.database()))).await.unwrap()
}

/// A push of this tag, of which `webhook` is to hear.
fn delivery(webhook: &str, tag: &str) -> DeliveryRow {
    let body =
        format!(r#"{{"events":[{{"action":"push","target":{{"repository":"team/app","tag":"{tag}"}}}}]}}"#);
    DeliveryRow {
        id: DeliveryId::new(NOW),
        webhook: webhook.into(),
        body: body.into_bytes(),
        certain: 1,
        created_at: NOW,
        next_try_at: NOW,
        tries: 0,
        sent_at: None,
        failed_at: None,
        last_error: None,
    }
}

/// Two of `ci` and one of `scan` that were given up, and one of `ci` that still waits.
async fn world(machine: &Machine) -> (Db, Vec<DeliveryRow>) {
    machine.text(&["users", "list"]);
    let db = open(machine).await;
    let rows = vec![delivery("ci", "v1"), delivery("ci", "v2"), delivery("scan", "v1"), delivery("ci", "v4")];
    db.add_deliveries(&rows[..3]).await.unwrap();
    for webhook in ["ci", "ci", "scan"] {
        let claimed = db.claim_delivery(webhook, NOW, NOW.saturating_add(std::time::Duration::from_secs(9)));
        let claimed = claimed.await.unwrap().unwrap();
        assert!(db.give_delivery_up(&claimed, "the receiver answered 500", NOW).await.unwrap());
    }
    db.add_deliveries(&rows[3..]).await.unwrap();
    (db, rows)
}

fn states(machine: &Machine, more: &[&str]) -> Vec<(String, String)> {
    let list = machine.json(&[&["webhooks", "list"], more].concat());
    let text = |one: &Value, key: &str| one[key].as_str().unwrap().to_owned();
    let mut states: Vec<_> =
        list.as_array().unwrap().iter().map(|one| (text(one, "id"), text(one, "state"))).collect();
    states.sort();
    states
}

#[tokio::test]
async fn what_was_given_up_is_shown_and_sent_again() {
    let machine = Machine::new();
    let (db, rows) = world(&machine).await;
    assert_eq!(states(&machine, &[]).len(), 4);
    assert_eq!(states(&machine, &["--failed"]).len(), 3);
    assert_eq!(states(&machine, &["--failed", "--webhook", "scan"]).len(), 1);
    let table = machine.text(&["webhooks", "list", "--failed"]);
    assert!(table.contains("push team/app:v2") && table.contains("the receiver answered 500"), "{table}");

    let first = rows[0].id.to_string();
    let told = machine.text(&["webhooks", "redeliver", &first]);
    assert!(told.contains(&first), "{told}");
    assert!(states(&machine, &[]).contains(&(first.clone(), "waiting".to_owned())));
    let again =
        db.claim_delivery("ci", Timestamp::from_micros(i64::MAX / 2), Timestamp::from_micros(i64::MAX / 2));
    assert!(again.await.unwrap().is_some(), "it is due");
    let refused = format!("the delivery {first} was not given up");
    machine.refused(&["webhooks", "redeliver", &first], 1, &refused);
    machine.refused(&["webhooks", "redeliver", "7"], 2, "invalid value '7' for '[ID]...': it is not an id");
    machine.refused(&["webhooks", "redeliver"], 2, "the following required arguments");

    let all = machine.json(&["webhooks", "redeliver", "--all", "--webhook", "ci"]);
    assert_eq!(all, serde_json::json!([rows[1].id.to_string()]));
    assert_eq!(states(&machine, &["--failed"]), [(rows[2].id.to_string(), "given up".to_owned())]);
    assert_eq!(machine.json(&["webhooks", "redeliver", "--all"]).as_array().unwrap().len(), 1);
    assert_eq!(machine.text(&["webhooks", "redeliver", "--all"]), "nothing was given up\n");

    for command in [&["webhooks", "list"][..], &["webhooks", "redeliver", "--all"]] {
        let command = [command, &["--webhook", "nope"]].concat();
        machine.refused(&command, 1, "the webhook nope does not exist; known are ci, scan\n");
    }

    let filter =
        AuditFilter { action: Some("webhook.redeliver".into()), limit: 100, ..AuditFilter::default() };
    let records: Vec<Value> = db
        .audit_rows(&filter)
        .await
        .unwrap()
        .iter()
        .rev()
        .map(|row| serde_json::from_slice(&row.record).unwrap())
        .collect();
    let told: Vec<_> = records.iter().map(|one| (one["resource"].as_str().unwrap(), &one["event"])).collect();
    assert_eq!(told.len(), 6, "{told:?}");
    assert_eq!(told[..2], [("ci", &"intent".into()), ("ci", &"outcome".into())]);
    assert!(records[0].to_string().contains(&first) && records[0].to_string().contains("push team/app:v1"));
}

/// One that has nothing to hear yet is known by its configuration.
#[test]
fn a_webhook_of_the_configuration_is_known() {
    let mut machine = Machine::new();
    machine.refused(
        &["webhooks", "list", "--webhook", "ci"],
        1,
        "the webhook ci does not exist; there is none\n",
    );
    let text = "[webhooks.ci]\nurl = \"https://ci.example.com/\"\nsecret = \"0123456789abcdef\"\n";
    let file = machine.file("gateway.toml", text);
    machine.env.push(("RACK_GATEWAY_CONFIG".to_owned(), file));
    assert!(states(&machine, &["--webhook", "ci"]).is_empty());
    assert_eq!(
        machine.text(&["webhooks", "redeliver", "--all", "--webhook", "ci"]),
        "nothing was given up\n"
    );
    machine.refused(
        &["webhooks", "list", "--webhook", "cd"],
        1,
        "the webhook cd does not exist; known are ci\n",
    );
}
