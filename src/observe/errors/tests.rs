use super::*;
use crate::core::Timestamp;
use sentry::{Client, Hub, Scope};
use serde_json::Value;
use std::{
    env,
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::{SocketAddr, TcpListener, TcpStream},
    panic::{AssertUnwindSafe, catch_unwind},
    process::Command,
    sync::mpsc::{Receiver, Sender, channel},
    thread,
};

/// Who takes this long waits for an endpoint, and not for a machine that has much else to do.
const STALLED: Duration = Duration::from_secs(20);

/// Stands for Sentry: takes envelopes over HTTP and hands their items on as (header, payload).
struct FakeSentry {
    address: SocketAddr,
    items: Receiver<(Value, Value)>,
}

impl FakeSentry {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let (sender, items) = channel();
        thread::spawn(move || {
            for stream in listener.incoming() {
                let sender = sender.clone();
                thread::spawn(move || serve(stream.unwrap(), &sender));
            }
        });
        Self { address, items }
    }

    fn next(&self) -> (Value, Value) {
        self.items.recv_timeout(STALLED).expect("a report arrives")
    }

    fn is_silent(&self) -> bool {
        self.items.recv_timeout(Duration::from_millis(300)).is_err()
    }
}

fn serve(stream: TcpStream, items: &Sender<(Value, Value)>) {
    let mut writer = stream.try_clone().unwrap();
    let mut reader = BufReader::new(stream);
    loop {
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            if reader.read_line(&mut head).unwrap_or(0) == 0 {
                return;
            }
        }
        assert!(head.starts_with("POST /api/7/envelope/ HTTP/1.1\r\n"), "{head}");
        let head = head.to_ascii_lowercase();
        let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")).unwrap();
        let mut body = vec![0; length.parse().unwrap()];
        reader.read_exact(&mut body).unwrap();
        read_envelope(&body).into_iter().for_each(|item| items.send(item).unwrap_or_default());
        writer.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}").unwrap();
    }
}

/// An envelope is a line of headers, then for each item a line of headers and a payload of the stated length.
fn read_envelope(body: &[u8]) -> Vec<(Value, Value)> {
    let mut body = body;
    let line = |body: &mut &[u8]| {
        let end = body.iter().position(|b| *b == b'\n').unwrap_or(body.len());
        let value = serde_json::from_slice(&body[..end]).unwrap();
        *body = body.get(end + 1..).unwrap_or_default();
        value
    };
    let _: Value = line(&mut body);
    let mut items = Vec::new();
    while !body.is_empty() {
        let header: Value = line(&mut body);
        let length = header["length"].as_u64().unwrap() as usize;
        items.push((header, serde_json::from_slice(&body[..length]).unwrap()));
        body = body.get(length + 1..).unwrap_or_default();
    }
    items
}

fn options(address: SocketAddr) -> SentryOptions {
    SentryOptions {
        dsn: Some(format!("http://key@{address}/7").into()),
        environment: Some("testing".into()),
        release: Some("rack-gateway@0.0.1".into()),
        traces_sample_rate: 0.0,
        crumbs: Crumbs::default(),
    }
}

/// Runs `work` on this thread with a client of its own, so that tests do not share one.
fn reporting(options: SentryOptions, work: impl FnOnce()) -> Arc<Client> {
    let options = client_options(options).unwrap().unwrap();
    let client = Arc::new(Client::from(sentry::apply_defaults(options)));
    Hub::run(Arc::new(Hub::new(Some(Arc::clone(&client)), Arc::new(Scope::default()))), work);
    client
}

fn report(message: &str) -> ErrorReport<'_> {
    ErrorReport {
        request_id: RequestId::new(Timestamp::from_micros(1)),
        method: "POST",
        route: "/api/v1/racks/{rack}/proxy/{path}",
        status: 502,
        user_id: Some(UserId::new(Timestamp::from_micros(1))),
        kind: "upstream_unreachable",
        message,
    }
}

#[test]
fn off_without_a_dsn() {
    for dsn in [None, Some(Secret::default())] {
        let guard = init(SentryOptions { dsn, ..SentryOptions::default() }).unwrap();
        assert!(!guard.is_on());
    }
    capture_server_error(report("nobody listens"));
    assert!(trace().is_none());
}

#[test]
fn bad_settings_are_refused_without_showing_the_key() {
    let error =
        client_options(SentryOptions { dsn: Some("CANARY".into()), ..SentryOptions::default() }).unwrap_err();
    assert!(error.to_string().contains("SENTRY_DSN") && !error.to_string().contains("CANARY"));
    let error =
        client_options(SentryOptions { traces_sample_rate: 7.0, ..SentryOptions::default() }).unwrap_err();
    assert!(error.to_string().contains("SENTRY_TRACES_SAMPLE_RATE is 7"));
}

#[test]
fn a_server_error_comes_with_its_request() {
    let sentry = FakeSentry::start();
    let given = report("connect to postgres://app:CANARY@db refused, token rgw_CANARY1234");
    let _client = reporting(options(sentry.address), || capture_server_error(given));
    let (header, event) = sentry.next();
    assert_eq!(header["type"], "event");
    assert_eq!(event["environment"], "testing");
    assert_eq!(event["release"], "rack-gateway@0.0.1");
    assert_eq!(event["transaction"], "POST /api/v1/racks/{rack}/proxy/{path}");
    assert_eq!(event["tags"]["request_id"], given.request_id.to_string());
    assert_eq!(event["tags"]["status"], "502");
    assert_eq!(event["user"], serde_json::json!({"id": given.user_id.unwrap().to_string()}));
    assert!(event["message"].as_str().unwrap().starts_with("502 upstream_unreachable: connect to"));
    assert!(!event.to_string().contains("CANARY"), "{event}");
}

#[test]
fn a_panic_comes_with_frames_and_without_secrets() {
    let sentry = FakeSentry::start();
    let _client = reporting(options(sentry.address), || {
        sentry::configure_scope(|scope| {
            scope.set_extra("api_token", "CANARY".into());
            scope.set_extra("body", "password=CANARY".into());
            scope.set_tag("note", "Bearer CANARY");
            scope.set_user(Some(User { email: Some("CANARY@example.com".into()), ..User::default() }));
            scope.add_event_processor(|mut event| {
                event.request = Some(Request {
                    url: "https://gw.example.com/?token=CANARY".parse().ok(),
                    data: Some("CANARY".into()),
                    cookies: Some("CANARY".into()),
                    headers: [("Authorization".into(), "CANARY".into())].into(),
                    env: [("KEY".into(), "CANARY".into())].into(),
                    ..Request::default()
                });
                Some(event)
            });
        });
        for _ in 0..5 {
            let _ = catch_unwind(AssertUnwindSafe(|| panic!("could not read rgw_CANARY1234")));
        }
    });
    let (_, event) = sentry.next();
    let exception = &event["exception"]["values"][0];
    assert_eq!(
        (&exception["type"], &exception["value"]),
        (&"panic".into(), &"could not read [REDACTED]".into())
    );
    assert_eq!(event["level"], "fatal");
    let frames = exception["stacktrace"]["frames"].as_array().unwrap();
    let names: Vec<_> = frames.iter().filter_map(|frame| frame["function"].as_str()).collect();
    assert!(names.iter().any(|name| name.contains("a_panic_comes_with_frames")), "{names:?}");
    assert!(!event.to_string().contains("CANARY"), "{event}");
    assert!(sentry.is_silent(), "five panics at one place are one report");
}

#[test]
fn repeats_are_held_back_and_other_kinds_pass() {
    let sentry = FakeSentry::start();
    let _client = reporting(options(sentry.address), || {
        for attempt in 0..50 {
            capture_server_error(report(&format!("attempt {attempt}")));
            capture_failure(FailureKind::Database, "write pool", None, &format!("timeout {attempt}"));
            capture_failure(FailureKind::Oauth, "google", None, "token endpoint answered 500");
        }
    });
    let messages = [(); 3].map(|()| sentry.next().1["message"].as_str().unwrap().to_owned());
    assert_eq!(
        messages,
        [
            "502 upstream_unreachable: attempt 0",
            "database failure of write pool: timeout 0",
            "oauth failure of google: token endpoint answered 500"
        ]
    );
    assert!(sentry.is_silent());
}

#[test]
fn traces_name_the_route_and_the_outcome() {
    let sentry = FakeSentry::start();
    let _client = reporting(SentryOptions { traces_sample_rate: 1.0, ..options(sentry.address) }, || {
        let id = RequestId::new(Timestamp::from_micros(1));
        trace().unwrap().finish("GET", "/apps/{app}", 503, id);
    });
    let (header, transaction) = sentry.next();
    assert_eq!(
        (&header["type"], &transaction["transaction"]),
        (&"transaction".into(), &"GET /apps/{app}".into())
    );
    assert_eq!(transaction["contexts"]["trace"]["status"], "unavailable");
}

/// `init` is for a whole process, so it is tried in one of its own: this test starts itself again.
#[test]
fn init_reaches_the_threads_of_the_runtime_and_flushes_at_the_end() {
    const DSN: &str = "OBSERVE_ERRORS_CHILD";
    if let Some(dsn) = env::var_os(DSN) {
        let dsn = Some(dsn.into_string().unwrap().into());
        let guard = init(SentryOptions { dsn, ..SentryOptions::default() }).unwrap();
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).build().unwrap();
        let task = runtime.spawn(async {
            capture_failure(FailureKind::Upstream, "prod", None, "reset by peer");
            panic!("in a task");
        });
        assert!(runtime.block_on(task).unwrap_err().is_panic());
        drop(guard);
        return;
    }
    let sentry = FakeSentry::start();
    let name = "observe::errors::tests::init_reaches_the_threads_of_the_runtime_and_flushes_at_the_end";
    let mut child = Command::new(env::current_exe().unwrap());
    let output =
        child.args(["--exact", name]).env(DSN, format!("http://key@{}/7", sentry.address)).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    assert_eq!(sentry.next().1["message"], "upstream failure of prod: reset by peer");
    assert_eq!(sentry.next().1["exception"]["values"][0]["value"], "in a task");
}

#[test]
fn a_report_that_is_too_long_is_not_kept_in_memory() {
    let sentry = FakeSentry::start();
    let _client = reporting(options(sentry.address), || {
        for (number, length) in [(1, 200 * 1024), (2, 10)] {
            let extra = [("what".to_owned(), "x".repeat(length).into())].into();
            sentry::capture_event(Event { message: Some(format!("{number}")), extra, ..Event::default() });
        }
    });
    assert_eq!(sentry.next().1["message"], "2", "the long one was left out");
    assert!(sentry.is_silent());
    const { assert!(QUEUE * outbox::LONGEST <= 1 << 20, "all that may wait is at most a mebibyte") };
}

#[test]
fn what_the_log_said_before_goes_along() {
    let sentry = FakeSentry::start();
    let crumbs = Crumbs::default();
    let at = Timestamp::from_micros(1_700_000_000_000_000);
    let message = "the token rgw_CANARY1234 was refused".to_owned();
    crumbs.add(Crumb { at, is_error: true, message, request_id: None });
    let options = SentryOptions { crumbs, ..options(sentry.address) };
    let _client = reporting(options, || capture_server_error(report("down")));
    let (_, event) = sentry.next();
    let line = &event["breadcrumbs"]["values"][0];
    assert_eq!((&line["level"], &line["category"]), (&"error".into(), &"log".into()));
    assert_eq!(line["timestamp"].as_f64().unwrap(), 1_700_000_000.0);
    assert!(!event.to_string().contains("CANARY"), "{event}");
}

/// Reports different kinds, panics and closes the client; returns how long the slowest of these took.
fn slowest_step(address: SocketAddr) -> Duration {
    let mut slowest = Duration::ZERO;
    let mut timed = |work: &mut dyn FnMut()| {
        let start = Instant::now();
        work();
        slowest = slowest.max(start.elapsed());
    };
    let client = reporting(options(address), || {
        for subject in 0..QUEUE * 2 {
            timed(&mut || capture_failure(FailureKind::Upstream, &subject.to_string(), None, "down"));
        }
        timed(&mut || _ = catch_unwind(|| panic!("with a full queue")));
    });
    timed(&mut || assert!(!client.close(Some(Duration::from_millis(500)))));
    timed(&mut || drop(Arc::clone(&client)));
    slowest
}

#[test]
fn an_endpoint_that_never_answers_stalls_nobody() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let slowest = slowest_step(listener.local_addr().unwrap());
    assert!(slowest < STALLED, "{slowest:?}");
}

#[test]
fn a_dead_endpoint_stalls_nobody() {
    let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let start = Instant::now();
    let client = reporting(options(address), || capture_server_error(report("down")));
    client.close(Some(Duration::from_millis(500)));
    assert!(start.elapsed() < STALLED);
}
