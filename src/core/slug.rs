//! Names of services: each is a label, and none is a name of the gateway itself.

/// What the gateway itself is called by, so that no service is taken for it.
const RESERVED: [&str; 18] = [
    "admin",
    "agent",
    "api",
    "app",
    "directory",
    "gateway",
    "health",
    "livez",
    "metrics",
    "proxy-svc",
    "rack-gateway",
    "readyz",
    "registry",
    "registry-svc",
    "svc",
    "token",
    "user-svc",
    "v2",
];

/// Lower case letters, digits and dashes, at most 63: it stands in paths and may stand in host names. The error
/// continues the name of the field.
pub fn check(slug: &str) -> Result<(), &'static str> {
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    let is_label = (1..=63).contains(&slug.len())
        && !slug.starts_with('-')
        && !slug.ends_with('-')
        && slug.bytes().all(plain);
    if !is_label {
        return Err(
            "must be 1 to 63 lower case letters, digits and dashes, with a letter or digit at both ends",
        );
    }
    if RESERVED.contains(&slug) {
        return Err("is a name of the gateway itself; choose another");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slugs_stand_in_paths() {
        for slug in ["web", "my-service", "a", "9", "billing-v2", &"a".repeat(63)] {
            assert_eq!(check(slug), Ok(()), "{slug}");
        }
        for slug in [
            "",
            "-a",
            "a-",
            "Web",
            "a_b",
            "a.b",
            "a/b",
            "a%2fb",
            "..",
            "ä",
            "registry-svc",
            "v2",
            &"a".repeat(64),
        ] {
            assert!(check(slug).is_err(), "{slug}");
        }
    }
}
