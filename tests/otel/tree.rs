//! The spans of a request to a rack, and the ids that come in and go out.

use crate::{
    PARENT, SPAN, TRACE,
    collector::{CLIENT, Collector, SERVER},
    gateway, id_of,
    support::{fake_rack::FakeRack, process::Process, socket::Socket, wire::SOON},
    traced,
};
use std::time::Duration;

const APPS: &str = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n[]";

#[tokio::test]
async fn a_request_goes_on_with_its_callers_trace_and_the_rack_with_ours() {
    let (collector, rack) = (Collector::start().await, FakeRack::answering(APPS).await);
    let gateway = traced(&collector, &[("RACK_HOST", &rack.url())]).await;
    let token = gateway.token("viewer").await;
    let call =
        gateway.call(&token, "GET /apps").header("traceparent", PARENT).header("tracestate", "a=1,b=2");
    let answer = call.send().await.unwrap();
    let id = id_of(&answer);
    assert_eq!(answer.status(), 200);
    assert!(!answer.headers().contains_key("traceparent"));

    let tree = collector.tree(&id).await;
    let root = &tree.root;
    assert_eq!((root.name.as_str(), root.kind), ("GET /apps", SERVER));
    assert_eq!((root.trace.as_str(), root.parent.as_str(), root.state.as_str()), (TRACE, SPAN, "a=1,b=2"));
    let attributes: Vec<_> = root.attributes.iter().map(|(name, value)| (&**name, &**value)).collect();
    assert_eq!(
        attributes,
        [
            ("http.request.method", "GET"),
            ("http.response.status_code", "200"),
            ("http.route", "/apps"),
            ("rack_gateway.decision", "allow"),
            ("request_id", &*id),
            ("url.path", "/apps"),
            ("url.scheme", "http"),
        ]
    );
    assert_eq!(
        tree.steps(),
        ["classify", "open audit", "authenticate", "authorize", "prepare", "send", "respond"]
    );
    let [asked] = &tree.asked_in("send")[..] else { panic!("one question: {:#?}", tree.all) };
    assert_eq!((asked.name.as_str(), asked.kind), ("GET", CLIENT));
    let port = rack.url().rsplit(':').next().unwrap().to_owned();
    let attributes: Vec<_> = asked.attributes.iter().map(|(name, value)| (&**name, &**value)).collect();
    assert_eq!(
        attributes,
        [
            ("http.request.method", "GET"),
            ("http.response.status_code", "200"),
            ("peer.service", "demo"),
            ("server.address", "127.0.0.1"),
            ("server.port", &*port),
        ]
    );
    assert!(tree.all.iter().all(|span| !span.is_error && span.trace == TRACE));

    let (sent, _) = rack.seen().remove(0);
    assert_eq!(sent.header("traceparent"), Some(asked.as_parent().as_str()));
    assert_eq!(sent.header("tracestate"), Some("a=1,b=2"));
    assert_eq!(sent.headers.iter().filter(|(name, _)| name == "traceparent").count(), 1);
    assert_eq!(sent.header("x-request-id"), Some(&*id));

    let resource: Vec<_> = root.resource.keys().map(String::as_str).collect();
    assert!(resource.contains(&"service.instance.id") && resource.contains(&"service.version"));
    assert_eq!(root.resource["service.name"], "rack-gateway");
    let record = gateway.lines.wait_for(|record| record["request_id"] == id).await;
    assert_eq!(record["route"], "/apps");
}

#[tokio::test]
async fn a_parent_that_is_none_begins_a_new_trace() {
    let (collector, rack) = (Collector::start().await, FakeRack::answering(APPS).await);
    let gateway = traced(&collector, &[("RACK_HOST", &rack.url())]).await;
    let token = gateway.token("viewer").await;
    let mut traces = Vec::new();
    for bad in ["", "nonsense", &PARENT[..54], &PARENT.to_uppercase(), &PARENT.replacen("00", "ff", 1)] {
        let call = gateway.call(&token, "GET /apps").header("traceparent", bad).header("tracestate", "a=1");
        let answer = call.send().await.unwrap();
        assert_eq!(answer.status(), 200, "{bad}");
        let tree = collector.tree(&id_of(&answer)).await;
        assert_eq!((tree.root.parent.as_str(), tree.root.state.as_str()), ("", ""), "{bad}");
        let (sent, _) = rack.seen().pop().unwrap();
        assert_eq!(sent.header("traceparent"), Some(tree.asked_in("send")[0].as_parent().as_str()));
        assert_eq!(sent.header("tracestate"), None, "{bad}");
        traces.push(tree.root.trace);
    }
    traces.sort();
    traces.dedup();
    assert_eq!(traces.len(), 5, "each has its own");
    let twice = gateway.call(&token, "GET /apps").header("traceparent", PARENT).header("traceparent", PARENT);
    let answer = twice.send().await.unwrap();
    assert_ne!(collector.tree(&id_of(&answer)).await.root.trace, TRACE);
}

#[tokio::test]
async fn without_an_endpoint_the_headers_pass_as_they_are() {
    let rack = FakeRack::answering(APPS).await;
    let gateway = gateway(&[("RACK_HOST", &rack.url())]).await;
    let token = gateway.token("viewer").await;
    let call = gateway.call(&token, "GET /apps").header("traceparent", PARENT).header("tracestate", "a=1");
    assert_eq!(call.send().await.unwrap().status(), 200);
    let (sent, _) = rack.seen().remove(0);
    assert_eq!((sent.header("traceparent"), sent.header("tracestate")), (Some(PARENT), Some("a=1")));
}

#[tokio::test]
async fn refusals_and_failures_show_where_it_ended_and_why() {
    let collector = Collector::start().await;
    let gateway = traced(&collector, &[("RACK_HOST", "http://127.0.0.1:1")]).await;
    let viewer = gateway.token("viewer").await;

    let answer = gateway.anonymous("GET /apps").send().await.unwrap();
    let tree = collector.tree(&id_of(&answer)).await;
    assert_eq!(tree.steps(), ["classify", "open audit", "authenticate", "respond"]);
    assert_eq!((tree.root.says("http.response.status_code"), tree.root.is_error), ("401", false));

    let answer = gateway.call(&viewer, "POST /apps/web/restart").send().await.unwrap();
    let tree = collector.tree(&id_of(&answer)).await;
    assert_eq!(tree.steps(), ["classify", "open audit", "authenticate", "authorize", "respond"]);
    assert_eq!((tree.root.says("rack_gateway.decision"), tree.root.is_error), ("deny", false));
    assert_eq!(tree.root.name, "POST /apps/{app}/restart");

    let answer = gateway.call(&viewer, "GET /apps").send().await.unwrap();
    let tree = collector.tree(&id_of(&answer)).await;
    assert_eq!((tree.root.says("http.response.status_code"), tree.root.is_error), ("502", true));
    assert_eq!(tree.root.says("error.type"), "upstream_unreachable");
    let asked = &tree.asked_in("send")[0];
    assert_eq!((asked.says("error.type"), asked.is_error), ("unreachable", true));

    let answer = gateway.call(&viewer, "GET /no/such/route").send().await.unwrap();
    assert_eq!(collector.tree(&id_of(&answer)).await.root.name, "GET unknown");
}

#[tokio::test]
async fn a_change_waits_for_its_record() {
    let collector = Collector::start().await;
    let gateway = traced(&collector, &[]).await;
    let ops = gateway.token("ops").await;
    let answer = gateway.call(&ops, "POST /apps/web/restart").send().await.unwrap();
    assert_eq!(answer.status(), 200);
    let tree = collector.tree(&id_of(&answer)).await;
    let expected = [
        "classify",
        "open audit",
        "authenticate",
        "authorize",
        "prepare",
        "record intent",
        "send",
        "respond",
    ];
    assert_eq!(tree.steps(), expected);
    for pair in tree.below(&tree.root).windows(2) {
        assert!(pair[0].begun <= pair[1].begun);
    }
}

#[tokio::test]
async fn a_command_lasts_until_it_has_ended() {
    let collector = Collector::start().await;
    let gateway = traced(&collector, &[]).await;
    let admin = gateway.token("admin").await;
    let outcome = Socket::exec(gateway.address(), &admin, "sleep 1").await.finish().await;
    assert_eq!(outcome.exit, Ok(0));
    let record = gateway.lines.wait_for(|record| record["exit_code"] == 0).await;
    let tree = collector.tree(record["request_id"].as_str().unwrap()).await;
    assert_eq!(tree.root.says("http.response.status_code"), "101");
    let latency = Duration::from_secs_f64(record["latency_ms"].as_f64().unwrap() / 1e3);
    assert!(tree.root.took + Duration::from_millis(2) >= latency, "{record} {:#?}", tree.all);
    assert!(tree.only("respond").took > Duration::from_millis(900), "{:#?}", tree.all);
    assert!(tree.asked_in("send")[0].took < Duration::from_millis(900), "the handshake is before it");
}

#[tokio::test]
async fn the_log_and_the_error_reports_name_the_trace() {
    let collector = Collector::start().await;
    let reports = FakeRack::start(|mut visit| async move {
        while visit.request().await.is_some() {
            visit.wire.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}").await;
        }
    })
    .await;
    let dsn = format!("{}/1", reports.url().replace("http://", "http://key@"));
    let variables = [
        ("OTEL_EXPORTER_OTLP_ENDPOINT", collector.url.as_str()),
        ("OTEL_SERVICE_NAME", "front door"),
        ("OTEL_RESOURCE_ATTRIBUTES", "deployment.environment.name=drill"),
        ("SENTRY_DSN", &dsn),
        ("SENTRY_TRACES_SAMPLE_RATE", "1.0"),
    ];
    let mut gateway = Process::start("http://127.0.0.1:1", &variables).await;
    let person = gateway.person("viewer").await;
    let call = reqwest::Client::new().get(gateway.rack_url("/apps")).bearer_auth(&person.token);
    let answer = call.header("traceparent", PARENT).send().await.unwrap();
    assert_eq!(answer.status(), 502);
    let tree = collector.tree(&id_of(&answer)).await;
    assert_eq!(tree.root.resource["service.name"], "front door");
    assert_eq!(tree.root.resource["deployment.environment.name"], "drill");
    let line = gateway.logged("cannot ask the rack").await;
    assert!(line.contains(&format!("trace_id={TRACE}")), "{line}");
    let said = || {
        let bodies = reports.seen().into_iter().flat_map(|(_, body)| body).collect::<Vec<u8>>();
        String::from_utf8_lossy(&bodies).into_owned()
    };
    let started = tokio::time::Instant::now();
    let wanted = format!("\"trace_id\":\"{TRACE}\"");
    // The rack's failure, and the answer that came of it.
    while said().matches(&wanted).count() < 2 || !said().contains("\"type\":\"transaction\"") {
        assert!(started.elapsed() < SOON, "{}", said());
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    gateway.stop().await;
}

#[tokio::test]
async fn probes_leave_no_traces() {
    let collector = Collector::start().await;
    let gateway = traced(&collector, &[]).await;
    for path in ["/api/v1/health", "/api/v1/health/live", "/health"] {
        assert_eq!(reqwest::get(gateway.url(path)).await.unwrap().status(), 200);
    }
    let me = gateway.token("viewer").await;
    let answer = gateway.own(&me, "GET /api/v1/me").send().await.unwrap();
    assert_eq!(collector.tree(&id_of(&answer)).await.root.name, "GET /api/v1/me");
    gateway.stop().await;
    assert!(collector.spans().iter().all(|span| !span.name.contains("health")));
}
