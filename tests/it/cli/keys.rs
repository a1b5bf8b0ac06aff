//! `keys rotate`.

use super::Machine;
use rack_gateway::{
    core::{
        Secret, Timestamp,
        id::MethodId,
        seal::{Keys, Place},
    },
    store::{Db, MethodRow, Options, Place as Where},
};

const NOW: Timestamp = Timestamp::from_micros(1_700_000_000_000_000);
const OLD: &str = "the old key, which has 32 letters";
const NEW: &str = "the new key, which has 32 letters";

async fn open(machine: &Machine) -> Db {
    Db::open(&Options::new(Where::Sqlite(machine.database()))).await.unwrap()
}

/// An app whose secret the gateway sealed with `key`.
async fn sealed_with(db: &Db, key: &str) -> MethodId {
    let user = db.user_by_email("ada@example.com").await.unwrap();
    let id = MethodId::new(NOW);
    let row = [&id.as_uuid().as_bytes()[..], user.id.as_uuid().as_bytes()].concat();
    let keys = Keys::new(&Secret::new(key), &[]);
    let method = MethodRow {
        id,
        user_id: user.id,
        kind: "totp".into(),
        label: "Phone".into(),
        secret: keys.seal(b"12345678901234567890", Place { kind: "mfa_methods.totp", row: &row }).unwrap(),
        credential_id: None,
        created_at: NOW,
        confirmed_at: Some(NOW),
        last_used_at: None,
    };
    db.add_pending_method(&method).await.unwrap();
    id
}

fn with_keys(mut machine: Machine, current: &str, previous: Option<&str>) -> Machine {
    machine.env.retain(|(name, _)| !name.starts_with("APP_SECRET"));
    machine.env.push(("APP_SECRET_KEY".into(), current.into()));
    machine.env.extend(previous.map(|key| ("APP_SECRET_KEY_PREVIOUS".to_owned(), key.to_owned())));
    machine
}

#[tokio::test]
async fn a_new_key_takes_over() {
    let machine = Machine::new();
    machine.text(&["users", "add", "ada@example.com"]);
    let db = open(&machine).await;
    let id = sealed_with(&db, OLD).await;

    let machine = with_keys(machine, NEW, None);
    let ended = machine.run(&["keys", "rotate"]);
    assert_eq!(ended.code, 1, "{ended:?}");
    assert!(ended.stderr.contains(&id.to_string()) && ended.stderr.contains("APP_SECRET_KEY_PREVIOUS"));

    let machine = with_keys(machine, NEW, Some(OLD));
    let rotated = machine.json(&["keys", "rotate"]);
    assert_eq!(rotated, serde_json::json!({ "resealed": 1, "current": 0, "unreadable": [] }));
    let machine = with_keys(machine, NEW, None);
    assert_eq!(
        machine.text(&["keys", "rotate"]),
        "sealed 0 anew; 1 had the seal of the current key already\n"
    );
}

#[tokio::test]
async fn a_key_file_gives_way_to_a_configured_key() {
    let machine = Machine::new();
    machine.text(&["users", "add", "ada@example.com"]);
    assert_eq!(machine.json(&["keys", "rotate"])["resealed"], 0);
    let file = std::fs::read_to_string(machine.database().with_file_name("app.key")).unwrap();
    let db = open(&machine).await;
    sealed_with(&db, &file).await;
    let machine = with_keys(machine, NEW, None);
    assert_eq!(machine.json(&["keys", "rotate"])["resealed"], 1);
}
