use super::*;
use crate::{
    core::id::UserId,
    directory::{Address, InstanceId, Owner},
};
use proptest::prelude::*;

const START: Timestamp = Timestamp::from_micros(1_700_000_000_000_000);

fn at(seconds: u64) -> Timestamp {
    START.saturating_add(Duration::from_secs(seconds))
}

fn instance() -> Instance {
    let owner = Owner { user: UserId::new(START), email: "ada@example.com".to_owned() };
    let address = Address::from_url("http://web:8080").unwrap();
    Instance::new(InstanceId::new(START), "web", address, owner, START)
}

fn away() -> Finding {
    Finding::Away("connection refused".to_owned())
}

/// Applies findings one after the other, a second apart, and lists the status after each.
fn story(mut one: Instance, findings: &[Finding]) -> Vec<Status> {
    let mut tally = Tally::default();
    let step = |(second, finding): (u64, &Finding)| {
        if let Some(after) = one.probed(&mut tally, finding, at(second)) {
            one = after;
        }
        one.status
    };
    (1..).zip(findings).map(step).collect()
}

#[test]
fn one_failure_is_none_and_two_are() {
    use Status::{Healthy, Unknown, Unreachable};
    let findings = [away(), Finding::Passing, away(), away(), away(), Finding::Passing];
    assert_eq!(story(instance(), &findings), [Unknown, Healthy, Healthy, Unreachable, Unreachable, Healthy]);
}

#[test]
fn thresholds_count_in_both_directions() {
    use Status::{Error, Healthy};
    let mut one = instance();
    (one.check.failures_before_critical, one.check.successes_before_passing) = (3, 2);
    let wrong = || Finding::Wrong("500".to_owned());
    let findings = [
        Finding::Passing,
        wrong(),
        wrong(),
        wrong(),
        Finding::Passing,
        wrong(),
        Finding::Passing,
        Finding::Passing,
    ];
    assert_eq!(story(one, &findings), [Healthy, Healthy, Healthy, Error, Error, Error, Error, Healthy]);
}

#[test]
fn a_failing_instance_may_fail_in_another_way() {
    let wrong = Finding::Wrong("500".to_owned());
    let story = story(instance(), &[away(), away(), wrong, away()]);
    assert_eq!(story, [Status::Unknown, Status::Unreachable, Status::Error, Status::Unreachable]);
}

#[test]
fn a_warning_takes_calls_still() {
    let slow = Finding::Warning("slow".to_owned());
    assert_eq!(story(instance(), &[slow, Finding::Passing]), [Status::Degraded, Status::Healthy]);
}

#[test]
fn nothing_new_is_no_change() {
    let mut tally = Tally::default();
    let one = instance().probed(&mut tally, &Finding::Passing, at(1)).unwrap();
    assert!(one.probed(&mut tally, &Finding::Passing, at(2)).is_none());
    assert!(one.renewed(None, None, at(3)).is_none());
    assert_eq!(one.status_since, at(1));
}

#[test]
fn the_worst_word_counts() {
    let mut tally = Tally::default();
    let one = instance().renewed(Some(Status::Error), Some("disk full"), at(1)).unwrap();
    let one = one.probed(&mut tally, &Finding::Passing, at(2)).unwrap();
    assert_eq!(one.status, Status::Error, "it listens, and says itself that it does not work");
    let one = one.renewed(Some(Status::Healthy), Some(""), at(3)).unwrap();
    assert_eq!((one.status, one.status_since), (Status::Healthy, at(3)));
    let one = one.renewed(Some(Status::Unknown), None, at(4)).unwrap();
    assert_eq!(one.status, Status::Healthy, "the check still says so");
}

#[test]
fn a_lease_runs_out_and_a_heartbeat_begins_it_anew() {
    let mut one = instance();
    (one.ttl, one.reported, one.status) =
        (Some(Duration::from_secs(10)), Some(Status::Healthy), Status::Healthy);
    assert!(one.overdue(START, at(10)).is_none());
    let missed = one.overdue(START, at(11)).unwrap();
    assert_eq!(
        (missed.status, missed.details.as_str()),
        (Status::Unreachable, "no heartbeat for 10 seconds")
    );
    assert!(missed.overdue(START, at(12)).is_none(), "it is told once");
    let mut tally = Tally::default();
    let checked = missed.probed(&mut tally, &Finding::Passing, at(12)).unwrap();
    assert_eq!(checked.status, Status::Unreachable, "a port that is open is no heartbeat");
    missed.beat.renew(at(20));
    let back = missed.renewed(None, None, at(20)).unwrap();
    assert_eq!((back.status, back.details.as_str()), (Status::Healthy, ""));
    assert!(back.overdue(START, at(30)).is_none());
    assert!(back.overdue(START, at(31)).is_some());
}

#[test]
fn a_restart_gives_every_lease_its_full_length_once_more() {
    let mut one = instance();
    one.ttl = Some(Duration::from_secs(10));
    assert!(one.overdue(at(100), at(105)).is_none());
    assert!(one.overdue(at(100), at(110)).is_none());
    assert!(one.overdue(at(100), at(111)).is_some());
}

#[test]
fn what_fails_for_long_is_given_up() {
    let mut one = instance();
    assert!(!one.is_given_up(START, at(100_000)), "it does not fail");
    (one.status, one.status_since) = (Status::Unreachable, at(50));
    assert!(!one.is_given_up(START, at(650)));
    assert!(one.is_given_up(START, at(651)));
    assert!(!one.is_given_up(at(1_000), at(1_600)), "the time in which nobody listened does not count");
    assert!(one.is_given_up(at(1_000), at(1_601)));
    one.deregister_after = None;
    assert!(!one.is_given_up(START, at(100_000)));
}

fn findings() -> impl Strategy<Value = Vec<Finding>> {
    let one = prop_oneof![
        Just(Finding::Passing),
        Just(Finding::Warning("slow".to_owned())),
        Just(Finding::Wrong("500".to_owned())),
        Just(Finding::Away("refused".to_owned())),
    ];
    proptest::collection::vec(one, 1..40)
}

proptest! {
    /// Against the definition: it fails from the moment when as many failures came in a row as it takes, until as many
    /// successes came in a row.
    #[test]
    fn the_status_follows_from_the_last_runs(findings in findings(), critical in 1u16..5, passing in 1u16..5) {
        let mut one = instance();
        (one.check.failures_before_critical, one.check.successes_before_passing) = (critical, passing);
        let (mut fails, mut run, mut last) = (false, 0u16, None);
        for (status, finding) in story(one, &findings).into_iter().zip(&findings) {
            let good = matches!(finding, Finding::Passing | Finding::Warning(_));
            run = if last == Some(good) { run + 1 } else { 1 };
            last = Some(good);
            if good && run >= passing { fails = false; }
            if !good && run >= critical { fails = true; }
            prop_assert_eq!(!status.takes_calls(), fails);
        }
    }
}
