//! Trusted browsers.

use super::{IP, NOW, World, later};
use crate::support::database::{TestDb, each};
use rack_gateway::identity::mfa::{Browser, MfaError};
use std::time::Duration;

const MONTH: Duration = Duration::from_secs(30 * 86_400);
const BROWSER: Browser<'static> = Browser { ip: IP, user_agent: "Mozilla/5.0 \u{1b}[2J(X11)" };

#[tokio::test]
async fn a_cookie_counts_for_its_person_and_its_time() {
    each(async |db: TestDb| {
        let world = World::new(&db);
        let (ada, _) = world.person_with_app("ada@example.com").await;
        let (bob, _) = world.person_with_app("bob@example.com").await;
        let cookie = world.mfa.trust(ada.user.id, BROWSER, MONTH, NOW).await.unwrap();
        let trusted = async |who: &rack_gateway::identity::Principal, text: &str, at| {
            world.mfa.is_trusted(who.user.id, text, at).await.unwrap()
        };
        assert!(trusted(&ada, cookie.expose(), later(1)).await);
        assert!(!trusted(&bob, cookie.expose(), later(1)).await, "another person's cookie");
        assert!(!trusted(&ada, &cookie.expose()[..42], later(1)).await);
        assert!(!trusted(&ada, "", later(1)).await);
        assert!(!trusted(&ada, &cookie.expose().to_lowercase(), later(1)).await);
        assert!(trusted(&ada, cookie.expose(), later(30 * 86_400 - 1)).await);
        assert!(!trusted(&ada, cookie.expose(), later(30 * 86_400)).await, "expired");

        let status = world.mfa.status(ada.user.id, NOW).await.unwrap();
        let device = &status.devices[0];
        assert_eq!((&*device.label, &*device.ip), ("Mozilla/5.0 [2J(X11)", "192.0.2.7"));
        assert!(!format!("{:?}", device.hash).contains(cookie.expose()));
        let others = world.mfa.distrust(bob.user.id, device.id, NOW).await;
        assert!(matches!(others, Err(MfaError::Unknown(_))), "{others:?}");
        world.mfa.distrust(ada.user.id, device.id, NOW).await.unwrap();
        assert!(!trusted(&ada, cookie.expose(), later(1)).await, "revoked");
        assert!(world.mfa.status(ada.user.id, NOW).await.unwrap().devices.is_empty());
    })
    .await;
}

#[tokio::test]
async fn the_last_factor_takes_devices_and_codes_with_it() {
    each(async |db: TestDb| {
        let world = World::new(&db);
        let (ada, app) = world.person_with_app("ada@example.com").await;
        let cookie = world.mfa.trust(ada.user.id, BROWSER, MONTH, NOW).await.unwrap();
        let removed = world.mfa.remove(ada.user.id, app.method, later(1)).await.unwrap();
        assert!(removed.last);
        assert!(!world.mfa.is_trusted(ada.user.id, cookie.expose(), later(2)).await.unwrap());
        let status = world.mfa.status(ada.user.id, later(2)).await.unwrap();
        assert!(!status.enrolled && status.methods.is_empty());
        assert_eq!(status.backup_codes.total, 0);
    })
    .await;
}
