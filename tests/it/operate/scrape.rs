//! Every metric with every label of it that the rules, the dashboards and the documentation name is found in a scrape of
//! the real binary, once enough has happened.

use crate::{
    registry::target::Target,
    support::{
        process::Process,
        session::{CLI, Session},
        socket::exec,
        tls::Authority,
        wire::{SOON, Wire},
    },
};
use rack_gateway::{
    core::{Clock as _, SystemClock},
    demo::rack::{DemoRack, DemoRackOptions},
    observe::metrics::catalogue::{CATALOGUE, Family},
    store::MailRow,
};
use std::{collections::BTreeSet, fs, net::TcpListener, path::Path, time::Duration};
use tokio::time::{Instant, sleep};

/// A port that refuses connections.
fn closed() -> String {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_family_with_its_labels_shows_itself() {
    let directory = tempfile::tempdir().unwrap();
    let file = |name: &str| directory.path().join(name).display().to_string();
    let identity = Authority::new().sign(&["127.0.0.1"]);
    fs::write(file("cert.pem"), &identity.pem).unwrap();
    fs::write(file("key.pem"), &identity.key_pem).unwrap();
    // A certificate needs https, which the helpers do not speak: a second process shows one.
    let rack = DemoRack::start(DemoRackOptions::new("rack-password")).await.unwrap();
    let shown = Process::start(
        &rack.url(),
        &[
            ("TLS_CERT_FILE", &file("cert.pem")),
            ("TLS_KEY_FILE", &file("key.pem")),
            ("RELOAD_INTERVAL", "100ms"),
        ],
    )
    .await;
    let (nobody, config) = (closed(), file("gateway.toml"));
    fs::write(&config, "").unwrap();
    let gateway = Process::start(
        &rack.url(),
        &[
            ("RACK_GATEWAY_CONFIG", &config),
            ("REGISTRY_STORAGE", "dir"),
            ("REGISTRY_DIR", &file("registry")),
            ("HEADER_TIMEOUT", "300ms"),
            ("SMTP_HOST", "127.0.0.1"),
            ("SMTP_PORT", nobody.rsplit(':').next().unwrap()),
            ("SMTP_TLS", "none"),
            ("SMTP_FROM", "gateway@example.com"),
            ("GOOGLE_CLIENT_ID", "id"),
            ("GOOGLE_CLIENT_SECRET", "secret"),
            ("GOOGLE_OAUTH_BASE_URL", &format!("http://{nobody}")),
            ("PUBLIC_URL", "http://127.0.0.1"),
            ("ALLOWED_HOSTS", "gateway"),
            ("WEBHOOK_URL", &format!("http://{nobody}/")),
            ("WEBHOOK_SECRET", "0123456789abcdef0123456789abcdef"),
            ("SENTRY_DSN", &format!("http://key@{nobody}/7")),
            ("APP_SECRET_KEY", "0123456789abcdef0123456789abcdef"),
            ("RATE_LIMIT_PER_MINUTE", "1000000"),
            ("DIRECTORY_ALLOW_CIDRS", "127.0.0.0/8"),
        ],
    )
    .await;
    work(&gateway, rack).await;
    fs::write(file("cert.pem"), "garbage").unwrap();

    let started = Instant::now();
    loop {
        let text = format!("{}{}", gateway.metrics().await, shown.metrics().await);
        let missing: Vec<_> =
            CATALOGUE.iter().filter(|family| !shows(&text, family)).map(|one| one.name).collect();
        if missing.is_empty() {
            break assert_named(&text);
        }
        assert!(
            started.elapsed() < SOON * 2,
            "without a series that has all of its labels: {missing:?}\n{text}"
        );
        sleep(Duration::from_millis(500)).await;
    }
}

/// Something of everything.
async fn work(gateway: &Process, rack: DemoRack) {
    let now = SystemClock.now();
    let mail = MailRow::new("ada@example.com", "s", "b", now);
    gateway.db.add_mail(&mail).await.unwrap();
    let admin = gateway.person("admin").await;
    let session = Session::add(&gateway.db, now, "ops", &CLI).await;
    let client = reqwest::Client::new();

    let registry = {
        let token = admin.token.clone();
        Target::new(&format!("http://{}", gateway.address), move |request| {
            request.basic_auth("any", Some(&token))
        })
    };
    registry.push_image("team/app", "v1", "a layer").await;
    assert_eq!(registry.get("/v2/team/app/manifests/v1").await.status(), 200);
    let digest = registry.push_blob("team/app", b"a layer").await;
    assert_eq!(registry.send("GET", &format!("/v2/team/app/blobs/{digest}")).await.status(), 200);

    let service = |address: &str| {
        let url = format!("http://{}/registry-svc/instance{address}", gateway.address);
        client.put(url).bearer_auth(&admin.token)
    };
    let check = serde_json::json!({ "type": "tcp", "interval": 1, "timeout": 1 });
    let body = serde_json::json!({ "slug": "my-service", "url": rack.url(), "check": check });
    let registered = service("").json(&body).send().await.unwrap();
    assert_eq!(registered.status(), 201, "{}", registered.text().await.unwrap());
    let registered: serde_json::Value = registered.json().await.unwrap();
    let id = registered["instance"]["id"].as_str().unwrap();
    let beat = service(&format!("/{id}/heartbeat")).json(&serde_json::json!({ "status": "Healthy" }));
    assert!(beat.send().await.unwrap().status().is_success());
    for _ in 0..2 {
        let (url, check) = (format!("http://{}", closed()), serde_json::json!({ "type": "none" }));
        let gone = serde_json::json!({ "slug": "gone", "url": url, "status": "Healthy", "check": check });
        assert!(service("").json(&gone).send().await.unwrap().status().is_success());
    }
    let called = async |slug: &str| {
        let url = format!("http://{}/svc/{slug}/apps", gateway.address);
        client.get(url).bearer_auth(&admin.token).send().await.unwrap().status().as_u16()
    };
    let started = Instant::now();
    // A call that fails is tried at the other instance, and who fails again and again is left out.
    while called("my-service").await == 404
        || gateway.metric_of("proxy_upstream_ejections_total").await == 0.0
    {
        let answers = (called("my-service").await, called("gone").await);
        assert!(started.elapsed() < SOON, "no instance was left out; the services answer {answers:?}");
    }

    let mut command = Wire::open(gateway.address).await;
    command.send(exec(&admin.token, "exit 7")).await;
    assert_eq!(command.head().await.status(), 101);
    while command.fill().await {}

    let login = format!("http://{}/api/v1/auth/web/login?provider=google", gateway.address);
    let quiet = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).build().unwrap();
    let _ = quiet.get(login).send().await.unwrap();
    let restart = gateway.rack_url("/apps/web/restart");
    let started = Instant::now();
    // A session that a process does not know yet makes it ask; a wrong code is an event.
    while gateway.metric_of("gateway_mfa_events_total").await == 0.0 {
        let asked = client.post(&restart).bearer_auth(&session.secret).header("x-mfa-totp", "000000");
        let _ = asked.send().await.unwrap();
        assert!(started.elapsed() < SOON, "no second factor was looked at");
    }
    gateway.signal("HUP").await;
    let mut slow = Wire::open(gateway.address).await;
    slow.send("GET / HT").await;
    while slow.fill().await {}
    rack.shutdown().await;
    let gone = client.get(gateway.rack_url("/apps")).bearer_auth(&admin.token).send().await.unwrap();
    assert_eq!(gone.status(), 502);
}

/// A sample of the family that has each of its labels.
fn shows(text: &str, family: &Family) -> bool {
    // A process that collects no garbage has nothing to show of it but that it collects none.
    text.lines().filter(|line| !line.starts_with('#')).any(|line| {
        let Some(rest) = line.strip_prefix(family.name) else { return false };
        let rest =
            ["_bucket", "_count", "_sum"].iter().find_map(|end| rest.strip_prefix(end)).unwrap_or(rest);
        let is_whole = rest.starts_with('{') || rest.starts_with(' ');
        is_whole && family.labels.iter().all(|label| rest.contains(&format!("{label}=\"")))
    })
}

/// What the rules, the dashboards and the pages speak of is there, under exactly that name.
fn assert_named(text: &str) {
    let there: BTreeSet<&str> = text
        .lines()
        .filter(|line| !line.starts_with('#'))
        .filter_map(|line| line.split(['{', ' ']).next())
        .collect();
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut named = BTreeSet::new();
    for folder in ["alerts", "alerts/dashboards", "docs", "docs/runbooks", "docs/operations"] {
        for entry in fs::read_dir(root.join(folder)).unwrap() {
            let path = entry.unwrap().path();
            let Ok(page) = fs::read_to_string(&path) else { continue };
            let words =
                page.split(|character: char| !(character.is_ascii_alphanumeric() || character == '_'));
            let of_ours = |word: &&str| CATALOGUE.iter().any(|family| is_series_of(word, family.name));
            named.extend(words.filter(of_ours).map(str::to_owned));
        }
    }
    assert!(named.len() > 60, "only {} names were found", named.len());
    let histogram = |name: &str| CATALOGUE.iter().any(|one| one.name == name && !one.buckets.is_empty());
    let absent: Vec<_> =
        named.iter().filter(|name| !there.contains(name.as_str()) && !histogram(name)).collect();
    assert!(absent.is_empty(), "named, and not in the scrape: {absent:?}");
}

fn is_series_of(word: &str, family: &str) -> bool {
    word.strip_prefix(family).is_some_and(|end| ["", "_bucket", "_count", "_sum"].contains(&end))
}
