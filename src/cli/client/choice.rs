//! Which gateway is meant, and with which credential: `--rack`, then `RACK_GATEWAY_RACK`, then `RACK_GATEWAY_URL`,
//! then the current one.

use super::{
    Client, Which,
    store::{Kept, Login, Store},
    url,
};
use crate::{
    cli::failure::Failure,
    config::Env,
    core::{Secret, Timestamp},
};
use std::path::{Path, PathBuf};

const DIRECTORY: &str = "GATEWAY_CLI_CONFIG_DIR";
const RACK: &str = "RACK_GATEWAY_RACK";
const URL: &str = "RACK_GATEWAY_URL";
pub const TOKEN: &str = "RACK_GATEWAY_API_TOKEN";

/// The file, and what the environment says.
#[derive(Debug)]
pub struct Place {
    pub store: Store,
    pub kept: Kept,
}

impl Place {
    pub fn of(directory: Option<&Path>, env: &dyn Env) -> Result<Self, Failure> {
        let store = Store::at(directory_of(directory, env)?);
        let kept = store.read()?;
        Ok(Self { store, kept })
    }
}

fn directory_of(given: Option<&Path>, env: &dyn Env) -> Result<PathBuf, Failure> {
    let set = |name: &str| env.get(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    if let Some(directory) = given.map(Path::to_owned).or_else(|| set(DIRECTORY)) {
        return Ok(directory);
    }
    let config = set("HOME").map(|home| home.join(".config"));
    let config = config
        .ok_or_else(|| Failure::Usage(format!("there is no HOME; set {DIRECTORY}, or name --config-dir")))?;
    Ok(config.join("rack-gateway"))
}

/// A gateway, and who we are there.
#[derive(Clone, Debug)]
pub struct Chosen {
    /// `None` for one that the environment describes.
    pub name: Option<String>,
    pub url: String,
    /// `None` when nobody is logged in.
    pub token: Option<Secret>,
    /// What is kept of the login; empty for a credential of the environment.
    pub login: Login,
}

impl Chosen {
    pub fn label(&self) -> &str {
        self.name.as_deref().unwrap_or("(from environment)")
    }

    /// The credential, unless there is none or its time is over.
    pub fn credential(&self, now: Timestamp) -> Result<&Secret, Failure> {
        let name = self.name.as_deref().unwrap_or("NAME");
        let again = format!("run `rack-gateway login {name} {}`", self.url);
        let Some(token) = &self.token else {
            return Err(Failure::Refused(format!("not logged in to {}; {again}", self.label())));
        };
        if self.is_over(now) {
            return Err(Failure::Refused(format!("the login to {} has expired; {again}", self.label())));
        }
        Ok(token)
    }

    /// Whether the credential is the environment's, so that another login would change nothing.
    pub fn is_of_environment(&self) -> bool {
        self.token.is_some() && self.login.token.is_empty()
    }

    pub fn is_over(&self, now: Timestamp) -> bool {
        Timestamp::parse(&self.login.expires_at).is_ok_and(|end| end <= now)
    }
}

impl Client<'_> {
    pub fn choose(&self, which: &Which) -> Result<(Place, Chosen), Failure> {
        let place = self.place(&which.kept_in)?;
        let chosen = choose(&place.kept, which.rack.as_deref(), self.env)?;
        Ok((place, chosen))
    }
}

fn choose(kept: &Kept, rack: Option<&str>, env: &dyn Env) -> Result<Chosen, Failure> {
    let set = |name: &str| env.get(name).filter(|value| !value.trim().is_empty());
    let token = set(TOKEN).map(Secret::new);
    let named = rack.map(str::to_owned).or_else(|| set(RACK));
    if named.is_none()
        && let Some(text) = set(URL)
    {
        let url =
            url::gateway(&text).map_err(|problem| Failure::Usage(format!("{URL}: {text} {problem}")))?;
        return Ok(from_url(kept, url, token));
    }
    let Some(name) = named.or_else(|| kept.current.clone()) else {
        return Err(Failure::Refused("not logged in; run `rack-gateway login NAME URL`".to_owned()));
    };
    let Some(login) = kept.gateways.get(&name) else {
        let known: Vec<_> = kept.gateways.keys().map(String::as_str).collect();
        let known = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
        return Err(Failure::NotDone(format!("there is no gateway {name} here; known: {known}")));
    };
    let url = url::gateway(&login.url).map_err(|problem| {
        Failure::NotDone(format!("the address kept for {name}, {}, {problem}", login.url))
    })?;
    Ok(match token {
        Some(token) => Chosen { name: Some(name), url, token: Some(token), login: Login::default() },
        None => {
            let token = Some(login.token.clone()).filter(|token| !token.is_empty());
            Chosen { name: Some(name), url, token, login: login.clone() }
        }
    })
}

/// A token of the environment is for this address. Without one, the login that is kept for it.
fn from_url(kept: &Kept, url: String, token: Option<Secret>) -> Chosen {
    if token.is_some() {
        return Chosen { name: None, url, token, login: Login::default() };
    }
    let same = |login: &&Login| url::gateway(&login.url).is_ok_and(|kept| kept == url);
    let login = kept.gateways.values().find(same).cloned().unwrap_or_default();
    let token = Some(login.token.clone()).filter(|token| !token.is_empty());
    Chosen { name: None, url, token, login }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::MapEnv;

    const NOW: Timestamp = Timestamp::from_micros(1_769_860_800_000_000);

    fn kept() -> Kept {
        let login = |url: &str, token: &str, expires_at: &str| Login {
            url: url.to_owned(),
            token: Secret::new(token),
            expires_at: expires_at.to_owned(),
            ..Login::default()
        };
        let mut kept = Kept { current: Some("staging".to_owned()), ..Kept::default() };
        kept.gateways.insert("staging".into(), login("https://s.example", "rgs_s", "2030-01-01T00:00:00Z"));
        kept.gateways.insert("old".into(), login("https://o.example", "rgs_o", "2020-01-01T00:00:00Z"));
        kept
    }

    fn chosen<const N: usize>(rack: Option<&str>, env: [(&str, &str); N]) -> Result<Chosen, Failure> {
        choose(&kept(), rack, &MapEnv::from(env))
    }

    fn token(chosen: &Chosen) -> &str {
        chosen.credential(NOW).unwrap().expose()
    }

    #[test]
    fn the_order_of_who_decides() {
        assert_eq!(chosen(None, []).unwrap().label(), "staging");
        let by_name = chosen(None, [("RACK_GATEWAY_RACK", "old"), ("RACK_GATEWAY_URL", "https://x.example")]);
        assert_eq!(by_name.unwrap().url, "https://o.example");
        assert_eq!(chosen(Some("staging"), [("RACK_GATEWAY_RACK", "old")]).unwrap().label(), "staging");
        let by_url =
            chosen(None, [("RACK_GATEWAY_URL", "https://x.example/"), ("RACK_GATEWAY_API_TOKEN", "rgw_x")]);
        let by_url = by_url.unwrap();
        assert_eq!(
            (by_url.label(), by_url.url.as_str(), token(&by_url)),
            ("(from environment)", "https://x.example", "rgw_x")
        );
        assert!(by_url.is_of_environment());
        let kept_for_url = chosen(None, [("RACK_GATEWAY_URL", "https://s.example")]).unwrap();
        assert_eq!(token(&kept_for_url), "rgs_s");
        assert!(!kept_for_url.is_of_environment());
        let replaced = chosen(Some("old"), [("RACK_GATEWAY_API_TOKEN", "rgw_x")]).unwrap();
        assert_eq!(token(&replaced), "rgw_x", "a token of the environment has its own end");
        assert!(replaced.is_of_environment());
    }

    #[test]
    fn a_kept_session_goes_nowhere_else() {
        let other = chosen(None, [("RACK_GATEWAY_URL", "https://evil.example")]).unwrap();
        assert!(other.token.is_none());
        assert!(chosen(None, [("RACK_GATEWAY_URL", "http://s.example")]).is_err());
    }

    #[test]
    fn what_is_missing_is_told() {
        let error = |chosen: Result<Chosen, Failure>| match chosen {
            Ok(chosen) => chosen.credential(NOW).unwrap_err().text(),
            Err(failure) => failure.text(),
        };
        assert!(
            error(chosen(Some("old"), []))
                .contains("has expired; run `rack-gateway login old https://o.example`")
        );
        assert!(error(chosen(Some("x"), [])).contains("there is no gateway x here; known: old, staging"));
        let nobody = choose(&Kept::default(), None, &MapEnv::default());
        assert!(error(nobody).contains("not logged in; run `rack-gateway login NAME URL`"));
    }

    #[test]
    fn where_it_is_kept() {
        let of = |given: Option<&str>, env: MapEnv| directory_of(given.map(Path::new), &env);
        let env = MapEnv::from([("HOME", "/home/ada")]);
        assert_eq!(of(None, env.clone()).unwrap(), Path::new("/home/ada/.config/rack-gateway"));
        let env = env.with("GATEWAY_CLI_CONFIG_DIR", "/x");
        assert_eq!(of(None, env.clone()).unwrap(), Path::new("/x"));
        assert_eq!(of(Some("/y"), env).unwrap(), Path::new("/y"));
        assert!(of(None, MapEnv::default()).is_err());
    }
}
