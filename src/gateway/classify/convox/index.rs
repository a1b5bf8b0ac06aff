//! Finds the row for a path. Rows are grouped by verb and number of segments, which leaves a handful to compare.

use super::{Route, Verb, catalogue::routes};
use std::{collections::HashMap, sync::LazyLock};

/// Paths have at most six segments in the catalogue, but for those that end in a rest.
const DEEPEST: usize = 8;

static INDEX: LazyLock<Index> = LazyLock::new(|| Index::of(routes()));

/// What the path's placeholders stood for.
pub(super) type Captures = Vec<(&'static str, String)>;

/// The first row, in the catalogue's order, that the path fits.
pub(super) fn find(verb: Verb, path: &[String]) -> Option<(&'static Route, Captures)> {
    let rows = INDEX.rows.get(&(verb, path.len().min(DEEPEST)))?;
    let row = rows.iter().find(|row| row.fits(path))?;
    Some((row.route, row.captures(path)))
}

struct Index {
    rows: HashMap<(Verb, usize), Vec<Row>>,
}

impl Index {
    fn of(routes: impl Iterator<Item = &'static Route>) -> Self {
        let mut index = Self { rows: HashMap::new() };
        for route in routes {
            let row = Row::of(route);
            for depth in row.depths() {
                index.rows.entry((route.verb, depth)).or_default().push(row.clone());
            }
        }
        index
    }
}

#[derive(Clone)]
struct Row {
    route: &'static Route,
    pieces: Vec<Piece>,
}

#[derive(Clone, Copy)]
enum Piece {
    Literal(&'static str),
    /// One segment, not empty before the suffix.
    Capture(&'static str, Suffix),
    Rest(&'static str),
}

type Suffix = &'static str;

impl Row {
    fn of(route: &'static Route) -> Self {
        Self { route, pieces: route.template.split('/').skip(1).map(Piece::of).collect() }
    }

    fn ends_in_rest(&self) -> bool {
        matches!(self.pieces.last(), Some(Piece::Rest(_)))
    }

    fn depths(&self) -> std::ops::RangeInclusive<usize> {
        let least = self.pieces.len();
        least..=if self.ends_in_rest() { DEEPEST } else { least }
    }

    fn fits(&self, path: &[String]) -> bool {
        let long_enough =
            path.len() == self.pieces.len() || (self.ends_in_rest() && path.len() > self.pieces.len());
        long_enough && self.pieces.iter().zip(path).all(|(piece, segment)| piece.fits(segment))
    }

    fn captures(&self, path: &[String]) -> Captures {
        self.pieces.iter().enumerate().filter_map(|(at, piece)| piece.capture(path.get(at..)?)).collect()
    }
}

impl Piece {
    fn of(text: &'static str) -> Self {
        let Some((name, suffix)) = text.strip_prefix('{').and_then(|inner| inner.split_once('}')) else {
            return Self::Literal(text);
        };
        name.strip_suffix(":*").map_or(Self::Capture(name, suffix), Self::Rest)
    }

    fn fits(self, segment: &str) -> bool {
        match self {
            Self::Literal(text) => segment == text,
            Self::Capture(_, suffix) => segment.len() > suffix.len() && segment.ends_with(suffix),
            Self::Rest(_) => true,
        }
    }

    /// `path` begins at the piece's own segment.
    fn capture(self, path: &[String]) -> Option<(&'static str, String)> {
        match self {
            Self::Literal(_) => None,
            Self::Capture(name, suffix) => {
                path.first()?.strip_suffix(suffix).map(|value| (name, value.to_owned()))
            }
            Self::Rest(name) => Some((name, path.join("/"))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(text: &str) -> Vec<String> {
        text.split('/').skip(1).map(str::to_owned).collect()
    }

    fn found(verb: Verb, text: &str) -> Option<&'static str> {
        find(verb, &path(text)).map(|(route, _)| route.template)
    }

    #[test]
    fn every_row_is_reachable() {
        for route in routes() {
            let sample = route.template.replace(":*}", "}").replace(['{', '}'], "");
            let (hit, _) =
                find(route.verb, &path(&sample)).unwrap_or_else(|| panic!("nothing fits {sample}"));
            assert!(std::ptr::eq(hit, route), "{route} is shadowed by {hit}");
        }
    }

    #[test]
    fn finds_the_right_row_of_several() {
        use Verb::*;
        for (verb, path, template) in [
            (Get, "/apps", Some("/apps")),
            (Get, "/apps/", None),
            (Get, "//apps", None),
            (Get, "/Apps", None),
            (Get, "/apps/apps", Some("/apps/{app}")),
            (Get, "/apps/a/builds/B1", Some("/apps/{app}/builds/{id}")),
            (Get, "/apps/a/builds/B1.tgz", Some("/apps/{app}/builds/{id}.tgz")),
            (Get, "/apps/a/builds/.tgz", Some("/apps/{app}/builds/{id}")),
            (Post, "/apps/a/builds/import", Some("/apps/{app}/builds/import")),
            (Post, "/apps/a/builds/B1", None),
            (Get, "/apps/a/objects", Some("/apps/{app}/objects")),
            (Get, "/apps/a/objects/", Some("/apps/{app}/objects/{key:*}")),
            (Head, "/apps/a/objects/x", Some("/apps/{app}/objects/{key:*}")),
            (Post, "/apps/a/objects/a/b/c/d/e/f/g/h/i/j", Some("/apps/{app}/objects/{key:*}")),
            (Delete, "/registries/https://index.docker.io/v1/", Some("/registries/{server:*}")),
            (Delete, "/registries", None),
            (Post, "/instances/keyroll", Some("/instances/keyroll")),
            (Options, "/resources", Some("/resources")),
            (Options, "/apps", None),
            (Patch, "/v2/x/blobs/uploads/1", Some("/v2/{path:*}")),
            (Options, "/v2/x", None),
            (Get, "/v2/", Some("/v2/{path:*}")),
            (Get, "/v2", None),
            (Head, "/apps", None),
            (Socket, "/apps/a/processes/p/exec", Some("/apps/{app}/processes/{pid}/exec")),
            (Get, "/apps/a/processes/p/exec", None),
            (Get, "/system/jwt/token", None),
            (Get, "/", None),
        ] {
            assert_eq!(found(verb, path), template, "{verb:?} {path}");
        }
    }

    #[test]
    fn captures_what_stands_there() {
        let captures = |verb, text: &str| find(verb, &path(text)).unwrap().1;
        assert_eq!(
            captures(Verb::Get, "/apps/web/builds/B1.tgz"),
            [("app", "web".to_owned()), ("id", "B1".to_owned())]
        );
        assert_eq!(
            captures(Verb::Delete, "/registries/https://a/b/"),
            [("server", "https://a/b/".to_owned())]
        );
        assert_eq!(
            captures(Verb::Post, "/apps/web/objects/"),
            [("app", "web".to_owned()), ("key", String::new())]
        );
    }
}
