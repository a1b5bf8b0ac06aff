//! The periodic work there is.

use super::Job;
use crate::{
    core::{SharedClock, Timestamp},
    notify::{mail::Post, webhook::Courier},
    store::Db,
};
use std::time::Duration;

const SWEEP: Duration = Duration::from_secs(60);
const WEBHOOKS: Duration = Duration::from_secs(1);
const MAIL: Duration = Duration::from_secs(5);

const DAY: Duration = Duration::from_secs(24 * 3_600);
/// Failed proofs are counted over hours.
const ATTEMPTS_KEPT: Duration = DAY;
/// People look back at their own sessions.
const SESSIONS_KEPT: Duration = Duration::from_secs(90 * 24 * 3_600);
const DELIVERIES_KEPT: Duration = Duration::from_secs(30 * 24 * 3_600);
/// A manifest follows its blobs soon.
const UPLOADS_KEPT: Duration = Duration::from_secs(30 * 24 * 3_600);
const MAIL_KEPT: Duration = Duration::from_secs(30 * 24 * 3_600);
/// Of the directory; those who watch may be away for so many.
const EVENTS_KEPT: i64 = 10_000;

/// Forgets what has expired.
pub fn sweep(db: Db, clock: SharedClock) -> Job {
    Job::new("sweep", SWEEP, move || {
        let (db, now) = (db.clone(), clock.now());
        async move {
            db.sweep_ceremonies(now).await?;
            db.sweep_cli_logins(now).await?;
            db.sweep_attempts(before(now, ATTEMPTS_KEPT)).await?;
            db.sweep_sessions(before(now, SESSIONS_KEPT)).await?;
            db.sweep_mail(before(now, MAIL_KEPT)).await?;
            db.sweep_deliveries(before(now, DELIVERIES_KEPT)).await?;
            db.sweep_uploads(before(now, UPLOADS_KEPT)).await?;
            db.forget_events(EVENTS_KEPT).await?;
            Ok(())
        }
    })
}

/// Sends the mail that is due.
pub fn deliver_mail(post: Post) -> Job {
    Job::new("mail", MAIL, move || {
        let post = post.clone();
        async move { post.deliver_due().await.map(drop) }
    })
}

/// Tells one webhook what is due.
pub fn tell_webhook(courier: Courier) -> Job {
    Job::new("webhooks", WEBHOOKS, move || {
        let courier = courier.clone();
        async move { courier.deliver_due().await.map(drop) }
    })
}

fn before(now: Timestamp, span: Duration) -> Timestamp {
    Timestamp::from_micros(now.as_micros() - i64::try_from(span.as_micros()).unwrap_or(i64::MAX))
}
