//! Which stored release the masks of a posted environment stand for.

use super::{EnvText, Masking, mask, mask::NotARelease};
use crate::core::redact::MASK;
use serde::Deserialize;

/// What is read of a release. Lists have the newest first, as racks send them.
#[derive(Clone, PartialEq, Eq, Deserialize)]
pub struct ReleaseView {
    pub id: String,
    #[serde(default)]
    pub build: String,
    #[serde(default)]
    pub env: String,
}

impl ReleaseView {
    /// Reads a rack's list of releases.
    pub fn list(json: &[u8]) -> Result<Vec<Self>, NotARelease> {
        let releases: Option<Vec<Self>> = serde_json::from_slice(json).map_err(NotARelease::NotJson)?;
        Ok(releases.unwrap_or_default())
    }
}

impl std::fmt::Debug for ReleaseView {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ReleaseView")
            .field("id", &self.id)
            .field("build", &self.build)
            .finish_non_exhaustive()
    }
}

#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum NoBase {
    #[error(
        "releases {0} and {1} look the same to you but differ in masked values, so it is not certain which one is \
         meant; somebody with convox:secret:read must do it"
    )]
    Ambiguous(String, String),
    #[error(
        "no recent release looks like this environment, so it is not certain what its masked values stand for; send \
         the environment of a release as it was shown, or name that release as parent-release"
    )]
    NotShown,
    #[error("there is no release {0} to take masked values from; name one that exists as parent-release")]
    UnknownParent(String),
}

/// The index of the release whose values stand behind the masks, or `None` where the app has no release yet.
///
/// A named parent wins. Without a build it is the newest, which the client has just read. With a build it is a
/// rollback: the client sends the environment of an older release as it was shown, and nothing says of which.
/// Then the releases that were shown so are candidates, those with the same build first.
pub fn choose_base(
    posted: &EnvText,
    releases: &[ReleaseView],
    build: Option<&str>,
    parent: Option<&str>,
    writer: Masking<'_>,
) -> Result<Option<usize>, NoBase> {
    if let Some(parent) = parent.filter(|parent| !parent.is_empty()) {
        let found = releases.iter().position(|release| release.id == parent);
        return found.map(Some).ok_or_else(|| NoBase::UnknownParent(parent.chars().take(60).collect()));
    }
    let newest = (!releases.is_empty()).then_some(0);
    let Some(build) = build.filter(|build| !build.is_empty()) else { return Ok(newest) };

    let shown_so =
        candidates(releases, |release| EnvText::of_release(&mask(&release.env, writer)) == *posted);
    let of_build: Vec<_> = shown_so.iter().copied().filter(|(_, release)| release.build == build).collect();
    let candidates = if of_build.is_empty() { shown_so } else { of_build };
    let Some((chosen, first)) = candidates.first() else {
        let has_masks = posted.iter().any(|(_, value)| value == MASK);
        return if has_masks && newest.is_some() { Err(NoBase::NotShown) } else { Ok(newest) };
    };

    let first_env = EnvText::of_release(&first.env);
    match candidates.iter().find(|(_, release)| EnvText::of_release(&release.env) != first_env) {
        Some((_, other)) => Err(NoBase::Ambiguous(first.id.clone(), other.id.clone())),
        None => Ok(Some(*chosen)),
    }
}

fn candidates(releases: &[ReleaseView], fits: impl Fn(&ReleaseView) -> bool) -> Vec<(usize, &ReleaseView)> {
    releases.iter().enumerate().filter(|(_, release)| fits(release)).collect()
}

#[cfg(test)]
mod tests {
    use super::{super::Sight, *};

    const DEPLOYER: Masking<'_> = Masking { sight: Sight::Plain, extra: &[] };

    fn release(id: &str, build: &str, env: &str) -> ReleaseView {
        ReleaseView { id: id.into(), build: build.into(), env: env.into() }
    }

    /// Newest first: the token was changed in R3, the port in R2 and in R4.
    fn history() -> Vec<ReleaseView> {
        vec![
            release("R4", "B2", "PORT=82\nTOKEN=new"),
            release("R3", "B2", "PORT=81\nTOKEN=new"),
            release("R2", "B1", "PORT=81\nTOKEN=old"),
            release("R1", "B1", "PORT=80\nTOKEN=old"),
        ]
    }

    fn choose(posted: &str, build: Option<&str>, parent: Option<&str>) -> Result<Option<usize>, NoBase> {
        choose_base(&EnvText::parse(posted).unwrap(), &history(), build, parent, DEPLOYER)
    }

    #[test]
    fn without_a_build_the_newest() {
        assert_eq!(choose(&format!("PORT=80\nTOKEN={MASK}"), None, None), Ok(Some(0)));
        assert_eq!(choose("PORT=80", Some(""), Some("")), Ok(Some(0)));
    }

    #[test]
    fn a_parent_wins() {
        assert_eq!(choose(&format!("PORT=82\nTOKEN={MASK}"), Some("B2"), Some("R1")), Ok(Some(3)));
        assert_eq!(choose("PORT=82", None, Some("R9")), Err(NoBase::UnknownParent("R9".into())));
    }

    #[test]
    fn a_rollback_finds_the_release_that_was_shown() {
        assert_eq!(choose(&format!("PORT=80\nTOKEN={MASK}"), Some("B1"), None), Ok(Some(3)));
        assert_eq!(choose(&format!("PORT=81\nTOKEN={MASK}"), Some("B1"), None), Ok(Some(2)));
        assert_eq!(choose(&format!("PORT=81\nTOKEN={MASK}"), Some("B2"), None), Ok(Some(1)));
        assert_eq!(choose(&format!("PORT=99\nTOKEN={MASK}"), Some("B1"), None), Err(NoBase::NotShown));
        assert_eq!(choose("PORT=99\nTOKEN=mine", Some("B1"), None), Ok(Some(0)));
    }

    #[test]
    fn releases_that_look_alike_and_differ_are_left_to_those_who_see() {
        let refusal = choose(&format!("PORT=81\nTOKEN={MASK}"), Some("B7"), None).unwrap_err();
        assert_eq!(refusal, NoBase::Ambiguous("R3".into(), "R2".into()));
        assert!(refusal.to_string().ends_with("somebody with convox:secret:read must do it"));

        let admin = Masking { sight: Sight::All, extra: &[] };
        let seen = EnvText::parse("PORT=81\nTOKEN=old").unwrap();
        assert_eq!(choose_base(&seen, &history(), Some("B7"), None, admin), Ok(Some(2)));
    }

    #[test]
    fn releases_that_are_alike_are_one() {
        let same = [release("R2", "B2", "A=1\nTOKEN=x"), release("R1", "B1", "A=1\nTOKEN=x\n")];
        let posted = EnvText::parse(&format!("A=1\nTOKEN={MASK}")).unwrap();
        assert_eq!(choose_base(&posted, &same, Some("B7"), None, DEPLOYER), Ok(Some(0)));
        assert_eq!(choose_base(&posted, &[], Some("B7"), None, DEPLOYER), Ok(None));
    }

    #[test]
    fn reads_the_racks_list() {
        let json = br#"[{"id":"R1","app":"web","build":"B1","env":"A=1","created":"2026-01-01T00:00:00Z"}]"#;
        assert_eq!(ReleaseView::list(json).unwrap(), [release("R1", "B1", "A=1")]);
        assert_eq!(ReleaseView::list(b"null").unwrap(), []);
        assert!(ReleaseView::list(b"{\"error\":\"x\"}").is_err());
        assert_eq!(
            format!("{:?}", release("R1", "B1", "A=hunter2")),
            "ReleaseView { id: \"R1\", build: \"B1\", .. }"
        );
    }
}
