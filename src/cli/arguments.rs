//! Parsers of single arguments. Their errors follow "invalid value …:" and say how to mend it.

use crate::{
    config::socket_addr,
    core::{
        Timestamp,
        id::{DeliveryId, GrantId},
    },
    identity::{self, change::names},
    policy::PermissionPattern,
};
use std::{net::SocketAddr, str::FromStr, time::Duration};

pub fn email(text: &str) -> Result<String, identity::email::InvalidEmail> {
    identity::email::canonical(text)
}

pub fn permission(text: &str) -> Result<String, String> {
    let pattern = PermissionPattern::parse(text).map_err(|error| error.to_string())?;
    Ok(pattern.as_str().to_owned())
}

pub fn grant_id(text: &str) -> Result<GrantId, &'static str> {
    text.parse().map_err(|_| "it is not an id; `grants list` prints the ids")
}

pub fn delivery_id(text: &str) -> Result<DeliveryId, &'static str> {
    text.parse().map_err(|_| "it is not an id; `webhooks list` prints the ids")
}

/// What is listened on, in any form that the configuration knows.
pub fn listener(text: &str) -> Result<SocketAddr, String> {
    socket_addr(text).map_err(|problem| format!("it {problem}"))
}

/// The name of a custom role.
pub fn role_name(text: &str) -> Result<String, String> {
    names::role(text)
}

/// A name that cannot be taken for an id, so that `tokens revoke` takes either.
pub fn token_name(text: &str) -> Result<String, String> {
    names::token(text)
}

/// Free text on one line: names, descriptions, reasons.
pub fn line(text: &str) -> Result<String, String> {
    names::line(text)
}

/// `30d`, `12h`, an RFC 3339 time, or `never`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expiry {
    Never,
    In(Duration),
    At(Timestamp),
}

const LONGEST_DAYS: u64 = 36_500;

impl FromStr for Expiry {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text == "never" {
            return Ok(Self::Never);
        }
        if let Some(span) = span(text) {
            return span.map(Self::In);
        }
        Timestamp::parse(text).map(Self::At).map_err(|_| {
            "write a time from now as in 30d or 12h, a moment as in 2030-01-31T00:00:00Z, or never".to_owned()
        })
    }
}

/// `None` when the text is not a count and a unit at all.
fn span(text: &str) -> Option<Result<Duration, String>> {
    let (count, hours) = match (text.strip_suffix('d'), text.strip_suffix('h')) {
        (Some(days), _) => (days, 24),
        (_, Some(hours)) => (hours, 1),
        _ => return None,
    };
    if count.is_empty() || !count.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let hours = count.parse::<u64>().ok().and_then(|count| count.checked_mul(hours));
    let within = hours.filter(|hours| *hours <= LONGEST_DAYS * 24);
    Some(
        within
            .map(|hours| Duration::from_secs(hours * 3_600))
            .ok_or_else(|| format!("write at most {LONGEST_DAYS}d, or never")),
    )
}

impl Expiry {
    /// The moment, or what is wrong with it.
    pub fn resolve(self, now: Timestamp) -> Result<Option<Timestamp>, String> {
        let end = match self {
            Self::Never => return Ok(None),
            Self::In(span) => now.saturating_add(span),
            Self::At(at) => at,
        };
        if end <= now {
            return Err(format!("--expires: {end} is not in the future; it is {now} now"));
        }
        Ok(Some(end))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_micros(1_700_000_000_000_000);

    #[test]
    fn expiries() {
        let resolve = |text: &str| text.parse::<Expiry>().unwrap().resolve(NOW);
        assert_eq!(resolve("never"), Ok(None));
        assert_eq!(resolve("12h"), Ok(Some(NOW.saturating_add(Duration::from_secs(43_200)))));
        assert_eq!(resolve("30d"), Ok(Some(NOW.saturating_add(Duration::from_secs(30 * 86_400)))));
        let moment = Timestamp::parse("2030-01-31T00:00:00Z").unwrap();
        assert_eq!(resolve("2030-01-31T02:00:00+02:00"), Ok(Some(moment)));
        for past in ["0d", "2020-01-01T00:00:00Z", "2023-11-14T22:13:20Z"] {
            assert!(resolve(past).unwrap_err().contains("is not in the future"), "{past}");
        }
    }

    #[test]
    fn expiries_that_cannot_be_read() {
        for text in
            ["", "d", "h", "-1d", "1.5d", "30 d", "+3d", "30", "30m", "tomorrow", "2030-01-31", "Never"]
        {
            let error = text.parse::<Expiry>().unwrap_err();
            assert!(error.contains("as in 30d"), "{text:?}: {error}");
        }
        for text in ["36501d", "99999999999999999999d", "18446744073709551615d", "876001h"] {
            assert_eq!(text.parse::<Expiry>().unwrap_err(), "write at most 36500d, or never", "{text}");
        }
    }
}
