//! `grants …`.

use super::{Machine, keys, rows};
use serde_json::{Value, json};

fn with_ada() -> Machine {
    let machine = Machine::new();
    machine.text(&["users", "add", "ada@example.com"]);
    machine.text(&["users", "add", "bob@example.com", "--role", "viewer"]);
    machine.run(&["tokens", "create", "--user", "ada@example.com", "--name", "laptop", "--role", "viewer"]);
    machine
}

#[test]
fn grants_are_added_listed_and_removed() {
    let machine = with_ada();
    let command = ["grants", "add", "--user", "ada@example.com", "--role", "ops", "--target", "staging/web"];
    let added = machine.text(&[&command[..], &["--expires", "2100-01-01T00:00:00Z"]].concat());
    let (sentence, id) = added.trim_end().rsplit_once(": ").unwrap();
    assert_eq!(sentence, "granted ops on staging/web to the user ada@example.com until 2100-01-01T00:00:00Z");
    let to_token = machine.text(&["grants", "add", "--token", "laptop", "--role", "cicd"]);
    assert!(to_token.starts_with("granted cicd on * to the token laptop: "), "{to_token}");

    let listed = rows(&machine.text(&["grants", "list"]));
    assert_eq!(
        listed,
        [
            vec!["ID", "HOLDER", "ROLE", "TARGET", "EXPIRES"],
            vec!["<id>", "user bob@example.com", "viewer", "*", "never"],
            vec!["<id>", "token laptop", "viewer", "*", "never"],
            vec!["<id>", "user ada@example.com", "ops", "staging/web", "<time>"],
            vec!["<id>", "token laptop", "cicd", "*", "never"],
        ]
    );
    assert_eq!(rows(&machine.text(&["grants", "list", "--user", "ada@example.com"]))[1..], listed[3..4]);
    let of_token = rows(&machine.text(&["grants", "list", "--token", "laptop"]));
    assert_eq!(of_token[1..], [listed[2].clone(), listed[4].clone()]);

    let removed = machine.text(&["grants", "remove", id]);
    assert_eq!(removed, "took ops on staging/web away from the user ada@example.com\n");
    machine.refused(&["grants", "remove", id], 1, &format!("the grant {id} does not exist\n"));
    assert_eq!(machine.json(&["grants", "list", "--user", "ada@example.com"]), json!([]));
}

#[test]
fn a_grant_for_some_calls_of_a_service() {
    fn add<'a>(words: &[&'a str]) -> Vec<&'a str> {
        let command = ["grants", "add", "--user", "ada@example.com", "--role", "ops", "--target"];
        [&command[..], words].concat()
    }
    let machine = with_ada();
    let said = machine.text(&add(&["service:web", "--methods", "get,head", "--path-prefix", "/api"]));
    assert!(
        said.starts_with("granted ops on service:web with GET,HEAD below /api/ to the user ada@example.com"),
        "{said}"
    );
    let list = machine.text(&["grants", "list", "--user", "ada@example.com"]);
    assert!(list.contains("service:web with GET,HEAD below /api/"), "{list}");
    machine.refused(
        &add(&["service:web", "--methods", "G T"]),
        2,
        "\"G T\" is not a method; write for example GET,HEAD\n",
    );
    let everywhere = machine.run(&add(&["*", "--methods", "GET"]));
    assert_eq!(everywhere.code, 1, "{everywhere:?}");
    assert!(everywhere.stderr.contains("begin the target with service:"), "{everywhere:?}");
}

#[test]
fn a_grant_as_json() {
    let machine = with_ada();
    let command = ["grants", "add", "--token", "laptop", "--role", "ops", "--target", "repo:team/**"];
    let added = machine.json(&[&command[..], &["--expires", "12h"]].concat());
    let expected =
        ["id", "user", "token", "role", "target", "created_at", "expires_at", "methods", "path_prefix"];
    assert_eq!(keys(&added), expected);
    assert_eq!((&added["user"], &added["token"]), (&Value::Null, &json!("laptop")));
    assert_eq!((&added["role"], &added["target"]), (&json!("ops"), &json!("repo:team/**")));
    assert!(added["expires_at"].as_str() > added["created_at"].as_str());
    let listed = machine.json(&["grants", "list", "--token", "laptop"]);
    assert_eq!(listed[1], added);
    assert_eq!(machine.json(&["grants", "remove", added["id"].as_str().unwrap()]), added);
}

#[test]
fn what_cannot_be_granted() {
    let machine = with_ada();
    let add = |arguments: &[&'static str]| [&["grants", "add"][..], arguments].concat();
    let user = "ada@example.com";
    machine.refused(&add(&["--role", "ops"]), 2, "name who gets the role, with --user or --token\n");
    machine.refused(&add(&["--user", user, "--token", "laptop", "--role", "ops"]), 2, "the argument '--user");
    machine.refused(&add(&["--user", user]), 2, "the following required arguments");
    machine.refused(
        &add(&["--user", user, "--role", "nix"]),
        1,
        "the role nix does not exist; there are viewer,",
    );
    machine.refused(
        &add(&["--user", "eve@example.com", "--role", "ops"]),
        1,
        "the user eve@example.com does not",
    );
    machine.refused(&add(&["--token", "nix", "--role", "ops"]), 1, "the token nix does not exist\n");
    machine.refused(
        &add(&["--user", user, "--role", "ops", "--target", "planet:x"]),
        2,
        "invalid value 'planet:x'",
    );
    for past in ["0d", "2020-01-01T00:00:00Z"] {
        let command = add(&["--user", user, "--role", "ops", "--expires"]);
        machine.refused(&[&command[..], &[past]].concat(), 2, "--expires: 20");
    }
    for unreadable in ["soon", "30", "-1d"] {
        let expires = format!("--expires={unreadable}");
        let command = [&add(&["--user", user, "--role", "ops"])[..], &[&expires]].concat();
        machine.refused(
            &command,
            2,
            &format!("invalid value '{unreadable}' for '--expires <WHEN>': write a time"),
        );
    }
    machine.refused(&["grants", "remove", "zzz"], 2, "invalid value 'zzz' for '<ID>': it is not an id");
    machine.refused(&["grants", "list", "--user", "eve@example.com"], 1, "the user eve@example.com does not");
    assert_eq!(machine.json(&["grants", "list"]).as_array().unwrap().len(), 2, "nothing was granted");
}

#[test]
fn the_same_is_not_granted_twice() {
    let machine = with_ada();
    let command = ["grants", "add", "--user", "bob@example.com", "--role", "viewer"];
    machine.refused(&command, 1, "viewer on * is held already, by the grant ");
    machine.text(&[&command[..], &["--target", "staging"]].concat());
}
