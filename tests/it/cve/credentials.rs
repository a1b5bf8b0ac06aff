//! Credentials that were cut short, whose owner is gone, or that were meant for another door.

use crate::{
    service::{register, server::Server},
    support::{
        database::{TestDb, each},
        gateway::{TestGateway, until_status},
        person::{Person, Until},
        session::{CLI, Session, WEB},
        wire::SOON,
    },
};
use reqwest::RequestBuilder;
use serde_json::Value;
use std::{collections::BTreeSet, time::Instant};

const KEY: (&str, &str) = ("APP_SECRET_KEY", "3q2+796tvu/erb7v3q2+796tvu/erb7v3q2+796tvu8=");
const DIR: (&str, &str) = ("REGISTRY_STORAGE", "dir");
const LOOPBACK: (&str, &str) = ("DIRECTORY_ALLOW_CIDRS", "127.0.0.0/8");
const PLENTY: (&str, &str) = ("RATE_LIMIT_PER_MINUTE", "1000000");

async fn replica(db: &TestDb) -> TestGateway {
    let directory = tempfile::tempdir().unwrap();
    let images = directory.path().join("images");
    std::fs::create_dir(&images).unwrap();
    let images = images.to_str().unwrap().to_owned();
    let variables = [KEY, DIR, LOOPBACK, PLENTY, ("REGISTRY_DIR", &*images)];
    TestGateway::on(db.again().await, directory, variables).await
}

async fn ticket(gateway: &TestGateway, token: &str) -> String {
    let answer = gateway.plain("GET /token").basic_auth("any", Some(token)).send().await.unwrap();
    let document: Value = answer.json().await.unwrap();
    document["token"].as_str().unwrap_or_else(|| panic!("{document}")).to_owned()
}

async fn status(request: RequestBuilder) -> u16 {
    request.send().await.unwrap().status().as_u16()
}

/// Coder GO-2025-3921, Zitadel CVE-2024-47000, Pomerium CVE-2021-41230: an account was deactivated, and what it had been
/// given before went on. Each kind of credential of one person, at each of two replicas, within five seconds.
#[tokio::test]
async fn cve_2021_41230_whoever_is_deactivated_is_out_everywhere() {
    each(async |db: TestDb| {
        let gateways = vec![Box::pin(replica(&db)).await, Box::pin(replica(&db)).await];
        let now = gateways[0].clock.now();
        let session = Session::add(&db, now, "admin", &WEB).await;
        let cli = session.another(&db, now, &CLI).await;
        let person = Person::add(&db, now, "admin", "*", Until::default()).await;
        for gateway in &gateways {
            gateway.until_known(&person.token).await;
        }
        // Somebody must remain who may administer.
        Session::add(&db, now, "admin", &WEB).await;
        let ticket = ticket(&gateways[0], &person.token).await;
        let credentials = |gateway: &TestGateway| {
            [
                ("a token", gateway.own(&person.token, "GET /api/v1/me")),
                ("a token at a rack", gateway.call(&person.token, "GET /apps")),
                ("a ticket", gateway.plain("GET /v2/").bearer_auth(&ticket)),
                ("a browser", gateway.by_cookie(&session, "GET /api/v1/me")),
                ("a command line", gateway.own(&cli.secret, "GET /api/v1/me")),
                ("a command line at a rack", gateway.call(&cli.secret, "GET /apps")),
            ]
        };
        for gateway in &gateways {
            for (what, request) in credentials(gateway) {
                assert_eq!(status(request).await, 200, "{what}, before");
            }
        }

        for email in [&person.email, &session.email] {
            db.set_user_lock(email, Some((now, "left"))).await.unwrap();
        }
        let locked = Instant::now();
        for gateway in &gateways {
            for (what, request) in credentials(gateway) {
                until_status(|| request.try_clone().unwrap(), 401).await;
                assert_eq!(status(request).await, 401, "{what}, after");
            }
        }
        assert!(locked.elapsed() < SOON, "{:?}", locked.elapsed());
        for gateway in gateways {
            gateway.stop().await;
        }
    })
    .await;
}

/// Zitadel CVE-2026-27840: the beginning of a credential was as good as the whole. For tokens and sessions
/// `tests/it/gateway/tokens.rs` and `tests/it/sessions/entering.rs` try it; here the signed ones.
#[tokio::test]
async fn cve_2026_27840_no_part_of_a_ticket_is_a_ticket() {
    each(async |db: TestDb| {
        let gateway = Box::pin(replica(&db)).await;
        let ticket = ticket(&gateway, &gateway.token("viewer").await).await;
        let knock = async |ticket: &str| status(gateway.plain("GET /v2/").bearer_auth(ticket)).await;
        assert_eq!(knock(&ticket).await, 200);
        let ends = (1..ticket.len()).step_by(3).chain(ticket.len() - 4..ticket.len());
        for end in ends {
            assert_eq!(knock(&ticket[..end]).await, 401, "{end} of {}", ticket.len());
        }
        let (unsigned, _) = ticket.rsplit_once('.').unwrap();
        for part in [
            format!("{unsigned}."),
            unsigned.to_owned(),
            format!("{ticket}.{ticket}"),
            ticket.replace('.', ""),
        ] {
            assert_eq!(knock(&part).await, 401, "{part}");
        }
        gateway.stop().await;
    })
    .await;
}

/// Pomerium CVE-2024-47616 and its like: what was made for one service opened another. Every kind of credential that the
/// gateway gives, in every way to show one, at every door; what opens is listed, and nothing else does.
#[tokio::test]
async fn cve_2024_47616_a_credential_of_one_door_opens_no_other() {
    each(async |db: TestDb| {
        let gateway = Box::pin(replica(&db)).await;
        let token = gateway.token("admin").await;
        let server = Server::start("one").await;
        register(&gateway, &token, "web", server.at).await;
        let said: Value = gateway.own(&token, "GET /svc/web/x").send().await.unwrap().json().await.unwrap();
        let statement = crate::service::server::header(&said, "x-forwarded-identity").unwrap().to_owned();
        let browser = gateway.session("admin").await;
        let cli = gateway.session_of("admin", &CLI).await;
        let credentials = [
            ("token", token.clone()),
            ("ticket", ticket(&gateway, &token).await),
            ("statement", statement),
            ("browser", browser.secret.clone()),
            ("cli", cli.secret.clone()),
            ("csrf", browser.csrf()),
        ];

        let mut open = BTreeSet::new();
        for (kind, secret) in &credentials {
            for (door, path) in DOORS {
                let knock = || gateway.plain(&format!("GET {path}"));
                for (way, request) in [
                    ("bearer", knock().bearer_auth(secret)),
                    ("basic", knock().basic_auth("any", Some(secret))),
                    ("cookie", knock().header("cookie", format!("session_token={secret}"))),
                    ("csrf", knock().header("x-csrf-token", secret)),
                    ("identity", knock().header("x-forwarded-identity", secret)),
                ] {
                    match status(request).await {
                        200 => drop(open.insert(format!("{kind} as {way}: {door}"))),
                        401 | 403 => {}
                        other => panic!("{kind} as {way} at {door}: {other}"),
                    }
                }
            }
        }
        assert_eq!(open, expected());
        gateway.stop().await;
    })
    .await;
}

const DOORS: [(&str, &str); 5] = [
    ("api", "/api/v1/me"),
    ("rack", "/api/v1/rack-proxy/apps"),
    ("service", "/svc/web/x"),
    ("directory", "/registry-svc/instances"),
    ("images", "/v2/"),
];

fn expected() -> BTreeSet<String> {
    let mut open = BTreeSet::from(["ticket as bearer: images".to_owned()]);
    for kind in ["token", "browser", "cli"] {
        for (door, _) in DOORS {
            open.extend(["bearer", "basic"].map(|way| format!("{kind} as {way}: {door}")));
        }
    }
    // What browsers send by themselves opens what checks where a page is from.
    for kind in ["browser", "cli"] {
        open.extend(["api", "directory"].map(|door| format!("{kind} as cookie: {door}")));
    }
    open
}
