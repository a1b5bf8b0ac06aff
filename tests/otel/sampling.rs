//! Which requests are traced, and what upstreams are told of those that are not.

use crate::{PARENT, TRACE, collector::Collector, id_of, support::fake_rack::FakeRack, traced};

const APPS: &str = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n[]";

/// Asks with these parents, and gives how many of the requests came to the collector, and what the rack was told.
async fn sampled(sampler: &str, share: &str, parents: &[&str]) -> (usize, Vec<String>) {
    let (collector, rack) = (Collector::start().await, FakeRack::answering(APPS).await);
    let url = rack.url();
    let variables =
        [("RACK_HOST", url.as_str()), ("OTEL_TRACES_SAMPLER", sampler), ("OTEL_TRACES_SAMPLER_ARG", share)];
    let gateway = traced(&collector, &variables).await;
    let token = gateway.token("viewer").await;
    let mut ids = Vec::new();
    for parent in parents {
        let call = gateway.call(&token, "GET /apps");
        let call = if parent.is_empty() { call } else { call.header("traceparent", *parent) };
        let answer = call.send().await.unwrap();
        assert_eq!(answer.status(), 200);
        ids.push(id_of(&answer));
    }
    gateway.stop().await;
    let spans = collector.spans();
    let came = |id: &&String| spans.iter().any(|span| span.attributes.get("request_id") == Some(*id));
    let told = rack.seen().iter().map(|(head, _)| head.header("traceparent").unwrap().to_owned()).collect();
    (ids.iter().filter(came).count(), told)
}

#[tokio::test]
async fn a_share_of_none_and_of_all() {
    let (came, told) = sampled("traceidratio", "0", &["", PARENT, ""]).await;
    assert_eq!(came, 0);
    assert!(told.iter().all(|told| told.ends_with("-00")), "{told:?}");
    assert!(told[1].starts_with(&format!("00-{TRACE}-")), "the trace goes on, unsampled: {told:?}");
    assert_ne!(told[1], PARENT.replace("-01", "-00"), "as a request of ours");

    let (came, told) = sampled("traceidratio", "1", &["", PARENT, &PARENT.replace("-01", "-00")]).await;
    assert_eq!(came, 3);
    assert!(told.iter().all(|told| told.ends_with("-01")), "{told:?}");
}

#[tokio::test]
async fn a_share_between_takes_some() {
    let (came, _) = sampled("parentbased_traceidratio", "0.5", &[""; 60]).await;
    assert!((5..=55).contains(&came), "{came} of 60");
}

#[tokio::test]
async fn what_the_caller_decided_counts_where_it_is_heeded() {
    let unsampled = PARENT.replace("-01", "-00");
    let (came, told) = sampled("parentbased_always_off", "1", &["", PARENT, &unsampled]).await;
    assert_eq!((came, told[1].ends_with("-01"), told[2].ends_with("-00")), (1, true, true));
    let (came, _) = sampled("parentbased_always_on", "1", &["", PARENT, &unsampled]).await;
    assert_eq!(came, 2);
    let (came, _) = sampled("always_off", "1", &["", PARENT]).await;
    assert_eq!(came, 0);
    let (came, _) = sampled("always_on", "1", &["", &unsampled]).await;
    assert_eq!(came, 2);
}
