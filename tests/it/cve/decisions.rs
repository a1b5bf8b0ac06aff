//! Decisions that were made for one question and given to another.

use crate::{
    service::{register, server::Server},
    support::{
        database::{TestDb, each},
        gateway::TestGateway,
        session::{Session, WEB},
    },
};
use futures_util::future::join_all;
use serde_json::Value;

/// What is asked, by whom, and what comes of it.
type Question = (&'static str, String, String, u16);

const OTHERS: [(&str, &str); 5] = [
    ("REGISTRY_STORAGE", "dir"),
    ("DIRECTORY_ALLOW_CIDRS", "127.0.0.0/8"),
    ("RATE_LIMIT_PER_MINUTE", "1000000"),
    ("LOGIN_RATE_LIMIT_PER_MINUTE", "1000000"),
    ("APP_SECRET_KEY", "3q2+796tvu/erb7v3q2+796tvu/erb7v3q2+796tvu8="),
];

/// Oathkeeper CVE-2026-33496 and CVE-2021-32701: the key of a cached decision left out a part of the question, so the
/// next who asked something else got the same answer. Here one part is changed at a time: who asks, by which method,
/// for what, through which door; before, after and at the same time.
#[tokio::test]
async fn cve_2026_33496_another_question_gets_another_answer() {
    let images = tempfile::tempdir().unwrap();
    let directory = ("REGISTRY_DIR", images.path().to_str().unwrap());
    let [a, b, c, d, e] = OTHERS;
    let gateway = TestGateway::with([a, b, c, d, e, directory]).await;
    let admin = gateway.token("admin").await;
    let server = Server::start("one").await;
    register(&gateway, &admin, "billing", server.at).await;
    register(&gateway, &admin, "ledger", server.at).await;

    let questions = questions(&gateway).await;
    let ask = async |(what, token, request, expected): &Question| {
        let (method, path) = request.split_once(' ').unwrap();
        let call = reqwest::Client::new().request(method.parse().unwrap(), gateway.url(path));
        let call = if token.is_empty() { call } else { call.basic_auth("any", Some(token)) };
        let status = call.send().await.unwrap().status();
        assert_eq!(status, *expected, "{what}: {request}");
    };
    for _ in 0..3 {
        for question in &questions {
            ask(question).await;
        }
        for question in questions.iter().rev() {
            ask(question).await;
        }
    }
    for _ in 0..5 {
        join_all(questions.iter().chain(questions.iter().rev()).map(&ask)).await;
    }
    gateway.stop().await;
}

async fn questions(gateway: &TestGateway) -> Vec<Question> {
    let rack = "/api/v1/rack-proxy";
    let web = gateway.token_on("ops", "demo/web").await;
    let api = gateway.token_on("ops", "demo/api").await;
    let viewer = gateway.token_on("viewer", "demo/web").await;
    let billing = gateway.token_on("ops", "service:billing").await;
    let images = gateway.token_on("deployer", "repo:team/**").await;
    let question = |what, token: &str, request: String, status| (what, token.to_owned(), request, status);
    vec![
        question("the one that is allowed", &web, format!("POST {rack}/apps/web/restart"), 200),
        question("another person", &viewer, format!("POST {rack}/apps/web/restart"), 403),
        question("a person of another app", &api, format!("POST {rack}/apps/web/restart"), 403),
        question("nobody", "", format!("POST {rack}/apps/web/restart"), 401),
        question("another app", &web, format!("POST {rack}/apps/api/restart"), 403),
        question("the other app, by its person", &api, format!("POST {rack}/apps/api/restart"), 200),
        question("another method", &web, format!("DELETE {rack}/apps/web"), 403),
        question("another route", &web, format!("GET {rack}/apps/web"), 200),
        question("another route, by another person", &viewer, format!("GET {rack}/apps/web"), 200),
        question("a route about all", &viewer, format!("GET {rack}/system"), 403),
        question("a service", &billing, "GET /svc/billing/x".into(), 200),
        question("another service", &billing, "GET /svc/ledger/x".into(), 403),
        question("a service, by another person", &web, "GET /svc/billing/x".into(), 403),
        question("an upload", &images, "POST /v2/team/app/blobs/uploads/".into(), 202),
        question("an upload elsewhere", &images, "POST /v2/other/app/blobs/uploads/".into(), 403),
        question("an upload, by another person", &web, "POST /v2/team/app/blobs/uploads/".into(), 403),
        question("another method there", &images, "DELETE /v2/team/app/manifests/v1".into(), 403),
    ]
}

/// Traefik CVE-2026-71326: of several who asked at once, all got the answer that was fetched for the first. Here
/// sessions that no replica knows yet come all at once, and each stays its own person.
#[tokio::test]
async fn cve_2026_71326_who_comes_at_once_with_others_stays_themselves() {
    each(async |db: TestDb| {
        let directory = || tempfile::tempdir().unwrap();
        let variables = [("RATE_LIMIT_PER_MINUTE", "1000000")];
        let mut replicas = Vec::new();
        for _ in 0..2 {
            let db = db.again().await;
            replicas.push(Box::pin(TestGateway::on(db, directory(), variables)).await);
        }
        for _ in 0..3 {
            let now = replicas[0].clock.now();
            let mut sessions = Vec::new();
            for role in ["viewer", "ops", "deployer", "admin"].repeat(5) {
                sessions.push(Session::add(&db, now, role, &WEB).await);
            }
            let pairs = replicas.iter().flat_map(|replica| sessions.iter().map(move |one| (replica, one)));
            join_all(pairs.map(async |(replica, session)| {
                let answer = replica.own(&session.secret, "GET /api/v1/me").send().await.unwrap();
                assert_eq!(answer.status(), 200);
                let me: Value = answer.json().await.unwrap();
                assert_eq!(me["email"], session.email.as_str());
            }))
            .await;
        }
        for replica in replicas {
            replica.stop().await;
        }
    })
    .await;
}
