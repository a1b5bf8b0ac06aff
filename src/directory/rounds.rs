//! The rounds that a replica makes: it looks at the instances that are its to look at, ends leases, and removes what
//! has failed for too long. What it finds is written in batches; what cannot be written is found again.

use super::{
    Instance, InstanceId, Keeper,
    health::{Finding, Tally},
    node::NodeBook,
    probe::Prober,
    registrar::write_of,
    share::is_ours,
};
use crate::{
    core::Timestamp,
    observe::metrics::catalogue::{
        REGISTRY_CHECK_DURATION, REGISTRY_EXPIRED, REGISTRY_INSTANCES, REGISTRY_LEASE_EXPIRATIONS,
        REGISTRY_SELF_PRESERVATION, REGISTRY_SNAPSHOT_AGE,
    },
    store::{EventKind, InstanceWrite, StoreResult, Written},
};
use rand::RngExt as _;
use std::{
    cmp::Reverse,
    collections::{BinaryHeap, HashMap, HashSet},
    sync::Arc,
    time::Duration,
};
use tokio::{
    sync::{Semaphore, mpsc},
    time::Instant,
};
use tokio_util::sync::CancellationToken;

/// How often leases and removals are looked at, and signs of life exchanged.
const ROUND: Duration = Duration::from_secs(1);
/// How often it is looked who is due for a check, and findings are written.
const STEP: Duration = Duration::from_millis(50);
/// Checks under way at the same time.
const AT_ONCE: usize = 128;
/// How long one exchange with the database may take.
const PATIENCE: Duration = Duration::from_secs(5);
/// Changes of one commit.
const BATCH: usize = 500;
/// Heartbeats that arrive at another replica are known here so much later.
const LAG: Duration = Duration::from_secs(2);
/// Services that have a metric of their own.
const NAMED: usize = 1_000;

#[derive(Debug)]
pub struct Rounds {
    keeper: Keeper,
    prober: Prober,
    nodes: NodeBook,
    fresh: mpsc::UnboundedReceiver<InstanceId>,
    /// What is looked at, with its checks so far.
    jobs: HashMap<InstanceId, Job>,
    due: BinaryHeap<Reverse<(Instant, InstanceId, u64)>>,
    limit: Arc<Semaphore>,
    findings: (mpsc::UnboundedSender<Found>, mpsc::UnboundedReceiver<Found>),
    /// Before this nobody could be heard, so nothing is counted from before it.
    grace: Timestamp,
    /// When services stopped being preserved.
    released: HashMap<String, Timestamp>,
    preserved: HashSet<String>,
    /// For which snapshot and which replicas `jobs` was made.
    seen: (u64, Arc<Vec<String>>),
    shown: HashSet<(String, &'static str)>,
    /// The last number of an entry of the queue. None is given twice: a finding for a job that was put down must not
    /// count for the one that came after it.
    turns: u64,
}

#[derive(Debug, Default)]
struct Job {
    tally: Tally,
    /// Only the entry of the queue with this number counts.
    turn: u64,
    /// The revision of a record that nobody had looked at when this was arranged.
    unseen: Option<u64>,
}

#[derive(Debug)]
struct Found {
    id: InstanceId,
    turn: u64,
    finding: Finding,
}

impl Rounds {
    pub fn new(
        keeper: Keeper,
        prober: Prober,
        nodes: NodeBook,
        fresh: mpsc::UnboundedReceiver<InstanceId>,
    ) -> Self {
        let grace = keeper.clock().now();
        Self {
            keeper,
            prober,
            nodes,
            fresh,
            jobs: HashMap::new(),
            due: BinaryHeap::new(),
            limit: Arc::new(Semaphore::new(AT_ONCE)),
            findings: mpsc::unbounded_channel(),
            grace,
            released: HashMap::new(),
            preserved: HashSet::new(),
            seen: (u64::MAX, Arc::default()),
            shown: HashSet::new(),
            turns: 0,
        }
    }

    /// Goes round until `stop`.
    pub async fn keep_going(mut self, stop: CancellationToken) {
        let mut rounds = tokio::time::interval(ROUND);
        rounds.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let mut steps = tokio::time::interval(STEP);
        steps.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                () = stop.cancelled() => break,
                _ = rounds.tick() => self.round().await,
                _ = steps.tick() => self.step().await,
                Some(id) = self.fresh.recv() => self.look_soon(&id),
            }
        }
        let _ = tokio::time::timeout(PATIENCE, self.keeper.flush_beats()).await;
    }

    async fn round(&mut self) {
        let now = self.keeper.clock().now();
        let exchanged = tokio::time::timeout(PATIENCE, self.exchange(now)).await;
        if !matches!(exchanged, Ok(Ok(()))) || self.keeper.directory().snapshot().is_stale(now) {
            // Those who could not be heard get their full time once they can be.
            self.grace = now;
        }
        self.review_preservation(now);
        self.share_out();
        self.write(self.overdue(now)).await;
        self.show(now);
    }

    /// Signs of life go out, and those of others come in.
    async fn exchange(&self, now: Timestamp) -> StoreResult<()> {
        self.keeper.flush_beats().await?;
        if self.nodes.live().len() > 1 {
            self.keeper.read_beats(now.saturating_sub(3 * LAG)).await?;
        }
        Ok(())
    }

    fn review_preservation(&mut self, now: Timestamp) {
        let preserved = self.keeper.review_preservation(now);
        for slug in self.preserved.difference(&preserved) {
            tracing::info!(slug, "a service is no longer preserved: its failures stand");
            self.released.insert(slug.clone(), now);
        }
        for slug in preserved.difference(&self.preserved) {
            tracing::warn!(
                slug,
                "most of a service failed at once; it keeps taking calls and nothing is removed"
            );
        }
        self.preserved = preserved;
    }

    /// Takes up what is this replica's to look at, and puts down what is not any more.
    fn share_out(&mut self) {
        let (snapshot, live) = (self.keeper.directory().snapshot(), self.nodes.live());
        if self.seen.0 == snapshot.index && self.seen.1 == live {
            return;
        }
        let own = self.nodes.own_id();
        let ours = |one: &&Arc<Instance>| one.check.kind.is_active() && is_ours(own, &live, one.id.as_str());
        let ours: HashMap<&InstanceId, &Arc<Instance>> =
            snapshot.instances().filter(ours).map(|one| (&one.id, one)).collect();
        self.jobs.retain(|id, _| ours.contains_key(id));
        for (id, instance) in ours {
            // Who registered anew elsewhere is looked at anew.
            let unseen = instance.checked.is_none().then_some(instance.revision);
            let is_known = self.jobs.get(id).is_some_and(|job| unseen.is_none() || job.unseen == unseen);
            if !is_known {
                self.jobs.entry(id.clone()).or_default().unseen = unseen;
                self.enqueue(id, first_pause(instance));
            }
        }
        self.seen = (snapshot.index, live);
    }

    fn enqueue(&mut self, id: &InstanceId, pause: Duration) {
        let Some(job) = self.jobs.get_mut(id) else { return };
        self.turns += 1;
        job.turn = self.turns;
        self.due.push(Reverse((Instant::now() + pause, id.clone(), job.turn)));
    }

    /// At once, for somebody who has just registered or came back; when this replica is the one who looks.
    fn look_soon(&mut self, id: &InstanceId) {
        let (snapshot, live) = (self.keeper.directory().snapshot(), self.nodes.live());
        let Some(instance) = snapshot.instance(id) else { return };
        if instance.check.kind.is_active() && is_ours(self.nodes.own_id(), &live, id.as_str()) {
            let job = self.jobs.entry(id.clone()).or_default();
            job.unseen = Some(instance.revision);
            self.enqueue(id, Duration::ZERO);
            self.begin_due();
        }
    }

    async fn step(&mut self) {
        self.begin_due();
        let mut writes = Vec::new();
        let now = self.keeper.clock().now();
        while let Ok(found) = self.findings.1.try_recv() {
            writes.extend(self.weigh(&found, now));
        }
        self.write(writes).await;
    }

    fn begin_due(&mut self) {
        let (now, snapshot) = (Instant::now(), self.keeper.directory().snapshot());
        while self.due.peek().is_some_and(|Reverse((at, ..))| *at <= now) {
            let Some(Reverse((_, id, turn))) = self.due.pop() else { return };
            let is_wanted = self.jobs.get(&id).is_some_and(|job| job.turn == turn);
            if !is_wanted {
                continue;
            }
            let Some(instance) = snapshot.instance(&id).cloned() else {
                self.jobs.remove(&id);
                continue;
            };
            let (prober, limit, findings) =
                (self.prober.clone(), self.limit.clone(), self.findings.0.clone());
            tokio::spawn(async move {
                let Ok(_permit) = limit.acquire().await else { return };
                let finding = look(&prober, &instance).await;
                let _ = findings.send(Found { id, turn, finding });
            });
        }
    }

    /// What a finding changes. The next look is arranged with it.
    fn weigh(&mut self, found: &Found, now: Timestamp) -> Option<(Arc<Instance>, Instance, EventKind)> {
        let instance = self.keeper.directory().snapshot().instance(&found.id)?.clone();
        let job = self.jobs.get_mut(&found.id).filter(|job| job.turn == found.turn)?;
        let after = instance.probed(&mut job.tally, &found.finding, now);
        if matches!(found.finding, Finding::Passing | Finding::Warning(_)) {
            self.keeper.see(&instance, now);
        }
        self.enqueue(&found.id, jittered(instance.check.interval));
        after.map(|after| (instance, after, EventKind::Status))
    }

    /// Leases that ran out, and instances to be removed, among those that are this replica's.
    fn overdue(&self, now: Timestamp) -> Vec<(Arc<Instance>, Instance, EventKind)> {
        let (snapshot, live) = (self.keeper.directory().snapshot(), self.nodes.live());
        let lag = if live.len() > 1 { LAG } else { Duration::ZERO };
        let judge = |one: &Arc<Instance>| {
            let missed = one.overdue(self.grace, now.saturating_sub(lag));
            let verdict = match missed {
                Some(after) => Some((one.clone(), after, EventKind::Status)),
                None if self.is_given_up(one, now) => {
                    Some((one.clone(), Instance::clone(one), EventKind::Expired))
                }
                None => None,
            };
            verdict.filter(|_| is_ours(self.nodes.own_id(), &live, one.id.as_str()))
        };
        snapshot.instances().filter_map(judge).collect()
    }

    fn is_given_up(&self, one: &Instance, now: Timestamp) -> bool {
        if one.status.takes_calls() {
            return false;
        }
        let released = self.released.get(&one.slug).copied().unwrap_or_default();
        !self.preserved.contains(&one.slug) && one.is_given_up(self.grace.max(released), now)
    }

    async fn write(&self, changes: Vec<(Arc<Instance>, Instance, EventKind)>) {
        for batch in changes.chunks(BATCH) {
            match tokio::time::timeout(PATIENCE, self.write_batch(batch)).await {
                Ok(Ok(())) => {}
                Ok(Err(error)) => {
                    tracing::warn!(%error, "findings about instances could not be written; they are found again");
                    return;
                }
                Err(_) => return,
            }
        }
    }

    async fn write_batch(&self, batch: &[(Arc<Instance>, Instance, EventKind)]) -> StoreResult<()> {
        let at = self.keeper.clock().now();
        let write = |(before, after, kind): &(Arc<Instance>, Instance, EventKind)| {
            write_of(after, *kind, Some(before), at)
        };
        let writes: Vec<InstanceWrite> = batch.iter().map(write).collect::<Result<_, _>>()?;
        let written = self.keeper.db().write_findings(&writes).await?;
        for ((before, after, kind), written) in batch.iter().zip(written) {
            if matches!(written, Written::At(_)) {
                count(before, after, *kind);
            }
        }
        self.keeper.catch_up().await
    }

    fn show(&mut self, now: Timestamp) {
        let snapshot = self.keeper.directory().snapshot();
        metrics::gauge!(REGISTRY_SNAPSHOT_AGE).set(now.since(snapshot.taken_at).as_secs_f64());
        metrics::gauge!(REGISTRY_SELF_PRESERVATION).set(self.preserved.len() as f64);
        let mut counts: HashMap<(String, &'static str), usize> = HashMap::new();
        let mut services: Vec<_> = snapshot.services().collect();
        services.sort_by(|a, b| a.slug.cmp(&b.slug));
        for (index, service) in services.into_iter().enumerate() {
            let slug = if index < NAMED { service.slug.as_str() } else { "other" };
            for instance in &service.instances {
                *counts.entry((slug.to_owned(), instance.status.as_str())).or_default() += 1;
            }
        }
        for (slug, status) in self.shown.drain().filter(|key| !counts.contains_key(key)) {
            metrics::gauge!(REGISTRY_INSTANCES, "slug" => slug, "status" => status).set(0.0);
        }
        for ((slug, status), count) in counts {
            metrics::gauge!(REGISTRY_INSTANCES, "slug" => slug.clone(), "status" => status).set(count as f64);
            self.shown.insert((slug, status));
        }
    }
}

async fn look(prober: &Prober, instance: &Instance) -> Finding {
    let began = Instant::now();
    let finding = prober.look(&instance.slug, &instance.address, &instance.check).await;
    let outcome = match finding {
        Finding::Passing => "passing",
        Finding::Warning(_) => "warning",
        Finding::Wrong(_) => "wrong",
        Finding::Away(_) => "away",
    };
    let kind = instance.check.kind.as_str();
    metrics::histogram!(REGISTRY_CHECK_DURATION, "type" => kind, "outcome" => outcome)
        .record(began.elapsed().as_secs_f64());
    finding
}

fn count(before: &Instance, after: &Instance, kind: EventKind) {
    if after.lease_missed && !before.lease_missed {
        metrics::counter!(REGISTRY_LEASE_EXPIRATIONS).increment(1);
    }
    if kind == EventKind::Expired {
        metrics::counter!(REGISTRY_EXPIRED).increment(1);
    }
    if before.status != after.status {
        let (id, slug) = (before.id.as_str(), before.slug.as_str());
        tracing::info!(id, slug, from = %before.status, to = %after.status, why = after.details, "an instance changed");
    }
}

/// Somebody whom nobody has looked at is looked at now; the others when their turn would come somewhere in the
/// interval, so that a replica that takes over does not look at all of them at once.
fn first_pause(instance: &Instance) -> Duration {
    if instance.checked.is_none() {
        return Duration::ZERO;
    }
    instance.check.interval.mul_f64(rand::rng().random_range(0.0..1.0))
}

fn jittered(interval: Duration) -> Duration {
    interval.mul_f64(rand::rng().random_range(0.9..1.1))
}
