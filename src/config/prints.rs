//! What tells one configuration from another, without keeping the values.

use super::live;
use sha2::{Digest as _, Sha256};
use std::{collections::BTreeMap, fmt};

/// A digest of each value that was read, by the label of its setting.
#[derive(Clone, Default)]
pub(super) struct Prints(BTreeMap<String, [u8; 32]>);

/// Secrets could be guessed from their digests, so none is printed.
impl fmt::Debug for Prints {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

/// Names of settings that differ between two configurations.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Changes {
    /// Those that may change while the gateway serves.
    pub live: Vec<String>,
    /// Those that are heeded at the next start only.
    pub at_restart: Vec<String>,
}

impl Prints {
    /// `text` as it stood, before it was parsed.
    pub fn add(&mut self, label: String, text: &str) {
        self.0.insert(label, Sha256::digest(text.as_bytes()).into());
    }

    pub fn changes_from(&self, other: &Self) -> Changes {
        let mut differing: Vec<_> = self.0.keys().chain(other.0.keys()).collect();
        differing.sort();
        differing.dedup();
        differing.retain(|label| self.0.get(*label) != other.0.get(*label));
        let (live, at_restart) = differing.into_iter().cloned().partition(|label| live::is_live(label));
        Changes { live, at_restart }
    }
}

#[cfg(test)]
mod tests {
    use super::Changes;
    use crate::config::{Config, MapEnv};
    use std::{fs, path::Path};

    fn load(path: &Path) -> Config {
        let env = MapEnv::from([("RACK_HOST", "http://127.0.0.1:1"), ("WORKER_THREADS", "2")])
            .with("RACK_TOKEN_FILE", path.with_file_name("token").display().to_string());
        Config::load(&env, Some(path)).unwrap_or_else(|errors| panic!("{errors}"))
    }

    #[test]
    fn differences_are_named_and_sorted_by_what_they_take() {
        let directory = tempfile::tempdir().unwrap();
        let (path, token) = (directory.path().join("gateway.toml"), directory.path().join("token"));
        fs::write(&token, "first CANARY").unwrap();
        fs::write(&path, "[limits]\nrate_limit_per_minute = 5\nmax_connections = 7\n").unwrap();
        let before = load(&path);
        assert_eq!(before.changes_from(&load(&path)), Changes::default());

        fs::write(&token, "second CANARY").unwrap();
        let file = "[limits]\nrate_limit_per_minute = 6\n[racks.other]\nurl = 'http://127.0.0.1:2'\npassword = 'CANARY'\n";
        fs::write(&path, file).unwrap();
        let after = load(&path);
        let changes = after.changes_from(&before);
        let live = ["RACK_TOKEN", "RATE_LIMIT_PER_MINUTE", "racks.other.password", "racks.other.url"];
        assert!(live.iter().all(|name| changes.live.iter().any(|live| live == name)), "{changes:?}");
        assert_eq!(changes.at_restart, ["MAX_CONNECTIONS"]);
        assert_eq!(before.changes_from(&after), changes, "the other way round it is the same");
        assert!(!format!("{after:?}").contains("CANARY"));
        let prints = format!("{:?}", after.prints);
        assert!(prints.contains("RACK_TOKEN") && !prints.contains('['), "names only: {prints}");

        assert!(after.files().contains(&path.as_path()) && after.files().contains(&token.as_path()));
    }
}
