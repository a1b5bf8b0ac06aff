use super::*;
use crate::config::testing::{error, errors, errors_toml, load, load_toml};

const PIN: &str = "abababababababababababababababababababababababababababababababab";

#[test]
fn no_rack_is_allowed() {
    let racks = load([]).racks;
    assert!(racks.is_empty() && racks.default_rack().is_none());
}

#[test]
fn the_rack_of_the_environment() {
    let racks = load([("RACK", "prod"), ("RACK_HOST", "rack.example.com"), ("RACK_TOKEN", "hunter2")]).racks;
    let rack = racks.default_rack().unwrap();
    assert_eq!(
        (rack.name.as_str(), rack.display_name.as_str(), rack.username.as_str()),
        ("prod", "prod", "convox")
    );
    assert_eq!(rack.url.as_str(), "https://rack.example.com:5443/");
    assert_eq!(rack.password.expose(), "hunter2");
    assert_eq!(rack.trust, RackTrust::System);
    assert_eq!(racks.len(), 1);
}

#[test]
fn credentials_in_the_url() {
    let config = load([("RACK_HOST", "https://me:hunter2@rack.example.com/prefix")]);
    let rack = config.racks.get("default").unwrap();
    assert_eq!((rack.username.as_str(), rack.password.expose()), ("me", "hunter2"));
    assert_eq!(rack.url.as_str(), "https://rack.example.com/prefix");
    let shown = format!("{config:?} {:?}", config.summary());
    assert!(!shown.contains("hunter2"), "{shown}");

    let beside =
        load([("RACK_HOST", "https://me:old@rack"), ("RACK_TOKEN", "new"), ("RACK_USERNAME", "you")]).racks;
    let rack = beside.default_rack().unwrap();
    assert_eq!((rack.username.as_str(), rack.password.expose()), ("you", "new"));
}

#[test]
fn in_kubernetes_the_name_is_enough() {
    let env = [("RACK", "prod"), ("RACK_TOKEN", "x"), ("KUBERNETES_SERVICE_HOST", "10.0.0.1")];
    let racks = load(env).racks;
    assert_eq!(racks.default_rack().unwrap().url.as_str(), "https://api.prod-system.svc.cluster.local:5443/");
}

#[test]
fn a_name_alone_is_not_enough_elsewhere() {
    let expected = "environment: RACK: names the rack \"prod\", but RACK_HOST is not set; write for example \
                    https://rack.example.com into it";
    assert_eq!(error([("RACK", "prod"), ("RACK_TOKEN", "x")]), expected);
    let error = error([("RACK", "Prod")]);
    assert_eq!(
        error,
        "environment: RACK: \"Prod\" is not a name; write 1 to 40 of the characters a-z, 0-9 and -"
    );
}

#[test]
fn a_rack_needs_a_password() {
    let missing = error([("RACK_HOST", "rack")]);
    let expected = "environment: RACK_HOST: the rack has no password; set RACK_TOKEN, or RACK_TOKEN_FILE to a file \
                    that holds it";
    assert_eq!(missing, expected);
    let missing = errors_toml([], "[racks.a]\nurl = 'https://a'");
    assert!(
        missing[0]
            .starts_with("gateway.toml:2: racks.a.url: the rack has no password; set racks.a.password, or")
    );
}

#[test]
fn racks_of_the_file() {
    let dir = tempfile::tempdir().unwrap();
    let secret = dir.path().join("password");
    std::fs::write(&secret, "from file\n").unwrap();
    let file = format!(
        "[racks.alpha]\nurl = 'https://alpha'\npassword_file = '{}'\nalias = 'a'\npin_sha256 = '{PIN}'\n\
         [racks.staging]\nurl = 'staging:1'\npassword = 'x'\nusername = 'me'\ndisplay_name = 'Staging'\ndefault = true",
        secret.display()
    );
    let racks = load_toml([], &file).racks;
    assert_eq!(racks.iter().map(|rack| rack.name.as_str()).collect::<Vec<_>>(), ["staging", "alpha"]);
    assert_eq!(racks.default_rack().unwrap().display_name, "Staging");
    let alpha = racks.get("a").unwrap();
    assert_eq!((alpha.password.expose(), alpha.display_name.as_str()), ("from file", "a"));
    assert_eq!(alpha.trust, RackTrust::PinSha256([0xab; 32]));
    assert!(racks.get("nobody").is_none());
}

#[test]
fn the_environment_speaks_over_the_file() {
    let file = "[racks.prod]\nurl = 'https://prod'\npassword = 'old'\n\
                [racks.staging]\nurl = 'https://staging'\npassword = 'x'\ndefault = true";
    let config = load_toml([("RACK", "prod"), ("RACK_TOKEN", "new")], file);
    let rack = config.racks.default_rack().unwrap();
    assert_eq!(
        (rack.name.as_str(), rack.url.as_str(), rack.password.expose()),
        ("prod", "https://prod/", "new")
    );
    let expected = "gateway.toml:7: racks.staging.default: has no effect, because the environment makes \"prod\" the \
                    default rack";
    assert_eq!(config.warnings, [expected]);

    let url = load_toml([("RACK", "prod"), ("RACK_HOST", "https://me:new@other")], file).racks;
    let rack = url.default_rack().unwrap();
    assert_eq!((rack.username.as_str(), rack.password.expose()), ("me", "new"));
}

#[test]
fn one_default_among_several() {
    let rack =
        |name: &str, more: &str| format!("[racks.{name}]\nurl = 'https://{name}'\npassword = 'x'\n{more}\n");
    let none = errors_toml([], &(rack("a", "") + &rack("b", "")));
    let expected =
        "gateway.toml:1: racks: none of several racks is the default; write default = true into one of them";
    assert_eq!(none, [expected]);
    let two = errors_toml([], &(rack("a", "default = true") + &rack("b", "default = true")));
    let expected = "gateway.toml:8: racks.b.default: is true, and racks.a is the default too; mark only one";
    assert_eq!(two, [expected]);
    let only = load_toml([], &rack("a", "default = false")).racks;
    assert_eq!(only.default_rack().unwrap().name, "a");
}

#[test]
fn bad_racks_of_the_file() {
    for (line, expected) in [
        (
            "url = 'htp://x'",
            "2: racks.a.url: \"htp://x\" is not an http(s) URL; write for example https://rack.example.com",
        ),
        (
            "url = 'htp://u:hunter2@x'",
            "2: racks.a.url: \"htp://[REDACTED]@x\" is not an http(s) URL; write for example https://rack.example.com",
        ),
        (
            "alias = 'A'",
            "2: racks.a.alias: \"A\" is not a name; write 1 to 40 of the characters a-z, 0-9 and -",
        ),
        (
            "username = 'a:b'",
            "2: racks.a.username: \"a:b\" holds a colon, which HTTP does not allow in a user name; remove it",
        ),
        (
            "pin_sha256 = 'x'",
            "2: racks.a.pin_sha256: \"x\" is not a SHA-256; write 64 hexadecimal digits, colons are allowed",
        ),
        ("default = 'x'", "2: racks.a.default: \"x\" is neither true nor false; write one of the two"),
        (
            "password_file = 'y'",
            "4: racks.a.password: is set together with racks.a.password_file; keep one of the two",
        ),
    ] {
        let url = if line.starts_with("url") { "" } else { "url = 'https://a'" };
        let errors = errors_toml([], &format!("[racks.a]\n{line}\n{url}\npassword = 'hunter2'"));
        assert_eq!(errors, [format!("gateway.toml:{expected}")]);
    }
    let missing = errors_toml([], "[racks.a]\npassword = 'x'");
    assert_eq!(
        missing,
        ["gateway.toml:1: racks.a.url: is missing; write for example https://rack.example.com"]
    );
}

#[test]
fn verification_cannot_be_turned_off() {
    let rack = [("RACK_HOST", "https://rack"), ("RACK_TOKEN", "x")];
    let with = |more: &[(&'static str, &'static str)]| {
        more.iter().fold(crate::config::MapEnv::from(rack), |env, (name, value)| env.with(*name, *value))
    };
    let pinned = crate::config::Config::load(
        &with(&[("ENABLE_RACK_TLS_PINNING", "true"), ("RACK_PIN_SHA256", PIN)]),
        None,
    );
    assert_eq!(pinned.unwrap().racks.default_rack().unwrap().trust, RackTrust::PinSha256([0xab; 32]));

    let unpinned =
        crate::config::Config::load(&with(&[("ENABLE_RACK_TLS_PINNING", "true")]), None).unwrap_err();
    assert!(unpinned.to_string().contains("RACK_PIN_SHA256 is not set; write the SHA-256"), "{unpinned}");
    let plain = crate::config::Config::load(&with(&[("ENABLE_RACK_TLS_PINNING", "false")]), None).unwrap();
    assert_eq!(plain.racks.default_rack().unwrap().trust, RackTrust::System);
}

#[test]
fn one_kind_of_trust() {
    let both = errors([
        ("RACK_HOST", "https://rack"),
        ("RACK_TOKEN", "x"),
        ("RACK_CA_FILE", "/x"),
        ("RACK_PIN_SHA256", PIN),
    ]);
    let expected = "environment: RACK_PIN_SHA256: is set together with RACK_CA_FILE; keep one of RACK_CA_FILE and \
                    RACK_PIN_SHA256";
    assert_eq!(both, [expected]);
    let plain = error([("RACK_HOST", "http://rack"), ("RACK_TOKEN", "x"), ("RACK_PIN_SHA256", PIN)]);
    assert!(plain.starts_with("environment: RACK_PIN_SHA256: needs a rack with an https URL"), "{plain}");
    let no_ca = error([("RACK_HOST", "rack"), ("RACK_TOKEN", "x"), ("RACK_CA_FILE", "/no/such/ca.pem")]);
    assert!(no_ca.starts_with("environment: RACK_CA_FILE: \"/no/such/ca.pem\" cannot be read"), "{no_ca}");

    let file = "[racks.a]\nurl = 'https://a'\npassword = 'x'\nca_file = '/no/such/ca.pem'";
    let stronger = load_toml([("RACK", "a"), ("RACK_PIN_SHA256", PIN)], file).racks;
    assert_eq!(stronger.default_rack().unwrap().trust, RackTrust::PinSha256([0xab; 32]));
}

#[test]
fn plain_http_over_the_world_is_doubtful() {
    let warnings = |url| load([("RACK_HOST", url), ("RACK_TOKEN", "x")]).warnings;
    assert!(warnings("http://rack.example.com")[0].starts_with("environment: RACK_HOST: plain http carries"));
    assert_eq!(warnings("http://127.0.0.1:4000"), Vec::<String>::new());
}

#[test]
fn aliases_share_the_space_of_names() {
    let file = "[racks.a]\nurl = 'https://a'\npassword = 'x'\ndefault = true\n\
                [racks.b]\nurl = 'https://b'\npassword = 'x'\nalias = 'a'";
    let expected =
        "gateway.toml:8: racks.b.alias: \"a\" is the name or alias of rack \"a\" too; choose another";
    assert_eq!(errors_toml([], file), [expected]);
}
