//! Headers from which a framework takes another method or path than the one that was decided on.

const BEGINNINGS: [&str; 4] = ["x-http-method", "x-method-override", "x-original-", "x-rewrite-"];

/// Whether a header of this name, in lower case, may make another request of the one that it comes with. No upstream
/// is sent one.
pub(super) fn is_override(name: &str) -> bool {
    BEGINNINGS.iter().any(|beginning| name.starts_with(beginning))
}
