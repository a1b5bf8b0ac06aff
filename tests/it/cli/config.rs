//! `config …`.

use super::{Machine, rows};
use crate::support::tls::Authority;
use rack_gateway::boot::BootError;
use serde_json::json;

const RACK: [(&str, &str); 2] = [("RACK_HOST", "https://rack.example.com"), ("RACK_TOKEN", "hunter2")];

fn with_rack(mut machine: Machine) -> Machine {
    machine.env.extend(RACK.map(|(name, value)| (name.to_owned(), value.to_owned())));
    machine
}

#[test]
fn a_valid_configuration() {
    let machine = with_rack(Machine::new());
    assert_eq!(machine.text(&["config", "check"]), "the configuration is valid\n");
    let valid = json!({"valid": true, "problems": [], "warnings": [], "reserved": [], "for_clients": []});
    assert_eq!(machine.json(&["config", "check"]), valid);
    assert!(!machine.database().exists(), "checking touches nothing");
}

#[test]
fn doubts_and_names_without_effect() {
    let machine = with_rack(Machine::with_env([
        ("RGW_DATABASE_ULR", "hunter2"),
        ("GITHUB_TOKEN", "hunter2"),
        ("AUDIT_HMAC_SECRET", "hunter2"),
        ("RACK_GATEWAY_API_TOKEN", "hunter2"),
        ("GATEWAY_CLI_CONFIG_DIR", "/nowhere"),
    ]));
    assert_eq!(
        machine.text(&["config", "check"]),
        "the configuration is valid\n\
         warning: environment: RGW_DATABASE_ULR: is not known; did you mean RGW_DATABASE_URL?\n\
         without effect in this version: AUDIT_HMAC_SECRET, GITHUB_TOKEN\n\
         for client commands; the server does not read them: RACK_GATEWAY_API_TOKEN, GATEWAY_CLI_CONFIG_DIR\n"
    );
    let checked = machine.json(&["config", "check"]);
    assert_eq!(checked["reserved"], json!(["AUDIT_HMAC_SECRET", "GITHUB_TOKEN"]));
    assert_eq!(checked["for_clients"], json!(["RACK_GATEWAY_API_TOKEN", "GATEWAY_CLI_CONFIG_DIR"]));
    assert_eq!(checked["warnings"].as_array().unwrap().len(), 1);
}

/// Who has no rack is told before anything is made for them.
#[test]
fn without_a_rack_there_is_nothing_to_serve() {
    let machine = Machine::new();
    let told = BootError::NoRack.to_string();
    let checked = machine.run(&["config", "check"]);
    assert_eq!((checked.code, checked.stdout, checked.stderr), (2, format!("{told}\n"), String::new()));
    let checked = machine.run(&["config", "check", "-o", "json"]);
    assert_eq!(checked.code, 2);
    let checked: serde_json::Value = serde_json::from_str(&checked.stdout).unwrap();
    let problem = json!({"origin": "default", "key": "RACK_HOST", "problem": told});
    assert_eq!((&checked["valid"], &checked["problems"]), (&json!(false), &json!([problem])));
    let served = machine.run(&["serve"]);
    assert_eq!(served.code, 2, "{served:?}");
    assert!(served.stderr.contains(&format!("error: {told}\n")), "{served:?}");
    assert!(!machine.database().exists(), "nothing was made");
}

#[test]
fn every_problem_is_told_at_once() {
    let machine = Machine::with_env([("PORT", "abc"), ("DATABASE_URL", "mysql://root:hunter2@db/x")]);
    let file = machine.file("gateway.toml", "[server]\nprot = 1\n");
    let checked = machine.run(&["config", "check", "--config", &file]);
    assert_eq!((checked.code, checked.stderr.as_str()), (2, ""));
    let lines: Vec<_> = checked.stdout.lines().collect();
    assert_eq!(lines.len(), 3, "{}", checked.stdout);
    assert!(lines.iter().any(|line| line.contains("gateway.toml:2: server.prot: ")), "{}", checked.stdout);
    assert!(
        lines.iter().any(|line| line.starts_with("environment: PORT: \"abc\" is not")),
        "{}",
        checked.stdout
    );
    assert!(lines.iter().any(|line| line.starts_with("environment: DATABASE_URL: ")), "{}", checked.stdout);
    assert!(!checked.stdout.contains("hunter2"));

    let checked = machine.run(&["config", "check", "--config", &file, "-o", "json"]);
    assert_eq!(checked.code, 2);
    let checked: serde_json::Value = serde_json::from_str(&checked.stdout).unwrap();
    assert_eq!((&checked["valid"], checked["problems"].as_array().unwrap().len()), (&json!(false), 3));
    let port =
        checked["problems"].as_array().unwrap().iter().find(|problem| problem["key"] == "PORT").unwrap();
    assert_eq!(port["origin"], "environment");
}

/// What `serve` refuses is no valid configuration, although every file is there.
#[test]
fn files_that_hold_something_else_are_told() {
    let mut machine = with_rack(Machine::new());
    let authority = Authority::new();
    let (mine, other) = (authority.sign(&["a.example.com"]), authority.sign(&["b.example.com"]));
    let cert = machine.file("cert.pem", &mine.pem);
    let key = machine.file("key.pem", &other.key_pem);
    let garbage =
        machine.file("garbage.pem", "-----BEGIN CERTIFICATE-----\n%%%\n-----END CERTIFICATE-----\n");
    let empty = machine.file("empty.pem", "");
    let staging = format!(
        "[racks.staging]\nurl = \"https://s.example.com\"\npassword = \"hunter2\"\nca_file = \"{empty}\"\n"
    );
    let file = machine.file("gateway.toml", &staging);
    for (name, value) in [
        ("TLS_CERT_FILE", &cert),
        ("TLS_KEY_FILE", &key),
        ("RACK_CA_FILE", &garbage),
        ("SERVICE_CA_FILE", &empty),
        ("SERVICE_TRUST", &format!("billing={garbage}")),
        ("RACK_GATEWAY_CONFIG", &file),
    ] {
        machine.env.push((name.to_owned(), value.clone()));
    }
    let checked = machine.run(&["config", "check"]);
    assert_eq!((checked.code, checked.stderr.as_str()), (2, ""), "{checked:?}");
    for (start, path) in [
        ("environment: TLS_CERT_FILE: ", &cert),
        ("environment: RACK_CA_FILE: ", &garbage),
        ("environment: SERVICE_CA_FILE: ", &empty),
        ("environment: SERVICE_TRUST: ", &garbage),
        (&*format!("{file}:4: racks.staging.ca_file: "), &empty),
    ] {
        let told = checked.stdout.lines().any(|line| line.starts_with(start) && line.contains(path.as_str()));
        assert!(told, "{start}: {}", checked.stdout);
    }
    assert_eq!(checked.stdout.lines().count(), 5, "{}", checked.stdout);
    let checked = machine.run(&["config", "check", "-o", "json"]);
    let checked: serde_json::Value = serde_json::from_str(&checked.stdout).unwrap();
    assert_eq!((&checked["valid"], checked["problems"].as_array().unwrap().len()), (&json!(false), 5));
    let served = machine.run(&["serve"]);
    assert_ne!(served.code, 0, "{served:?}");

    machine.file("key.pem", &mine.key_pem);
    for path in ["garbage.pem", "empty.pem"] {
        machine.file(path, &authority.pem);
    }
    assert_eq!(machine.text(&["config", "check"]), "the configuration is valid\n");
}

#[test]
fn no_command_works_with_a_wrong_configuration() {
    let mut machine = Machine::new();
    machine.env.push(("PORT".to_owned(), "abc".to_owned()));
    for command in [&["users", "list"][..], &["migrate"], &["config", "show"], &["roles", "list"]] {
        machine.refused(command, 2, "environment: PORT: \"abc\" is not a whole number");
    }
    assert!(!machine.database().exists());
    machine.refused(
        &["users", "list", "--config", "none.toml"],
        2,
        "command line: --config: \"none.toml\" does not",
    );
}

#[test]
fn settings_are_shown_with_their_source_and_without_secrets() {
    let machine = Machine::with_env([
        ("DATABASE_URL", "postgres://gateway:hunter2@db.example.com/gateway"),
        ("PORT", "9443"),
    ]);
    let shown = machine.text(&["config", "show"]);
    assert!(!shown.contains("hunter2"), "{shown}");
    let shown = rows(&shown);
    assert_eq!(shown[0], ["SETTING", "VALUE", "SOURCE"]);
    assert!(
        shown.contains(&vec!["PORT".to_owned(), "9443".to_owned(), "environment".to_owned()]),
        "{shown:?}"
    );
    let shown = machine.json(&["config", "show"]);
    assert!(!shown.to_string().contains("hunter2"));
    let port = json!({"key": "PORT", "value": "9443", "source": "environment"});
    assert!(shown.as_array().unwrap().contains(&port), "{shown}");
}
