//! Where to go after a login: one of our own pages, whatever was asked for.

use url::Url;

pub const HOME: &str = "/app/";
const LONGEST: usize = 1_024;

/// The path as it may stand in `Location`, or the first page where it may not.
pub fn checked(asked: Option<&str>) -> String {
    asked.and_then(own_page).unwrap_or_else(|| HOME.to_owned())
}

/// Read as a browser reads it; what comes out must be what was put in, and below `/app/` on the same host.
fn own_page(asked: &str) -> Option<String> {
    let is_plain = asked.bytes().all(|byte| byte.is_ascii_graphic() && !b"\\<>\"'`{}|^".contains(&byte));
    if asked.len() > LONGEST || !is_plain || !asked.starts_with(HOME) || asked.contains("//") {
        return None;
    }
    let base = Url::parse("https://gateway.invalid/").ok()?;
    let read = base.join(asked).ok()?;
    let same = read.origin() == base.origin()
        && read.as_str().strip_prefix("https://gateway.invalid") == Some(asked);
    // Encoded dots and slashes are read again by whoever decodes the path.
    let path = read.path().to_ascii_lowercase();
    let hides = ["%2e", "%2f", "%5c", "%00", "%0a", "%0d", "%09"].iter().any(|code| path.contains(code));
    (same && !hides).then(|| asked.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn our_own_pages() {
        for page in [
            "/app/",
            "/app/account/security",
            "/app/racks/a?tab=logs#x",
            "/app/cli/confirm?request=018f-7",
            "/app/a%20b",
        ] {
            assert_eq!(checked(Some(page)), page);
        }
        assert_eq!(checked(None), HOME);
    }

    /// CVE-2020-5233, CVE-2020-11053, CVE-2020-4037, CVE-2021-21291, CVE-2021-29651: whoever followed a link to the
    /// login page landed somewhere else.
    #[test]
    fn cve_2020_11053_no_link_leads_elsewhere() {
        let hosts = [
            "evil.com",
            "evil.com/app/",
            "evil.com%2fapp",
            "a@evil.com",
            "evil.com:80",
            "xn--evl-hoa.com",
            "evil。com",
            "127.0.0.1",
            "[::1]",
            "0x7f000001",
            "evil.com?/app/",
            "evil.com#/app/",
        ];
        let starts = [
            "//",
            "///",
            "////",
            "/\\",
            "\\/",
            "\\\\",
            "/\\/",
            "/\t/",
            "/%09/",
            "/ /",
            "\u{0}//",
            "http://",
            "https://",
            "HTTPS://",
            "http:",
            "https:/",
            "https:\\\\",
            "javascript://",
            "data:text/html,",
            "ftp://",
            "//%2f",
            "/%2f/",
            "/%5c",
            "/%5c/",
            "/.//",
            "/..//",
            "/app//",
            "/app/\\",
            "/app\\",
            "/app/..//",
            "/app/../..//",
            "/app/%2e%2e//",
            "/app/.%2e//",
            "/app/;//",
            "/app/\t//",
            "/app\n//",
            "/app/%0d%0aLocation: //",
            "/app@",
            "/app.",
            "/app:80@",
            "/ap/",
            "/application/",
            "app/",
            "./app/",
            "../app/",
            "?//",
            "#//",
        ];
        let mut tried = 0;
        for start in starts {
            for host in hosts {
                let asked = format!("{start}{host}");
                let landed = checked(Some(&asked));
                let base = Url::parse("https://gateway.example/login").unwrap();
                let read = base.join(&landed).unwrap();
                assert_eq!(read.host_str(), Some("gateway.example"), "{asked:?}");
                assert!(read.path().starts_with("/app/"), "{asked:?} leads to {read}");
                assert!(landed.bytes().all(|byte| byte.is_ascii_graphic()), "{asked:?}");
                tried += 1;
            }
        }
        assert!(tried >= 500, "only {tried}");
        for asked in [
            "/app/../api/v1/me",
            "/app/./x",
            "/app/%2e%2e/api",
            "/app/a/../../x",
            "/app",
            "",
            " ",
            "/app/é",
            "/app/\u{202e}x",
        ] {
            assert_eq!(checked(Some(asked)), HOME, "{asked:?}");
        }
        assert_eq!(checked(Some(&format!("/app/{}", "x".repeat(LONGEST)))), HOME);
    }
}
