//! `roles …`.

use super::{Machine, keys, rows};
use serde_json::json;

const ADD: [&str; 9] = [
    "roles",
    "add",
    "night-shift",
    "--permission",
    "convox:app:restart",
    "--permission",
    "convox:log:*",
    "--description",
    "works at night",
];

#[test]
fn built_in_roles_are_there_from_the_beginning() {
    let machine = Machine::new();
    let listed = rows(&machine.text(&["roles", "list"]));
    assert_eq!(listed[0], ["NAME", "KIND", "PERMISSIONS", "DESCRIPTION"]);
    let names: Vec<_> = listed[1..].iter().map(|row| (row[0].as_str(), row[1].as_str())).collect();
    assert_eq!(names, ["viewer", "ops", "deployer", "cicd", "admin"].map(|name| (name, "built-in")));
    let viewer = machine.json(&["roles", "show", "viewer"]);
    assert_eq!(viewer["patterns"], json!([]));
    assert!(viewer["permissions"].as_array().unwrap().contains(&json!("convox:app:list")));
}

#[test]
fn custom_roles_are_added_shown_and_removed() {
    let machine = Machine::new();
    assert_eq!(machine.text(&ADD), "added the role night-shift with 2 permissions\n");
    assert_eq!(
        machine.text(&["roles", "show", "night-shift"]),
        "night-shift (custom): works at night\n\n\
         PERMISSION          MAY\n\
         convox:app:restart  restart an app\n\
         convox:log:read     read logs\n"
    );
    assert_eq!(rows(&machine.text(&["roles", "list"]))[6], ["night-shift", "custom", "2", "works at night"]);
    assert_eq!(machine.text(&["roles", "remove", "night-shift"]), "removed the role night-shift\n");
    assert_eq!(rows(&machine.text(&["roles", "list"])).len(), 6);
}

#[test]
fn a_role_as_json() {
    let machine = Machine::new();
    let added = machine.json(&ADD);
    assert_eq!(
        added,
        json!({
            "name": "night-shift",
            "kind": "custom",
            "description": "works at night",
            "patterns": ["convox:app:restart", "convox:log:*"],
            "permissions": ["convox:app:restart", "convox:log:read"],
        })
    );
    assert_eq!(keys(&added), ["name", "kind", "description", "patterns", "permissions"]);
    assert_eq!(machine.json(&["roles", "show", "night-shift"]), added);
    assert_eq!(machine.json(&["roles", "list"])[5], added);
    assert_eq!(machine.json(&["roles", "remove", "night-shift"]), added);
}

#[test]
fn a_role_that_is_still_granted_is_removed_with_a_warning() {
    let machine = Machine::new();
    machine.text(&ADD);
    machine.text(&["users", "add", "ada@example.com", "--role", "night-shift"]);
    let removed = machine.run(&["roles", "remove", "night-shift"]);
    assert_eq!((removed.code, removed.stdout.as_str()), (0, "removed the role night-shift\n"));
    assert!(removed.stderr.starts_with("Grants that still name it: 1."), "{}", removed.stderr);
}

#[test]
fn what_roles_cannot_be() {
    let machine = Machine::new();
    machine.text(&ADD);
    machine.refused(&ADD, 1, "the role night-shift exists already\n");
    let admin = ["roles", "add", "admin", "--permission", "convox:app:read"];
    machine.refused(&admin, 1, "the role admin exists already: it is built in\n");
    machine.refused(&["roles", "remove", "viewer"], 1, "the role viewer is built in and cannot be removed\n");
    let known = "the role nix does not exist; there are viewer, ops, deployer, cicd, admin, night-shift\n";
    machine.refused(&["roles", "remove", "nix"], 1, known);
    machine.refused(&["roles", "show", "nix"], 1, known);
    machine.refused(&["roles", "add", "empty"], 2, "the following required arguments");
    let fly = ["roles", "add", "pilot", "--permission", "convox:app:fly"];
    machine.refused(
        &fly,
        2,
        "invalid value 'convox:app:fly' for '--permission <PERMISSION>': \"convox:app:fly\" names no",
    );
    for name in ["Night", "2nd", "a_b", "", &"a".repeat(41)] {
        let command = ["roles", "add", name, "--permission", "convox:app:read"];
        machine.refused(&command, 2, &format!("invalid value '{name}' for '<NAME>': a role's name begins"));
    }
}
