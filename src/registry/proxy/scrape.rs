//! The storage metrics of the registry behind, from its own endpoint: `registry_storage_*` and nothing else, for the
//! rest is counted here.

use super::open::{OpenError, http_client};
use crate::upstream::Trust;
use arc_swap::ArcSwap;
use futures_util::StreamExt as _;
use std::{sync::Arc, time::Duration};
use tokio::time::{interval, timeout};
use url::Url;

const EVERY: Duration = Duration::from_secs(15);
const PATIENCE: Duration = Duration::from_secs(5);
const LONGEST: usize = 4 * 1_024 * 1_024;
const FAMILIES: &str = "registry_storage_";

/// Clones see the same text.
#[derive(Clone, Debug)]
pub struct Scrape {
    client: reqwest::Client,
    url: Url,
    text: Arc<ArcSwap<String>>,
}

impl Scrape {
    pub fn new(url: Url, trust: &Trust) -> Result<Self, OpenError> {
        Ok(Self { client: http_client(trust)?, url, text: Arc::default() })
    }

    /// What was found last, in the text format of Prometheus; nothing while the endpoint cannot be read.
    pub fn text(&self) -> Arc<ArcSwap<String>> {
        self.text.clone()
    }

    /// Looks again and again until it is dropped.
    pub async fn keep_looking(self) {
        let mut ticks = interval(EVERY);
        loop {
            ticks.tick().await;
            self.look().await;
        }
    }

    pub async fn look(&self) {
        let found = timeout(PATIENCE, self.fetch()).await;
        let text = match found {
            Ok(Ok(text)) => text,
            Ok(Err(error)) => {
                tracing::warn!(error = %error.without_url(), "the metrics of the registry behind cannot be read");
                String::new()
            }
            Err(_) => {
                tracing::warn!("the metrics of the registry behind do not come");
                String::new()
            }
        };
        self.text.store(Arc::new(storage_families(&text)));
    }

    async fn fetch(&self) -> Result<String, reqwest::Error> {
        let answer = self.client.get(self.url.clone()).send().await?.error_for_status()?;
        let (mut bytes, mut stream) = (Vec::new(), answer.bytes_stream());
        while let Some(piece) = stream.next().await {
            bytes.extend_from_slice(&piece?);
            if bytes.len() > LONGEST {
                break;
            }
        }
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }
}

/// The lines of these families, comments included.
fn storage_families(text: &str) -> String {
    let is_wanted = |line: &&str| {
        let name = line.strip_prefix("# HELP ").or_else(|| line.strip_prefix("# TYPE ")).unwrap_or(line);
        name.starts_with(FAMILIES)
    };
    text.lines().filter(is_wanted).flat_map(|line| [line, "\n"]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_the_storage_did_is_taken() {
        let page = "# HELP go_threads x\n# TYPE go_threads gauge\ngo_threads 9\n\
            # HELP registry_http_requests_total x\nregistry_http_requests_total 1\n\
            # HELP registry_storage_cache_total y\n# TYPE registry_storage_cache_total counter\n\
            registry_storage_cache_total{type=\"Hit\"} 3\nx_registry_storage_y 1\n";
        let taken = "# HELP registry_storage_cache_total y\n# TYPE registry_storage_cache_total counter\n\
            registry_storage_cache_total{type=\"Hit\"} 3\n";
        assert_eq!(storage_families(page), taken);
    }
}
