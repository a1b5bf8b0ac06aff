//! The server that takes our mail.

use super::{
    reader::{Place, Reader},
    values::{self, Checked, choice, number},
    variables::{SMTP_CA_FILE, SMTP_FROM, SMTP_HOST, SMTP_PASSWORD, SMTP_PORT, SMTP_TLS, SMTP_USERNAME},
};
use crate::core::Secret;
use lettre::message::Mailbox;
use std::path::PathBuf;

#[derive(Debug, Clone)]
pub struct SmtpConfig {
    pub host: String,
    pub port: u16,
    pub tls: SmtpTls,
    /// More authorities than the system's.
    pub ca_file: Option<PathBuf>,
    /// User name and password.
    pub login: Option<(String, Secret)>,
    pub from: Mailbox,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SmtpTls {
    /// Begins in the clear and must be upgraded before anything is said.
    StartTls,
    /// From the first byte.
    Tls,
    None,
}

impl SmtpTls {
    const fn port(self) -> u16 {
        match self {
            Self::StartTls => 587,
            Self::Tls => 465,
            Self::None => 25,
        }
    }
}

/// `None` when no server is named (then no mail is sent), or when an error was recorded.
pub(super) fn read(r: &mut Reader<'_>) -> Option<SmtpConfig> {
    let host = r.optional(&SMTP_HOST, host);
    let words = [("starttls", SmtpTls::StartTls), ("tls", SmtpTls::Tls), ("none", SmtpTls::None)];
    let tls = r.required(&SMTP_TLS, choice(&words));
    let ca_file = r.optional(&SMTP_CA_FILE, values::existing_file);
    let port = r.optional(&SMTP_PORT, number(1..=65_535));
    let username = r.optional(&SMTP_USERNAME, values::text);
    let password = r.optional(&SMTP_PASSWORD, values::secret);
    let from = r.optional(&SMTP_FROM, mailbox);
    if !r.is_set(&Place::from(&SMTP_HOST)) {
        for row in [&SMTP_CA_FILE, &SMTP_PORT, &SMTP_USERNAME, &SMTP_PASSWORD, &SMTP_FROM] {
            if r.is_set(&Place::from(row)) {
                r.warn_about(&Place::from(row), "has no effect without SMTP_HOST");
            }
        }
        return None;
    }
    if !r.is_set(&Place::from(&SMTP_FROM)) {
        r.complain_about(&SMTP_HOST, "is set without SMTP_FROM; name the sender of the mail".to_owned());
    }
    for (set, missing) in [(&SMTP_USERNAME, &SMTP_PASSWORD), (&SMTP_PASSWORD, &SMTP_USERNAME)] {
        if r.is_set(&Place::from(set)) && !r.is_set(&Place::from(missing)) {
            r.complain_about(set, format!("is set without {}; set both or none", missing.name));
        }
    }
    let login = username.zip(password);
    let tls = tls?;
    if tls == SmtpTls::None && login.is_some() {
        r.warn_about(&Place::from(&SMTP_TLS), "sends the password to the mail server in the clear");
    }
    if tls == SmtpTls::None && ca_file.is_some() {
        r.warn_about(&Place::from(&SMTP_CA_FILE), "has no effect with SMTP_TLS=none");
    }
    Some(SmtpConfig { host: host?, port: port.unwrap_or(tls.port()), tls, ca_file, login, from: from? })
}

fn host(text: &str) -> Checked<String> {
    let fits = text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-:[]".contains(&byte));
    if !fits {
        return Err("is not the name of a host; write for example smtp.example.com".to_owned());
    }
    Ok(text.to_owned())
}

fn mailbox(text: &str) -> Checked<Mailbox> {
    let mend = "is not a sender; write for example Rack Gateway <gateway@example.com>";
    // The parser stops behind the first address.
    if text.chars().any(char::is_control) || text.matches('@').count() != 1 {
        return Err(mend.to_owned());
    }
    text.parse().map_err(|_| mend.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::testing::{errors, load};

    const HOST: (&str, &str) = ("SMTP_HOST", "smtp.example.com");
    const FROM: (&str, &str) = ("SMTP_FROM", "Rack Gateway <gateway@example.com>");

    #[test]
    fn off_unless_a_server_is_named() {
        assert!(load([]).mail.is_none());
        let config = load([FROM, ("SMTP_PORT", "25")]);
        assert!(config.mail.is_none());
        assert_eq!(
            config.warnings,
            ["SMTP_PORT", "SMTP_FROM"]
                .map(|name| format!("environment: {name}: has no effect without SMTP_HOST"))
        );
    }

    #[test]
    fn the_port_follows_the_encryption() {
        for (word, tls, port) in
            [("starttls", SmtpTls::StartTls, 587), ("TLS", SmtpTls::Tls, 465), ("none", SmtpTls::None, 25)]
        {
            let mail = load([HOST, FROM, ("SMTP_TLS", word)]).mail.unwrap();
            assert_eq!((mail.tls, mail.port), (tls, port));
        }
        let mail = load([HOST, FROM, ("SMTP_PORT", "2525")]).mail.unwrap();
        assert_eq!((mail.tls, mail.port, mail.login.is_none()), (SmtpTls::StartTls, 2525, true));
        assert_eq!(mail.from.to_string(), "Rack Gateway <gateway@example.com>");
    }

    #[test]
    fn a_password_is_never_shown_and_never_in_the_clear_without_a_word() {
        let config = load([
            HOST,
            FROM,
            ("SMTP_USERNAME", "gateway"),
            ("SMTP_PASSWORD", "hunter2"),
            ("SMTP_TLS", "none"),
        ]);
        assert!(!format!("{config:?}").contains("hunter2"));
        let login = config.mail.unwrap().login.unwrap();
        assert_eq!((login.0.as_str(), login.1.expose()), ("gateway", "hunter2"));
        assert!(config.warnings[0].contains("SMTP_TLS: sends the password"), "{:?}", config.warnings);
    }

    #[test]
    fn what_is_missing_or_wrong_is_named() {
        assert_eq!(
            errors([HOST, ("SMTP_USERNAME", "gateway")]),
            [
                "environment: SMTP_HOST: is set without SMTP_FROM; name the sender of the mail",
                "environment: SMTP_USERNAME: is set without SMTP_PASSWORD; set both or none"
            ]
        );
        for from in ["gateway", "a@b@c", "Gateway <a@b.c>, Eve <e@v.e>", "<>"] {
            let errors = errors([HOST, ("SMTP_FROM", from)]);
            assert!(errors[0].contains("is not a sender; write for example"), "{from}: {errors:?}");
        }
        let errors = errors([("SMTP_HOST", "smtp://x/y"), FROM]);
        assert!(errors[0].ends_with("write for example smtp.example.com"), "{errors:?}");
    }
}
