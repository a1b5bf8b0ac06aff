//! Who is told of pushes and deletions.

use super::{
    artifact::{is_local, web_address},
    errors::Origin,
    reader::{Place, Reader},
    values::{self, Checked},
    variables::{
        Section, Variable, WEBHOOK_ACTIONS, WEBHOOK_CA_FILE, WEBHOOK_REPOSITORIES, WEBHOOK_SECRET,
        WEBHOOK_URL,
    },
};
use crate::core::Secret;
use std::{collections::BTreeSet, path::PathBuf};
use url::Url;

#[derive(Debug, Clone)]
pub struct WebhookConfig {
    pub name: String,
    /// `http` or `https`, without a credential.
    pub url: Url,
    pub secret: Secret,
    /// Patterns of repositories.
    pub repositories: Vec<String>,
    pub actions: Vec<WebhookAction>,
    pub ca_file: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WebhookAction {
    Push,
    Delete,
}

/// The one of the environment.
const DEFAULT: &str = "default";
const SHORTEST_SECRET: usize = 16;

pub(super) fn read(r: &mut Reader<'_>) -> Vec<WebhookConfig> {
    let mut names: BTreeSet<String> = r.file.named(Section::Webhooks).into_iter().collect();
    if [&WEBHOOK_URL, &WEBHOOK_SECRET].iter().any(|row| r.in_env(&Place::from(*row))) {
        names.insert(DEFAULT.to_owned());
    }
    names.iter().filter_map(|name| webhook(r, name)).collect()
}

fn place(name: &str, row: &Variable) -> Place {
    Place::new(row, (name == DEFAULT).then_some(row.name), format!("webhooks.{name}.{}", row.key))
}

fn webhook(r: &mut Reader<'_>, name: &str) -> Option<WebhookConfig> {
    let url = needed(r, name, &WEBHOOK_URL, web_address);
    let secret = needed(r, name, &WEBHOOK_SECRET, secret);
    let repositories = listed(r, name, &WEBHOOK_REPOSITORIES, values::repository_pattern);
    let actions = listed(
        r,
        name,
        &WEBHOOK_ACTIONS,
        values::choice(&[("push", WebhookAction::Push), ("delete", WebhookAction::Delete)]),
    );
    let ca_file = r.optional(place(name, &WEBHOOK_CA_FILE), values::existing_file);
    let url = url?;
    if url.scheme() == "http" && !is_local(&url) {
        let doubt = "plain http lets everybody on the way read and repeat what is told; write an https URL";
        r.warn_about(&place(name, &WEBHOOK_URL), doubt);
    }
    Some(WebhookConfig { name: name.to_owned(), url, secret: secret?, repositories, actions, ca_file })
}

/// The list, or its default.
fn listed<T>(r: &mut Reader<'_>, name: &str, row: &Variable, parse: impl Fn(&str) -> Checked<T>) -> Vec<T> {
    if r.is_set(&place(name, row)) {
        return r.list(place(name, row), parse);
    }
    row.default.split(',').filter_map(|word| parse(word).ok()).collect()
}

fn needed<T>(
    r: &mut Reader<'_>,
    name: &str,
    row: &Variable,
    parse: impl FnOnce(&str) -> Checked<T>,
) -> Option<T> {
    let place = place(name, row);
    if r.is_set(&place) {
        return r.optional(place, parse);
    }
    let origin = r.file.named_origin(Section::Webhooks, name);
    let key = match &origin {
        Some(_) => format!("webhooks.{name}.{}", row.key),
        None => row.name.to_owned(),
    };
    let problem = format!("is missing; the webhook \"{name}\" needs it");
    r.complain(origin.unwrap_or(Origin::Environment), &key, problem);
    None
}

fn secret(text: &str) -> Checked<Secret> {
    if text.chars().count() < SHORTEST_SECRET {
        return Err(format!(
            "is shorter than {SHORTEST_SECRET} characters; `openssl rand -hex 32` makes a good one"
        ));
    }
    values::secret(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::testing::{errors, errors_toml, load, load_toml};

    const SECRET: &str = "hunter2hunter2hunter2";

    #[test]
    fn one_from_the_environment() {
        assert!(load([]).webhooks.is_empty());
        let config = load([("WEBHOOK_URL", "https://ci.example.com/hook"), ("WEBHOOK_SECRET", SECRET)]);
        assert!(!format!("{config:?} {:?}", config.summary()).contains("hunter2"));
        let [webhook] = config.webhooks.as_slice() else { panic!("{:?}", config.webhooks) };
        assert_eq!(
            (webhook.name.as_str(), webhook.repositories.as_slice()),
            ("default", &["**".to_owned()][..])
        );
        assert_eq!(webhook.actions, [WebhookAction::Push, WebhookAction::Delete]);
    }

    #[test]
    fn more_from_the_file() {
        let file = format!(
            "[webhooks.ci]\nurl = 'https://ci.example.com'\nsecret = '{SECRET}'\nrepositories = ['team/**', 'base/os']\n\
             [webhooks.scanner]\nurl = 'http://10.0.0.1/x'\nsecret = '{SECRET}'\nactions = 'push'\n"
        );
        let config = load_toml([], &file);
        let [ci, scanner] = config.webhooks.as_slice() else { panic!("{:?}", config.webhooks) };
        assert_eq!(ci.repositories, ["team/**", "base/os"]);
        assert_eq!(scanner.actions, [WebhookAction::Push]);
        assert!(config.warnings[0].contains("webhooks.scanner.url: plain http"), "{:?}", config.warnings);
    }

    #[test]
    fn what_is_missing_or_wrong_is_named() {
        assert_eq!(
            errors([("WEBHOOK_URL", "https://a")]),
            ["environment: WEBHOOK_SECRET: is missing; the webhook \"default\" needs it"]
        );
        let short = errors([("WEBHOOK_URL", "https://a"), ("WEBHOOK_SECRET", "hunter2")]);
        assert!(short[0].contains("shorter than 16") && !short[0].contains("hunter2"), "{short:?}");
        let file = format!("[webhooks.ci]\nsecret = '{SECRET}'\nactions = 'pull'\n[webhooks.CI]\n");
        let errors = errors_toml([], &file);
        for part in [
            "webhooks.ci.url: is missing",
            "\"pull\" is not known; write one of push, delete",
            "\"CI\" is not a name",
        ] {
            assert!(errors.iter().any(|error| error.contains(part)), "{part}: {errors:?}");
        }
        let credentials = [("WEBHOOK_URL", "https://user:hunter2@a"), ("WEBHOOK_SECRET", SECRET)];
        assert!(super::super::testing::errors(credentials)[0].contains("holds more than"));
    }
}
