//! The gateway as a whole: started, running, stopped.

use super::{
    BootError,
    changeable::{self, Handles},
    directory, factors, jobs, login, people, racks, registry,
    rooms::Common,
    services, tls, traces,
};
use crate::{
    api,
    audit::{Audit, LineSink, Writer, WriterOptions},
    config::Config,
    core::{
        Live, SharedClock,
        drain::{Drain, DrainHandle, Drained, drain},
        rate_limit::RateLimiter,
    },
    http::{Front, Instruments, Rooms, health::Health, ops::Ops},
    identity::{
        AccessCache, Entrance, TokenUsage,
        cookie::SessionCookie,
        session::{SessionLimits, SessionUsage, Sessions},
        settings::Settings as Changeable,
        step_up::StepUp,
    },
    listener::{Certificate, Listener, ListenerLimits},
    net::Lanes,
    notify::mail::Mailer,
    observe::metrics::{Metrics, catalogue},
    store::Db,
    web::Site,
};
use hyper::service::service_fn;
use std::{convert::Infallible, net::SocketAddr, path::PathBuf, sync::Arc, time::Duration};
use tokio::task::{JoinHandle, JoinSet};
use tokio_util::sync::CancellationToken;

/// What the gateway is made of besides its configuration.
pub struct Parts {
    pub db: Db,
    pub database_file: Option<PathBuf>,
    pub lines: LineSink,
    pub clock: SharedClock,
    pub metrics: Metrics,
    /// Where requests are served.
    pub lanes: Lanes,
}

/// A gateway that serves.
pub struct Gateway {
    address: SocketAddr,
    ops_address: SocketAddr,
    drain: DrainHandle,
    ops_drain: DrainHandle,
    drain_delay: Duration,
    drain_timeout: Duration,
    stop: CancellationToken,
    tasks: JoinSet<()>,
    writer: JoinHandle<()>,
    lines: LineSink,
    db: Db,
    first_link: Option<String>,
    handles: Option<Handles>,
    enrolments: Vec<login::Enrolment>,
}

/// How the stop went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stopped {
    pub drained: Drained,
    /// True when every audit record is in the table and every line on stdout.
    pub recorded: bool,
}

/// How long the last records may take to be written.
const LAST_RECORDS: Duration = Duration::from_secs(5);

/// How long each of the others may take to end: a connection to the database may lead nowhere, and would be
/// waited for until the system gives it up, a quarter of an hour later.
const LAST_WORDS: Duration = Duration::from_secs(3);

impl Gateway {
    /// Binds both listeners and serves until [`Gateway::stop`].
    pub async fn start(config: &Config, parts: Parts) -> Result<Self, BootError> {
        let Parts { db, database_file, lines, clock, metrics, lanes } = parts;
        people::add_named(&db, &config.access, &clock).await.map_err(BootError::Database)?;

        let stop = CancellationToken::new();
        let mut tasks = JoinSet::new();
        let upkeep = metrics.spawn_upkeep();
        lanes.runtimes().for_each(|runtime| metrics.watch(runtime.clone()));
        tasks.spawn(until_stopped(stop.clone(), upkeep));

        let session_limits =
            SessionLimits { web: config.identity.web_session, cli: config.identity.cli_session };
        let settings = configured(config, session_limits);
        let access =
            AccessCache::load(db.clone(), clock.clone(), settings).await.map_err(BootError::Database)?;
        tasks.spawn(access.clone().keep_young(stop.clone()));
        let (session_uses, usage_db) = (SessionUsage::begin(&access), db.clone());
        tasks.spawn(session_uses.keep_exchanging(access.clone(), usage_db, clock.clone(), stop.clone()));
        let sessions = Sessions::new(db.clone(), access.clone(), clock.clone(), session_limits);
        let usage = Arc::new(TokenUsage::default());
        tasks.spawn(usage.clone().keep_flushing(db.clone(), stop.clone()));

        for job in jobs::all(config, &db, &clock)? {
            tasks.spawn(job.keep_doing(stop.clone()));
        }

        let options =
            WriterOptions { queue: config.audit.queue_rows, intent_timeout: config.audit.intent_timeout };
        let (writer, writer_task) = Writer::start(db.clone(), options);
        let audit = Audit::new(writer, lines.clone(), clock.clone());
        let mailer = Mailer::configured(config, &db, &clock);
        let mfa = factors::factors(&config.identity, &db, &audit, &mailer).await?;
        let step_up = StepUp::new(Arc::new(mfa.clone()), sessions.clone());

        metrics::gauge!(catalogue::CONFIG_RELOAD_SUCCESSFUL).set(1.0);
        let tls = config.server.tls.as_ref();
        let certificate = tls.map(|tls| tls::certificate(tls, clock.now())).transpose()?;
        let (sharing, tls) = (config.server.reuse_port, certificate.as_ref().map(Certificate::server_config));
        let listener = bind(config.server.listen, sharing, tls, limits(config)).await?.on(lanes);
        let ops_limits = ListenerLimits { max_connections: 256, ..limits(config) };
        let ops_listener = bind(config.server.ops_listen, sharing, None, ops_limits).await?;
        let (address, ops_address) = (local(&listener)?, local(&ops_listener)?);
        let own = [address, ops_address];
        let opened = directory::open(config, &db, &clock, own, &mut tasks, &stop).await?;
        let directory::Opened { registrar, nodes, guard } = opened;
        let reach = services::Reach { directory: registrar.directory().clone(), guard };
        let racks = Arc::new(racks::racks(config, &reach)?);
        let registry = registry::registry(config, &access, &db, &clock, &reach).await?;
        let backend = registry.as_ref().map(|registry| registry.backend.clone());
        for job in jobs::couriers(config, &db, &clock, backend.as_ref())? {
            tasks.spawn(job.keep_doing(stop.clone()));
        }
        let foreign_metrics = registry.as_ref().and_then(registry::Registry::foreign_metrics);
        if let Some(registry) = registry {
            tasks.spawn(registry.keep_clean(stop.clone()));
        }

        let (drain_handle, drain_seen) = drain();
        let health = Health {
            audit: audit.clone(),
            access: access.clone(),
            directory: registrar.directory().clone(),
            clock: clock.clone(),
            drain: drain_seen.clone(),
            registry: backend.clone(),
            database_file,
        };
        let cookie = SessionCookie::new(config.identity.cookie_secure);
        let entrance = Entrance { access, usage, tokens: metrics.tokens(), cookie, clock: clock.clone() };
        let rack_names = Live::new(racks::names(config));
        let login = login::login(config, &db, &clock)?;
        let first_link = login::first_link(&login, &db, &clock).await?;
        let enrolments = login::enrolments(config, &login, &db, &clock).await?;
        let api = api::router(api::Context {
            login,
            db: db.clone(),
            audit: audit.clone(),
            entrance: entrance.clone(),
            sessions,
            step_up: step_up.clone(),
            mailer,
            mfa,
            clock: clock.clone(),
            public_url: config.identity.public_url.clone(),
            logins: api::LoginLimits::new(config.limits.login_rate_limit_per_minute),
            max_body: config.limits.max_api_body_bytes,
            sentry: api::SentryJs::of(&config.sentry),
            racks: rack_names.clone(),
            registrar,
            nodes,
            drain: drain_seen.clone(),
        });
        let handles = Handles {
            racks: racks.clone(),
            rack_names,
            reach: reach.clone(),
            pipeline: Live::new(changeable::pipeline(config)),
            front: Live::new(changeable::front(config)),
            limiter: Arc::new(RateLimiter::new(config.limits.rate_limit_per_minute)),
            certificate: certificate.clone(),
            audit: audit.clone(),
            clock: clock.clone(),
        };
        let common = Common { audit, entrance, step_up, clock: clock.clone(), drain: drain_seen.clone() };
        let rooms = Rooms {
            racks: common.racks(racks, handles.pipeline.clone()),
            registry: backend.map(|backend| common.registry(config, backend, db.clone())),
            artifact: common.artifact(config, &reach)?,
            services: common.services(config, services::services(config, &reach)?),
            api,
            site: Site::embedded().reporting_to(config.sentry.js.origin().as_deref()),
        };
        let instruments =
            Instruments { metrics: metrics.http(), tracing: traces::start(config, &mut tasks, &stop)? };
        let (limiter, settings) = (handles.limiter.clone(), handles.front.clone());
        let front = Front::new(rooms, health.clone(), instruments, limiter, settings);
        let ops = Ops { metrics, health, db: db.clone(), clock, certificate, foreign_metrics };

        let (ops_drain, ops_drain_seen) = drain();
        tasks.spawn(serve_front(listener, front, drain_seen));
        tasks.spawn(serve_ops(ops_listener, ops, ops_drain_seen));

        Ok(Self {
            address,
            ops_address,
            drain: drain_handle,
            ops_drain,
            drain_delay: before_the_close(config),
            drain_timeout: config.server.drain_timeout,
            stop,
            tasks,
            writer: writer_task,
            lines,
            db,
            first_link,
            handles: Some(handles),
            enrolments,
        })
    }

    /// The way in for the first administrator, while there is none.
    pub fn first_link(&self) -> Option<&str> {
        self.first_link.as_deref()
    }

    /// What may be changed while it serves, once. They hold the audit log open: let go of them before the stop.
    pub const fn take_handles(&mut self) -> Option<Handles> {
        self.handles.take()
    }

    /// The ways in for administrators whom the configuration names, and who have no other.
    pub fn enrolments(&self) -> &[login::Enrolment] {
        &self.enrolments
    }

    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    pub const fn ops_address(&self) -> SocketAddr {
        self.ops_address
    }

    /// Not ready any more → take in what still comes → finish what runs, cut it at the deadline → write the last
    /// records.
    pub async fn stop(self) -> Stopped {
        let Self {
            drain,
            ops_drain,
            drain_delay,
            drain_timeout,
            stop,
            mut tasks,
            writer,
            lines,
            db,
            handles,
            ..
        } = self;
        drop(handles);
        drain.leave();
        tokio::time::sleep(drain_delay).await;
        let drained = drain.wait(drain_timeout).await;
        let _ = ops_drain.wait(Duration::from_secs(1)).await;
        stop.cancel();
        let ended = async { while tasks.join_next().await.is_some() {} };
        if tokio::time::timeout(LAST_WORDS, ended).await.is_err() {
            tasks.shutdown().await;
        }
        // The last handles of the audit log went with the tasks, so the writer ends when all is written.
        let written = matches!(tokio::time::timeout(LAST_RECORDS, writer).await, Ok(Ok(())));
        let flushed = tokio::task::spawn_blocking(move || lines.flush(LAST_RECORDS)).await.unwrap_or(false);
        let _ = tokio::time::timeout(LAST_WORDS, db.close()).await;
        Stopped { drained, recorded: written && flushed }
    }
}

async fn until_stopped(stop: CancellationToken, upkeep: JoinHandle<()>) {
    stop.cancelled().await;
    upkeep.abort();
}

/// What the settings are until the database says otherwise.
fn configured(config: &Config, sessions: SessionLimits) -> Changeable {
    let step_up_window = config.identity.step_up_window;
    let registry_read_only = config.registry.is_read_only;
    let idle = sessions.idle();
    Changeable { step_up_window, idle, registry_read_only, ..Changeable::default() }
        .configured(&config.settings)
}

/// Where no other process shares the port, a gateway that goes away takes requests in for a while, because balancers
/// still send them here.
const fn before_the_close(config: &Config) -> Duration {
    if config.server.reuse_port { Duration::ZERO } else { config.server.drain_delay }
}

/// Where another process has taken the port over, nothing new need come here; the while is for connections that are open.
const fn after_the_close(config: &Config) -> Duration {
    if config.server.reuse_port { config.server.drain_delay } else { Duration::ZERO }
}

fn limits(config: &Config) -> ListenerLimits {
    let (limits, default) = (&config.limits, ListenerLimits::default());
    ListenerLimits {
        max_connections: limits.max_connections,
        header_timeout: limits.header_timeout,
        keepalive_timeout: limits.keepalive_timeout,
        body_idle_timeout: limits.body_idle_timeout,
        max_header_bytes: limits.max_header_bytes,
        last_requests: default.last_requests.max(after_the_close(config)),
        ..default
    }
}

async fn bind(
    address: SocketAddr,
    shared: bool,
    tls: Option<Arc<rustls::ServerConfig>>,
    limits: ListenerLimits,
) -> Result<Listener, BootError> {
    let bound = match shared {
        true => Listener::bind_shared(address, tls, limits),
        false => Listener::bind(address, tls, limits).await,
    };
    bound.map_err(|source| BootError::Listen { address, source })
}

fn local(listener: &Listener) -> Result<SocketAddr, BootError> {
    let unknown = SocketAddr::from(([0, 0, 0, 0], 0));
    listener.local_addr().map_err(|source| BootError::Listen { address: unknown, source })
}

async fn serve_front(listener: Listener, front: Front, drain: Drain) {
    let front = Arc::new(front);
    let service = service_fn(move |request| {
        let front = front.clone();
        async move { Ok::<_, Infallible>(front.serve(request).await) }
    });
    listener.serve(service, drain).await;
}

async fn serve_ops(listener: Listener, ops: Ops, drain: Drain) {
    let ops = Arc::new(ops);
    let service = service_fn(move |request| {
        let ops = ops.clone();
        async move { Ok::<_, Infallible>(ops.answer(&request)) }
    });
    listener.serve(service, drain).await;
}
