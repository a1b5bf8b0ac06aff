//! Which manifests a client says it can read. Docker sends one `Accept` line for each media type, so every line counts.

use super::media_type::essence;
use http::{HeaderMap, header::ACCEPT};

/// The media types of all `Accept` lines.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Accepted(Vec<String>);

impl Accepted {
    pub fn of(headers: &HeaderMap) -> Self {
        let lines = headers.get_all(ACCEPT).iter().filter_map(|line| line.to_str().ok());
        let entries = lines.flat_map(|line| line.split(',')).filter(|entry| !is_refused(entry));
        Self(entries.map(essence).filter(|entry| !entry.is_empty()).collect())
    }

    /// A client that says nothing, or anything, takes what there is; so does one that asks for plain JSON, which
    /// every manifest is.
    pub fn takes(&self, media_type: &str) -> bool {
        let matches = |entry: &String| {
            matches!(entry.as_str(), "*/*" | "application/*" | "application/json")
                || entry.eq_ignore_ascii_case(media_type)
        };
        self.0.is_empty() || self.0.iter().any(matches)
    }
}

/// `type;q=0`
fn is_refused(entry: &str) -> bool {
    let quality = entry.split(';').skip(1).find_map(|parameter| parameter.trim().strip_prefix("q="));
    quality.is_some_and(|quality| quality.trim().parse::<f32>() == Ok(0.0))
}

#[cfg(test)]
mod tests {
    use super::{super::media_type::*, *};

    fn accepted(lines: &[&'static str]) -> Accepted {
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append(ACCEPT, line.parse().unwrap());
        }
        Accepted::of(&headers)
    }

    #[test]
    fn all_lines_count() {
        let docker = accepted(&[DOCKER_MANIFEST, OCI_INDEX]);
        assert!(docker.takes(DOCKER_MANIFEST) && docker.takes(OCI_INDEX));
        assert!(!docker.takes(OCI_MANIFEST));
        assert!(
            accepted(&["text/html, application/vnd.oci.image.manifest.v1+json;q=0.5"]).takes(OCI_MANIFEST)
        );
        assert!(
            !accepted(&["text/html, application/vnd.oci.image.manifest.v1+json;q=0"]).takes(OCI_MANIFEST)
        );
    }

    #[test]
    fn silence_and_wildcards_take_all() {
        for lines in [&[][..], &["*/*"], &["application/json"], &["text/html", "*/*;q=0.1"]] {
            assert!(accepted(lines).takes(OCI_INDEX), "{lines:?}");
        }
        assert!(!accepted(&["text/html"]).takes(OCI_INDEX));
    }
}
