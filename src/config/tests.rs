use super::{
    testing::{errors, errors_toml, load, load_toml},
    *,
};
use std::fs;

#[test]
fn all_problems_at_once() {
    let file = "[server]\nlisten = 'here'\ncolour = 'blue'\n\n[racks.a]\nurl = 'https://a'";
    let errors = errors_toml([("LOG_LEVEL", "loud"), ("DB_MAX_OPEN_CONNS", "many")], file);
    let starts = [
        "gateway.toml:3: server.colour: is not a known key",
        "gateway.toml:2: server.listen: \"here\" is not an address",
        "environment: DB_MAX_OPEN_CONNS: \"many\" is not a whole number",
        "gateway.toml:6: racks.a.url: the rack has no password",
        "environment: LOG_LEVEL: \"loud\" is not known",
    ];
    assert_eq!(errors.len(), starts.len(), "{errors:#?}");
    for (error, start) in errors.iter().zip(starts) {
        assert!(error.starts_with(start), "{error}");
    }
}

#[test]
fn the_file_named_by_option_or_environment() {
    let dir = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &[u8]| {
        let path = dir.path().join(name);
        fs::write(&path, text).unwrap();
        path
    };
    let one = write("one.toml", b"[server]\ndomain = 'one'");
    let two = write("two.toml", b"[server]\ndomain = 'two'");
    let env = MapEnv::default().with("RACK_GATEWAY_CONFIG", one.to_str().unwrap());
    let domain = |file: Option<&Path>| Config::load(&env, file).unwrap().server.domain;
    assert_eq!(domain(None).as_deref(), Some("one"));
    assert_eq!(domain(Some(&two)).as_deref(), Some("two"));

    let absent = Config::load(&env, Some(Path::new("/no/such.toml"))).unwrap_err();
    let expected = "command line: --config: \"/no/such.toml\" does not exist; create it or correct the path";
    assert_eq!(absent.to_string(), expected);
    let from_env = MapEnv::default().with("RACK_GATEWAY_CONFIG", dir.path().to_str().unwrap());
    let directory = Config::load(&from_env, None).unwrap_err().to_string();
    assert!(directory.starts_with("environment: RACK_GATEWAY_CONFIG: "), "{directory}");
    assert!(directory.ends_with("is a directory; name a file"), "{directory}");
    let binary = write("binary.toml", b"\xff");
    assert!(Config::load(&env, Some(&binary)).unwrap_err().to_string().ends_with("is not UTF-8 text"));
    assert!(Config::load(&env, Some(&write("empty.toml", b""))).is_ok());
}

#[test]
fn a_broken_file_hides_what_follows_from_it() {
    let errors = errors_toml([("RACK", "a"), ("LOG_LEVEL", "loud")], "[racks.a\nurl = 'https://a'");
    assert!(errors.iter().all(|error| error.starts_with("gateway.toml:1: syntax: ")), "{errors:?}");
}

#[test]
fn secrets_from_files() {
    let dir = tempfile::tempdir().unwrap();
    let path = |name: &str, text: &str| {
        let path = dir.path().join(name);
        fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let token = path("token", "hunter2\n");
    let config = load([("RACK_HOST", "rack"), ("RACK_TOKEN_FILE", token.as_str())]);
    assert_eq!(config.racks.default_rack().unwrap().password.expose(), "hunter2");

    let empty = path("empty", "\n");
    for (file, expected) in [
        ("/no/such/file", "does not exist; create it or correct the path".to_owned()),
        (empty.as_str(), "is empty; write the secret into it".to_owned()),
        (dir.path().to_str().unwrap(), "is a directory; name a file".to_owned()),
    ] {
        let errors = errors([("RACK_HOST", "rack"), ("RACK_TOKEN_FILE", file)]);
        assert_eq!(errors, [format!("environment: RACK_TOKEN_FILE: {file:?} {expected}")]);
    }
    let both =
        errors([("RACK_HOST", "rack"), ("RACK_TOKEN", "hunter2"), ("RACK_TOKEN_FILE", token.as_str())]);
    assert_eq!(both, ["environment: RACK_TOKEN: is set together with RACK_TOKEN_FILE; keep one of the two"]);
    let lines = path("lines", "hunter2\nhunter3\n");
    let two_lines = errors([("RACK_HOST", "rack"), ("RACK_TOKEN_FILE", lines.as_str())]);
    assert!(two_lines[0].starts_with("environment: RACK_TOKEN_FILE: the value holds a control character"));
}

#[test]
fn a_secret_of_the_environment_beats_the_file_of_the_toml() {
    let file = "[racks.a]\nurl = 'https://a'\npassword_file = '/no/such/file'";
    let config = load_toml([("RACK", "a"), ("RACK_TOKEN", "x")], file);
    assert_eq!(config.racks.default_rack().unwrap().password.expose(), "x");
    let errors = errors_toml([], file);
    let expected = "gateway.toml:3: racks.a.password_file: \"/no/such/file\" does not exist; create it or correct the path";
    assert_eq!(errors, [expected]);
}

#[test]
fn empty_values() {
    assert_eq!(load([("DOMAIN", ""), ("RACK_HOST", " "), ("LOG_LEVEL", "")]).server.domain, None);
    let errors = errors_toml([], "[server]\ndomain = ''");
    assert_eq!(errors, ["gateway.toml:2: server.domain: is empty; write a value or remove the key"]);
    let errors = errors_toml([], "[server]\ndomain = ['a']");
    assert_eq!(errors, ["gateway.toml:2: server.domain: is a list; write one value"]);
}

#[test]
fn bytes_that_are_not_text() {
    let errors = errors([("DOMAIN", "a\u{fffd}b")]);
    assert_eq!(errors, ["environment: DOMAIN: the value is not UTF-8 text; write it again"]);
}

#[test]
fn the_summary_names_sources_and_no_secrets() {
    let file =
        "[racks.staging]\nurl = 'https://u:hunter2@staging'\npassword = 'hunter2'\n[server]\ndomain = 'x'";
    let config = load_toml([("DATABASE_URL", "postgres://u:hunter2@db/x"), ("PORT", "80")], file);
    let summary = config.summary();
    let row = |key: &str| {
        let (_, value, source) =
            summary.iter().find(|(name, ..)| name == key).unwrap_or_else(|| panic!("{key}"));
        (value.as_str(), source.as_str())
    };
    assert_eq!(row("LISTEN"), ("0.0.0.0:8443", "default"));
    assert_eq!(row("PORT"), ("80", "environment"));
    assert_eq!(row("DOMAIN"), ("x", "gateway.toml:5"));
    assert_eq!(row("DATABASE_URL"), ("[REDACTED]", "environment"));
    assert_eq!(row("racks.staging.password"), ("[REDACTED]", "gateway.toml:3"));
    assert_eq!(row("racks.staging.url"), ("https://[REDACTED]@staging", "gateway.toml:2"));
    let shown = format!("{summary:?} {config:?}");
    assert!(!shown.contains("hunter2"), "{shown}");
}

#[test]
fn an_existing_environment_loads() {
    let config = load([
        ("PORT", "8080"),
        ("DOMAIN", "gateway.example.com"),
        ("DATABASE_URL", "postgres://gateway:pw@db:5432/gateway?sslmode=require"),
        ("RACK", "prod"),
        ("RACK_HOST", "https://api.prod.example.com"),
        ("RACK_TOKEN", "pw"),
        ("APP_SECRET_KEY", "0123456789abcdef0123456789abcdef"),
        ("GOOGLE_CLIENT_ID", "id"),
        ("COOKIE_SECURE", "true"),
        ("DEV_MODE", "perhaps"),
        ("GOOGLE_CLIENT_SECRET", "hunter2"),
        ("GOOGLE_ALLOWED_DOMAIN", "example.com"),
        ("RATE_LIMIT_RPS", "10"),
        ("DB_CONN_MAX_LIFETIME", "30m"),
        ("RGW_SETTING_SESSION_TIMEOUT_MINUTES", "5"),
        ("ADMIN_USERS", "ada@example.com"),
    ]);
    assert_eq!(config.server.listen.to_string(), "0.0.0.0:8080");
    assert_eq!(config.reserved, ["DEV_MODE", "RATE_LIMIT_RPS"]);
    assert_eq!(config.warnings, Vec::<String>::new());
}

proptest::proptest! {
    /// Whatever stands in a file or a variable, the answer is a configuration or a list of errors.
    #[test]
    fn no_input_panics(toml in "[\\[\\]a-z.='\"\n0-9 ]{0,80}", value in "\\PC{0,40}") {
        let mut problems = Vec::new();
        let file = TomlFile::parse("gateway.toml", &toml, &mut problems);
        let env = variables::ALL.iter().fold(MapEnv::default(), |env, row| env.with(row.name, value.clone()));
        if let Err(errors) = Config::from_sources(&env, file, problems) {
            proptest::prop_assert!(errors.iter().count() > 0);
        }
    }
}
