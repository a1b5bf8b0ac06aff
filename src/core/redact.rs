//! What must be hidden wherever it shows up: header values, environment variables, tokens in free text.

/// Stands where a value was removed from a log, a record or an error report.
pub const REDACTED: &str = "[REDACTED]";

/// Stands for a value that the reader may not see, inside a document they may. The stock CLI sends it back
/// unchanged, and the gateway then keeps the stored value.
pub const MASK: &str = "********************";

const SECRET_HEADERS: [&str; 12] = [
    "authorization",
    "cookie",
    "set-cookie",
    "proxy-authorization",
    "x-registry-token",
    "x-registry-auth",
    "x-mfa-totp",
    "x-mfa-webauthn",
    "x-csrf-token",
    "session",
    "environment",
    "private-key",
];

/// True for request and response headers whose value is a credential. `name` in any case.
pub fn is_secret_header(name: &str) -> bool {
    SECRET_HEADERS.iter().any(|secret| secret.eq_ignore_ascii_case(name))
}

/// True for names of environment variables that hold secrets: the name contains `SECRET`, `TOKEN` or
/// `PASSWORD`, ends in `_KEY` or `_KEY_ID`, or is listed in `extra`.
pub fn is_secret_variable(name: &str, extra: &[String]) -> bool {
    let upper = name.to_ascii_uppercase();
    upper.contains("SECRET")
        || upper.contains("TOKEN")
        || upper.contains("PASSWORD")
        || upper.ends_with("_KEY")
        || upper.ends_with("_KEY_ID")
        || extra.iter().any(|listed| listed.eq_ignore_ascii_case(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_in_any_case() {
        assert!(is_secret_header("Authorization"));
        assert!(is_secret_header("X-REGISTRY-TOKEN"));
        assert!(!is_secret_header("accept"));
    }

    #[test]
    fn variables() {
        for name in ["DATABASE_PASSWORD", "secret_thing", "GITHUB_TOKEN", "API_KEY", "AWS_ACCESS_KEY_ID"] {
            assert!(is_secret_variable(name, &[]), "{name}");
        }
        for name in ["PORT", "KEYBOARD", "DATABASE_URL"] {
            assert!(!is_secret_variable(name, &[]), "{name}");
        }
        assert!(is_secret_variable("DATABASE_URL", &["database_url".into()]));
    }
}
