//! `migrate`, and databases that are new, old, away, or no database.

use super::Machine;
use crate::support::database::{TestDb, each_empty};
use rack_gateway::store::Place;
use serde_json::json;

/// A machine whose configuration names `db`.
pub fn machine_of(db: &TestDb) -> Machine {
    match &db.place {
        Place::Sqlite(path) => Machine::with_env([("SQLITE_PATH", path.to_str().unwrap())]),
        Place::Postgres(url) => Machine::with_env([("DATABASE_URL", url.expose())]),
    }
}

#[tokio::test]
async fn migrations_are_applied_once() {
    each_empty(async |db: TestDb| {
        let machine = machine_of(&db);
        let first = machine.json(&["migrate"]);
        let total = first["total"].as_i64().unwrap();
        assert!(total >= 2 && first["applied"] == total, "{first}");
        let second = machine.json(&["migrate"]);
        assert_eq!((&second["applied"], &second["total"]), (&json!(0), &json!(total)));
        assert_eq!(second["database"], first["database"]);
        let place = first["database"].as_str().unwrap();
        assert_eq!(
            machine.text(&["migrate"]),
            format!("nothing to do: {place} has all {total} migrations\n")
        );
        assert!(db.is_migrated().await);
    })
    .await;
}

#[tokio::test]
async fn migrating_tells_what_was_applied() {
    each_empty(async |db: TestDb| {
        let told = machine_of(&db).text(&["migrate"]);
        let (count, place) = told.trim_end().split_once(" migrations to ").unwrap();
        let (applied, total) = count.strip_prefix("applied ").unwrap().split_once(" of ").unwrap();
        assert!(applied == total && place.starts_with(['S', 'P']), "{told}");
    })
    .await;
}

#[tokio::test]
async fn a_database_that_exists_is_not_migrated_in_passing() {
    each_empty(async |db: TestDb| {
        let machine = machine_of(&db);
        let ended = machine.run(&["users", "list"]);
        assert_eq!((ended.code, ended.stdout.as_str()), (1, ""), "{ended:?}");
        assert!(
            ended.stderr.contains("is not set up for this version; run `rack-gateway migrate`"),
            "{ended:?}"
        );
        assert!(!db.is_migrated().await);
    })
    .await;
}

/// The whole story on each engine.
#[tokio::test]
async fn the_commands_work_on_every_engine() {
    each_empty(async |db: TestDb| {
        let machine = machine_of(&db);
        machine.text(&["migrate"]);
        let epoch = db.access_epoch().await.unwrap();
        machine.text(&["users", "add", "ada@example.com", "--role", "ops"]);
        assert!(db.access_epoch().await.unwrap() > epoch, "a running server sees it");
        machine.text(&["roles", "add", "night-shift", "--permission", "convox:app:*"]);
        machine.text(&["grants", "add", "--user", "ada@example.com", "--role", "night-shift"]);
        machine.run(&["tokens", "create", "--user", "ada@example.com", "--name", "ci", "--role", "ops"]);
        machine.text(&["tokens", "revoke", "ci"]);
        machine.text(&["users", "lock", "ada@example.com"]);
        let rows = db.access_rows(rack_gateway::core::Timestamp::from_micros(0)).await.unwrap();
        assert_eq!((rows.users.len(), rows.roles.len(), rows.tokens.len(), rows.grants.len()), (1, 1, 1, 3));
        assert!(rows.users[0].locked_at.is_some() && rows.tokens[0].revoked_at.is_some());
        machine.refused(&["users", "add", "ada@example.com"], 1, "the user ada@example.com exists already\n");
    })
    .await;
}

#[test]
fn a_new_embedded_database_is_made_with_its_directory() {
    let machine = Machine::new();
    let first = machine.run_whole(&["users", "list"]);
    let told = format!("created the database {}\n", machine.database().display());
    assert_eq!((first.code, first.stderr), (0, told));
    assert!(machine.database().exists());
    assert_eq!(machine.run_whole(&["users", "list"]).stderr, "");
}

#[test]
fn a_database_that_is_away() {
    // A port that nobody listens on: it was free a moment ago.
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let url = format!("postgres://gateway:hunter2@127.0.0.1:{port}/gateway");
    let machine = Machine::with_env([("DATABASE_URL", url.as_str())]);
    for command in [&["users", "list"][..], &["migrate"]] {
        let ended = machine.run(command);
        assert_eq!((ended.code, ended.stdout.as_str()), (1, ""), "{ended:?}");
        let told = format!("error: cannot connect to PostgreSQL at 127.0.0.1:{port}: ");
        assert!(ended.stderr.starts_with(&told), "{ended:?}");
        assert!(ended.stderr.contains("refused"), "{ended:?}");
        assert!(!ended.stderr.contains("hunter2"), "{ended:?}");
    }
}

#[test]
fn a_file_that_is_no_database() {
    let mut machine = Machine::new();
    let path = machine.file("notes.txt", &"these are notes, not a database\n".repeat(100));
    machine.env = vec![("SQLITE_PATH".to_owned(), path.clone())];
    machine.refused(&["users", "list"], 1, &format!("cannot open {path}: "));
    machine.refused(&["users", "add", "ada@example.com"], 1, &format!("cannot open {path}: "));
    assert!(std::fs::read_to_string(&path).unwrap().starts_with("these are notes"));
}

#[test]
fn a_directory_that_cannot_be_made() {
    let mut machine = Machine::new();
    let file = machine.file("file", "x");
    machine.env = vec![("SQLITE_PATH".to_owned(), format!("{file}/data/gateway.db"))];
    machine.refused(&["users", "list"], 1, "cannot make the database directory ");
}
