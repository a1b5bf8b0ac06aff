//! Secrets of the configuration do not show in the complaints about it.

use super::canaries::Canaries;
use std::process::Command;

fn complaint(variables: &[(&str, &str)]) -> Vec<u8> {
    let directory = tempfile::tempdir().unwrap();
    let ended = Command::new(env!("CARGO_BIN_EXE_rack-gateway"))
        .arg("serve")
        .current_dir(directory.path())
        .env_clear()
        .envs([("LISTEN", "127.0.0.1:0"), ("OPS_LISTEN", "127.0.0.1:0"), ("LOG_LEVEL", "trace")])
        .envs(variables.iter().copied())
        .output()
        .unwrap();
    assert!(!ended.status.success(), "{ended:?}");
    [ended.stdout, ended.stderr].concat()
}

#[test]
fn complaints_name_the_setting_and_not_its_secret() {
    let canaries = Canaries::default();
    let plant = |place: &str| canaries.plant(place);
    let rack = [("RACK_HOST", "http://127.0.0.1:1"), ("RACK_TOKEN", "x")];
    let with = |name: &'static str, value: String| {
        let mut variables = rack.to_vec();
        variables.retain(|(other, _)| *other != name);
        variables.push((name, &value));
        let shown = complaint(&variables);
        canaries.hunt(name, &shown);
        String::from_utf8_lossy(&shown).into_owned()
    };
    let away = with("DATABASE_URL", format!("postgres://gateway:{}@127.0.0.1:1/gateway", plant("password")));
    assert!(away.contains("database"), "{away}");
    for value in [
        format!("postgres://gateway:{}@127.0.0.1:port/gateway", plant("bad port")),
        format!("mysql://gateway:{}@127.0.0.1/gateway", plant("bad scheme")),
        format!("postgres://gateway:{}", plant("no host")),
        plant("no URL"),
    ] {
        assert!(with("DATABASE_URL", value).contains("DATABASE_URL"));
    }
    for value in [
        format!("ftp://convox:{}@127.0.0.1", plant("bad scheme of the rack")),
        format!("http://convox:{}@127.0.0.1:port", plant("bad port of the rack")),
        format!("http://convox:{}@", plant("no host of the rack")),
    ] {
        assert!(with("RACK_HOST", value).contains("RACK_HOST"));
    }
    assert!(with("SENTRY_DSN", format!("http//{}", plant("DSN"))).contains("SENTRY_DSN"));
    assert!(with("RACK_TOKEN", format!("{}\n", plant("line end in a token")) + "x").contains("RACK_TOKEN"));
}
