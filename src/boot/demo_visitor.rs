//! The way into the console of a demo: whoever has started it is invited as an administrator.

use crate::{
    core::{PublicUrl, SharedClock},
    identity::{
        change::{Actor, Refused},
        links::{INVITATION_LIFE, Invitation, Links},
    },
    store::{Db, StoreError, StoreResult},
};

/// Nobody begins a demo so often.
const VISITORS: u8 = 99;

/// The address to open: a link that works once, or the login for who has a passkey from an earlier run.
pub async fn way_in(db: &Db, clock: &SharedClock, port: u16) -> StoreResult<String> {
    let url = PublicUrl::localhost(port, false);
    let by = db.user_by_email("admin@demo.example").await?.id;
    let links = Links::new(db.clone(), clock.clone(), url.clone());
    for number in 1..=VISITORS {
        let invitation = Invitation {
            email: visitor(number),
            name: "Visitor".to_owned(),
            grant: Some(("admin".to_owned(), "*".to_owned())),
            by,
            expires_at: clock.now().saturating_add(INVITATION_LIFE),
        };
        match links.invite(&Actor::Operator, invitation).await {
            Ok((secret, _)) => return Ok(links.address(&secret)),
            Err(Refused::Store(error)) => return Err(error),
            Err(_) if can_log_in(db, number).await? => break,
            // Came in once and left without a passkey: there is no way back to that account.
            Err(_) => {}
        }
    }
    Ok(url.join("/app/"))
}

fn visitor(number: u8) -> String {
    match number {
        1 => "visitor@demo.example".to_owned(),
        _ => format!("visitor-{number}@demo.example"),
    }
}

async fn can_log_in(db: &Db, number: u8) -> StoreResult<bool> {
    match db.user_by_email(&visitor(number)).await {
        Ok(user) => Ok(user.mfa_enrolled_at.is_some()),
        Err(StoreError::NotFound(_)) => Ok(false),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        core::SystemClock,
        identity::links::Newcomer,
        store::{Options, Place},
    };
    use std::sync::Arc;

    #[tokio::test]
    async fn a_link_until_somebody_has_come_in_and_again_if_they_cannot_come_back() {
        let directory = tempfile::tempdir().unwrap();
        let place = Place::Sqlite(directory.path().join("gateway.db"));
        let db = Db::open(&Options::new(place)).await.unwrap();
        db.migrate().await.unwrap();
        let clock: SharedClock = Arc::new(SystemClock);
        db.add_user("admin@demo.example", "admin", clock.now()).await.unwrap();

        let way = way_in(&db, &clock, 8443).await.unwrap();
        let secret = way.strip_prefix("http://localhost:8443/app/welcome#").unwrap();
        let links = Links::new(db.clone(), clock.clone(), PublicUrl::localhost(8443, false));
        let visitor = links.take(secret, &Newcomer::default()).await.unwrap().user;
        assert_eq!(visitor.email, "visitor@demo.example");

        let way = way_in(&db, &clock, 8443).await.unwrap();
        let secret = way.strip_prefix("http://localhost:8443/app/welcome#").unwrap();
        let second = links.take(secret, &Newcomer::default()).await.unwrap().user;
        assert_eq!(second.email, "visitor-2@demo.example");
        db.close().await;
    }
}
