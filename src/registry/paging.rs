//! Pages of sorted lists, and the `Link` to the next.

use super::{model::Page, respond::Answer};
use http::header::LINK;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

/// Entries of a page when the client asks for none or for more.
pub const LARGEST: usize = 10_000;

#[derive(Debug, PartialEq, Eq)]
pub struct Paged {
    pub entries: Vec<String>,
    /// Where the next page begins, if there is one, and how long it is to be.
    next: Option<(String, usize)>,
}

/// Cuts a page out of all entries, which need not be sorted.
pub fn page(mut all: Vec<String>, page: &Page) -> Paged {
    let asked = page.size.map_or(LARGEST, |size| usize::try_from(size).unwrap_or(usize::MAX));
    let size = asked.min(LARGEST);
    if let Some(last) = &page.last {
        all.retain(|entry| entry > last);
    }
    all.sort_unstable();
    all.dedup();
    let is_more = all.len() > size;
    all.truncate(size);
    let next = all.last().filter(|_| is_more).map(|last| (last.clone(), size));
    Paged { entries: all, next }
}

impl Paged {
    /// `path` is that of the list.
    pub fn link(&self, answer: Answer, path: &str) -> Answer {
        let Some((last, size)) = &self.next else { return answer };
        let last = utf8_percent_encode(last, NON_ALPHANUMERIC);
        answer.header(LINK, format!("<{path}?n={size}&last={last}>; rel=\"next\""))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cut(size: Option<u64>, last: Option<&str>) -> (Vec<String>, bool) {
        let all = ["b", "a", "d", "c"].map(str::to_owned).to_vec();
        let paged = page(all, &Page { size, last: last.map(str::to_owned) });
        let has_next = paged.next.is_some();
        (paged.entries, has_next)
    }

    #[test]
    fn pages() {
        let list = |text: &str| text.chars().map(String::from).collect::<Vec<_>>();
        assert_eq!(cut(None, None), (list("abcd"), false));
        assert_eq!(cut(Some(2), None), (list("ab"), true));
        assert_eq!(cut(Some(2), Some("b")), (list("cd"), false));
        assert_eq!(cut(Some(u64::MAX), Some("a")), (list("bcd"), false));
        assert_eq!(cut(Some(0), None), (vec![], false));
        assert_eq!(cut(Some(4), Some("z")), (vec![], false));
    }

    #[test]
    fn the_link_is_relative_and_encoded() {
        let paged = Paged { entries: vec![], next: Some(("team/app".into(), 2)) };
        let answer = paged.link(Answer::new(http::StatusCode::OK), "/v2/_catalog").done();
        assert_eq!(answer.headers()[LINK], "</v2/_catalog?n=2&last=team%2Fapp>; rel=\"next\"");
    }
}
