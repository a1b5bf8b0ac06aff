//! People, who are present by a session: what is asked of them elsewhere is asked here too.

use super::{Front, document};
use crate::{
    registry::target::{Target, refused},
    support::{
        session::{CLI, Kind, WEB},
        wire::SOON,
    },
};
use bytes::Bytes;
use futures_util::stream;
use reqwest::{Body, Response};
use std::{io, time::Duration};

/// Whoever had a person's session could use the registry before the person had a second factor at all.
#[tokio::test]
async fn who_has_no_second_factor_enrols_one_before_the_registry() {
    let front = Front::with_public("public/**").await;
    front.admin().await.push_image("team/app", "v1", "first").await;
    for kind in [&CLI, &WEB] {
        let nobody_yet = front.gateway.session_of("admin", &Kind { enrolled: false, ..kind.clone() }).await;
        let by_session = front.by(&nobody_yet.secret);
        for (method, path) in [
            ("GET", "/v2/"),
            ("GET", "/v2/_catalog"),
            ("GET", "/v2/team/app/manifests/v1"),
            ("GET", "/v2/public/app/tags/list"),
            ("POST", "/v2/team/app/blobs/uploads/"),
            ("PUT", "/v2/team/app/manifests/v2"),
            ("DELETE", "/v2/team/app/manifests/v1"),
        ] {
            let answer = by_session.send(method, path).await;
            assert_eq!(answer.headers()["x-mfa-required"], "enrollment", "{method} {path}");
            assert!(answer.headers().get("www-authenticate").is_none(), "a login would not mend it");
            let refusal = refused(answer, 401, "DENIED").await;
            let sentence = refusal["errors"][0]["message"].as_str().unwrap();
            assert!(sentence.contains("second factor"), "{method} {path}: {sentence}");
        }
        let ticket = front.ask_ticket("").basic_auth("any", Some(&nobody_yet.secret)).send().await.unwrap();
        assert_eq!(
            (ticket.status().as_u16(), ticket.headers()["x-mfa-required"].to_str().unwrap()),
            (401, "enrollment")
        );
        let record = front
            .gateway
            .lines
            .wait_for(|record| {
                record["action"] == "repository.pull" && record["user_email"] == *nobody_yet.email
            })
            .await;
        assert_eq!((&record["rbac_decision"], &record["http_status"]), (&"deny".into(), &401.into()));
    }
}

/// A ticket that was given before outlives neither the session nor the factor.
#[tokio::test]
async fn a_ticket_is_no_way_around_the_gate() {
    let front = Front::start().await;
    front.admin().await.push_image("team/app", "v1", "first").await;
    let ada = front.gateway.session_of("viewer", &CLI).await;
    let by_ticket = front.by_ticket(&front.ticket(&ada.secret).await);
    assert_eq!(
        by_ticket.get("/v2/team/app/manifests/v1").await.status(),
        200,
        "enrolled, so nothing is asked"
    );

    let methods = front.gateway.db.methods_of(ada.user).await.unwrap();
    front.gateway.db.remove_method(ada.user, methods[0].id, front.gateway.clock.now()).await.unwrap();
    let answer = until(&by_ticket, 401).await;
    assert_eq!(answer.headers()["x-mfa-required"], "enrollment");
}

/// API tokens are asked for nothing, as everywhere.
#[tokio::test]
async fn a_token_needs_no_second_factor() {
    let front = Front::start().await;
    front.admin().await.push_image("team/app", "v1", "first").await;
    let token = front.gateway.token("viewer").await;
    for caller in [front.by(&token), front.by_ticket(&front.ticket(&token).await)] {
        document(caller.get("/v2/_catalog").await).await;
        assert_eq!(caller.get("/v2/team/app/manifests/v1").await.status(), 200);
    }
}

/// Argo CD CVE-2023-40025: what had begun went on after the right to it was gone.
#[tokio::test(flavor = "multi_thread")]
async fn cve_2023_40025_an_upload_ends_with_the_right_to_it() {
    let front = Front::start().await;
    let session = front.gateway.session_of("deployer", &CLI).await;
    let removed = front.gateway.session_of("deployer", &CLI).await;
    let token = front.gateway.person("deployer").await;
    let (db, now) = (&front.gateway.db, front.gateway.clock.now());
    let running = async |password: &str| {
        let target = front.by(password);
        let begun = target.send("POST", "/v2/team/app/blobs/uploads/").await;
        let location = begun.headers()["location"].to_str().unwrap().to_owned();
        let upload = target.request("PATCH", &location).body(drip());
        let sending = tokio::spawn(upload.send());
        tokio::time::sleep(Duration::from_millis(500)).await;
        assert!(!sending.is_finished());
        (sending, location)
    };
    let all = [running(&session.secret).await, running(&removed.secret).await, running(&token.token).await];
    let (kept, _) = running(&front.gateway.token("deployer").await).await;
    db.revoke_session(session.user, session.id, "ended", now).await.unwrap();
    db.remove_grant(removed.grant).await.unwrap();
    db.revoke_token(token.token_id, now).await.unwrap();
    for (sending, _) in all {
        let ended = tokio::time::timeout(SOON, sending).await.expect("it runs on").unwrap();
        // The connection may break before the answer is read.
        if let Ok(answer) = ended {
            refused(answer, 403, "DENIED").await;
        }
    }
    let is_cut = |record: &serde_json::Value| {
        record["action"] == "blob.upload"
            && record["http_status"] == 403
            && record["reason"].as_str().is_some_and(|reason| reason.contains("while this was running"))
    };
    front.gateway.lines.wait_for(is_cut).await;
    assert!(!kept.is_finished(), "others go on");
    kept.abort();
}

/// A body that never ends.
fn drip() -> Body {
    Body::wrap_stream(stream::unfold((), |()| async {
        tokio::time::sleep(Duration::from_millis(20)).await;
        Some((Ok::<_, io::Error>(Bytes::from_static(&[7; 1024])), ()))
    }))
}

async fn until(target: &Target, status: u16) -> Response {
    for _ in 0..400 {
        let answer = target.get("/v2/team/app/manifests/v1").await;
        if answer.status() == status {
            return answer;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("never {status}");
}
