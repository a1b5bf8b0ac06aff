//! One running copy of a service, as it is registered.

use super::{Address, Check, Status};
use crate::core::{Timestamp, id::UserId};
use serde::{Deserialize, Serialize};
use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};

/// `inst_` or `inst-` and up to 64 letters, digits, dashes and underscores; chosen by the client or made here.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct InstanceId(Arc<str>);

impl InstanceId {
    /// A fresh one; later ones sort later.
    pub fn new(now: Timestamp) -> Self {
        let id = crate::core::RequestId::new(now);
        Self(format!("inst_{}", id.as_uuid().simple()).into())
    }

    pub fn parse(text: &str) -> Option<Self> {
        let rest = text.strip_prefix("inst_").or_else(|| text.strip_prefix("inst-"))?;
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-');
        ((1..=64).contains(&rest.len()) && rest.bytes().all(plain)).then(|| Self(text.into()))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for InstanceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The instance that a call reached, as records name it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reached {
    pub id: InstanceId,
    pub address: Address,
}

/// Whose it is. Tokens act for their user, so a new token of the same user may go on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Owner {
    pub user: UserId,
    /// The address at the time of registration, to be shown.
    pub email: String,
}

/// The canonical record. It does not change: a new record takes its place, with a higher revision. Only its signs of
/// life move on.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Instance {
    pub id: InstanceId,
    pub slug: String,
    pub address: Address,
    /// Its share of the calls, against others of the same slug; 0 takes none while others do.
    pub weight: u16,
    pub tags: Vec<String>,
    pub status: Status,
    /// Why the status is what it is, in the words of the instance or of its check.
    pub details: String,
    /// What the instance says of itself; `None` when it says nothing.
    #[serde(default)]
    pub(super) reported: Option<Status>,
    /// What the last checks found; `None` before the first, and when nobody checks.
    #[serde(default)]
    pub(super) checked: Option<Status>,
    /// Its heartbeats stayed away longer than its lease.
    #[serde(default)]
    pub(super) lease_missed: bool,
    /// Since when the status has been what it is.
    pub status_since: Timestamp,
    /// Why no new calls should go to it; `None` when they should.
    pub draining: Option<String>,
    pub owner: Owner,
    pub node_url: Option<String>,
    pub deployment_id: Option<String>,
    /// How long one heartbeat is good for; `None` when none are needed.
    pub ttl: Option<Duration>,
    /// How long it may fail before it is removed; `None` for ever.
    pub deregister_after: Option<Duration>,
    pub check: Check,
    pub registered_at: Timestamp,
    pub updated_at: Timestamp,
    /// The event that made this record. It is a column of its own in the database.
    #[serde(skip)]
    pub revision: u64,
    #[serde(skip)]
    pub(super) beat: Arc<Beat>,
}

impl Instance {
    /// One with the usual settings that nobody has looked at yet.
    pub fn new(id: InstanceId, slug: &str, address: Address, owner: Owner, now: Timestamp) -> Self {
        Self {
            id,
            slug: slug.to_owned(),
            address,
            weight: 100,
            tags: Vec::new(),
            status: Status::Unknown,
            details: String::new(),
            reported: None,
            checked: None,
            lease_missed: false,
            status_since: now,
            draining: None,
            owner,
            node_url: None,
            deployment_id: None,
            ttl: None,
            deregister_after: Some(Duration::from_secs(600)),
            check: Check::default(),
            registered_at: now,
            updated_at: now,
            revision: 0,
            beat: Arc::default(),
        }
    }

    /// Whether new calls may go to it. When all of a service fail at once, [`super::Service::preserved`] says that
    /// its status is not to be believed.
    pub fn takes_calls(&self) -> bool {
        self.draining.is_none() && self.status.takes_calls()
    }

    /// When the lease runs out unless a heartbeat comes before; `None` without a lease.
    pub fn lease_end(&self) -> Option<Timestamp> {
        let renewed = self.beat.renewed().unwrap_or(self.updated_at);
        self.ttl.map(|ttl| renewed.saturating_add(ttl))
    }

    /// The last heartbeat or successful check, whichever came later.
    pub fn last_sign_of_life(&self) -> Option<Timestamp> {
        self.beat.seen()
    }
}

/// Signs of life. They come far more often than records change, so they are moved on in place.
#[derive(Debug, Default)]
pub(super) struct Beat {
    renewed: AtomicI64,
    seen: AtomicI64,
}

impl Beat {
    /// The instance's own heartbeat.
    pub fn renew(&self, at: Timestamp) {
        self.renewed.fetch_max(at.as_micros(), Ordering::Relaxed);
        self.see(at);
    }

    /// Somebody found it alive.
    pub fn see(&self, at: Timestamp) {
        self.seen.fetch_max(at.as_micros(), Ordering::Relaxed);
    }

    pub fn renewed(&self) -> Option<Timestamp> {
        moment(&self.renewed)
    }

    pub fn seen(&self) -> Option<Timestamp> {
        moment(&self.seen)
    }
}

fn moment(micros: &AtomicI64) -> Option<Timestamp> {
    match micros.load(Ordering::Relaxed) {
        0 => None,
        micros => Some(Timestamp::from_micros(micros)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn instance() -> Instance {
        let now = Timestamp::from_micros(1_000_000);
        let owner = Owner { user: UserId::new(now), email: "ada@example.com".to_owned() };
        let address = Address::from_url("http://web:8080").unwrap();
        Instance::new(InstanceId::new(now), "web", address, owner, now)
    }

    #[test]
    fn ids_have_a_shape() {
        let longest = format!("inst_{}", "a".repeat(64));
        for text in ["inst_12345", "inst-abc_DEF-9", "inst_myservice_001", &longest] {
            assert_eq!(InstanceId::parse(text).unwrap().as_str(), text);
        }
        for text in
            ["", "inst_", "instance_1", "inst_a/b", "inst_é", "inst_a b", "Inst_a", &(longest.clone() + "a")]
        {
            assert_eq!(InstanceId::parse(text), None, "{text}");
        }
        let made = InstanceId::new(Timestamp::from_micros(5));
        assert_eq!(InstanceId::parse(made.as_str()), Some(made));
    }

    #[test]
    fn a_draining_or_failing_instance_takes_no_calls() {
        let mut one = instance();
        assert!(one.takes_calls(), "nobody has looked, and nothing speaks against it");
        one.status = Status::Unreachable;
        assert!(!one.takes_calls());
        (one.status, one.draining) = (Status::Healthy, Some("upgrade".to_owned()));
        assert!(!one.takes_calls());
    }

    #[test]
    fn a_record_reads_back() {
        let mut one = instance();
        one.ttl = Some(Duration::from_millis(5_500));
        one.draining = Some("why".to_owned());
        let text = serde_json::to_string(&one).unwrap();
        let back: Instance = serde_json::from_str(&text).unwrap();
        assert_eq!(serde_json::to_string(&back).unwrap(), text);
        assert_eq!((back.ttl, back.address), (one.ttl, one.address));
    }

    #[test]
    fn signs_of_life_only_move_forward() {
        let one = instance();
        assert_eq!(one.last_sign_of_life(), None);
        one.beat.renew(Timestamp::from_micros(50));
        one.beat.see(Timestamp::from_micros(90));
        one.beat.renew(Timestamp::from_micros(40));
        assert_eq!(one.beat.renewed(), Some(Timestamp::from_micros(50)));
        assert_eq!(one.last_sign_of_life(), Some(Timestamp::from_micros(90)));
    }
}
