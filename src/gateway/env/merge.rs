//! What a writer changes, with masks resolved.

use super::{EnvText, Masking};
use crate::{
    core::redact::MASK,
    policy::{Demand, Demanding, Permission, Target},
};

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ChangeKind {
    Set,
    Unset,
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Change {
    pub key: String,
    pub kind: ChangeKind,
    pub secret: bool,
}

/// The environment to send, and how it differs from the stored one.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Merged {
    pub env: EnvText,
    pub changes: Vec<Change>,
}

#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{key} is given as the mask {MASK}, but no value is stored for it; give its value, or leave it out")]
pub struct NothingBehindMask {
    pub key: String,
}

/// Puts stored values in the place of masks. A variable that is not posted is removed.
///
/// Posting a value that the writer may not see counts as setting it even if it equals the stored one: the answer
/// must not tell whether a guess was right.
pub fn merge(posted: &EnvText, stored: &EnvText, writer: Masking<'_>) -> Result<Merged, NothingBehindMask> {
    let mut merged = Merged { env: EnvText::default(), changes: Vec::new() };
    let change = |key: &str, kind| Change { key: key.to_owned(), kind, secret: writer.is_secret(key) };
    for (key, value) in posted.iter() {
        let stored = stored.get(key);
        if value == MASK {
            let kept = stored.ok_or_else(|| NothingBehindMask { key: key.to_owned() })?;
            merged.env.set(key, kept);
            continue;
        }
        if writer.hides(key) || stored != Some(value) {
            merged.changes.push(change(key, ChangeKind::Set));
        }
        merged.env.set(key, value);
    }
    let removed = stored.iter().filter(|(key, _)| posted.get(key).is_none());
    merged.changes.extend(removed.map(|(key, _)| change(key, ChangeKind::Unset)));
    Ok(merged)
}

/// The change of an app's environment, as a call that wants permission.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct EnvChange {
    demands: Vec<Demand>,
}

impl EnvChange {
    /// `None` where nothing changes, so that nothing needs to be allowed.
    pub fn of(rack: &str, app: &str, changes: &[Change]) -> Option<Self> {
        if changes.is_empty() {
            return None;
        }
        let secrets = changes.iter().any(|change| change.secret).then_some(Permission::SecretSet);
        let permissions = std::iter::once(Permission::EnvSet).chain(secrets);
        let target = Target::app(rack, app);
        let demands = permissions.map(|permission| Demand { permission, target: target.clone() }).collect();
        Some(Self { demands })
    }
}

impl Demanding for EnvChange {
    fn demands(&self) -> &[Demand] {
        &self.demands
    }
}

#[cfg(test)]
mod tests {
    use super::{
        super::{Sight, mask},
        *,
    };
    use proptest::prelude::*;

    const DEPLOYER: Masking<'_> = Masking { sight: Sight::Plain, extra: &[] };
    const ADMIN: Masking<'_> = Masking { sight: Sight::All, extra: &[] };

    fn env(text: &str) -> EnvText {
        EnvText::parse(text).unwrap()
    }

    fn changes(posted: &str, stored: &str, writer: Masking<'_>) -> Vec<String> {
        let merged = merge(&env(posted), &env(stored), writer).unwrap();
        let described = |change: &Change| {
            let secret = if change.secret { " secret" } else { "" };
            format!("{:?} {}{secret}", change.kind, change.key)
        };
        merged.changes.iter().map(described).collect()
    }

    #[test]
    fn masks_keep_what_is_stored() {
        let merged = merge(&env(&format!("B=9\nTOKEN={MASK}")), &env("B=2\nTOKEN=x=y"), DEPLOYER).unwrap();
        assert_eq!(merged.env.to_text(), "B=9\nTOKEN=x=y");
    }

    #[test]
    fn a_mask_with_nothing_behind_it_is_refused_by_name() {
        let error = merge(&env(&format!("TOKEN={MASK}")), &env("A=1"), DEPLOYER).unwrap_err();
        assert_eq!(
            error.to_string(),
            "TOKEN is given as the mask ********************, but no value is stored for it; \
             give its value, or leave it out"
        );
    }

    #[test]
    fn changes_are_named() {
        let stored = "A=1\nB=2\nTOKEN=x";
        for (posted, writer, expected) in [
            ("A=1\nB=2\nTOKEN=********************", DEPLOYER, vec![]),
            ("B=2\nA=1\nTOKEN=********************", DEPLOYER, vec![]),
            ("A=1\nB=3\nC=4\nTOKEN=********************", DEPLOYER, vec!["Set B", "Set C"]),
            ("B=2\nTOKEN=********************", DEPLOYER, vec!["Unset A"]),
            ("A=1\nB=2", DEPLOYER, vec!["Unset TOKEN secret"]),
            ("A=1\nB=2\nTOKEN=y", DEPLOYER, vec!["Set TOKEN secret"]),
            ("A=1\nB=2\nTOKEN=x", DEPLOYER, vec!["Set TOKEN secret"]),
            ("A=1\nB=2\nTOKEN=x", ADMIN, vec![]),
            ("A=1\nB=2\nTOKEN=x\nNEW_KEY=1", ADMIN, vec!["Set NEW_KEY secret"]),
            ("", ADMIN, vec!["Unset A", "Unset B", "Unset TOKEN secret"]),
        ] {
            assert_eq!(changes(posted, stored, writer), expected, "{posted}");
        }
    }

    #[test]
    fn a_change_demands_what_it_changes() {
        let demanded = |posted: &str| {
            let merged = merge(&env(posted), &env("A=1\nTOKEN=x"), DEPLOYER).unwrap();
            EnvChange::of("staging", "web", &merged.changes).map(|change| {
                change
                    .demands()
                    .iter()
                    .map(|demand| format!("{} on {}", demand.permission, demand.target))
                    .collect()
            })
        };
        let (plain, secret) = ("convox:env:set on staging/web", "convox:secret:set on staging/web");
        assert_eq!(demanded(&format!("A=1\nTOKEN={MASK}")), None);
        assert_eq!(demanded(&format!("A=2\nTOKEN={MASK}")), Some(vec![plain.to_owned()]));
        assert_eq!(demanded("A=1\nTOKEN=guess"), Some(vec![plain.to_owned(), secret.to_owned()]));
        assert_eq!(demanded("A=1"), Some(vec![plain.to_owned(), secret.to_owned()]));
    }

    fn any_env() -> impl Strategy<Value = EnvText> {
        let key = "(DB|APP|X)_(URL|TOKEN|PASSWORD|KEY|PORT|MODE)[A-Z]?";
        prop::collection::btree_map(key, "[ -~é=]{0,16}", 1..10).prop_map(|map| {
            let mut env = EnvText::default();
            map.into_iter().filter(|(_, value)| value != MASK).for_each(|(key, value)| env.set(&key, value));
            env
        })
    }

    fn any_sight() -> impl Strategy<Value = Sight> {
        prop::sample::select(vec![Sight::None, Sight::Plain, Sight::All])
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2_000))]

        #[test]
        fn reading_and_writing_back_changes_nothing(stored in any_env(), sight in any_sight()) {
            let writer = Masking { sight, extra: &[] };
            let posted = EnvText::parse(&mask(&stored.to_text(), writer)).unwrap();
            let merged = merge(&posted, &stored, writer).unwrap();
            prop_assert_eq!(merged, Merged { env: stored, changes: vec![] });
        }

        #[test]
        fn changing_one_variable_changes_that_one(
            stored in any_env(),
            sight in any_sight(),
            key in "(DB|APP|X)_(URL|TOKEN|PASSWORD|KEY|PORT|MODE)[A-Z]?",
            value in "[ -~]{17,19}",
        ) {
            let writer = Masking { sight, extra: &[] };
            let mut posted = EnvText::parse(&mask(&stored.to_text(), writer)).unwrap();
            posted.set(&key, value.clone());
            let merged = merge(&posted, &stored, writer).unwrap();

            let mut expected = stored;
            expected.set(&key, value);
            prop_assert_eq!(merged.env, expected);
            let secret = writer.is_secret(&key);
            prop_assert_eq!(merged.changes, vec![Change { key, kind: ChangeKind::Set, secret }]);
        }
    }
}
