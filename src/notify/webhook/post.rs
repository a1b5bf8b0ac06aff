//! Sends what is due to one receiver. Several replicas may do so at once: each delivery is claimed by one, for a time.
//! Each receiver is served by itself, so that a slow one delays no other.

use super::{
    event::{self, Action, Told, ToldEvent},
    sign::signature,
};
use crate::{
    core::{Secret, SharedClock, Timestamp},
    observe::metrics::catalogue::{
        GATEWAY_WEBHOOK_DELIVERIES, GATEWAY_WEBHOOK_DURATION, GATEWAY_WEBHOOK_WAITING,
    },
    registry::{
        self, Backend, Operation,
        model::{Digest, Reference},
    },
    store::{ClaimedDelivery, Db, StoreResult},
    upstream::{Trust, TrustError},
};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use rand::RngExt as _;
use reqwest::{Client, redirect::Policy};
use std::{
    sync::Arc,
    time::{Duration, Instant},
};
use url::Url;

/// How long a delivery belongs to the replica that claimed it; longer than a try may take.
const LEASE: Duration = Duration::from_secs(120);
const CONNECT: Duration = Duration::from_secs(10);
/// Of a whole try.
const PATIENCE: Duration = Duration::from_secs(30);
/// The first pause; each further one is twice as long, up to [`LONGEST_PAUSE`], and all differ a little.
const PAUSE: Duration = Duration::from_secs(5);
const LONGEST_PAUSE: Duration = Duration::from_secs(3_600);
/// About eight hours after the first.
const MOST_TRIES: i64 = 17;
/// Until it is asked again whether something has happened.
const ASK_AGAIN: Duration = Duration::from_secs(60);

/// Where one webhook is told, and how it knows that it is us.
#[derive(Clone, Debug)]
pub struct Receiver {
    pub name: String,
    pub url: Url,
    pub secret: Secret,
    pub trust: Trust,
}

#[derive(Debug, thiserror::Error)]
pub enum WebhookError {
    #[error("webhook {webhook}: {source}")]
    Trust { webhook: String, source: TrustError },
    #[error("webhook {webhook}: no client for HTTP: {source}")]
    Client { webhook: String, source: reqwest::Error },
}

/// How one delivery fared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    Sent,
    PutOff,
    GivenUp,
    /// What was to be told has not happened.
    TakenBack,
}

impl Outcome {
    const fn word(self) -> &'static str {
        match self {
            Self::Sent => "sent",
            Self::PutOff => "put_off",
            Self::GivenUp => "given_up",
            Self::TakenBack => "taken_back",
        }
    }
}

/// Serves one receiver.
#[derive(Clone, Debug)]
pub struct Courier {
    receiver: Arc<Receiver>,
    client: Client,
    db: Db,
    clock: SharedClock,
    registry: Arc<dyn Backend>,
}

impl Courier {
    pub fn new(
        receiver: Receiver,
        db: Db,
        clock: SharedClock,
        registry: Arc<dyn Backend>,
    ) -> Result<Self, WebhookError> {
        let webhook = || receiver.name.clone();
        let tls = receiver
            .trust
            .client_config()
            .map_err(|source| WebhookError::Trust { webhook: webhook(), source })?;
        // The address is the operator's; where it points on to is not, and neither is a proxy of the environment.
        let client = Client::builder()
            .tls_backend_preconfigured(tls)
            .http1_only()
            .redirect(Policy::none())
            .no_proxy()
            .connect_timeout(CONNECT)
            .timeout(PATIENCE)
            .user_agent(concat!("rack-gateway/", env!("CARGO_PKG_VERSION")))
            .build()
            .map_err(|source| WebhookError::Client { webhook: webhook(), source })?;
        Ok(Self { receiver: Arc::new(receiver), client, db, clock, registry })
    }

    /// Sends until nothing is due, or one had to be put off: then the receiver has trouble, and the others can wait.
    pub async fn deliver_due(&self) -> StoreResult<Vec<Outcome>> {
        let name = &self.receiver.name;
        let mut all = Vec::new();
        loop {
            let now = self.clock.now();
            let Some(claimed) = self.db.claim_delivery(name, now, now.saturating_add(LEASE)).await? else {
                break;
            };
            let outcome = Box::pin(self.deliver(&claimed)).await?;
            metrics::counter!(GATEWAY_WEBHOOK_DELIVERIES, "webhook" => name.clone(), "outcome" => outcome.word())
                .increment(1);
            all.push(outcome);
            if outcome == Outcome::PutOff {
                break;
            }
        }
        let waiting = self.db.waiting_deliveries(name).await?;
        metrics::gauge!(GATEWAY_WEBHOOK_WAITING, "webhook" => name.clone()).set(waiting as f64);
        Ok(all)
    }

    async fn deliver(&self, claimed: &ClaimedDelivery) -> StoreResult<Outcome> {
        let delivery = &claimed.delivery;
        if delivery.certain == 0 {
            // Whoever wrote it down did not live to tell.
            match self.has_happened(&delivery.body).await {
                Some(true) => {}
                Some(false) => {
                    self.db.take_deliveries_back(&[delivery.id]).await?;
                    return Ok(Outcome::TakenBack);
                }
                None => {
                    self.db.put_delivery_off(claimed, self.clock.now().saturating_add(ASK_AGAIN)).await?;
                    return Ok(Outcome::PutOff);
                }
            }
        }
        let started = Instant::now();
        let sent = self.send(claimed).await;
        metrics::histogram!(GATEWAY_WEBHOOK_DURATION, "webhook" => self.receiver.name.clone())
            .record(started.elapsed().as_secs_f64());
        let now = self.clock.now();
        let Err(error) = sent else {
            self.db.delivery_sent(claimed, now).await?;
            return Ok(Outcome::Sent);
        };
        let (webhook, id) = (&self.receiver.name, delivery.id);
        if delivery.tries >= MOST_TRIES {
            tracing::error!(%webhook, delivery = %id, %error, "a webhook was not told; this was the last try");
            self.db.give_delivery_up(claimed, &error, now).await?;
            return Ok(Outcome::GivenUp);
        }
        let next = now.saturating_add(pause(delivery.tries, rand::rng().random_range(0.8..1.2)));
        tracing::warn!(%webhook, delivery = %id, %error, next_try = %next, "a webhook could not be told");
        self.db.retry_delivery(claimed, next, &error).await?;
        Ok(Outcome::PutOff)
    }

    /// On failure a line for the table and the log; nothing of the receiver's answer but its status is in it.
    async fn send(&self, claimed: &ClaimedDelivery) -> Result<(), String> {
        let (id, body) = (claimed.delivery.id.to_string(), claimed.delivery.body.clone());
        let seconds = seconds(self.clock.now());
        let mut signed = HeaderValue::from_str(&signature(&self.receiver.secret, &id, seconds, &body))
            .map_err(|_| "the signature cannot be sent".to_owned())?;
        signed.set_sensitive(true);
        let request = self
            .client
            .post(self.receiver.url.clone())
            .header(header::CONTENT_TYPE, event::CONTENT_TYPE)
            .header("webhook-id", id)
            .header("webhook-timestamp", seconds)
            .header("webhook-signature", signed)
            .body(body);
        let answer = request.send().await.map_err(|error| why(&error).to_owned())?;
        let status = answer.status();
        match status {
            _ if status.is_success() => Ok(()),
            _ if status.is_redirection() => {
                Err(format!("the receiver answered {}; redirects are not followed", status.as_u16()))
            }
            _ => Err(format!("the receiver answered {}", status.as_u16())),
        }
    }

    /// What the registry says; `None` when it cannot tell now.
    async fn has_happened(&self, body: &[u8]) -> Option<bool> {
        let Some(event) = Told::read(body) else { return Some(false) };
        let Some((operation, wanted)) = question(&event) else { return Some(false) };
        let mut headers = HeaderMap::new();
        headers.insert(header::ACCEPT, HeaderValue::from_static("*/*"));
        let request = registry::Request { headers, ..registry::Request::plain(operation) };
        let answer = self.registry.answer(request).await;
        match answer.status() {
            StatusCode::OK => Some(wanted == StatusCode::OK),
            StatusCode::NOT_FOUND => Some(wanted == StatusCode::NOT_FOUND),
            _ => None,
        }
    }
}

/// What to ask, and the answer that means yes.
fn question(event: &ToldEvent) -> Option<(Operation, StatusCode)> {
    let target = &event.target;
    let repository = target.repository.parse().ok()?;
    let digest = || target.digest.as_deref()?.parse::<Digest>().ok();
    let head = |reference| Operation::ManifestHead { repository, reference };
    match (event.action, &target.tag) {
        (Action::Push, _) => Some((head(Reference::Digest(digest()?)), StatusCode::OK)),
        (Action::Delete, Some(tag)) => Some((head(Reference::Tag(tag.parse().ok()?)), StatusCode::NOT_FOUND)),
        (Action::Delete, None) => Some((head(Reference::Digest(digest()?)), StatusCode::NOT_FOUND)),
    }
}

fn why(error: &reqwest::Error) -> &'static str {
    if error.is_timeout() {
        "the receiver does not answer in time"
    } else if error.is_connect() {
        "the receiver cannot be reached"
    } else {
        "the connection to the receiver broke"
    }
}

const fn seconds(at: Timestamp) -> i64 {
    at.as_micros().div_euclid(1_000_000)
}

/// After so many tries.
fn pause(tries: i64, jitter: f64) -> Duration {
    let doublings = u32::try_from(tries.saturating_sub(1)).unwrap_or_default().min(16);
    PAUSE.saturating_mul(1 << doublings).min(LONGEST_PAUSE).mul_f64(jitter)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_to_an_hour() {
        let pauses = [1, 2, 3, 10, 11, 17, 1_000].map(|tries| pause(tries, 1.0).as_secs());
        assert_eq!(pauses, [5, 10, 20, 2_560, 3_600, 3_600, 3_600]);
        let all: Duration = (1..MOST_TRIES).map(|tries| pause(tries, 1.0)).sum();
        assert!((6..10).contains(&(all.as_secs() / 3_600)), "{all:?}");
    }

    #[test]
    fn what_is_looked_up() {
        let digest = format!("sha256:{}", "a".repeat(64));
        let told = |action: &str, target: &str| {
            let text =
                format!(r#"{{"events":[{{"action":"{action}","target":{{{target}"repository":"a/b"}}}}]}}"#);
            question(&Told::read(text.as_bytes()).unwrap())
                .map(|(operation, status)| (operation.method(), status))
        };
        let (by_digest, by_tag) = (format!("\"digest\":\"{digest}\","), "\"tag\":\"v1\",");
        assert_eq!(told("push", &by_digest), Some(("head", StatusCode::OK)));
        assert_eq!(told("delete", &by_digest), Some(("head", StatusCode::NOT_FOUND)));
        assert_eq!(told("delete", by_tag), Some(("head", StatusCode::NOT_FOUND)));
        assert_eq!(told("push", by_tag), None);
    }
}
