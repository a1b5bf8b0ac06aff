//! `rack-gateway demo`: the whole thing on a laptop, with a rack that lives in this process.

use super::{
    BootError,
    database::{self, Opened},
    demo_service, demo_visitor,
    gateway::{Gateway, Parts},
    people,
    recorded::Recorder,
    serve,
};
use crate::{
    audit::LineSink,
    config::{Config, Env, MapEnv},
    core::{Secret, SharedClock, id::TokenId},
    demo::rack::{DemoRack, DemoRackOptions},
    identity::{
        change::{
            Actor, Refused,
            grants::NewGrant,
            tokens::{self, NewToken},
        },
        settings::Settings,
        token::{self, TokenHash},
    },
    net::Lanes,
    observe::{log::write_stderr, metrics::Metrics},
    policy::{CallLimits, TargetPattern},
    store::Db,
};
use serde::{Deserialize, Serialize};
use std::{
    collections::BTreeMap,
    io::Write as _,
    net::SocketAddr,
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
};

#[derive(Clone, Debug)]
pub struct DemoOptions {
    /// Where the database and `demo.json` are kept.
    pub data: PathBuf,
    pub listen: SocketAddr,
    pub ops_listen: SocketAddr,
}

/// What `DIR/demo.json` holds.
#[derive(Serialize, Deserialize)]
struct DemoFile {
    url: String,
    ops_url: String,
    rack: String,
    tokens: BTreeMap<String, String>,
}

const ROLES: [&str; 5] = ["admin", "deployer", "ops", "viewer", "cicd"];
const RACK: &str = "demo";

/// Variables of the environment that a demo heeds. The place, the rack and the database are its own.
const HEEDED: [&str; 12] = [
    "LOG_LEVEL",
    "LOG_FORMAT",
    "WORKER_THREADS",
    "RATE_LIMIT_PER_MINUTE",
    "DRAIN_TIMEOUT",
    "SENTRY_DSN",
    "OTEL_EXPORTER_OTLP_ENDPOINT",
    "OTEL_EXPORTER_OTLP_HEADERS",
    "OTEL_SERVICE_NAME",
    "OTEL_RESOURCE_ATTRIBUTES",
    "OTEL_TRACES_SAMPLER",
    "OTEL_TRACES_SAMPLER_ARG",
];

impl DemoOptions {
    /// The configuration of a demo, still without the rack's address.
    pub fn environment(&self, env: &dyn Env) -> MapEnv {
        let database = self.data.join("gateway.db");
        let own = MapEnv::from([("RACK", RACK)])
            .with("LISTEN", self.listen.to_string())
            .with("OPS_LISTEN", self.ops_listen.to_string())
            .with("SQLITE_PATH", database.display().to_string())
            .with("REGISTRY_STORAGE", "dir")
            // Services to try it with run on the same machine.
            .with("DIRECTORY_ALLOW_CIDRS", "127.0.0.0/8,::1")
            .with("REGISTRY_DIR", self.data.join("registry").display().to_string());
        HEEDED
            .into_iter()
            .filter_map(|name| Some((name, env.get(name)?)))
            .fold(own, |own, (name, value)| own.with(name, &value))
    }
}

impl DemoOptions {
    /// What the process needs to know before the rack has an address: how to log, and on how many threads.
    pub fn config(&self, env: &MapEnv) -> Result<Config, BootError> {
        let placeholder = env.clone().with("RACK_HOST", "http://127.0.0.1:1").with("RACK_TOKEN", "none");
        Ok(Config::load(&placeholder, None)?)
    }
}

/// Runs the demo until SIGTERM or SIGINT.
pub async fn demo(
    options: DemoOptions,
    env: MapEnv,
    clock: SharedClock,
    lanes: Lanes,
) -> Result<(), BootError> {
    let password = token::generate();
    let mut rack_options = DemoRackOptions::new(password.clone());
    rack_options.clock = clock.clone();
    let rack = DemoRack::start(rack_options)
        .await
        .map_err(|source| BootError::Listen { address: SocketAddr::from(([127, 0, 0, 1], 0)), source })?;
    let env = env.with("RACK_HOST", rack.url()).with("RACK_TOKEN", password.expose());
    let config = Config::load(&env, None)?;

    let metrics = Metrics::install()?;
    let Opened { db, file, lock } = database::open(&config.database).await?;
    let tokens = Box::pin(role_tokens(&db, &options.data, &clock)).await?;
    let lines = LineSink::start(std::io::stdout());
    let parts = Parts { db: db.clone(), database_file: file, lines, clock: clock.clone(), metrics, lanes };
    let gateway = Box::pin(Gateway::start(&config, parts)).await?;
    let way_in = demo_visitor::way_in(&db, &clock, gateway.address().port()).await;
    let way_in = way_in.map_err(BootError::Database)?;
    drop(db);

    let file = DemoFile {
        url: format!("http://{}", reachable(gateway.address())),
        ops_url: format!("http://{}", reachable(gateway.ops_address())),
        rack: RACK.to_owned(),
        tokens,
    };
    let admin = file.tokens.get("admin").map(String::as_str).unwrap_or_default();
    let hello = demo_service::start(&file.url, admin).await;
    let path = options.data.join("demo.json");
    write(&path, &file).map_err(|source| BootError::File { path: path.clone(), source })?;
    let stop = serve::StopSignals::listen()?;
    invite(&path, &file, &way_in);

    stop.one().await;
    let finished = serve::finish(gateway).await;
    drop(hello);
    rack.shutdown().await;
    drop(lock);
    finished
}

/// An address that a client on this machine can use.
fn reachable(address: SocketAddr) -> SocketAddr {
    match address.ip().is_unspecified() {
        true => SocketAddr::from(([127, 0, 0, 1], address.port())),
        false => address,
    }
}

/// One token for each role. Those of an earlier run are kept while they are good, so that what was copied from
/// the screen goes on working.
async fn role_tokens(db: &Db, data: &Path, clock: &SharedClock) -> Result<BTreeMap<String, String>, Refused> {
    let known = std::fs::read(data.join("demo.json")).ok();
    let mut known = known
        .and_then(|bytes| serde_json::from_slice::<DemoFile>(&bytes).ok())
        .map(|file| file.tokens)
        .unwrap_or_default();
    let stored = db.tokens().await?;
    let is_good = |text: &String| {
        let hash = TokenHash::of(text);
        stored.iter().any(|row| row.hash == hash.as_bytes() && row.revoked_at.is_none())
    };
    known.retain(|role, text| ROLES.contains(&role.as_str()) && is_good(text));
    for role in ROLES {
        if !known.contains_key(role) {
            known.insert(role.to_owned(), token(db, role, clock).await?.expose().to_owned());
        }
    }
    Ok(known)
}

async fn token(db: &Db, role: &str, clock: &SharedClock) -> Result<Secret, Refused> {
    let email = format!("{role}@demo.example");
    people::add(db, &email, role, clock).await?;
    let name = format!("demo-{role}");
    match create(db, &email, role, name.clone(), clock).await {
        // Left over from a run whose demo.json is gone.
        Err(Refused::Conflict(_)) => {
            let another = format!("{name}-{}", TokenId::new(clock.now()));
            create(db, &email, role, another, clock).await
        }
        other => other,
    }
}

async fn create(
    db: &Db,
    owner: &str,
    role: &str,
    name: String,
    clock: &SharedClock,
) -> Result<Secret, Refused> {
    let everything = NewGrant {
        role: role.to_owned(),
        target: TargetPattern::everything(),
        expires_at: None,
        limits: CallLimits::default(),
    };
    let new = NewToken { owner: owner.to_owned(), name, expires_at: None, grants: vec![everything] };
    let recorder = Recorder::new(db, clock);
    let detail = Some(format!("for {owner}: {role} on *"));
    let change = recorder.begin("token.create", "token", new.name.clone(), detail);
    let defaults = Settings::default();
    let made = tokens::create(db, &Actor::Operator, clock.now(), &defaults, &new);
    Ok(recorder.carry_out(&change, made).await?.value.secret)
}

/// Readable by the owner only: it holds tokens.
fn write(path: &Path, file: &DemoFile) -> std::io::Result<()> {
    let text = serde_json::to_string_pretty(file)?;
    let temporary = path.with_extension("json.new");
    let mut out =
        std::fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&temporary)?;
    out.write_all(text.as_bytes())?;
    out.write_all(b"\n")?;
    std::fs::rename(&temporary, path)
}

/// What to try next, on stderr, ready to be copied.
fn invite(path: &Path, file: &DemoFile, way_in: &str) {
    let DemoFile { url, ops_url, .. } = file;
    let token = |role: &str| file.tokens.get(role).cloned().unwrap_or_default();
    let (viewer, ops, deployer, admin) = (token("viewer"), token("ops"), token("deployer"), token("admin"));
    write_stderr(&format!(
        "
The gateway runs at {url}, in front of a demo rack with the apps \"web\" and \"api\".
Its tokens are in {path}; metrics are at {ops_url}/metrics. Audit records go to stdout.

  In a browser, as an administrator:
    {way_in}

  A viewer lists apps:
    curl -u convox:{viewer} {url}/api/v1/rack-proxy/apps
  may not restart one:
    curl -u convox:{viewer} -X POST {url}/api/v1/rack-proxy/apps/web/restart
  but operations may:
    curl -u convox:{ops} -X POST {url}/api/v1/rack-proxy/apps/web/restart
  A deployer sees which secrets there are, not what they are:
    curl -u convox:{deployer} {url}/api/v1/rack-proxy/apps/web/releases?limit=1
  Operations call a service of the directory, which learns who calls:
    curl -u convox:{ops} {url}/svc/hello/
  An administrator reads who did what:
    curl -u convox:{admin} {url}/api/v1/audit-logs?limit=5

With the stock convox CLI:
    export RACK_URL={with_user}/api/v1/rack-proxy
    convox apps
    convox exec web-6f9d-abcde 'exit 7' -a web; echo $?

Stop with Ctrl-C.

",
        path = path.display(),
        with_user = url.replacen("://", &format!("://convox:{ops}@"), 1),
    ));
}
