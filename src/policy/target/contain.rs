//! Whether one pattern covers all that another covers. Nobody hands out more than they hold, and this is how that
//! is told without listing targets.

use super::{Segment, Target, TargetKind, TargetPattern};

const KINDS: [TargetKind; 5] = [
    TargetKind::Rack,
    TargetKind::Repository,
    TargetKind::Artifact,
    TargetKind::Service,
    TargetKind::Gateway,
];

impl TargetPattern {
    /// True when every target that `other` covers is covered by `self`. Where that takes more than a look at the
    /// segments one by one (`*/**` covers all that has a name, as `rack:*` does) the answer is false.
    pub fn contains(&self, other: &Self) -> bool {
        KINDS.into_iter().all(|kind| self.contains_in(kind, other))
    }

    fn contains_in(&self, kind: TargetKind, other: &Self) -> bool {
        if kind == TargetKind::Gateway {
            // There is one gateway.
            return !other.covers(&Target::gateway()) || self.covers(&Target::gateway());
        }
        let Some(wanted) = other.segments_for(kind) else { return true };
        self.segments_for(kind).is_some_and(|held| covers_all(&held, &wanted))
    }

    /// The segments as they are read for a kind; `None` when no target of the kind is covered.
    fn segments_for(&self, kind: TargetKind) -> Option<Vec<Segment>> {
        if self.kind.is_some_and(|own| own != kind) {
            return None;
        }
        let mut segments = self.segments.clone();
        // A rack's name alone means the rack with all that is on it.
        if kind == TargetKind::Rack && matches!(segments.as_slice(), [Segment::Is(_)]) {
            segments.push(Segment::Rest);
        }
        Some(segments)
    }
}

fn covers_all(held: &[Segment], wanted: &[Segment]) -> bool {
    match (held, wanted) {
        ([Segment::Rest, ..], _) | ([], []) => true,
        ([Segment::Any, held @ ..], [Segment::Is(_) | Segment::Any, wanted @ ..]) => covers_all(held, wanted),
        ([Segment::Is(one), held @ ..], [Segment::Is(other), wanted @ ..]) => {
            one == other && covers_all(held, wanted)
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn pattern(text: &str) -> TargetPattern {
        text.parse().unwrap()
    }

    #[test]
    fn what_holds_what() {
        for (held, wanted, expected) in [
            ("*", "*", true),
            ("*", "gateway:*", true),
            ("**", "repo:a/**", true),
            ("staging", "staging/web", false),
            ("rack:staging", "rack:staging/web", true),
            ("rack:staging", "staging/web", false),
            ("staging/*", "staging/web", true),
            ("staging/*", "staging", false),
            ("staging/**", "staging", true),
            ("staging", "staging/**", false),
            ("rack:staging", "rack:staging/**", true),
            ("rack:*", "rack:staging", true),
            ("rack:*", "*", false),
            ("gateway:*", "*", false),
            ("gateway:*", "gateway:gateway", true),
            ("gateway", "gateway:gateway", false),
            ("*/web", "staging/web", true),
            ("*/web", "*/*", false),
            ("*/*", "*/web", true),
            ("repo:team/**", "repo:team/a/b", true),
            ("repo:team/**", "repo:team2/a", false),
            ("repo:team/*", "repo:team/**", false),
            ("artifact:team/**", "artifact:team/quality/husky", true),
            ("artifact:team/**", "artifact:team", true),
            ("repo:team/**", "artifact:team/husky", false),
        ] {
            assert_eq!(pattern(held).contains(&pattern(wanted)), expected, "{held} holds {wanted}");
        }
    }

    fn any_pattern() -> impl Strategy<Value = TargetPattern> {
        let kind = prop::sample::select(vec!["", "rack:", "repo:", "artifact:", "service:", "gateway:"]);
        let segment = prop::sample::select(vec!["a", "b", "gateway", "*"]);
        let end = prop::sample::select(vec!["", "/**"]);
        (kind, prop::collection::vec(segment, 1..4), end)
            .prop_map(|(kind, path, end)| pattern(&format!("{kind}{}{end}", path.join("/"))))
    }

    /// Every target of up to four segments over a small alphabet, and the gateway.
    fn universe() -> Vec<Target> {
        let mut paths = vec![String::new()];
        let mut all = Vec::new();
        for _ in 0..4 {
            paths = paths
                .iter()
                .flat_map(|path| ["a", "b", "c", "gateway"].map(|name| format!("{path}/{name}")))
                .collect();
            all.extend(paths.iter().map(|path| path[1..].to_owned()));
        }
        let kinds = [TargetKind::Rack, TargetKind::Repository, TargetKind::Artifact, TargetKind::Service];
        let targets = kinds
            .into_iter()
            .flat_map(|kind| all.iter().map(move |path| Target::of(kind, path.clone())).collect::<Vec<_>>());
        targets.chain([Target::gateway()]).collect()
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2_000))]

        #[test]
        fn contains_means_covers_everywhere(held in any_pattern(), wanted in any_pattern()) {
            let universe = universe();
            let everywhere = universe.iter().filter(|target| wanted.covers(target)).all(|target| held.covers(target));
            let contains = held.contains(&wanted);
            prop_assert!(!contains || everywhere, "{} does not hold {}", held, wanted);
        }

        #[test]
        fn containing_is_an_order(a in any_pattern(), b in any_pattern(), c in any_pattern()) {
            prop_assert!(a.contains(&a));
            prop_assert!(!(a.contains(&b) && b.contains(&c)) || a.contains(&c));
        }
    }
}
