//! Which settings may change while the gateway serves.

use super::{
    section::Section,
    variables::{
        ALL, CONVOX_SECRET_ENV_VARS, LOG_LEVEL, MAX_FORM_BYTES, RATE_LIMIT_PER_MINUTE, STREAM_IDLE_TIMEOUT,
        TLS_CERT_FILE, TLS_KEY_FILE, TRUSTED_PROXY_CIDRS, UPSTREAM_CONNECT_TIMEOUT, UPSTREAM_IDLE_TIMEOUT,
        Variable,
    },
};

/// What may change without a restart, besides everything about racks.
const LIVE: [&Variable; 10] = [
    &TLS_CERT_FILE,
    &TLS_KEY_FILE,
    &TRUSTED_PROXY_CIDRS,
    &RATE_LIMIT_PER_MINUTE,
    &MAX_FORM_BYTES,
    &UPSTREAM_CONNECT_TIMEOUT,
    &UPSTREAM_IDLE_TIMEOUT,
    &STREAM_IDLE_TIMEOUT,
    &CONVOX_SECRET_ENV_VARS,
    &LOG_LEVEL,
];

/// Whether a setting, by the label of its [`super::Config::summary`] row, may change without a restart.
pub fn is_live(label: &str) -> bool {
    let of_racks = |row: &Variable| row.section == Section::Racks && row.name == label;
    label.starts_with("racks.") || LIVE.iter().any(|row| row.name == label) || ALL.iter().any(of_racks)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn racks_and_the_listed_are_live_and_nothing_else() {
        for live in ["racks.staging.url", "RACK_TOKEN", "LOG_LEVEL", "TLS_KEY_FILE"] {
            assert!(is_live(live), "{live}");
        }
        for fixed in
            ["LISTEN", "DATABASE_URL", "group_roles.0.role", "oidc.okta.client_id", "ALLOWED_HOSTS", ""]
        {
            assert!(!is_live(fixed), "{fixed}");
        }
    }
}
