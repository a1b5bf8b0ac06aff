//! Request paths as the rack understands them: decoded first, then cut at slashes, never cleaned.

use percent_encoding::percent_decode_str;

/// The segments after the leading slash; `None` when there is no leading slash. An encoded slash cuts like a
/// plain one: that is how the real rack routes.
pub fn segments(path: &str) -> Option<Vec<String>> {
    let decoded = percent_decode_str(path).decode_utf8_lossy();
    let inner = decoded.strip_prefix('/')?;
    Some(inner.split('/').map(str::to_owned).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn routes_on_the_decoded_path() {
        assert_eq!(segments("/apps/web%2Freleases/R1").unwrap(), ["apps", "web", "releases", "R1"]);
        assert_eq!(segments("//apps").unwrap(), ["", "apps"]);
        assert_eq!(segments("/apps/../system").unwrap(), ["apps", "..", "system"]);
        assert_eq!(segments("/registries/https://a/b/").unwrap(), ["registries", "https:", "", "a", "b", ""]);
        assert!(segments("*").is_none());
    }
}
