//! Merges the rack of the environment with those of the file, and finds the default one.

use super::{
    RackConfig, RackConfigs, RackTrust,
    address::{self, RackAddress},
};
use crate::config::{
    errors::Origin,
    reader::{Place, Reader},
    values,
    variables::{
        ENABLE_RACK_TLS_PINNING, KUBERNETES_SERVICE_HOST, RACK, RACK_ALIAS, RACK_CA_FILE, RACK_DEFAULT_KEY,
        RACK_DISPLAY_NAME, RACK_HOST, RACK_PIN_SHA256, RACK_TOKEN, RACK_USERNAME, Variable,
    },
};
use std::collections::BTreeSet;

const NAME_WITHOUT_RACK: &str = "default";

pub(in crate::config) fn read(r: &mut Reader<'_>) -> RackConfigs {
    let in_env = env_rack_name(r);
    let names: BTreeSet<String> = r.file.racks().into_iter().chain(in_env.clone()).collect();
    let default = default_name(r, in_env.as_deref());
    let mut racks: Vec<RackConfig> = Vec::new();
    for name in names {
        let spot = Spot { is_env: in_env.as_ref() == Some(&name), name };
        racks.extend(rack(r, &spot));
    }
    refuse_shared_names(r, in_env.as_deref(), &racks);
    racks.sort_by_key(|rack| Some(&rack.name) != default.as_ref());
    RackConfigs { racks }
}

/// Where the settings of one rack stand.
struct Spot {
    name: String,
    /// The environment speaks of this rack too, and is stronger than the file.
    is_env: bool,
}

impl Spot {
    fn place(&self, row: &Variable) -> Place {
        Place::new(row, self.is_env.then_some(row.name), self.path(row.key))
    }

    fn path(&self, key: &str) -> String {
        format!("racks.{}.{key}", self.name)
    }

    /// How a message tells the reader to set `row`.
    fn label(&self, row: &Variable) -> String {
        if self.is_env { row.name.to_owned() } else { self.path(row.key) }
    }
}

fn env_rack_name(r: &mut Reader<'_>) -> Option<String> {
    if r.is_set(&Place::from(&RACK)) {
        return r.optional(&RACK, values::name);
    }
    if r.in_env(&Place::from(&RACK_HOST)) {
        return Some(NAME_WITHOUT_RACK.to_owned());
    }
    for row in [&RACK_TOKEN, &RACK_PIN_SHA256, &RACK_CA_FILE] {
        let place = Place::from(row);
        if r.in_env(&place) {
            r.warn_about(&place, "has no effect without RACK or RACK_HOST");
        }
    }
    None
}

/// The rack of the environment, else the one marked in the file, else the only one.
fn default_name(r: &mut Reader<'_>, in_env: Option<&str>) -> Option<String> {
    let marked = marked_as_default(r);
    if let Some(name) = in_env {
        let doubt = format!("has no effect, because the environment makes \"{name}\" the default rack");
        for other in marked.iter().filter(|marked| *marked != name) {
            r.warn_about(&default_mark(other), &doubt);
        }
        return Some(name.to_owned());
    }
    if let Some(first) = marked.into_iter().next() {
        return Some(first);
    }
    let first = r.file.racks().into_iter().next()?;
    if r.file.racks().len() > 1 {
        let origin = r.file.rack_origin(&first).unwrap_or(Origin::Default);
        let problem = "none of several racks is the default; write default = true into one of them";
        r.complain(origin, "racks", problem.into());
    }
    Some(first)
}

/// The racks of the file with `default = true`; more than one is an error.
fn marked_as_default(r: &mut Reader<'_>) -> Vec<String> {
    let mut marked = r.file.racks();
    marked.retain(|name| r.optional(default_mark(name), values::switch) == Some(true));
    if let [first, others @ ..] = marked.as_slice() {
        for other in others {
            let problem = format!("is true, and racks.{first} is the default too; mark only one");
            r.complain_about(default_mark(other), problem);
        }
    }
    marked
}

fn default_mark(rack: &str) -> Place {
    Place::in_file(format!("racks.{rack}.{RACK_DEFAULT_KEY}"))
}

fn rack(r: &mut Reader<'_>, spot: &Spot) -> Option<RackConfig> {
    let address = rack_address(r, spot);
    let alias = r.optional(spot.place(&RACK_ALIAS), values::name);
    let display_name = r.optional(spot.place(&RACK_DISPLAY_NAME), values::text);
    let username = r.required(spot.place(&RACK_USERNAME), username);
    let password = r.optional(spot.place(&RACK_TOKEN), values::secret);
    let trust = trust(r, spot, address.as_ref());

    let address = address?;
    if address.password.is_none() && !r.is_set(&spot.place(&RACK_TOKEN)) {
        complain_about_missing_password(r, spot);
    }
    let username = match address.username {
        Some(of_url) if url_is_stronger(r, spot, &RACK_USERNAME) => Some(of_url),
        _ => username,
    };
    let password = match address.password {
        Some(of_url) if url_is_stronger(r, spot, &RACK_TOKEN) => Some(of_url),
        _ => password,
    };
    let display_name = display_name.or_else(|| alias.clone()).unwrap_or_else(|| spot.name.clone());
    Some(RackConfig {
        name: spot.name.clone(),
        alias,
        display_name,
        url: address.url,
        username: username?,
        password: password?,
        trust: trust?,
    })
}

/// Credentials in the URL count unless `row` is set beside it, or above it.
fn url_is_stronger(r: &Reader<'_>, spot: &Spot, row: &Variable) -> bool {
    let (url, beside) = (spot.place(&RACK_HOST), spot.place(row));
    !r.is_set(&beside) || (r.in_env(&url) && !r.in_env(&beside))
}

fn complain_about_missing_password(r: &mut Reader<'_>, spot: &Spot) {
    let (token, token_file) = match spot.is_env {
        true => (RACK_TOKEN.name.to_owned(), format!("{}_FILE", RACK_TOKEN.name)),
        false => (spot.path(RACK_TOKEN.key), format!("{}_file", spot.path(RACK_TOKEN.key))),
    };
    let url = spot.place(&RACK_HOST);
    let place = if r.is_set(&url) { url } else { Place::from(&RACK) };
    let problem = format!("the rack has no password; set {token}, or {token_file} to a file that holds it");
    r.complain_about(place, problem);
}

fn username(text: &str) -> values::Checked<String> {
    if text.contains(':') {
        return Err("holds a colon, which HTTP does not allow in a user name; remove it".into());
    }
    values::text(text)
}

fn rack_address(r: &mut Reader<'_>, spot: &Spot) -> Option<RackAddress> {
    let place = spot.place(&RACK_HOST);
    let address = if r.is_set(&place) {
        r.optional(place.clone(), address::parse)?
    } else if spot.is_env && r.in_env(&Place::from(&KUBERNETES_SERVICE_HOST)) {
        let in_cluster = format!("https://api.{}-system.svc.cluster.local:5443", spot.name);
        address::parse(&in_cluster).ok()?
    } else {
        complain_about_missing_address(r, spot);
        return None;
    };
    if address::is_exposed(&address.url) {
        let doubt = "plain http carries the rack's password readable over the network; write an https URL";
        r.warn_about(&place, doubt);
    }
    Some(address)
}

fn complain_about_missing_address(r: &mut Reader<'_>, spot: &Spot) {
    let mend = "write for example https://rack.example.com";
    if spot.is_env {
        let problem = format!("names the rack \"{}\", but RACK_HOST is not set; {mend} into it", spot.name);
        return r.complain_about(&RACK, problem);
    }
    let origin = r.file.rack_origin(&spot.name).unwrap_or(Origin::Default);
    r.complain(origin, &spot.path(RACK_HOST.key), format!("is missing; {mend}"));
}

fn trust(r: &mut Reader<'_>, spot: &Spot, address: Option<&RackAddress>) -> Option<RackTrust> {
    let (ca_place, pin_place) = (spot.place(&RACK_CA_FILE), spot.place(&RACK_PIN_SHA256));
    if spot.is_env
        && r.optional(&ENABLE_RACK_TLS_PINNING, values::switch) == Some(true)
        && !r.is_set(&pin_place)
    {
        let problem = "asks for pinning, but RACK_PIN_SHA256 is not set; write the SHA-256 of the rack's certificate \
                       into it, as `openssl x509 -noout -fingerprint -sha256` prints it";
        r.complain_about(&ENABLE_RACK_TLS_PINNING, problem.into());
    }
    let (ca_origin, pin_origin) = (r.origin_of(&ca_place), r.origin_of(&pin_place));
    // The environment's kind of trust replaces the file's; within one source the two exclude each other.
    let (use_ca, use_pin) = match (r.in_env(&ca_place), r.in_env(&pin_place)) {
        (false, false) => (ca_origin.is_some(), pin_origin.is_some()),
        in_env => in_env,
    };
    if use_ca && use_pin {
        let (ca, pin) = (spot.label(&RACK_CA_FILE), spot.label(&RACK_PIN_SHA256));
        r.complain_about(pin_place, format!("is set together with {ca}; keep one of {ca} and {pin}"));
        return None;
    }
    if (use_ca || use_pin) && address.is_some_and(|address| address.url.scheme() == "http") {
        let place = if use_ca { ca_place } else { pin_place };
        r.complain_about(place, "needs a rack with an https URL; correct the URL or remove this".into());
        return None;
    }
    if !use_ca && !use_pin && address.is_some_and(|address| values::is_of_service(&address.url)) {
        let doubt = "sends the rack's password to whoever holds the slug in the directory; name the rack's certificate \
                     with pin_sha256 or ca_file";
        r.warn_about(&spot.place(&RACK_HOST), doubt);
    }
    match (use_ca, use_pin) {
        (true, _) => r.optional(ca_place, values::existing_file).map(RackTrust::CaFile),
        (_, true) => r.optional(pin_place, address::parse_pin).map(RackTrust::PinSha256),
        (false, false) => Some(RackTrust::System),
    }
}

/// Names and aliases are looked up alike, so they share one space.
fn refuse_shared_names(r: &mut Reader<'_>, in_env: Option<&str>, racks: &[RackConfig]) {
    for rack in racks {
        let Some(alias) = &rack.alias else { continue };
        let shared = racks.iter().find(|other| {
            other.name != rack.name && (other.name == *alias || other.alias.as_ref() == Some(alias))
        });
        if let Some(other) = shared {
            let spot = Spot { name: rack.name.clone(), is_env: in_env == Some(rack.name.as_str()) };
            let problem =
                format!("\"{alias}\" is the name or alias of rack \"{}\" too; choose another", other.name);
            r.complain_about(spot.place(&RACK_ALIAS), problem);
        }
    }
}
