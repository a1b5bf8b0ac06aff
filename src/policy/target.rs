//! What a permission is used on, and the patterns that grants are written with.

mod contain;
mod one;

pub use one::InvalidTarget;

use super::Asked;
use std::{fmt, str::FromStr};

#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum TargetKind {
    /// `rack`, or `rack/app`.
    Rack,
    /// A repository of the container registry: `team/app`.
    Repository,
    /// A namespace of the artifact registry without its `@`, or a package in it: `team`, `team/quality/husky`.
    Artifact,
    /// A service of the directory, by its slug.
    Service,
    /// The gateway itself.
    Gateway,
}

impl TargetKind {
    const NAMED: [(&str, Self); 5] = [
        ("rack", Self::Rack),
        ("repo", Self::Repository),
        ("artifact", Self::Artifact),
        ("service", Self::Service),
        ("gateway", Self::Gateway),
    ];
}

/// One thing: a rack, an app on a rack, a repository, an artifact, a service, or the gateway.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Target {
    kind: TargetKind,
    path: String,
    /// Of a service, what is asked of it.
    asked: Option<Asked>,
}

impl Target {
    pub fn rack(rack: &str) -> Self {
        Self::of(TargetKind::Rack, rack.to_owned())
    }

    pub fn app(rack: &str, app: &str) -> Self {
        let mut path = String::with_capacity(rack.len() + 1 + app.len());
        path.push_str(rack);
        path.push('/');
        path.push_str(app);
        Self::of(TargetKind::Rack, path)
    }

    /// A repository of the container registry, as in `team/app`.
    pub fn repository(name: &str) -> Self {
        Self::of(TargetKind::Repository, name.to_owned())
    }

    /// A namespace of the artifact registry, or a package in it, as in `team/quality/husky`.
    pub fn artifact(path: &str) -> Self {
        Self::of(TargetKind::Artifact, path.to_owned())
    }

    /// A service of the directory, by its slug.
    pub fn service(slug: &str) -> Self {
        Self::of(TargetKind::Service, slug.to_owned())
    }

    /// A service, and what is asked of it: for grants that allow some calls only.
    pub fn call(slug: &str, asked: Asked) -> Self {
        Self { asked: Some(asked), ..Self::service(slug) }
    }

    pub(super) const fn of(kind: TargetKind, path: String) -> Self {
        Self { kind, path, asked: None }
    }

    pub const fn asked(&self) -> Option<&Asked> {
        self.asked.as_ref()
    }

    pub const fn kind(&self) -> TargetKind {
        self.kind
    }

    pub fn gateway() -> Self {
        Self::of(TargetKind::Gateway, "gateway".to_owned())
    }

    pub fn path(&self) -> &str {
        &self.path
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.path)
    }
}

/// Which targets a grant covers. `*` stands for one segment, `**` at the end for any number, and a pattern
/// may be narrowed to one kind of target by a prefix:
///
/// `*` everything · `staging` the rack and all its apps · `staging/web` one app · `staging/*` its apps only ·
/// `repo:team/**` repositories · `artifact:team/**` a namespace · `service:billing` one service
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TargetPattern {
    text: String,
    kind: Option<TargetKind>,
    segments: Vec<Segment>,
}

#[derive(Clone, PartialEq, Eq, Debug)]
enum Segment {
    Is(String),
    Any,
    Rest,
}

#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum InvalidPattern {
    #[error("a target pattern is empty; write * for everything, or for example staging/web")]
    Empty,
    #[error("\"{0}\" is not a kind of target; use rack:, repo:, artifact:, service: or gateway:")]
    UnknownKind(String),
    #[error("\"{0}\" may stand only for a whole segment, and ** only for the last")]
    MisplacedStar(String),
    #[error("\"{0}\" is not a name; a segment has letters, digits, dots, dashes and underscores")]
    BadSegment(String),
    #[error("a target pattern has at most 300 characters")]
    TooLong,
}

impl TargetPattern {
    pub fn everything() -> Self {
        Self { text: "*".to_owned(), kind: None, segments: vec![Segment::Rest] }
    }

    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// True when it is written for this kind of target only.
    pub fn is_of(&self, kind: TargetKind) -> bool {
        self.kind == Some(kind)
    }

    pub fn covers(&self, target: &Target) -> bool {
        if self.kind.is_some_and(|kind| kind != target.kind) {
            return false;
        }
        let is_everything = matches!(self.segments.as_slice(), [Segment::Rest]);
        if target.kind == TargetKind::Gateway && self.kind.is_none() && !is_everything {
            // A rack may be called "gateway"; who gets that rack must not get the gateway.
            return false;
        }
        // A rack's name alone means the rack with all that is on it.
        if let ([Segment::Is(rack)], TargetKind::Rack) = (self.segments.as_slice(), target.kind) {
            return target.path.split('/').next() == Some(rack);
        }
        let mut path = target.path.split('/');
        for segment in &self.segments {
            match (segment, path.next()) {
                (Segment::Rest, _) => return true,
                (Segment::Any, Some(_)) => {}
                (Segment::Is(name), Some(given)) if name == given => {}
                _ => return false,
            }
        }
        path.next().is_none()
    }
}

impl FromStr for TargetPattern {
    type Err = InvalidPattern;

    fn from_str(text: &str) -> Result<Self, InvalidPattern> {
        if text.len() > 300 {
            return Err(InvalidPattern::TooLong);
        }
        let (kind, path) = match text.split_once(':') {
            Some((prefix, path)) => (Some(kind_named(prefix)?), path),
            None => (None, text),
        };
        if path.is_empty() {
            return Err(InvalidPattern::Empty);
        }
        if path == "*" {
            return Ok(Self { text: text.to_owned(), kind, segments: vec![Segment::Rest] });
        }
        let count = path.split('/').count();
        let segments = path
            .split('/')
            .enumerate()
            .map(|(index, name)| segment(name, index + 1 == count))
            .collect::<Result<_, _>>()?;
        Ok(Self { text: text.to_owned(), kind, segments })
    }
}

fn kind_named(prefix: &str) -> Result<TargetKind, InvalidPattern> {
    TargetKind::NAMED
        .iter()
        .find(|(name, _)| *name == prefix)
        .map(|(_, kind)| *kind)
        .ok_or_else(|| InvalidPattern::UnknownKind(prefix.chars().take(40).collect()))
}

fn segment(name: &str, last: bool) -> Result<Segment, InvalidPattern> {
    let plain = |character: char| character.is_ascii_alphanumeric() || "._-".contains(character);
    match name {
        "*" => Ok(Segment::Any),
        "**" if last => Ok(Segment::Rest),
        _ if name.contains('*') => Err(InvalidPattern::MisplacedStar(name.to_owned())),
        "" | "." | ".." => Err(InvalidPattern::BadSegment(name.to_owned())),
        _ if name.chars().all(plain) => Ok(Segment::Is(name.to_owned())),
        _ => Err(InvalidPattern::BadSegment(name.to_owned())),
    }
}

impl fmt::Display for TargetPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn covers(pattern: &str, target: Target) -> bool {
        pattern.parse::<TargetPattern>().unwrap().covers(&target)
    }

    #[test]
    fn covers_what_it_says() {
        let web = || Target::app("staging", "web");
        let rack = || Target::rack("staging");
        let repo = || Target::repository("staging/web");
        for (pattern, on_rack, on_web, on_repo) in [
            ("*", true, true, true),
            ("**", true, true, true),
            ("staging", true, true, false),
            ("staging/web", false, true, true),
            ("staging/*", false, true, true),
            ("staging/**", true, true, true),
            ("rack:*", true, true, false),
            ("rack:staging/web", false, true, false),
            ("repo:staging/**", false, false, true),
            ("production", false, false, false),
            ("*/web", false, true, true),
            ("stag", false, false, false),
            ("gateway:*", false, false, false),
        ] {
            assert_eq!(covers(pattern, rack()), on_rack, "{pattern} on the rack");
            assert_eq!(covers(pattern, web()), on_web, "{pattern} on the app");
            assert_eq!(covers(pattern, repo()), on_repo, "{pattern} on the repository");
        }
    }

    #[test]
    fn only_everything_and_its_own_kind_cover_the_gateway() {
        for (pattern, expected) in [
            ("*", true),
            ("**", true),
            ("gateway:*", true),
            ("gateway:gateway", true),
            ("gateway", false),
            ("gateway/*", false),
            ("rack:gateway", false),
            ("rack:*", false),
        ] {
            assert_eq!(covers(pattern, Target::gateway()), expected, "{pattern}");
        }
        assert!(covers("gateway", Target::app("gateway", "web")));
    }

    #[test]
    fn bad_patterns_say_why() {
        for (text, error) in [
            ("", InvalidPattern::Empty),
            ("rack:", InvalidPattern::Empty),
            ("planet:earth", InvalidPattern::UnknownKind("planet".into())),
            ("a/**/b", InvalidPattern::MisplacedStar("**".into())),
            ("we*", InvalidPattern::MisplacedStar("we*".into())),
            ("a//b", InvalidPattern::BadSegment(String::new())),
            ("../x", InvalidPattern::BadSegment("..".into())),
            ("a b", InvalidPattern::BadSegment("a b".into())),
        ] {
            assert_eq!(text.parse::<TargetPattern>(), Err(error), "{text}");
        }
        assert_eq!("a".repeat(301).parse::<TargetPattern>(), Err(InvalidPattern::TooLong));
    }
}
