//! A panic in the middle of a request still closes its record.

use super::site::sqlite_in;
use crate::support::gateway::Lines;
use futures_util::FutureExt as _;
use http::Method;
use rack_gateway::{
    audit::{Audit, LineSink, Seen, Writer, WriterOptions},
    core::{Clock as _, RequestId, SystemClock},
    store::{AuditFilter, Db, Options},
};
use std::{net::Ipv4Addr, panic::AssertUnwindSafe, sync::Arc, time::Duration};

#[tokio::test]
async fn a_panic_is_recorded_as_our_own_failure() {
    let directory = tempfile::tempdir().unwrap();
    let db = Db::open(&Options::new(sqlite_in(directory.path()))).await.unwrap();
    db.migrate().await.unwrap();
    let (writer, written) = Writer::start(db.clone(), WriterOptions::default());
    let lines = Lines::default();
    let sink = LineSink::start(lines.clone());
    let audit = Audit::new(writer, sink.clone(), Arc::new(SystemClock));
    let request_id = RequestId::new(SystemClock.now());
    let seen = Seen { request_id, ip: Ipv4Addr::LOCALHOST.into(), user_agent: None, method: Method::POST };

    // As the front door does it: the future that holds the scope is polled, waits, is polled again, and panics.
    let request = async {
        let mut scope = audit.open(seen).unwrap();
        scope.intent().await.unwrap();
        tokio::task::yield_now().await;
        assert!(scope.elapsed() > Duration::MAX, "a panic while the scope is open");
        scope.close();
    };
    assert!(AssertUnwindSafe(request).catch_unwind().await.is_err());

    drop(audit);
    written.await.unwrap();
    assert!(sink.flush(Duration::from_secs(5)));
    let rows = db.audit_rows(&AuditFilter { limit: 9, ..AuditFilter::default() }).await.unwrap();
    let [outcome, _intent] = rows.as_slice() else { panic!("{rows:?}") };
    let outcome: serde_json::Value = serde_json::from_slice(&outcome.record).unwrap();
    assert_eq!((&outcome["event"], &outcome["http_status"]), (&"outcome".into(), &500.into()));
    assert_eq!(outcome["request_id"], request_id.to_string());
    assert_eq!(lines.records(), [outcome]);
}
