//! Privilege cannot grow: nobody gives what they do not hold themselves.

use super::{CallLimits, CompiledGrant, Permission, PermissionSet, Rights, TargetPattern, given};
use crate::core::Timestamp;

/// What somebody wants to give: these permissions, on all that the pattern covers, until the end.
#[derive(Clone, Debug)]
pub struct Offer {
    pub permissions: PermissionSet,
    pub target: TargetPattern,
    /// `None` has no end.
    pub expires_at: Option<Timestamp>,
    /// What of a service may be called.
    pub limits: CallLimits,
}

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotYours {
    #[error("an API token cannot give rights; log in and do it as a person")]
    Token,
    #[error("you do not hold {permission} on all of {target}{}", in_words(until))]
    Exceeds {
        permission: Permission,
        target: TargetPattern,
        /// The end that was asked for, where the giver's own right ends before it.
        until: Option<Option<Timestamp>>,
    },
}

fn in_words(end: &Option<Option<Timestamp>>) -> String {
    match end {
        None => String::new(),
        Some(None) => " without an end".to_owned(),
        Some(Some(end)) => format!(" until {end}"),
    }
}

/// Each permission of the offer must stand in one grant of the giver's own that is in force now, covers the whole
/// pattern, and does not end before the offer does.
pub fn may_give(giver: &Rights, offer: &Offer, now: Timestamp) -> Result<(), NotYours> {
    if giver.owner.is_some() {
        return Err(NotYours::Token);
    }
    match given(offer.permissions, &offer.limits)
        .iter()
        .find_map(|permission| lacking(giver, permission, offer, now))
    {
        None => Ok(()),
        Some(why) => Err(why),
    }
}

fn lacking(giver: &Rights, permission: Permission, offer: &Offer, now: Timestamp) -> Option<NotYours> {
    let holds = |grant: &&CompiledGrant| {
        grant.permissions.contains(permission)
            && grant.is_in_force(now)
            && grant.target.contains(&offer.target)
            && grant.limits.contain(&offer.limits)
    };
    let mut held = giver.own.iter().filter(holds).peekable();
    let ends_too_soon = held.peek().is_some();
    if held.any(|grant| lasts(grant.expires_at, offer.expires_at)) {
        return None;
    }
    let until = ends_too_soon.then_some(offer.expires_at);
    Some(NotYours::Exceeds { permission, target: offer.target.clone(), until })
}

/// Whether what ends at `held` lasts as long as what ends at `wanted`.
fn lasts(held: Option<Timestamp>, wanted: Option<Timestamp>) -> bool {
    match (held, wanted) {
        (None, _) => true,
        (Some(_), None) => false,
        (Some(held), Some(wanted)) => wanted <= held,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        core::id::GrantId,
        policy::{Target, built_in},
    };
    use proptest::prelude::*;

    const NOW: Timestamp = Timestamp::from_micros(1_000);
    const ROLES: [&str; 5] = ["viewer", "ops", "deployer", "cicd", "admin"];
    const PATTERNS: [&str; 9] =
        ["*", "a", "rack:a", "a/web", "a/*", "rack:*", "repo:a/**", "gateway:*", "service:a"];

    fn grant(role: &str, target: &str, expires_at: Option<i64>) -> CompiledGrant {
        CompiledGrant {
            id: GrantId::new(NOW),
            role: role.into(),
            permissions: built_in(role).unwrap().permissions(),
            target: target.parse().unwrap(),
            expires_at: expires_at.map(Timestamp::from_micros),
            limits: CallLimits::default(),
        }
    }

    fn offer(role: &str, target: &str, expires_at: Option<i64>) -> Offer {
        let CompiledGrant { permissions, target, expires_at, limits, .. } = grant(role, target, expires_at);
        Offer { permissions, target, expires_at, limits }
    }

    fn give(own: &[(&str, &str, Option<i64>)], offer: &Offer) -> Result<(), NotYours> {
        let own: Vec<_> = own.iter().map(|(role, target, end)| grant(role, target, *end)).collect();
        may_give(&Rights::of_user(own.into()), offer, NOW)
    }

    #[test]
    fn one_gives_what_one_holds_and_no_more() {
        assert_eq!(give(&[("admin", "*", None)], &offer("admin", "*", None)), Ok(()));
        assert_eq!(give(&[("ops", "rack:a", None)], &offer("viewer", "rack:a/web", None)), Ok(()));
        assert!(give(&[("ops", "a", None)], &offer("deployer", "a", None)).is_err());
        assert!(give(&[("ops", "rack:a", None)], &offer("ops", "*", None)).is_err());
        assert!(give(&[("admin", "gateway:*", None)], &offer("viewer", "rack:a", None)).is_err());
    }

    #[test]
    fn limits_are_given_within_those_that_one_holds() {
        let limited = |methods, below| {
            let limits = CallLimits::read(methods, below).unwrap();
            let grant = grant("ops", "service:a", None);
            CompiledGrant { permissions: given(grant.permissions, &limits), limits, ..grant }
        };
        let offers = |own: &CompiledGrant, wanted: &CompiledGrant| {
            let CompiledGrant { target, limits, .. } = wanted.clone();
            let permissions = built_in("ops").unwrap().permissions();
            let offer = Offer { permissions, target, expires_at: None, limits };
            may_give(&Rights::of_user([own.clone()].into()), &offer, NOW).is_ok()
        };
        let reads = limited(Some("GET"), Some("/api"));
        assert!(offers(&grant("ops", "*", None), &reads), "whoever holds all of the role");
        assert!(offers(&reads, &reads) && offers(&reads, &limited(Some("GET"), Some("/api/v1"))));
        for more in
            [limited(None, Some("/api")), limited(Some("GET,POST"), Some("/api")), limited(Some("GET"), None)]
        {
            assert!(!offers(&reads, &more));
        }
        assert!(!offers(&reads, &grant("ops", "service:a", None)), "without limits");
    }

    #[test]
    fn nothing_given_outlives_what_it_came_from() {
        let borrowed = [("ops", "*", Some(5_000))];
        assert_eq!(give(&borrowed, &offer("ops", "*", Some(5_000))), Ok(()));
        for end in [Some(5_001), None] {
            let error = give(&borrowed, &offer("ops", "*", end)).unwrap_err();
            assert!(matches!(error, NotYours::Exceeds { until: Some(_), .. }), "{error}");
        }
        assert!(give(&[("ops", "*", Some(1_000))], &offer("ops", "*", Some(900))).is_err(), "over already");
    }

    #[test]
    fn the_sentence_says_what_is_lacking() {
        let error = give(&[("viewer", "*", None)], &offer("ops", "a/web", None)).unwrap_err();
        assert_eq!(error.to_string(), "you do not hold convox:app:restart on all of a/web");
        let error = give(&[("ops", "*", Some(5_000))], &offer("ops", "a", None)).unwrap_err();
        assert!(error.to_string().ends_with("on all of a without an end"), "{error}");
    }

    #[test]
    fn a_token_gives_nothing_however_much_it_holds() {
        let admin = [grant("admin", "*", None)];
        let token = Rights::of_token(admin.clone().into(), admin.into());
        assert_eq!(may_give(&token, &offer("viewer", "a", None), NOW), Err(NotYours::Token));
    }

    fn universe() -> Vec<Target> {
        let apps = ["a", "b"].into_iter().flat_map(|rack| [Target::rack(rack), Target::app(rack, "web")]);
        let others = [
            Target::app("a", "api"),
            Target::repository("a"),
            Target::repository("a/web"),
            Target::repository("b/x"),
            Target::service("a"),
            Target::service("b"),
            Target::gateway(),
        ];
        apps.chain(others).collect()
    }

    fn any_grant() -> impl Strategy<Value = (&'static str, &'static str, Option<i64>)> {
        let end = prop::option::of(prop::sample::select(vec![500, 1_000, 1_001, 2_000, 3_000]));
        (prop::sample::select(ROLES.to_vec()), prop::sample::select(PATTERNS.to_vec()), end)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(3_000))]

        /// The rule as plainly as possible: whoever gets the offer can do nothing, anywhere, at any later time,
        /// that the giver could not do then.
        #[test]
        fn whoever_is_given_something_can_do_no_more_than_the_giver(
            own in prop::collection::vec(any_grant(), 0..4),
            (role, target, end) in any_grant(),
        ) {
            let own: Vec<_> = own.into_iter().map(|(role, target, end)| grant(role, target, end)).collect();
            let giver = Rights::of_user(own.into());
            let allowed = may_give(&giver, &offer(role, target, end), NOW).is_ok();
            let given = Rights::of_user([grant(role, target, end)].into());
            if allowed {
                for at in [1_000, 1_001, 1_999, 2_000, 2_999, 3_000, i64::MAX].map(Timestamp::from_micros) {
                    for target in universe() {
                        for permission in Permission::ALL {
                            prop_assert!(
                                !given.allow(*permission, &target, at) || giver.allow(*permission, &target, at),
                                "{} on {} at {:?}", permission, target, at
                            );
                        }
                    }
                }
            }
        }

        /// And the rule is of use: an unending admin of everything gives anything.
        #[test]
        fn an_admin_gives_anything((role, target, end) in any_grant()) {
            prop_assert_eq!(give(&[("admin", "*", None)], &offer(role, target, end)), Ok(()));
        }
    }
}
