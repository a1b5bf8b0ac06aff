//! A single target as people write it: `gateway`, `staging`, `staging/web`, `repo:team/app`, `artifact:team/husky`, `service:billing`.

use super::{Segment, Target, TargetKind, kind_named, segment};
use std::str::FromStr;

#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error(
    "\"{0}\" is not a target; write gateway, a rack as in staging, an app as in staging/web, repo:team/app, artifact:team/husky or service:billing"
)]
pub struct InvalidTarget(String);

impl FromStr for Target {
    type Err = InvalidTarget;

    /// `gateway` alone is the gateway; a rack of that name is `rack:gateway`.
    fn from_str(text: &str) -> Result<Self, InvalidTarget> {
        let invalid = || InvalidTarget(text.chars().take(80).flat_map(char::escape_default).collect());
        if text.len() > 300 {
            return Err(invalid());
        }
        let (kind, path) = match text.split_once(':') {
            Some((prefix, path)) => (kind_named(prefix).map_err(|_| invalid())?, path),
            None if text == "gateway" => (TargetKind::Gateway, text),
            None => (TargetKind::Rack, text),
        };
        let is_name = |name| matches!(segment(name, false), Ok(Segment::Is(_)));
        let segments = path.split('/').count();
        let fits = match kind {
            TargetKind::Rack => segments <= 2,
            TargetKind::Repository | TargetKind::Artifact => true,
            TargetKind::Service => segments == 1,
            TargetKind::Gateway => path == "gateway",
        };
        if !fits || !path.split('/').all(is_name) {
            return Err(invalid());
        }
        Ok(Self::of(kind, path.to_owned()))
    }
}

impl Target {
    /// As [`FromStr`] reads it back.
    pub fn written(&self) -> String {
        match self.kind {
            TargetKind::Rack if self.path == "gateway" => format!("rack:{}", self.path),
            TargetKind::Rack | TargetKind::Gateway => self.path.clone(),
            TargetKind::Repository => format!("repo:{}", self.path),
            TargetKind::Artifact => format!("artifact:{}", self.path),
            TargetKind::Service => format!("service:{}", self.path),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_each_kind_and_writes_it_back() {
        for (text, target) in [
            ("gateway", Target::gateway()),
            ("rack:gateway", Target::rack("gateway")),
            ("staging", Target::rack("staging")),
            ("staging/web", Target::app("staging", "web")),
            ("repo:team/app/x", Target::repository("team/app/x")),
            ("artifact:team/quality/husky", Target::artifact("team/quality/husky")),
            ("service:billing", Target::service("billing")),
        ] {
            assert_eq!(text.parse(), Ok(target.clone()));
            assert_eq!(target.written(), text);
        }
        assert_eq!("gateway:gateway".parse(), Ok(Target::gateway()));
    }

    #[test]
    fn what_is_a_pattern_or_nothing_is_refused() {
        for text in
            ["", "*", "staging/*", "a/b/c", "repo:", "service:a/b", "planet:x", "../x", "a b", "gateway:x"]
        {
            assert!(text.parse::<Target>().is_err(), "{text}");
        }
        assert!("a".repeat(301).parse::<Target>().is_err());
    }
}
