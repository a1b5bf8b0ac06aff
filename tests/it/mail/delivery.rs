//! From the queue to the server.

use super::server::{MailServer, Mood};
use crate::support::{
    database::{TestDb, each},
    gateway::TestGateway,
};
use rack_gateway::{
    config::{Config, MapEnv},
    core::{PublicUrl, SharedClock, Timestamp, clock::FixedClock},
    notify::mail::{Delivered, Mailer, Notice, Post, Smtp},
    store::{Db, MailRow},
};
use std::{sync::Arc, time::Duration};

const NOW: Timestamp = Timestamp::from_micros(1_700_000_000_000_000);

/// A replica: its own clock hand, its own connections.
struct Replica {
    mailer: Mailer,
    post: Post,
}

impl Replica {
    fn new(db: &Db, clock: &Arc<FixedClock>, server: &MailServer) -> Self {
        let env = MapEnv::from([
            ("SMTP_HOST", "127.0.0.1"),
            ("SMTP_TLS", "none"),
            ("SMTP_FROM", "Gateway <gateway@example.com>"),
        ])
        .with("SMTP_PORT", server.address.port().to_string())
        .with("SMTP_USERNAME", "gateway")
        .with("SMTP_PASSWORD", "hunter2");
        let config = Config::load(&env, None).unwrap();
        let clock: SharedClock = clock.clone();
        let smtp = Smtp::new(&config.mail.unwrap()).unwrap();
        let url = PublicUrl::of_domain("gateway.example.com");
        Self { mailer: Mailer::new(db.clone(), clock.clone(), url), post: Post::new(db.clone(), clock, smtp) }
    }

    async fn queue(&self, reason: &str) {
        self.mailer.queue(&Notice::Locked { reason }, "ada@example.com").await;
    }

    async fn deliver(&self) -> Vec<Delivered> {
        self.post.deliver_due().await.unwrap()
    }
}

async fn only(db: &Db) -> MailRow {
    let mail = db.mail().await.unwrap();
    assert_eq!(mail.len(), 1, "{mail:?}");
    mail.into_iter().next().unwrap()
}

#[tokio::test]
async fn a_mail_arrives_whole() {
    each(async |db: TestDb| {
        let (server, clock) = (MailServer::start().await, FixedClock::at(NOW));
        let replica = Replica::new(&db, &clock, &server);
        replica.queue("left\r\n.\r\nRCPT TO:<eve@example.com>").await;
        assert_eq!(replica.deliver().await, [Delivered::Sent]);
        assert_eq!(replica.deliver().await, []);
        let taken = server.taken.lock().unwrap().join("");
        for part in [
            "To: ada@example.com",
            "Subject: Rack Gateway: your account was locked",
            "Auto-Submitted: auto-generated",
            "From: Gateway <gateway@example.com>",
        ] {
            assert!(taken.contains(part), "{part} in {taken}");
        }
        assert!(taken.contains("Reason: left  .  RCPT TO:<eve@example.com>"), "{taken}");
        let mail = only(&db).await;
        assert_eq!((mail.sent_at, mail.tries, mail.last_error), (Some(NOW), 1, None));
    })
    .await;
}

#[tokio::test]
async fn a_server_that_is_away_is_tried_again_for_a_day() {
    each(async |db: TestDb| {
        let (server, clock) = (MailServer::start().await, FixedClock::at(NOW));
        let away = MailServer { address: "127.0.0.1:1".parse().unwrap(), ..server.clone() };
        let replica = Replica::new(&db, &clock, &away);
        replica.queue("left").await;
        assert_eq!(replica.deliver().await, [Delivered::PutOff]);
        assert_eq!(replica.deliver().await, [], "not before its time");
        let mail = only(&db).await;
        assert_eq!((mail.tries, mail.next_try_at), (1, NOW.saturating_add(Duration::from_secs(30))));
        assert!(mail.last_error.unwrap().starts_with("the mail server: "));
        let mut tries = 1;
        let end = loop {
            clock.advance(Duration::from_secs(1_800));
            match replica.deliver().await.as_slice() {
                [] => {}
                [Delivered::PutOff] => tries += 1,
                [other] => break *other,
                more => panic!("{more:?}"),
            }
        };
        assert_eq!(end, Delivered::GivenUp);
        assert!((20..40).contains(&tries), "{tries}");
        let mail = only(&db).await;
        let age = mail.failed_at.unwrap().since(NOW).as_secs();
        assert!((22 * 3_600..=25 * 3_600).contains(&age), "{age}");
        clock.advance(Duration::from_secs(86_400));
        assert_eq!(replica.deliver().await, []);
    })
    .await;
}

#[tokio::test]
async fn the_servers_words_decide() {
    each(async |db: TestDb| {
        let (server, clock) = (MailServer::start().await, FixedClock::at(NOW));
        let replica = Replica::new(&db, &clock, &server);
        for mood in [Mood::Busy, Mood::Rude, Mood::Suspicious] {
            server.is(mood);
            if mood == Mood::Busy {
                replica.queue("left").await;
            }
            // A login is only asked for on a new connection, and the password may be mended.
            let replica = Replica::new(&db, &clock, &server);
            assert_eq!(replica.deliver().await, [Delivered::PutOff], "{mood:?}");
            clock.advance(Duration::from_secs(3_600));
        }
        let error = only(&db).await.last_error.unwrap();
        assert!(error.contains("535") || error.contains("not you"), "{error}");
        assert!(!error.contains("hunter2"), "{error}");
        server.is(Mood::Good);
        assert_eq!(replica.deliver().await, [Delivered::Sent]);

        server.is(Mood::Unwilling);
        replica.queue("left").await;
        assert_eq!(replica.deliver().await, [Delivered::GivenUp]);
        let failed = db.mail().await.unwrap().pop().unwrap();
        assert!(failed.failed_at.is_some() && failed.sent_at.is_none(), "{failed:?}");
        assert_eq!(server.count(), 1);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_replicas_send_each_once() {
    each(async |db: TestDb| {
        let (server, clock) = (MailServer::start().await, FixedClock::at(NOW));
        let one = Replica::new(&db, &clock, &server);
        let other_db = db.again().await;
        let other = Replica::new(&other_db, &clock, &server);
        for index in 0..12 {
            one.queue(&format!("reason {index}")).await;
        }
        let mut sent = 0;
        for _ in 0..4 {
            let (a, b) = tokio::join!(one.deliver(), other.deliver());
            assert!(a.iter().chain(&b).all(|delivered| *delivered == Delivered::Sent), "{a:?} {b:?}");
            sent += a.len() + b.len();
        }
        assert_eq!((sent, server.count()), (12, 12));
        assert_eq!(db.waiting_mail().await.unwrap(), 0);
        other_db.close().await;
    })
    .await;
}

#[tokio::test]
async fn the_mail_of_a_replica_that_died_is_sent_by_another() {
    each(async |db: TestDb| {
        let (server, clock) = (MailServer::start().await, FixedClock::at(NOW));
        let replica = Replica::new(&db, &clock, &server);
        replica.queue("left").await;
        db.claim_mail(NOW, NOW.saturating_add(Duration::from_secs(300))).await.unwrap().unwrap();
        assert_eq!(replica.deliver().await, [], "the other one may still be at it");
        clock.advance(Duration::from_secs(300));
        assert_eq!(replica.deliver().await, [Delivered::Sent]);
    })
    .await;
}

#[tokio::test]
async fn what_is_no_address_is_not_queued() {
    each(async |db: TestDb| {
        let (server, clock) = (MailServer::start().await, FixedClock::at(NOW));
        let replica = Replica::new(&db, &clock, &server);
        for to in ["", "ada", "a@b.c\r\nRCPT TO:<eve@example.com>", "a@b.c,d@e.f"] {
            replica.mailer.queue(&Notice::Locked { reason: "x" }, to).await;
        }
        assert!(db.mail().await.unwrap().is_empty());
        Mailer::off().queue(&Notice::Locked { reason: "x" }, "ada@example.com").await;
        assert!(db.mail().await.unwrap().is_empty());
    })
    .await;
}

/// The whole gateway sends by itself.
#[tokio::test(flavor = "multi_thread")]
async fn a_gateway_sends_what_waits() {
    let server = MailServer::start().await;
    let port = server.address.port().to_string();
    let gateway = TestGateway::with([
        ("SMTP_HOST", "127.0.0.1"),
        ("SMTP_PORT", port.as_str()),
        ("SMTP_TLS", "none"),
        ("SMTP_FROM", "gateway@example.com"),
    ])
    .await;
    let mailer = Mailer::new(gateway.db.clone(), gateway.clock.clone(), PublicUrl::of_domain("g.example"));
    mailer.queue(&Notice::Locked { reason: "left" }, "ada@example.com").await;
    for _ in 0..300 {
        if server.count() == 1 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert_eq!(server.count(), 1);
    gateway.stop().await;
}
