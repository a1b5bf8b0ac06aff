//! What happens to people's accounts, told to them: the change at one end, the mail at the other.

use super::server::{MailServer, Mood};
use crate::support::{gateway::TestGateway, prover::Prover, session::CLI};
use serde_json::{Value, json};
use std::time::Duration;

const ADA: &str = "ada@example.com";

/// A gateway with a mail server, and an administrator who can prove themselves.
struct Site {
    gateway: TestGateway,
    server: MailServer,
    admin: Prover,
}

impl Site {
    async fn start() -> Self {
        let server = MailServer::start().await;
        let port = server.address.port().to_string();
        let gateway = TestGateway::with([
            ("SMTP_HOST", "127.0.0.1"),
            ("SMTP_PORT", port.as_str()),
            ("SMTP_TLS", "none"),
            ("SMTP_FROM", "gateway@example.com"),
        ])
        .await;
        gateway.db.add_user(ADA, "", gateway.clock.now()).await.unwrap();
        let admin = gateway.prover("admin").await;
        Self { gateway, server, admin }
    }

    async fn change(&self, request: &str, body: Value) -> Value {
        let answer = self.admin.proving(&self.gateway, request).json(&body).send().await.unwrap();
        let status = answer.status();
        let text = answer.text().await.unwrap();
        assert!(status.is_success(), "{request}: {status} {text}");
        serde_json::from_str(&text).unwrap_or_default()
    }

    async fn mail(&self, to: &str, subject: &str, facts: &[&str]) {
        let mail = self.server.mail(to, subject).await;
        for fact in facts {
            assert!(mail.contains(fact), "{fact} in {mail}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_role_that_comes_and_goes_is_told() {
    let site = Site::start().await;
    let by = format!("By: {}", site.admin.session.email);
    let body = json!({ "user": ADA, "role": "ops", "target": "staging" });
    let grant = site.change("POST /api/v1/grants", body).await;
    site.mail(ADA, "you were given a role", &["Role: ops", "On: staging", &by]).await;
    let remove = format!("DELETE /api/v1/grants/{}", grant["id"].as_str().unwrap());
    site.change(&remove, json!({})).await;
    site.mail(ADA, "a role was taken from you", &["Role: ops", "On: staging", &by]).await;
    site.gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_token_is_told_to_its_owner() {
    let site = Site::start().await;
    site.change("POST /api/v1/grants", json!({ "user": ADA, "role": "viewer" })).await;
    let body = json!({ "name": "ci", "user": ADA, "grants": [{ "role": "viewer" }] });
    let made = site.change("POST /api/v1/api-tokens", body).await;
    let by = format!("Created by: {}", site.admin.session.email);
    site.mail(ADA, "a new API token of yours", &["Token: ci", &by]).await;
    let all = site.server.taken.lock().unwrap().join("");
    assert!(!all.contains(made["token"].as_str().unwrap()), "the token itself is in no mail");
    site.gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lock_is_told_whoever_locks() {
    let site = Site::start().await;
    site.change(&format!("POST /api/v1/users/{ADA}/lock"), json!({ "reason": "left the team" })).await;
    site.mail(ADA, "your account was locked", &["Reason: left the team"]).await;

    let guesser = site.gateway.prover("viewer").await;
    for _ in 0..5 {
        let guess = site.gateway.own(&guesser.session.secret, "POST /api/v1/auth/mfa/verify");
        guess.json(&json!({ "code": "AAAA-BBBB-CCCC" })).send().await.unwrap();
    }
    let reason = "Reason: Automatic lock: 5 failed MFA attempts in 5 minutes";
    site.mail(&guesser.session.email, "your account was locked", &[reason]).await;
    site.gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_last_administrator_is_told_that_their_sessions_ended() {
    let site = Site::start().await;
    let Prover { session, .. } = &site.admin;
    let other = session.another(&site.gateway.db, site.gateway.clock.now(), &CLI).await;
    let mut answers = Vec::new();
    for _ in 0..5 {
        let guess = site.gateway.own(&session.secret, "POST /api/v1/auth/mfa/verify");
        let answer = guess.json(&json!({ "code": "AAAA-BBBB-CCCC" })).send().await.unwrap();
        answers.push(answer.status().as_u16());
    }
    assert_eq!(answers, [403, 403, 403, 403, 429]);
    site.mail(&session.email, "your sessions were ended", &["not locked, as the last administrator"]).await;
    for secret in [&session.secret, &other.secret] {
        let mut status = 200;
        for _ in 0..400 {
            status = site.gateway.own(secret, "GET /api/v1/me").send().await.unwrap().status().as_u16();
            if status == 401 {
                break;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        assert_eq!(status, 401);
    }
    let record = site.gateway.lines.wait_for(|record| record["action"] == "user.hold").await;
    assert_eq!(record["resource"], session.email.as_str());
    site.gateway.stop().await;
}

/// A browser that was here before is known again by its cookie; another's cookie does not hide a new one.
#[tokio::test(flavor = "multi_thread")]
async fn a_login_from_an_unknown_browser_is_told_once() {
    let site = Site::start().await;
    let mut links = Vec::new();
    for email in ["one@example.com", "two@example.com"] {
        let made = site.change("POST /api/v1/invitations", json!({ "email": email })).await;
        links.push(made["url"].as_str().unwrap().split_once('#').unwrap().1.to_owned());
    }
    let take = async |secret: &str, cookie: Option<&str>| {
        let request = site.gateway.plain(&format!("POST /api/v1/auth/links/{secret}"));
        let request = request.json(&json!({})).header("User-Agent", "Netscape/1.0");
        let request = cookie.into_iter().fold(request, |request, cookie| request.header("Cookie", cookie));
        let answer = request.send().await.unwrap();
        assert_eq!(answer.status(), 200);
        let lines: Vec<_> = answer.headers().get_all("set-cookie").iter().collect();
        let found = lines.iter().find_map(|line| line.to_str().unwrap().strip_prefix("rgw_browser="));
        found.unwrap().split(';').next().unwrap().to_owned()
    };
    let browser = take(&links[0], None).await;
    let facts = ["Device: a browser", "Address: 127.0.0.1", "Program: Netscape/1.0"];
    site.mail("one@example.com", "login from a new device", &facts).await;
    let again = take(&links[1], Some(&format!("rgw_browser={browser}"))).await;
    assert_eq!(again, browser, "the browser keeps its cookie");
    site.mail("two@example.com", "login from a new device", &facts).await;
    let sessions = site.gateway.db.users().await.unwrap();
    let one = sessions.iter().find(|user| user.email == "one@example.com").unwrap();
    let session = site.gateway.db.sessions_of(one.id).await.unwrap().pop().unwrap();
    assert!(!session.device_id.is_empty() && !session.device_id.contains(&browser), "{session:?}");
    site.gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_down_hears_of_it_later() {
    let site = Site::start().await;
    site.server.is(Mood::Busy);
    site.change(&format!("POST /api/v1/users/{ADA}/lock"), json!({ "reason": "left" })).await;
    let mut tried = None;
    for _ in 0..400 {
        tried = site.gateway.db.mail().await.unwrap().into_iter().find(|mail| mail.recipient == ADA);
        if tried.as_ref().is_some_and(|mail| mail.tries > 0) {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let tried = tried.expect("the mail is in the queue");
    assert_eq!((tried.sent_at, tried.failed_at), (None, None), "{tried:?}");
    assert!(tried.tries == 1 && tried.next_try_at > tried.created_at, "{tried:?}");
    assert_eq!(site.server.count(), 0);
    site.server.is(Mood::Good);
    site.mail(ADA, "your account was locked", &["Reason: left"]).await;
    site.gateway.stop().await;
}
