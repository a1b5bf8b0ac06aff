//! What the build of the console left in `web/dist`: inside the program in a release, read at the start otherwise.
//! A program that was built without it has a page that says how to build it.

use rust_embed::RustEmbed;
use std::{borrow::Cow, collections::BTreeMap};

#[derive(RustEmbed)]
#[folder = "web/dist"]
#[allow_missing = true]
#[exclude = ".*"]
struct Dist;

const PLACEHOLDER: &[u8] = include_bytes!("placeholder.html");

/// Files by their paths below `/app/`.
pub type Files = BTreeMap<String, Cow<'static, [u8]>>;

pub fn files() -> Files {
    let built = Dist::iter().filter_map(|path| Some((path.clone().into_owned(), Dist::get(&path)?.data)));
    or_placeholder(built.collect())
}

fn or_placeholder(built: Files) -> Files {
    if built.contains_key("index.html") {
        return built;
    }
    Files::from([("index.html".to_owned(), Cow::Borrowed(PLACEHOLDER))])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_is_always_a_page() {
        assert!(files().contains_key("index.html"));
    }

    #[test]
    fn half_a_build_is_none() {
        let half = Files::from([("assets/a.js".to_owned(), Cow::Borrowed(&b"1"[..]))]);
        let files = or_placeholder(half);
        assert_eq!(files.keys().collect::<Vec<_>>(), ["index.html"]);
        let page = String::from_utf8(files["index.html"].to_vec()).unwrap();
        assert!(page.contains("make web"), "{page}");
        assert!(!page.contains("<script") && !page.contains("style"), "the policy forbids both: {page}");
    }
}
