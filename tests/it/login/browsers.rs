//! A browser that was here before is known again, and its logins are not told by mail.

use super::world::{ADA, Browser, Landing, Site, cookie, state};
use crate::support::issuer::Script;

const MAIL: &str = "[mail]\nsmtp_host = '127.0.0.1'\nsmtp_port = 1\nsmtp_from = 'gateway@corp.example'\n";

/// A login with further cookies; how it ended, and the browser's own cookie.
async fn login(site: &Site, browser: &mut Browser<'_>, own: &str) -> (Landing, String) {
    let departure = browser.depart("one", "/app/").await.unwrap();
    browser.cookies += &format!("; {own}");
    let (code, state) = (site.issuers.code("one", &departure), state(&departure));
    let answer = browser.get(&format!("/api/v1/auth/web/callback?code={code}&state={state}")).await;
    let kept = cookie(&answer, "rgw_browser").unwrap();
    (super::world::land(&answer), kept)
}

#[tokio::test]
async fn only_unknown_browsers_are_told_of() {
    let site = Site::with(&["one"], MAIL).await;
    site.issuers.add("one", Script::default());
    site.add_user(ADA).await;
    let told = async || {
        let mail = site.gateway.db.mail().await.unwrap();
        assert!(mail.iter().all(|mail| mail.recipient == ADA), "{mail:?}");
        mail.len()
    };
    let (landing, first) = login(&site, &mut site.browser(), "").await;
    assert!(landing.session.is_some());
    assert_eq!(told().await, 1);

    let (_, again) = login(&site, &mut site.browser(), &format!("rgw_browser={first}")).await;
    assert_eq!((again == first, told().await), (true, 1), "the same browser from another address");
    let (_, second) = login(&site, &mut site.browser(), "").await;
    assert_eq!((second == first, told().await), (false, 2));
    for (number, planted) in ["x", &"A".repeat(43), &"A".repeat(44), ""].into_iter().enumerate() {
        login(&site, &mut site.browser(), &format!("rgw_browser={planted}")).await;
        assert_eq!(told().await, 3 + number, "{planted:?} was never ours");
    }
    site.gateway.stop().await;
}
