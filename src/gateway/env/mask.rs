//! What a reader may see of an environment.

use super::text::variable;
use crate::core::redact::{MASK, is_secret_variable};
use serde_json::Value;
use std::collections::HashMap;

/// How much of an environment's values somebody may see.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Sight {
    /// Names only.
    None,
    /// Values of variables that hold no secrets.
    Plain,
    All,
}

/// Who looks, and which variables hold secrets besides those that their names give away.
#[derive(Clone, Copy, Debug)]
pub struct Masking<'a> {
    pub sight: Sight,
    pub extra: &'a [String],
}

impl Masking<'_> {
    pub fn is_secret(&self, key: &str) -> bool {
        is_secret_variable(key, self.extra)
    }

    pub fn hides(&self, key: &str) -> bool {
        match self.sight {
            Sight::None => true,
            Sight::Plain => self.is_secret(key),
            Sight::All => false,
        }
    }
}

/// A reply that should be a release and is not. It must not be passed on, for it cannot be masked.
#[derive(Debug, thiserror::Error)]
pub enum NotARelease {
    #[error("the rack's reply is not JSON")]
    NotJson(#[source] serde_json::Error),
    #[error("the rack's reply is not a release, or a list of releases, with an \"env\" text in each")]
    OtherShape,
}

/// The text with hidden values replaced. To those who may not see all, lines that are no variables are left out:
/// a rack skips them too, and they may be the rest of a secret that somebody stored over several lines.
pub fn mask(text: &str, masking: Masking<'_>) -> String {
    if masking.sight == Sight::All {
        return text.to_owned();
    }
    let last: HashMap<&str, usize> =
        text.lines().enumerate().filter_map(|(at, line)| Some((variable(line)?.0, at))).collect();
    let seen = text.lines().enumerate().filter_map(|(at, line)| {
        let (key, _) = variable(line)?;
        let counts = last.get(key) == Some(&at);
        counts.then(|| if masking.hides(key) { format!("{key}={MASK}") } else { line.to_owned() })
    });
    seen.collect::<Vec<_>>().join("\n")
}

/// Masks the `env` of one release, or of each in a list. All else keeps its order and its two-space layout.
pub fn mask_release(json: &[u8], masking: Masking<'_>) -> Result<Vec<u8>, NotARelease> {
    let mut document: Value = serde_json::from_slice(json).map_err(NotARelease::NotJson)?;
    match &mut document {
        // A rack writes an empty list as null.
        Value::Null => {}
        Value::Array(releases) => releases.iter_mut().try_for_each(|release| mask_env(release, masking))?,
        release => mask_env(release, masking)?,
    }
    let mut masked = serde_json::to_vec_pretty(&document).map_err(NotARelease::NotJson)?;
    if json.ends_with(b"\n") {
        masked.push(b'\n');
    }
    Ok(masked)
}

fn mask_env(release: &mut Value, masking: Masking<'_>) -> Result<(), NotARelease> {
    let Some(Value::String(env)) = release.get_mut("env") else { return Err(NotARelease::OtherShape) };
    *env = mask(env, masking);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn masking(sight: Sight) -> Masking<'static> {
        Masking { sight, extra: &[] }
    }

    const STORED: &str = "PORT=80\nAPI_KEY=k=1\nDATABASE_URL=postgres://u:p@h\nDB_PASSWORD=";

    #[test]
    fn each_sees_what_they_may() {
        assert_eq!(mask(STORED, masking(Sight::All)), STORED);
        assert_eq!(
            mask(STORED, masking(Sight::Plain)),
            format!("PORT=80\nAPI_KEY={MASK}\nDATABASE_URL=postgres://u:p@h\nDB_PASSWORD={MASK}")
        );
        assert_eq!(
            mask(STORED, masking(Sight::None)),
            format!("PORT={MASK}\nAPI_KEY={MASK}\nDATABASE_URL={MASK}\nDB_PASSWORD={MASK}")
        );
        let extra = ["DATABASE_URL".to_owned()];
        let wider = mask(STORED, Masking { sight: Sight::Plain, extra: &extra });
        assert!(wider.contains(&format!("DATABASE_URL={MASK}")));
    }

    #[test]
    fn the_rest_of_a_secret_over_lines_is_not_shown() {
        let stored = "PEM_KEY=-----BEGIN\nMIIB+/==\nhunter2\n-----END-----\nPORT=80";
        assert_eq!(mask(stored, masking(Sight::Plain)), format!("PEM_KEY={MASK}\nPORT=80"));
    }

    #[test]
    fn of_two_values_the_one_in_force_is_shown() {
        assert_eq!(mask("A=1\r\nB=2\r\nA=3", masking(Sight::Plain)), "B=2\nA=3");
    }

    #[test]
    fn in_a_release_only_env_changes() {
        let json = b"{\n  \"id\": \"R1\",\n  \"app\": \"web\",\n  \"build\": \"B1\",\n  \"env\": \"A=1\\nTOKEN=x\",\n  \
            \"manifest\": \"services:\\n  web: {}\",\n  \"description\": \"env TOKEN=x\",\n  \"created\": \"2026-01-01T00:00:00Z\"\n}\n";
        let masked = String::from_utf8(mask_release(json, masking(Sight::Plain)).unwrap()).unwrap();
        let expected = String::from_utf8(json.to_vec())
            .unwrap()
            .replace("A=1\\nTOKEN=x", &format!("A=1\\nTOKEN={MASK}"));
        assert_eq!(masked, expected);
    }

    #[test]
    fn lists_are_masked_one_by_one() {
        let json = br#"[{"id":"R2","env":"TOKEN=b"},{"id":"R1","env":""}]"#;
        let masked: Value =
            serde_json::from_slice(&mask_release(json, masking(Sight::Plain)).unwrap()).unwrap();
        assert_eq!(
            masked,
            serde_json::json!([{"id": "R2", "env": format!("TOKEN={MASK}")}, {"id": "R1", "env": ""}])
        );
        assert_eq!(mask_release(b"null\n", masking(Sight::Plain)).unwrap(), b"null\n");
        assert_eq!(mask_release(b"[]", masking(Sight::Plain)).unwrap(), b"[]");
    }

    #[test]
    fn what_cannot_be_masked_is_an_error() {
        for body in [
            "",
            "ok\n",
            "{",
            "{}",
            "[1]",
            "\"TOKEN=x\"",
            "{\"env\":1}",
            "{\"env\":{\"TOKEN\":\"x\"}}",
            "{\"Env\":\"TOKEN=x\"}",
            "[{\"env\":\"A=1\"},{\"id\":\"R1\"}]",
            "[[{\"env\":\"TOKEN=x\"}]]",
            "{\"env\":\"A=1\"} {\"env\":\"TOKEN=x\"}",
        ] {
            assert!(mask_release(body.as_bytes(), masking(Sight::Plain)).is_err(), "{body}");
        }
        let twice = br#"{"env":"TOKEN=first","env":"TOKEN=second"}"#;
        let masked = String::from_utf8(mask_release(twice, masking(Sight::Plain)).unwrap()).unwrap();
        assert!(!masked.contains("first") && !masked.contains("second"));
    }

    proptest! {
        #[test]
        fn no_hidden_value_survives(lines in prop::collection::vec("[ A-Za-z_=\r\t+/-]{0,12}", 0..8), at in 0..8usize) {
            let mut lines = lines;
            lines.insert(at.min(lines.len()), "SECRET=<canary>".to_owned());
            let masked = mask(&lines.join("\n"), masking(Sight::Plain));
            prop_assert!(!masked.contains("canary"));
            let unnamed = mask(&lines.join("\n").replace("SECRET", "PLAIN"), masking(Sight::None));
            prop_assert!(!unnamed.contains("canary"));
        }
    }
}
