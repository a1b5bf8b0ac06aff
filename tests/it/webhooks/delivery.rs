//! From the queue to the receiver, by any replica.

use super::receiver::{Mood, Receiver, SECRET};
use crate::support::database::{TestDb, each};
use rack_gateway::{
    config::WebhookAction,
    core::{RequestId, SharedClock, Timestamp, clock::FixedClock},
    notify::webhook::{
        Action, Asked, Courier, Happening, Outcome, Receiver as To, Source, Subscription, Touched, Webhooks,
    },
    registry::{
        Backend, Embedded,
        embedded::{Options, Place},
    },
    store::{Db, DeliveryRow},
    upstream::Trust,
};
use std::{sync::Arc, time::Duration};
use tempfile::TempDir;

const NOW: Timestamp = Timestamp::from_micros(1_700_000_000_000_000);
const DIGEST: &str = "sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";

/// A replica: its own connections to the database, its own courier.
struct Replica {
    webhooks: Webhooks,
    courier: Courier,
    _images: TempDir,
}

impl Replica {
    async fn new(db: &Db, clock: &Arc<FixedClock>, url: &str) -> Self {
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        let clock: SharedClock = clock.clone();
        let images = tempfile::tempdir().unwrap();
        let place = Place::Directory(images.path().to_owned());
        let registry = Embedded::open(Options { place, leases: None }, clock.clone()).await.unwrap();
        let registry: Arc<dyn Backend> = Arc::new(registry);
        let subscription = Subscription {
            webhook: "ci".into(),
            repositories: vec!["repo:team/**".parse().unwrap()],
            actions: vec![WebhookAction::Push, WebhookAction::Delete],
        };
        let source = Source { addr: "gw".into(), instance: "1".into() };
        let webhooks = Webhooks::new(vec![subscription], source, db.clone(), clock.clone());
        let to =
            To { name: "ci".into(), url: url.parse().unwrap(), secret: SECRET.into(), trust: Trust::System };
        let courier = Courier::new(to, db.clone(), clock, registry).unwrap();
        Self { webhooks, courier, _images: images }
    }

    async fn happens(&self, action: Action, repository: &str) {
        let announced = self.webhooks.announce(&[happening(action, repository)]).await.unwrap();
        self.webhooks.settle(announced, true).await;
    }

    async fn deliver(&self) -> Vec<Outcome> {
        self.courier.deliver_due().await.unwrap()
    }
}

fn happening(action: Action, repository: &str) -> Happening {
    Happening {
        action,
        target: Touched {
            media_type: None,
            size: None,
            length: None,
            digest: Some(DIGEST.into()),
            repository: repository.into(),
            url: None,
            tag: None,
        },
        request: Asked {
            id: RequestId::new(NOW),
            addr: [127, 0, 0, 1].into(),
            host: "gw".into(),
            method: "PUT".into(),
            useragent: "test".into(),
        },
        actor: "ada@example.com".into(),
    }
}

async fn only(db: &Db) -> DeliveryRow {
    let rows = db.deliveries().await.unwrap();
    assert_eq!(rows.len(), 1, "{rows:?}");
    rows.into_iter().next().unwrap()
}

#[tokio::test]
async fn what_has_happened_arrives_signed_and_whole() {
    each(async |db: TestDb| {
        let (receiver, clock) = (Receiver::start(Mood::Good).await, FixedClock::at(NOW));
        let replica = Replica::new(&db, &clock, &receiver.url()).await;
        replica.happens(Action::Push, "team/app").await;
        replica.happens(Action::Push, "other/app").await;
        assert_eq!(replica.deliver().await, [Outcome::Sent], "one repository is nobody's business");
        let taken = receiver.taken();
        assert_eq!(taken[0].seconds, 1_700_000_000);
        assert_eq!(taken[0].content_type, "application/vnd.docker.distribution.events.v1+json");
        let event = &taken[0].event["events"][0];
        assert_eq!((&event["action"], &event["target"]["repository"]), (&"push".into(), &"team/app".into()));
        assert_eq!(event["id"], taken[0].id.to_string());
        assert_eq!(event["actor"]["name"], "ada@example.com");
        assert_eq!(replica.deliver().await, []);
    })
    .await;
}

/// The receiver fails, in every way there is, then hears it under the same id.
#[tokio::test]
async fn a_receiver_that_fails_is_tried_again() {
    each(async |db: TestDb| {
        let (receiver, clock) = (Receiver::start(Mood::Failing).await, FixedClock::at(NOW));
        let replica = Replica::new(&db, &clock, &receiver.url()).await;
        replica.happens(Action::Delete, "team/app").await;
        for (mood, error) in [
            (Mood::Failing, "answered 500"),
            (Mood::Refusing, "answered 404"),
            (Mood::Redirecting, "redirects are not followed"),
            (Mood::Rude, "broke"),
        ] {
            receiver.is(mood);
            assert_eq!(replica.deliver().await, [Outcome::PutOff], "{mood:?}");
            assert_eq!(replica.deliver().await, [], "not before its time");
            let said = only(&db).await.last_error.unwrap();
            assert!(said.contains(error), "{mood:?}: {said}");
            clock.advance(Duration::from_secs(600));
        }
        let id = only(&db).await.id;
        receiver.is(Mood::Good);
        assert_eq!(replica.deliver().await, [Outcome::Sent]);
        assert_eq!(receiver.taken()[0].id, id);
        assert_eq!((receiver.knocks(), only(&db).await.tries), (5, 5));
    })
    .await;
}

#[tokio::test]
async fn a_receiver_that_is_away_is_given_up_in_the_end() {
    each(async |db: TestDb| {
        let clock = FixedClock::at(NOW);
        let replica = Replica::new(&db, &clock, "http://127.0.0.1:1/").await;
        replica.happens(Action::Push, "team/app").await;
        let mut tries = 0;
        let end = loop {
            match replica.deliver().await.as_slice() {
                [] => {}
                [Outcome::PutOff] => tries += 1,
                [other] => break *other,
                more => panic!("{more:?}"),
            }
            clock.advance(Duration::from_secs(600));
        };
        assert_eq!((end, tries), (Outcome::GivenUp, 16));
        let row = only(&db).await;
        let hours = row.failed_at.unwrap().since(NOW).as_secs() / 3_600;
        assert!((6..12).contains(&hours), "{hours}");
        assert!(row.last_error.unwrap().contains("cannot be reached"));
        clock.advance(Duration::from_secs(86_400));
        assert_eq!(replica.deliver().await, []);
    })
    .await;
}

#[tokio::test]
async fn what_did_not_happen_is_not_told() {
    each(async |db: TestDb| {
        let (receiver, clock) = (Receiver::start(Mood::Good).await, FixedClock::at(NOW));
        let replica = Replica::new(&db, &clock, &receiver.url()).await;
        let announced = replica.webhooks.announce(&[happening(Action::Push, "team/app")]).await.unwrap();
        assert_eq!(replica.deliver().await, [], "not before it has happened");
        replica.webhooks.settle(announced, false).await;
        assert!(db.deliveries().await.unwrap().is_empty());
    })
    .await;
}

/// The process that wrote it down died: the registry is asked whether it has happened.
#[tokio::test]
async fn what_nobody_settled_is_found_out() {
    each(async |db: TestDb| {
        let (receiver, clock) = (Receiver::start(Mood::Good).await, FixedClock::at(NOW));
        let replica = Replica::new(&db, &clock, &receiver.url()).await;
        let happenings = [happening(Action::Push, "team/app"), happening(Action::Delete, "team/app")];
        let _ = replica.webhooks.announce(&happenings).await.unwrap();
        clock.advance(Duration::from_secs(899));
        assert_eq!(replica.deliver().await, []);
        clock.advance(Duration::from_secs(2));
        let mut outcomes = replica.deliver().await;
        outcomes.sort_by_key(|outcome| *outcome == Outcome::Sent);
        // The registry is empty: nothing was pushed, and what was to be deleted is gone.
        assert_eq!(outcomes, [Outcome::TakenBack, Outcome::Sent]);
        assert_eq!(receiver.taken()[0].event["events"][0]["action"], "delete");
        assert_eq!(db.deliveries().await.unwrap().len(), 1);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_replicas_tell_each_once() {
    each(async |db: TestDb| {
        let (receiver, clock) = (Receiver::start(Mood::Good).await, FixedClock::at(NOW));
        let one = Replica::new(&db, &clock, &receiver.url()).await;
        let other_db = db.again().await;
        let other = Replica::new(&other_db, &clock, &receiver.url()).await;
        for _ in 0..12 {
            one.happens(Action::Push, "team/app").await;
        }
        let mut sent = 0;
        for _ in 0..4 {
            let (a, b) = tokio::join!(one.deliver(), other.deliver());
            assert!(a.iter().chain(&b).all(|outcome| *outcome == Outcome::Sent), "{a:?} {b:?}");
            sent += a.len() + b.len();
        }
        assert_eq!((sent, receiver.taken().len()), (12, 12));
        other_db.close().await;
    })
    .await;
}

#[tokio::test]
async fn the_claim_of_a_replica_that_died_ends() {
    each(async |db: TestDb| {
        let (receiver, clock) = (Receiver::start(Mood::Good).await, FixedClock::at(NOW));
        let replica = Replica::new(&db, &clock, &receiver.url()).await;
        replica.happens(Action::Push, "team/app").await;
        db.claim_delivery("ci", NOW, NOW.saturating_add(Duration::from_secs(120))).await.unwrap().unwrap();
        assert_eq!(replica.deliver().await, [], "the other one may still be at it");
        clock.advance(Duration::from_secs(121));
        assert_eq!(replica.deliver().await, [Outcome::Sent]);
    })
    .await;
}
