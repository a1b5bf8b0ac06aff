use super::*;
use crate::core::id::UserId;

const NOW: Timestamp = Timestamp::from_micros(1_700_000_000_000_000);
const LATER: Timestamp = Timestamp::from_micros(1_700_000_060_000_000);

fn actor(email: &str, reach: Reach) -> Actor {
    let user = UserId::from_uuid(uuid::Uuid::from_u128(email.bytes().map(u128::from).sum()));
    Actor { owner: Owner { user, email: email.to_owned() }, reach }
}

fn ada() -> Actor {
    actor("ada@example.com", Reach::Own)
}

fn wish(id: Option<&str>, slug: &str, url: &str) -> Registration {
    Registration {
        id: id.map(|id| InstanceId::parse(id).unwrap()),
        slug: Some(slug.to_owned()),
        address: Some(Address::from_url(url).unwrap()),
        ..Registration::default()
    }
}

fn snapshot(plans: &[Registration]) -> Snapshot {
    let empty = Snapshot::default();
    let make = |(revision, wish): (u64, &Registration)| {
        let after = plan(&empty, &ada(), wish, None, NOW).unwrap().after;
        Arc::new(Instance { revision, ..after })
    };
    Snapshot::new(plans.len() as u64, NOW, (1..).zip(plans).map(make))
}

fn again(snapshot: &Snapshot, actor: &Actor, wish: &Registration) -> Result<Plan, Refused> {
    plan(snapshot, actor, wish, None, LATER)
}

#[test]
fn the_first_makes_it_and_the_second_finds_it() {
    let first = wish(None, "web", "http://web:8080/");
    let snapshot = snapshot(std::slice::from_ref(&first));
    let second = again(&snapshot, &ada(), &wish(None, "web", "HTTP://WEB:8080")).unwrap();
    assert!(second.is_same(), "another spelling of the same");
    let before = second.before.unwrap();
    assert_eq!((before.id.as_str(), before.status), (second.after.id.as_str(), Status::Unknown));
    let changed = again(&snapshot, &ada(), &Registration { weight: Some(5), ..first }).unwrap();
    assert!(!changed.is_same());
    assert_eq!(changed.after.weight, 5);
}

#[test]
fn nobody_takes_over_an_instance_by_its_id() {
    let snapshot = snapshot(&[wish(Some("inst_1"), "web", "http://web:8080")]);
    let mallory = actor("mallory@example.com", Reach::Own);
    let theft = wish(Some("inst_1"), "evil", "http://evil:80");
    assert!(matches!(again(&snapshot, &mallory, &theft), Err(Refused::NotYours(_))));
    let by_address = wish(None, "web", "http://web:8080");
    assert!(matches!(again(&snapshot, &mallory, &by_address), Err(Refused::NotYours(_))));
    let admin = actor("root@example.com", Reach::All);
    let changed = again(&snapshot, &admin, &wish(Some("inst_1"), "web", "http://web:9090")).unwrap();
    assert_eq!(changed.after.owner, ada().owner, "it stays hers");
}

#[test]
fn another_id_for_the_same_address_makes_no_second_record() {
    let snapshot = snapshot(&[wish(Some("inst_1"), "web", "http://web:8080")]);
    let other = wish(Some("inst_2"), "web", "http://web:8080/");
    let Err(Refused::Conflict(message)) = again(&snapshot, &ada(), &other) else { panic!("accepted") };
    assert!(message.contains("as inst_1"), "{message}");
    let elsewhere = wish(Some("inst_2"), "billing", "http://web:8080");
    assert!(again(&snapshot, &ada(), &elsewhere).is_ok(), "one process may be two services");
}

#[test]
fn what_is_not_given_stays() {
    let mut first = wish(Some("inst_1"), "web", "http://web:8080");
    (first.tags, first.weight) = (Some(vec!["a".to_owned()]), Some(7));
    let snapshot = snapshot(&[first]);
    let only_id =
        Registration { details: Some("fine".to_owned()), ..wish(Some("inst_1"), "web", "http://web:8080") };
    let only_id = Registration { slug: None, address: None, ..only_id };
    let after = again(&snapshot, &ada(), &only_id).unwrap().after;
    assert_eq!((after.weight, after.tags.len(), after.details.as_str()), (7, 1, "fine"));
    assert_eq!((after.registered_at, after.updated_at), (NOW, LATER));
}

#[test]
fn a_registration_says_what_is_missing() {
    let empty = Snapshot::default();
    let field = |wish: &Registration| match plan(&empty, &ada(), wish, None, NOW) {
        Err(Refused::Field { field, .. }) => field,
        other => panic!("{other:?}"),
    };
    assert_eq!(field(&Registration { slug: None, ..wish(None, "web", "http://web") }), "slug");
    assert_eq!(field(&wish(None, "Web!", "http://web")), "slug");
    assert_eq!(field(&wish(None, "registry-svc", "http://web")), "slug");
    assert_eq!(field(&Registration { address: None, ..wish(None, "web", "http://web") }), "url");
    let mut ttl = wish(None, "web", "http://web");
    ttl.check.kind = Some(CheckKind::Ttl);
    assert_eq!(field(&ttl), "ttl");
    let mut slow = wish(None, "web", "http://web");
    slow.check.timeout = Some(Duration::from_secs(60));
    assert_eq!(field(&slow), "check.timeout");
}

#[test]
fn a_revision_that_is_named_must_be_the_present_one() {
    let first = wish(Some("inst_1"), "web", "http://web:8080");
    let snapshot = snapshot(std::slice::from_ref(&first));
    let named = |wish: &Registration, revision| plan(&snapshot, &ada(), wish, Some(revision), LATER);
    assert!(named(&first, 1).is_ok());
    assert!(matches!(named(&first, 2), Err(Refused::Precondition(1))));
    let absent = wish(Some("inst_2"), "web", "http://web:9090");
    assert!(matches!(named(&absent, 1), Err(Refused::Precondition(0))));
}

#[test]
fn who_registers_again_lives() {
    let mut first = wish(Some("inst_1"), "web", "http://web:8080");
    first.status = Some(Status::Healthy);
    let mut down = plan(&Snapshot::default(), &ada(), &first, None, NOW).unwrap().after;
    assert_eq!(down.status, Status::Healthy);
    (down.checked, down.status, down.details) =
        (Some(Status::Unreachable), Status::Unreachable, "refused".into());
    let snapshot = Snapshot::new(1, NOW, [Arc::new(down)]);
    let after = again(&snapshot, &ada(), &first).unwrap().after;
    assert_eq!((after.status, after.status_since, after.details.as_str()), (Status::Healthy, LATER, ""));
}

#[test]
fn a_bad_word_is_forgotten_by_who_registers_again() {
    let first = wish(Some("inst_1"), "web", "http://web:8080");
    let made = plan(&Snapshot::default(), &ada(), &first, None, NOW).unwrap().after;
    let ill = made.renewed(Some(Status::Error), Some("disk full"), NOW).unwrap();
    assert_eq!(ill.status, Status::Error);
    let snapshot = Snapshot::new(1, NOW, [Arc::new(ill)]);
    let after = again(&snapshot, &ada(), &first).unwrap().after;
    assert_eq!((after.status, after.details.as_str()), (Status::Unknown, ""), "it is looked at anew");
}

#[test]
fn without_active_checks_a_registration_is_a_word() {
    let empty = Snapshot::default();
    let status = |kind, said| {
        let mut wish = wish(None, "web", "http://web:8080");
        (wish.check.kind, wish.status) = (Some(kind), said);
        wish.ttl = Some(Some(Duration::from_secs(10)));
        plan(&empty, &ada(), &wish, None, NOW).unwrap().after.status
    };
    assert_eq!(status(CheckKind::Ttl, None), Status::Healthy);
    assert_eq!(status(CheckKind::None, None), Status::Healthy);
    assert_eq!(status(CheckKind::Tcp, None), Status::Unknown, "the first check comes at once");
    assert_eq!(status(CheckKind::Ttl, Some(Status::Degraded)), Status::Degraded);
}
