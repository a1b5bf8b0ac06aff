//! What happens to nodes, for those who watch here. It is told as this replica finds it when it looks at the list of nodes,
//! and not kept: who was away lists the nodes anew.

use super::NodeRecord;
use crate::{
    core::Timestamp,
    directory::NodeStatus,
    store::{EventKind, NodeRow},
};
use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
};
use tokio::sync::broadcast;

/// Who lags behind by more is cut off.
const KEPT: usize = 256;

/// What happened to one node.
#[derive(Clone, Debug)]
pub struct NodeEvent {
    pub kind: EventKind,
    pub at: Timestamp,
    /// As it was afterwards; as it was last, when it is gone.
    pub node: NodeRow,
}

#[derive(Debug)]
pub(super) struct NodeNews {
    /// By URL; `None` before the first look, of which nothing is told.
    known: Mutex<Option<BTreeMap<String, Known>>>,
    events: broadcast::Sender<Arc<NodeEvent>>,
}

#[derive(Clone, Debug)]
struct Known {
    row: NodeRow,
    status: NodeStatus,
    essence: Essence,
}

/// What a node is, other than how it does.
#[derive(Clone, Debug, PartialEq)]
struct Essence {
    id: String,
    owner: Option<String>,
    hostname: Option<String>,
    version: Option<String>,
    place: (Option<String>, Option<String>),
}

impl NodeNews {
    pub fn new() -> Self {
        Self { known: Mutex::default(), events: broadcast::Sender::new(KEPT) }
    }

    pub fn subscribe(&self) -> broadcast::Receiver<Arc<NodeEvent>> {
        self.events.subscribe()
    }

    /// Tells what has changed since the last look.
    pub fn look(&self, rows: &[NodeRow], now: Timestamp) {
        let after: BTreeMap<_, _> =
            rows.iter().map(|row| (row.url.clone(), Known::of(row.clone(), now))).collect();
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(before) = known.as_ref() {
            for (kind, one) in differences(before, &after) {
                // Nobody may be listening.
                let _ = self.events.send(Arc::new(NodeEvent { kind, at: now, node: one.row.clone() }));
            }
        }
        *known = Some(after);
    }
}

impl Known {
    fn of(row: NodeRow, now: Timestamp) -> Self {
        let record: NodeRecord = serde_json::from_str(&row.record).unwrap_or_default();
        let figures = record.figures;
        let essence = Essence {
            id: row.id.clone(),
            owner: record.owner_email,
            hostname: figures.hostname,
            version: figures.version,
            place: (figures.region, figures.availability_zone),
        };
        Self { status: NodeStatus::by_age(now.since(row.beat_at)), row, essence }
    }
}

fn differences<'a>(
    before: &'a BTreeMap<String, Known>,
    after: &'a BTreeMap<String, Known>,
) -> Vec<(EventKind, &'a Known)> {
    let gone = before.iter().filter(|(url, _)| !after.contains_key(*url));
    let gone = gone.map(|(_, one)| (EventKind::Removed, one));
    let news = after.iter().filter_map(|(url, one)| match before.get(url) {
        None => Some((EventKind::Registered, one)),
        Some(was) if was.essence != one.essence => Some((EventKind::Updated, one)),
        Some(was) if was.status != one.status => Some((EventKind::Status, one)),
        Some(_) => None,
    });
    gone.chain(news).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    const NOW: Timestamp = Timestamp::from_micros(1_700_000_000_000_000);

    fn node(url: &str, hostname: &str, load: u32, silent: u64) -> NodeRow {
        NodeRow {
            id: "node_1".to_owned(),
            url: url.to_owned(),
            owner_id: None,
            record: format!(r#"{{"hostname":"{hostname}","uptime":{load}}}"#),
            created_at: NOW,
            updated_at: NOW,
            beat_at: NOW.saturating_sub(Duration::from_secs(silent)),
        }
    }

    #[test]
    fn each_look_tells_what_is_new() {
        let news = NodeNews::new();
        let mut told = news.subscribe();
        let mut look = |rows: &[NodeRow]| {
            news.look(rows, NOW);
            std::iter::from_fn(|| told.try_recv().ok())
                .map(|event| (event.kind.as_str(), event.node.url.clone()))
                .collect::<Vec<_>>()
        };
        let event = |kind, url: &str| (kind, url.to_owned());
        assert_eq!(look(&[node("a", "x", 1, 0)]), [], "what there was before is no news");
        assert_eq!(look(&[node("a", "x", 2, 5)]), [], "how a node does is none either");
        assert_eq!(look(&[node("a", "x", 2, 5), node("b", "y", 1, 0)]), [event("registered", "b")]);
        assert_eq!(look(&[node("a", "x", 2, 40), node("b", "y", 1, 0)]), [event("status", "a")]);
        assert_eq!(look(&[node("a", "z", 2, 0), node("b", "y", 1, 0)]), [event("updated", "a")]);
        assert_eq!(look(&[node("b", "y", 1, 0)]), [event("removed", "a")]);
        assert_eq!(look(&[]), [event("removed", "b")]);
    }
}
