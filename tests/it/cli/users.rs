//! `users …`.

use super::{Machine, keys, rows};
use serde_json::json;

#[test]
fn users_are_added_and_listed() {
    let machine = Machine::new();
    let added = machine.text(&["users", "add", "Ada@Example.COM", "--name", "Ada Lovelace"]);
    assert_eq!(added, "added the user ada@example.com, who holds no role yet\n");
    let command =
        ["users", "add", "bob@example.com", "--role", "ops", "--role", "viewer", "--target", "staging/*"];
    assert_eq!(machine.text(&command), "added the user bob@example.com with ops, viewer on staging/*\n");
    assert_eq!(
        rows(&machine.text(&["users", "list"])),
        [
            vec!["EMAIL", "NAME", "STATE", "ROLES", "CREATED"],
            vec!["ada@example.com", "Ada Lovelace", "active", "<time>"],
            vec!["bob@example.com", "active", "ops on staging/*, viewer on staging/*", "<time>"],
        ]
    );
}

#[test]
fn a_user_as_json() {
    let machine = Machine::new();
    let added = machine.json(&["users", "add", "ada@example.com", "--role", "admin"]);
    assert_eq!(keys(&added), ["id", "email", "name", "created_at", "locked_at", "locked_reason", "grants"]);
    assert_eq!(added["email"], "ada@example.com");
    assert_eq!((&added["name"], &added["locked_at"]), (&json!(""), &json!(null)));
    let grant = &added["grants"][0];
    let expected =
        ["id", "user", "token", "role", "target", "created_at", "expires_at", "methods", "path_prefix"];
    assert_eq!(keys(grant), expected);
    assert_eq!((&grant["role"], &grant["target"]), (&json!("admin"), &json!("*")));
    assert_eq!(machine.json(&["users", "list"]), json!([added]));
    assert_eq!(Machine::new().json(&["users", "list"]), json!([]));
}

#[test]
fn users_are_locked_and_unlocked() {
    let machine = Machine::new();
    machine.text(&["users", "add", "ada@example.com"]);
    let locked = machine.text(&["users", "lock", "ADA@example.com", "--reason", "left us"]);
    assert_eq!(locked, "locked the user ada@example.com\n");
    assert_eq!(rows(&machine.text(&["users", "list"]))[1][1], "locked: left us");
    let listed = machine.json(&["users", "list"]);
    assert_eq!(listed[0]["locked_reason"], "left us");
    assert!(listed[0]["locked_at"].as_str().unwrap().ends_with('Z'));

    let again = machine.text(&["users", "lock", "ada@example.com"]);
    assert_eq!(again, "the user ada@example.com was locked already\n");
    assert_eq!(machine.json(&["users", "list"]), listed, "since then, and for that reason");
    let renamed = machine.text(&["users", "lock", "ada@example.com", "--reason", "lost a key"]);
    assert_eq!(renamed, "the user ada@example.com was locked already; the reason is the new one\n");
    assert_eq!(rows(&machine.text(&["users", "list"]))[1][1], "locked: lost a key");

    assert_eq!(machine.text(&["users", "unlock", "ada@example.com"]), "unlocked the user ada@example.com\n");
    machine.text(&["users", "lock", "ada@example.com"]);
    assert_eq!(rows(&machine.text(&["users", "list"]))[1][1], "locked");
    let unlocked = machine.json(&["users", "unlock", "ada@example.com"]);
    assert_eq!((&unlocked["locked_at"], &unlocked["locked_reason"]), (&json!(null), &json!(null)));
}

#[test]
fn what_users_cannot_be() {
    let machine = Machine::new();
    machine.text(&["users", "add", "ada@example.com"]);
    machine.refused(&["users", "add", "ada@example.com"], 1, "the user ada@example.com exists already\n");
    let roles = "the role nix does not exist; there are viewer, ops, deployer, cicd, admin\n";
    machine.refused(&["users", "add", "eve@example.com", "--role", "viewer", "--role", "nix"], 1, roles);
    machine.refused(&["users", "lock", "eve@example.com"], 1, "the user eve@example.com does not exist\n");
    machine.refused(&["users", "unlock", "eve@example.com"], 1, "the user eve@example.com does not exist\n");
    assert_eq!(machine.json(&["users", "list"]).as_array().unwrap().len(), 1, "no half of eve");

    machine.refused(
        &["users", "add", "eve"],
        2,
        "invalid value 'eve' for '<EMAIL>': \"eve\" is not an e-mail",
    );
    machine.refused(&["users", "add"], 2, "the following required arguments");
    machine.refused(&["users", "add", "eve@example.com", "--target", "staging"], 2, "the following required");
    let star = ["users", "add", "eve@example.com", "--role", "ops", "--target", "st*"];
    machine.refused(&star, 2, "invalid value 'st*' for '--target <PATTERN>': \"st*\" may stand only for");
    machine.refused(&["users", "add", "eve@example.com", "--name", "a\nb"], 2, "invalid value");
}
