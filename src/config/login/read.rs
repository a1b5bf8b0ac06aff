//! Reads the providers: `google` from the environment, the others from the file.

use super::{GITHUB, GithubConfig, GroupRole, LoginConfig, OidcConfig};
use crate::config::{
    errors::Origin,
    reader::{Place, Reader},
    section::Section,
    values::{self, Checked},
    variables::{
        GITHUB_ALLOWED_ORGS, GITHUB_ALLOWED_TEAMS, GITHUB_API_URL, GITHUB_CLIENT_ID, GITHUB_CLIENT_SECRET,
        GITHUB_URL, GOOGLE_ALLOWED_DOMAIN, GOOGLE_CLIENT_ID, GOOGLE_CLIENT_SECRET, GOOGLE_DISPLAY_NAME,
        GOOGLE_GROUPS_CLAIM, GOOGLE_OAUTH_BASE_URL, GOOGLE_SCOPES, LOGIN_PROVISION, Variable,
    },
};
use std::collections::BTreeSet;
use url::{Host, Url};

const GOOGLE: &str = "google";

pub(in crate::config) fn read(r: &mut Reader<'_>) -> Option<LoginConfig> {
    let mut names: BTreeSet<String> = r.file.named(Section::Oidc).into_iter().collect();
    if in_env(r) {
        names.insert(GOOGLE.to_owned());
    }
    let oidc: Vec<_> = names.iter().filter_map(|name| provider(r, name)).collect();
    let github = github(r);
    let provision = r.required(&LOGIN_PROVISION, values::switch);
    let known: Vec<_> =
        names.iter().map(String::as_str).chain(is_set(r, &GITHUB_CLIENT_ID).then_some(GITHUB)).collect();
    let group_roles = group_roles(r, &known);
    let provision = provision?;
    if provision {
        warn_about_open_doors(r, &oidc, github.as_ref());
    }
    Some(LoginConfig { oidc, github, group_roles, provision })
}

/// The client's id, or its secret: the rest has defaults, or means nothing without these.
fn in_env(r: &Reader<'_>) -> bool {
    [&GOOGLE_CLIENT_ID, &GOOGLE_CLIENT_SECRET].iter().any(|row| r.in_env(&Place::from(*row)))
}

fn is_set(r: &Reader<'_>, row: &Variable) -> bool {
    r.is_set(&Place::from(row))
}

/// Where the settings of one provider stand; the environment speaks of `google` only.
fn place(name: &str, row: &Variable) -> Place {
    Place::new(row, (name == GOOGLE).then_some(row.name), format!("oidc.{name}.{}", row.key))
}

fn provider(r: &mut Reader<'_>, name: &str) -> Option<OidcConfig> {
    if name == GITHUB {
        let origin = r.file.named_origin(Section::Oidc, name).unwrap_or(Origin::Default);
        r.complain(origin, "oidc.github", "is not an OpenID Connect provider; write [github]".into());
        return None;
    }
    let issuer = match name {
        GOOGLE => r.required(place(name, &GOOGLE_OAUTH_BASE_URL), issuer),
        _ => needed(r, name, &GOOGLE_OAUTH_BASE_URL, issuer),
    };
    let client_id = needed(r, name, &GOOGLE_CLIENT_ID, values::text);
    let client_secret = needed(r, name, &GOOGLE_CLIENT_SECRET, values::secret);
    let scopes = match r.is_set(&place(name, &GOOGLE_SCOPES)) {
        true => r.list(place(name, &GOOGLE_SCOPES), scope),
        false => GOOGLE_SCOPES.default.split(',').map(str::to_owned).collect(),
    };
    let allowed_domains = r.list(place(name, &GOOGLE_ALLOWED_DOMAIN), values::domain);
    let groups_claim = r.required(place(name, &GOOGLE_GROUPS_CLAIM), values::text);
    let display_name = r.optional(place(name, &GOOGLE_DISPLAY_NAME), values::text);
    Some(OidcConfig {
        name: name.to_owned(),
        display_name: display_name.unwrap_or_else(|| capitalised(name)),
        issuer: issuer?,
        client_id: client_id?,
        client_secret: client_secret?,
        scopes,
        allowed_domains,
        groups_claim: groups_claim?,
    })
}

/// A setting without which the provider cannot be.
fn needed<T>(
    r: &mut Reader<'_>,
    name: &str,
    row: &Variable,
    parse: impl FnOnce(&str) -> Checked<T>,
) -> Option<T> {
    let place = place(name, row);
    if !r.is_set(&place) {
        let origin = r.file.named_origin(Section::Oidc, name);
        let key = match &origin {
            Some(_) => format!("oidc.{name}.{}", row.key),
            None => row.name.to_owned(),
        };
        let problem = format!("is missing; the provider \"{name}\" needs it");
        r.complain(origin.unwrap_or(Origin::Environment), &key, problem);
        return None;
    }
    r.optional(place, parse)
}

fn issuer(text: &str) -> Checked<String> {
    // An issuer is compared letter by letter, so the text itself is kept.
    web_address(text).map(|_| text.to_owned())
}

/// `https`, or plain `http` on the machine itself; without credentials, query and fragment.
fn web_address(text: &str) -> Checked<Url> {
    let mend = "is not an https address; write for example https://login.example.com";
    let url = Url::parse(text).map_err(|_| mend)?;
    let is_safe = match url.scheme() {
        "https" => true,
        "http" => is_loopback(&url),
        _ => false,
    };
    let is_plain = url.username().is_empty()
        && url.password().is_none()
        && url.query().is_none()
        && url.fragment().is_none();
    if !is_safe || !is_plain || url.host().is_none() {
        return Err(mend.into());
    }
    Ok(url)
}

fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Ipv4(ip)) => ip.is_loopback(),
        Some(Host::Ipv6(ip)) => ip.is_loopback(),
        Some(Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        None => false,
    }
}

fn scope(text: &str) -> Checked<String> {
    let fits = text.bytes().all(|byte| byte.is_ascii_graphic() && !b"\"\\".contains(&byte));
    if fits { Ok(text.to_owned()) } else { Err("is not a scope; write for example groups".into()) }
}

fn capitalised(name: &str) -> String {
    let mut letters = name.chars();
    letters.next().map(|first| first.to_ascii_uppercase()).into_iter().chain(letters).collect()
}

fn github(r: &mut Reader<'_>) -> Option<GithubConfig> {
    let (has_id, has_secret) = (is_set(r, &GITHUB_CLIENT_ID), is_set(r, &GITHUB_CLIENT_SECRET));
    for (set, missing) in [
        (has_id.then_some(&GITHUB_CLIENT_ID), &GITHUB_CLIENT_SECRET),
        (has_secret.then_some(&GITHUB_CLIENT_SECRET), &GITHUB_CLIENT_ID),
    ] {
        if let Some(set) = set
            && !is_set(r, missing)
        {
            r.complain_about(set, format!("is set without {}; set both or none", missing.name));
        }
    }
    let allowed_orgs = r.list(&GITHUB_ALLOWED_ORGS, organization);
    let allowed_teams = r.list(&GITHUB_ALLOWED_TEAMS, team);
    let url = r.required(&GITHUB_URL, web_address);
    let api_url = r.required(&GITHUB_API_URL, web_address);
    let client_id = r.optional(&GITHUB_CLIENT_ID, values::text)?;
    let client_secret = r.optional(&GITHUB_CLIENT_SECRET, values::secret)?;
    Some(GithubConfig { client_id, client_secret, allowed_orgs, allowed_teams, url: url?, api_url: api_url? })
}

fn organization(text: &str) -> Checked<String> {
    let fits = text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte));
    if fits {
        Ok(text.to_ascii_lowercase())
    } else {
        Err("is not an organization; write for example acme".into())
    }
}

fn team(text: &str) -> Checked<String> {
    let mend = || "is not a team; write it with its organization, for example acme/platform".to_owned();
    let (organization_part, team) = text.split_once('/').ok_or_else(mend)?;
    let parts = [organization(organization_part), organization(team)];
    if team.is_empty() || organization_part.is_empty() || parts.iter().any(Result::is_err) {
        return Err(mend());
    }
    Ok(text.to_ascii_lowercase())
}

fn group_roles(r: &mut Reader<'_>, providers: &[&str]) -> Vec<GroupRole> {
    let origins = r.file.group_roles();
    let mut roles = Vec::new();
    for (index, origin) in origins.into_iter().enumerate() {
        let mut text = |key: &str| {
            let place = Place::in_file(format!("group_roles.{index}.{key}"));
            let is_missing = !r.is_set(&place);
            if is_missing && key != "target" {
                r.complain(origin.clone(), &format!("group_roles.{key}"), "is missing; write it".into());
            }
            r.optional(place, values::text)
        };
        let (provider, group, role) = (text("provider"), text("group"), text("role"));
        let target = text("target").unwrap_or_else(|| "*".to_owned());
        let (Some(provider), Some(group), Some(role)) = (provider, group, role) else { continue };
        if !providers.contains(&provider.as_str()) {
            let mend = match providers {
                [] => "configure one first, for example [oidc.okta]".to_owned(),
                _ => format!("write one of {}", providers.join(", ")),
            };
            let problem = format!("\"{provider}\" is not a provider; {mend}");
            r.complain(origin, "group_roles.provider", problem);
            continue;
        }
        roles.push(GroupRole { provider, group, role, target });
    }
    roles
}

fn warn_about_open_doors(r: &mut Reader<'_>, oidc: &[OidcConfig], github: Option<&GithubConfig>) {
    let open = oidc
        .iter()
        .filter(|provider| provider.allowed_domains.is_empty())
        .map(|provider| provider.name.as_str());
    let github = github.filter(|github| github.allowed_orgs.is_empty() && github.allowed_teams.is_empty());
    let names: Vec<_> = open.chain(github.map(|_| GITHUB)).collect();
    if !names.is_empty() {
        let doubt = format!(
            "gives an account to anyone whom {} knows; name the allowed domains or organizations",
            names.join(", ")
        );
        r.warn_about(&Place::from(&LOGIN_PROVISION), &doubt);
    }
}
