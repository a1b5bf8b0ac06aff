//! The addresses of the console that are pages. The browser's route table has the same list, from the same file.

use std::sync::LazyLock;

static LISTED: LazyLock<Vec<Vec<String>>> = LazyLock::new(|| read(include_str!("../../web/pages.json")));

/// Which paths below `/app/` a person may open or reload. A segment that begins with `$` stands for any one.
#[derive(Clone, Copy, Debug)]
pub struct Pages;

impl Pages {
    pub fn has(path: &str) -> bool {
        LISTED.iter().any(|page| covers(page, path))
    }

    /// The list as it was written.
    pub fn all() -> impl Iterator<Item = String> {
        LISTED.iter().map(|segments| segments.join("/"))
    }
}

fn read(json: &str) -> Vec<Vec<String>> {
    let pages: Vec<String> = serde_json::from_str(json).unwrap_or_default();
    pages.iter().map(|page| page.split('/').map(str::to_owned).collect()).collect()
}

fn covers(page: &[String], path: &str) -> bool {
    let mut parts = path.split('/');
    let each = page.iter().all(|segment| {
        parts.next().is_some_and(|part| part == segment || (segment.starts_with('$') && !part.is_empty()))
    });
    each && parts.next().is_none()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_can_be_read() {
        assert!(Pages::all().count() > 5);
        for page in ["", "login", "account/security", "cli/confirm"] {
            assert!(Pages::has(page), "{page}");
        }
    }

    #[test]
    fn nothing_else_is_a_page() {
        for path in ["Login", "login/", "login/x", "/login", "account", "..", "%6cogin", "login;a"] {
            assert!(!Pages::has(path), "{path}");
        }
    }

    #[test]
    fn a_segment_may_be_a_name() {
        let pages = read(r#"["users/$email", "users/$email/sessions"]"#);
        let has = |path: &str| pages.iter().any(|page| covers(page, path));
        assert!(has("users/a@example.com") && has("users/a@example.com/sessions"));
        assert!(!has("users/") && !has("users") && !has("users/a/b"));
    }
}
