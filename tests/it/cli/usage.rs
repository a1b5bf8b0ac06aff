//! The command line itself: help, version, exit codes, and text that must not steer the terminal.

use super::Machine;
use clap::CommandFactory as _;
use rack_gateway::{
    cli::Cli,
    core::Timestamp,
    store::{Db, Options, Place},
};

#[test]
fn help_and_version() {
    let machine = Machine::with_env([]);
    assert_eq!(machine.text(&["--version"]), format!("rack-gateway {}\n", env!("CARGO_PKG_VERSION")));
    let help = machine.text(&["--help"]);
    for part in ["Exit codes:", "  0  done", "  1  it could", "  2  wrong usage", "  3  refused", "users"] {
        assert!(help.contains(part), "{part}: {help}");
    }
}

#[test]
fn wrong_usage() {
    let machine = Machine::with_env([]);
    machine.refused(&["fly"], 2, "unrecognized subcommand 'fly'");
    machine.refused(&["users", "list", "--output", "xml"], 2, "invalid value 'xml' for '--output <FORMAT>'");
    machine.refused(&["users", "list", "more"], 2, "unexpected argument 'more'");
    for command in [&[][..], &["users"], &["tokens"]] {
        let ended = machine.run(command);
        assert_eq!((ended.code, ended.stdout.as_str()), (2, ""), "{ended:?}");
        assert!(ended.stderr.contains("Usage: rack-gateway"), "{ended:?}");
    }
}

#[test]
fn the_definition_of_the_commands_is_sound() {
    Cli::command().debug_assert();
}

/// Each command and each of its options stands in `docs/CLI.md`.
#[test]
fn the_page_names_every_command() {
    let page = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/CLI.md")).unwrap();
    let mut missing = Vec::new();
    look_for(&Cli::command(), "rack-gateway", &page, &mut missing);
    assert!(missing.is_empty(), "docs/CLI.md does not name {missing:#?}");
}

fn look_for(command: &clap::Command, name: &str, page: &str, missing: &mut Vec<String>) {
    let options = command.get_arguments().filter_map(clap::Arg::get_long).map(|long| format!("--{long}"));
    let names = command.get_subcommands().next().is_none().then(|| name.to_owned());
    let lines: Vec<_> = page.lines().filter(|line| line.contains(name)).collect();
    let is_named = |part: &String| match command.get_subcommands().next() {
        Some(_) => page.contains(part.as_str()),
        None => lines.iter().any(|line| line.contains(part.as_str())),
    };
    missing.extend(
        names.into_iter().chain(options).filter(|part| !is_named(part)).map(|part| format!("{name}: {part}")),
    );
    for inner in command.get_subcommands() {
        look_for(inner, &format!("{name} {}", inner.get_name()), page, missing);
    }
}

/// What others wrote into the database reaches the terminal as text, never as an order.
#[tokio::test]
async fn stored_text_cannot_steer_the_terminal() {
    let machine = Machine::new();
    machine.text(&["users", "list"]);
    let db = Db::open(&Options::new(Place::Sqlite(machine.database()))).await.unwrap();
    let hostile = "Eve\u{1b}[2J\u{1b}]0;owned\u{7}\n\u{9b}31m\u{202e}moc\u{7f}";
    db.add_user("eve@example.com", hostile, Timestamp::from_micros(0)).await.unwrap();
    db.set_user_lock("eve@example.com", Some((Timestamp::from_micros(0), hostile))).await.unwrap();
    db.close().await;

    let harmless = |text: &str| {
        text.chars()
            .all(|character| (!character.is_control() || character == '\n') && character != '\u{202e}')
    };
    let table = machine.text(&["users", "list"]);
    assert!(harmless(&table) && table.lines().count() == 2, "{table:?}");
    let json = machine.text(&["users", "list", "-o", "json"]);
    assert!(harmless(&json), "{json:?}");
    assert_eq!(machine.json(&["users", "list"])[0]["name"], hostile, "programs get what is stored");
}
