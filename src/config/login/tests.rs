use crate::config::testing::{error, errors_toml, load, load_toml};

const OKTA: &str =
    "[oidc.okta]\nissuer = 'https://acme.okta.com'\nclient_id = 'id'\nclient_secret = 'hunter2'\n";

#[test]
fn nobody_vouches_by_default() {
    let login = load([]).login;
    assert!(login.oidc.is_empty() && login.github.is_none() && login.group_roles.is_empty());
    assert!(!login.provision);
}

#[test]
fn google_by_its_known_names() {
    let config = load([
        ("GOOGLE_CLIENT_ID", "id"),
        ("GOOGLE_CLIENT_SECRET", "hunter2"),
        ("GOOGLE_ALLOWED_DOMAIN", "Example.com, example.org"),
    ]);
    let [google] = config.login.oidc.as_slice() else { panic!("one provider") };
    assert_eq!((google.name.as_str(), google.display_name.as_str()), ("google", "Google"));
    assert_eq!(google.issuer, "https://accounts.google.com");
    assert_eq!(google.allowed_domains, ["example.com", "example.org"]);
    assert_eq!(google.scopes, ["email", "profile"]);
    assert!(!format!("{config:?}").contains("hunter2"));
}

#[test]
fn several_providers_at_once() {
    let file = format!(
        "{OKTA}scopes = ['email', 'groups']\ngroups_claim = 'roles'\nname = 'Acme'\n\
         [oidc.google]\nclient_id = 'of the file'\nclient_secret = 'x'\n\
         [github]\nclient_id = 'gh'\nclient_secret = 'x'\nallowed_orgs = ['Acme']\nallowed_teams = ['acme/Ops']\n\
         [[group_roles]]\nprovider = 'okta'\ngroup = 'platform'\nrole = 'ops'\ntarget = 'staging'\n\
         [[group_roles]]\nprovider = 'github'\ngroup = 'acme/ops'\nrole = 'admin'\n[login]\nprovision = true\n"
    );
    let login = load_toml([("GOOGLE_CLIENT_ID", "of the environment")], &file).login;
    let names: Vec<_> = login.oidc.iter().map(|one| (one.name.as_str(), one.client_id.as_str())).collect();
    assert_eq!(names, [("google", "of the environment"), ("okta", "id")]);
    let okta = &login.oidc[1];
    assert_eq!((okta.display_name.as_str(), okta.groups_claim.as_str()), ("Acme", "roles"));
    assert_eq!(okta.scopes, ["email", "groups"]);
    let github = login.github.unwrap();
    assert_eq!(
        (github.allowed_orgs, github.allowed_teams),
        (vec!["acme".into()], vec!["acme/ops".to_owned()])
    );
    assert_eq!(github.api_url.as_str(), "https://api.github.com/");
    let targets: Vec<_> =
        login.group_roles.iter().map(|one| (&*one.group, &*one.role, &*one.target)).collect();
    assert_eq!(targets, [("platform", "ops", "staging"), ("acme/ops", "admin", "*")]);
}

#[test]
fn doors_that_stand_open_are_told() {
    let config = load_toml([("LOGIN_PROVISION", "true")], OKTA);
    assert_eq!(config.warnings.len(), 1, "{:?}", config.warnings);
    assert!(
        config.warnings[0]
            .starts_with("environment: LOGIN_PROVISION: gives an account to anyone whom okta knows")
    );
    let narrow = load_toml([("LOGIN_PROVISION", "true")], &format!("{OKTA}allowed_domains = ['acme.com']"));
    assert_eq!(narrow.warnings, Vec::<String>::new());
}

#[test]
fn each_mistake_names_its_field() {
    for (file, expected) in [
        (
            "[oidc.okta]\nissuer = 'https://a'\nclient_id = 'x'",
            "1: oidc.okta.client_secret: is missing; the provider \"okta\" needs it",
        ),
        (
            "[oidc.okta]\nclient_id = 'x'\nclient_secret = 'x'",
            "1: oidc.okta.issuer: is missing; the provider \"okta\" needs it",
        ),
        (
            "[oidc]\nokta = 1",
            "2: oidc.okta: is not a provider; write a table for each provider, for example [oidc.staging]",
        ),
        (
            "[oidc.github]\nclient_id = 'x'",
            "1: oidc.github: is not an OpenID Connect provider; write [github]",
        ),
        (
            "[github]\nclient_id = 'x'",
            "2: github.client_id: is set without GITHUB_CLIENT_SECRET; set both or none",
        ),
        ("group_roles = 1", "1: group_roles: is not a list; write each as [[group_roles]]"),
        (
            "[[group_roles]]\nprovider = 'x'\ngroup = 'g'\nrole = 'ops'",
            "1: group_roles.provider: \"x\" is not a provider; configure one first, for example [oidc.okta]",
        ),
        (
            "[github]\nclient_id='x'\nclient_secret='x'\n\
             [[group_roles]]\nprovider='x'\ngroup='g'\nrole='ops'",
            "4: group_roles.provider: \"x\" is not a provider; write one of github",
        ),
        (
            "[[group_roles]]\ngruop = 'g'",
            "2: group_roles.0.gruop: is not a known key; did you mean group_roles.0.group?",
        ),
    ] {
        let errors = errors_toml([], file);
        assert!(errors.iter().any(|error| error == &format!("gateway.toml:{expected}")), "{errors:#?}");
    }
    let alone = error([("GOOGLE_CLIENT_ID", "id")]);
    assert_eq!(alone, "environment: GOOGLE_CLIENT_SECRET: is missing; the provider \"google\" needs it");
    let team = error([("GITHUB_ALLOWED_TEAMS", "platform")]);
    assert!(team.ends_with("write it with its organization, for example acme/platform"), "{team}");
}

#[test]
fn an_issuer_is_https_or_on_this_machine() {
    for good in [
        "https://a.example",
        "https://a.example/realms/x",
        "https://a.example/",
        "http://127.0.0.1:9/x",
        "http://[::1]:9",
        "http://localhost:3000",
    ] {
        let config = load_toml([], &OKTA.replace("https://acme.okta.com", good));
        assert_eq!(config.login.oidc[0].issuer, good);
    }
    for bad in [
        "http://a.example",
        "ftp://a",
        "a.example",
        "https://u:p@a",
        "https://a?x",
        "https://a#x",
        "http://localhost.evil.com",
    ] {
        let errors = errors_toml([], &OKTA.replace("https://acme.okta.com", bad));
        assert!(
            errors[0].contains("oidc.okta.issuer")
                && errors[0].ends_with("write for example https://login.example.com"),
            "{errors:?}"
        );
    }
}
