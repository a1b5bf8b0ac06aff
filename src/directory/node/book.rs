//! The list of nodes, and the heartbeat of this one.

use super::{Figures, NodeEvent, NodeKind, NodeRecord, gpu, measure::Measure, news::NodeNews};
use crate::{
    core::{RequestId, SharedClock, Timestamp, id::UserId},
    directory::NodeStatus,
    observe::metrics::catalogue::REGISTRY_NODES,
    store::{Db, NodeRow, StoreError, StoreResult},
};
use std::{
    sync::{Arc, Mutex, PoisonError, RwLock},
    time::Duration,
};
use tokio::sync::broadcast;
use tokio_util::sync::CancellationToken;

/// How often a replica says that it lives.
const BEAT: Duration = Duration::from_secs(5);
/// How many heartbeats there are to one look at the machine.
const BEATS_A_LOOK: u32 = 3;
/// A replica that was silent for so long has its work taken over.
const SILENT: Duration = Duration::from_secs(15);
/// Nodes that have been gone for so long are forgotten.
const FORGOTTEN: Duration = Duration::from_secs(24 * 3_600);
const PATIENCE: Duration = Duration::from_secs(3);

/// Who this replica is.
#[derive(Clone, Debug)]
pub struct OwnNode {
    /// Chosen here, and kept across restarts at the same address, when not given.
    pub id: Option<String>,
    pub url: String,
    pub region: Option<String>,
    pub availability_zone: Option<String>,
}

#[derive(Debug, thiserror::Error)]
pub enum NodeError {
    #[error("the node {0} belongs to somebody else")]
    NotYours(String),
    #[error("there is no node {0}")]
    Unknown(String),
    #[error("the database does not answer; try again shortly")]
    Store(#[from] StoreError),
}

/// Cheap to clone.
#[derive(Clone, Debug)]
pub struct NodeBook {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    db: Db,
    clock: SharedClock,
    id: String,
    own: OwnNode,
    created_at: Timestamp,
    measure: Mutex<Measure>,
    latest: RwLock<Figures>,
    /// Ids of the replicas that live, this one among them.
    live: RwLock<Arc<Vec<String>>>,
    news: NodeNews,
    /// Held during a look at the list, so that what is told is told in order.
    turn: tokio::sync::Mutex<()>,
}

impl NodeBook {
    /// Finds out who this replica is and says so.
    pub async fn open(db: Db, clock: SharedClock, own: OwnNode) -> StoreResult<Self> {
        let now = clock.now();
        let known = db.nodes().await?.into_iter().find(|row| row.url == own.url && row.owner_id.is_none());
        let made = || format!("node_{}", RequestId::new(now).as_uuid().simple());
        let created_at = known.as_ref().map_or(now, |row| row.created_at);
        let id = own.id.clone().or(known.map(|row| row.id)).unwrap_or_else(made);
        let live = RwLock::new(Arc::new(vec![id.clone()]));
        let (measure, latest) = (Mutex::default(), RwLock::default());
        let (news, turn) = (NodeNews::new(), tokio::sync::Mutex::default());
        let inner = Inner { db, clock, id, own, created_at, measure, latest, live, news, turn };
        let book = Self { inner: Arc::new(inner) };
        book.put_own().await?;
        book.look_around().await?;
        Ok(book)
    }

    pub fn own_id(&self) -> &str {
        &self.inner.id
    }

    /// Ids of the replicas that share the work.
    pub fn live(&self) -> Arc<Vec<String>> {
        self.inner.live.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// What happens to nodes from now on, as this replica learns of it.
    pub fn events(&self) -> broadcast::Receiver<Arc<NodeEvent>> {
        self.inner.news.subscribe()
    }

    pub async fn all(&self) -> StoreResult<Vec<NodeRow>> {
        self.inner.db.nodes().await
    }

    /// This replica, measured now.
    pub async fn own(&self) -> StoreResult<NodeRow> {
        self.measure().await;
        self.own_row()
    }

    /// Another machine registers itself, or says that it lives.
    pub async fn put(
        &self,
        owner: (UserId, &str),
        url: &str,
        id: Option<&str>,
        figures: Figures,
    ) -> Result<(NodeRow, bool), NodeError> {
        let (owner_id, email) = owner;
        let now = self.inner.clock.now();
        let known = self.inner.db.nodes().await?.into_iter().find(|row| row.url == url);
        if known.as_ref().is_some_and(|row| row.owner_id != Some(owner_id)) {
            return Err(NodeError::NotYours(url.to_owned()));
        }
        let record = NodeRecord {
            kind: NodeKind::Agent,
            owner_email: Some(email.to_owned()),
            figures: figures.trimmed(),
        };
        let made = || format!("node_{}", RequestId::new(now).as_uuid().simple());
        let row = NodeRow {
            id: id.map(str::to_owned).or(known.as_ref().map(|row| row.id.clone())).unwrap_or_else(made),
            url: url.to_owned(),
            owner_id: Some(owner_id),
            record: written(&record)?,
            created_at: known.as_ref().map_or(now, |row| row.created_at),
            updated_at: now,
            beat_at: now,
        };
        if self.inner.db.put_node(&row).await? {
            if known.is_none() {
                self.tell_at_once().await;
            }
            return Ok((row, known.is_none()));
        }
        Err(NodeError::NotYours(row.id))
    }

    /// `owner` is `None` for those who may remove any.
    pub async fn remove(&self, url: &str, owner: Option<UserId>) -> Result<NodeRow, NodeError> {
        let found = self.inner.db.nodes().await?.into_iter().find(|row| row.url == url);
        let found = found.ok_or_else(|| NodeError::Unknown(url.to_owned()))?;
        if owner.is_some() && found.owner_id != owner {
            return Err(NodeError::NotYours(url.to_owned()));
        }
        if self.inner.db.remove_node(url).await? {
            self.tell_at_once().await;
            Ok(found)
        } else {
            Err(NodeError::Unknown(url.to_owned()))
        }
    }

    /// Says again and again that this replica lives, and at the end that it goes.
    pub async fn keep_beating(self, stop: CancellationToken) {
        let mut beats = 0_u32;
        loop {
            if beats.is_multiple_of(BEATS_A_LOOK) {
                let _ = tokio::time::timeout(2 * PATIENCE, self.measure()).await;
            }
            beats = beats.wrapping_add(1);
            let worked = tokio::time::timeout(PATIENCE, async {
                self.put_own().await?;
                self.look_around().await
            });
            if let Ok(Err(error)) = worked.await {
                tracing::warn!(%error, "this node could not say that it lives");
            }
            if stop.run_until_cancelled(tokio::time::sleep(BEAT)).await.is_none() {
                break;
            }
        }
        // Others take over at once, instead of after a silence.
        let _ = tokio::time::timeout(PATIENCE, self.inner.db.remove_node(&self.inner.own.url)).await;
    }

    async fn measure(&self) {
        let book = self.clone();
        let measured = tokio::task::spawn_blocking(move || {
            book.inner.measure.lock().unwrap_or_else(PoisonError::into_inner).figures()
        });
        let (Ok(figures), gpus) = tokio::join!(measured, gpu::all(&self.inner.own.url)) else { return };
        let OwnNode { region, availability_zone, .. } = self.inner.own.clone();
        let figures = Figures { gpus, region, availability_zone, ..figures };
        *self.inner.latest.write().unwrap_or_else(PoisonError::into_inner) = figures;
    }

    fn own_row(&self) -> StoreResult<NodeRow> {
        let now = self.inner.clock.now();
        let figures = self.inner.latest.read().unwrap_or_else(PoisonError::into_inner).clone();
        let record = NodeRecord { kind: NodeKind::Gateway, owner_email: None, figures };
        Ok(NodeRow {
            id: self.inner.id.clone(),
            url: self.inner.own.url.clone(),
            owner_id: None,
            record: written(&record)?,
            created_at: self.inner.created_at,
            updated_at: now,
            beat_at: now,
        })
    }

    async fn put_own(&self) -> StoreResult<()> {
        if !self.inner.db.put_node(&self.own_row()?).await? {
            tracing::error!(
                id = self.inner.id,
                url = self.inner.own.url,
                "the id or the address of this node belongs to somebody's own node; choose another"
            );
        }
        Ok(())
    }

    /// What was just done here need not wait for the next look. When this one fails, it does.
    async fn tell_at_once(&self) {
        if let Err(error) = self.look_around().await {
            tracing::warn!(%error, "the nodes could not be looked at");
        }
    }

    async fn look_around(&self) -> StoreResult<()> {
        let _turn = self.inner.turn.lock().await;
        let now = self.inner.clock.now();
        let nodes = self.inner.db.nodes().await?;
        self.inner.news.look(&nodes, now);
        let is_live = |row: &&NodeRow| row.owner_id.is_none() && now.since(row.beat_at) <= SILENT;
        let mut live: Vec<_> = nodes.iter().filter(is_live).map(|row| row.id.clone()).collect();
        if !live.contains(&self.inner.id) {
            live.push(self.inner.id.clone());
        }
        live.sort();
        *self.inner.live.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(live);
        for status in NodeStatus::ALL {
            let count =
                nodes.iter().filter(|row| NodeStatus::by_age(now.since(row.beat_at)) == status).count();
            metrics::gauge!(REGISTRY_NODES, "status" => status.as_str()).set(count as f64);
        }
        if nodes.iter().any(|row| now.since(row.beat_at) > FORGOTTEN) {
            self.inner.db.sweep_nodes(now.saturating_sub(FORGOTTEN)).await?;
        }
        Ok(())
    }
}

fn written(record: &NodeRecord) -> StoreResult<String> {
    serde_json::to_string(record)
        .map_err(|error| StoreError::Unreadable { what: "a node".to_owned(), why: error.to_string() })
}
