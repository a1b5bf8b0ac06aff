//! `tokens …`.

use super::{Machine, keys, rows};
use rack_gateway::identity::token;
use serde_json::{Value, json};

fn with_ada() -> Machine {
    let machine = Machine::new();
    machine.text(&["users", "add", "ada@example.com", "--role", "deployer"]);
    machine
}

const CREATE: [&str; 8] = ["tokens", "create", "--user", "ada@example.com", "--name", "ci", "--role", "cicd"];

#[test]
fn the_token_stands_alone_on_stdout() {
    let machine = with_ada();
    let created = machine.run(&[&CREATE[..], &["--target", "staging/*"]].concat());
    assert_eq!(created.code, 0, "{created:?}");
    assert!(token::is_well_formed(created.stdout.trim_end_matches('\n')), "{created:?}");
    let told =
        "This is the token ci of ada@example.com, shown this once. It holds cicd on staging/*, and ends 2";
    assert!(created.stderr.starts_with(told), "{}", created.stderr);
    assert!(!created.stderr.contains("rgw_"));
}

/// The database, its log, and every list are without the token.
#[test]
fn the_token_is_kept_nowhere() {
    let machine = with_ada();
    let secret = machine.run(&CREATE).stdout.trim_end().to_owned();
    for command in
        [&["tokens", "list"][..], &["tokens", "list", "-o", "json"], &["grants", "list", "-o", "json"]]
    {
        assert!(!machine.text(command).contains(&secret));
    }
    for file in std::fs::read_dir(machine.database().parent().unwrap()).unwrap() {
        let bytes = std::fs::read(file.unwrap().path()).unwrap();
        assert!(!bytes.windows(secret.len()).any(|window| window == secret.as_bytes()));
    }
}

#[test]
fn a_token_as_json() {
    let machine = with_ada();
    let created = machine.json(&[&CREATE[..], &["--expires", "never"]].concat());
    let listed_keys =
        ["id", "name", "user", "state", "created_at", "expires_at", "revoked_at", "last_used_at", "grants"];
    assert_eq!(keys(&created), [&["token"][..], &listed_keys].concat());
    assert!(token::is_well_formed(created["token"].as_str().unwrap()));
    assert_eq!((&created["state"], &created["expires_at"]), (&json!("active"), &Value::Null));
    assert_eq!(created["grants"][0]["role"], "cicd");

    let listed = machine.json(&["tokens", "list"]);
    assert_eq!(keys(&listed[0]), listed_keys);
    assert_eq!(listed[0]["id"], created["id"]);
    let revoked = machine.json(&["tokens", "revoke", "ci"]);
    assert_eq!((&revoked["state"], revoked["revoked_at"].is_string()), (&json!("revoked"), true));
    assert_eq!(machine.json(&["tokens", "list"]), json!([revoked]));
}

#[test]
fn tokens_are_listed_with_their_state() {
    let machine = with_ada();
    machine.text(&["users", "add", "bob@example.com"]);
    machine.run(&CREATE);
    let create = |user, name| ["tokens", "create", "--user", user, "--name", name, "--role", "viewer"];
    machine.run(&[&create("ada@example.com", "old laptop")[..], &["--expires", "never"]].concat());
    machine.run(&create("bob@example.com", "bobs"));
    machine.text(&["tokens", "revoke", "old laptop"]);
    machine.text(&["users", "lock", "bob@example.com"]);
    assert_eq!(
        rows(&machine.text(&["tokens", "list"])),
        [
            vec!["NAME", "USER", "STATE", "ROLES", "CREATED", "EXPIRES", "LAST USED", "ID"],
            vec!["ci", "ada@example.com", "active", "cicd on *", "<time>", "<time>", "never", "<id>"],
            vec![
                "old laptop",
                "ada@example.com",
                "revoked",
                "viewer on *",
                "<time>",
                "never",
                "never",
                "<id>"
            ],
            vec![
                "bobs",
                "bob@example.com",
                "owner locked",
                "viewer on *",
                "<time>",
                "<time>",
                "never",
                "<id>"
            ],
        ]
    );
    assert_eq!(rows(&machine.text(&["tokens", "list", "--user", "bob@example.com"])).len(), 2);
}

#[test]
fn tokens_are_revoked_by_name_or_by_id() {
    let machine = with_ada();
    machine.run(&CREATE);
    let other =
        machine.json(&["tokens", "create", "--user", "ada@example.com", "--name", "x", "--role", "ops"]);
    assert_eq!(machine.text(&["tokens", "revoke", "ci"]), "revoked the token ci of ada@example.com\n");
    let id = other["id"].as_str().unwrap();
    assert_eq!(machine.text(&["tokens", "revoke", id]), "revoked the token x of ada@example.com\n");
    machine.refused(&["tokens", "revoke", "ci"], 1, "the token ci was revoked already, at 2");
    machine.refused(&["tokens", "revoke", "nix"], 1, "the token nix does not exist\n");
}

#[test]
fn a_token_that_can_do_nothing_is_explained() {
    let machine = Machine::new();
    machine.text(&["users", "add", "ada@example.com"]);
    let created = machine.run(&CREATE);
    assert_eq!(created.code, 0);
    assert!(created.stderr.contains("and ada@example.com holds no role."), "{}", created.stderr);
    machine.text(&["users", "lock", "ada@example.com"]);
    let created =
        machine.run(&["tokens", "create", "--user", "ada@example.com", "--name", "b", "--role", "ops"]);
    assert!(created.stderr.contains("It does not work while its owner"), "{}", created.stderr);
}

#[test]
fn what_tokens_cannot_be() {
    let machine = with_ada();
    machine.run(&CREATE);
    machine.refused(&CREATE, 1, "the token ci exists already\n");
    let create = |changes: &[&'static str]| [&["tokens", "create"][..], changes].concat();
    let user = "ada@example.com";
    machine.refused(
        &create(&["--user", "eve@example.com", "--name", "x", "--role", "ops"]),
        1,
        "the user eve@",
    );
    machine.refused(
        &create(&["--user", user, "--name", "x", "--role", "nix"]),
        1,
        "the role nix does not exist",
    );
    machine.refused(&create(&["--user", user, "--name", "x"]), 2, "the following required arguments");
    machine.refused(
        &create(&["--user", user, "--name", "", "--role", "ops"]),
        2,
        "invalid value '' for '--name",
    );
    machine.refused(&create(&["--user", user, "--name", "\u{1b}[2J", "--role", "ops"]), 2, "invalid value");
    let like_an_id = "0190163d-8694-739b-aea5-966c26f8ad91";
    machine.refused(&create(&["--user", user, "--name", like_an_id, "--role", "ops"]), 2, "invalid value");
    let past = create(&["--user", user, "--name", "x", "--role", "ops", "--expires", "2020-01-01T00:00:00Z"]);
    machine.refused(&past, 2, "--expires: 2020-01-01T00:00:00.000000Z is not in the future; it is 20");
    assert_eq!(machine.json(&["tokens", "list"]).as_array().unwrap().len(), 1);
}
