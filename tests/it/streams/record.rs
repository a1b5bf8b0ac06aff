//! What is recorded of a stream.

use crate::support::{gateway::TestGateway, socket::Socket};
use std::time::Duration;

#[tokio::test]
async fn a_command_is_recorded_with_its_size_its_end_and_its_length() {
    let gateway = TestGateway::start().await;
    let token = gateway.token("ops").await;
    let command =
        "sleep 0.5; bytes 100000; export API_KEY=hunter2secret; mysql --password=hunter2secret; exit 7";
    let outcome = Socket::exec(gateway.address(), &token, command).await.finish().await;
    assert_eq!(outcome.exit, Ok(7));
    let record = gateway.lines.wait_for(|record| record["action"] == "process.exec").await;
    assert_eq!(record["exit_code"], 7);
    assert_eq!((&record["http_status"], &record["status"]), (&101.into(), &"success".into()));
    assert_eq!(
        (&record["resource"], &record["resource_type"]),
        (&"web-6f9d-abcde".into(), &"process".into())
    );
    assert_eq!((&record["rack"], &record["target"]), (&"demo".into(), &"demo/web".into()));
    assert!(record["latency_ms"].as_u64().unwrap() >= 500, "{record}");
    assert!(record["bytes_out"].as_u64().unwrap() >= 100_000, "{record}");
    assert!(record["reason"].is_null(), "{record}");
    let text = record["command"].as_str().unwrap();
    assert!(text.contains("sleep 0.5; bytes 100000") && text.contains("exit 7"), "{text}");
    assert!(!gateway.lines.text().contains("hunter2"), "{text}");
}

#[tokio::test]
async fn input_is_counted_and_not_recorded() {
    let gateway = TestGateway::start().await;
    let token = gateway.token("ops").await;
    let input = b"a line that is nobody's business\n".repeat(100);
    let outcome = Socket::exec(gateway.address(), &token, "cat").await.converse(&input).await;
    assert_eq!(outcome.output, input);
    let record = gateway.lines.wait_for(|record| record["action"] == "process.exec").await;
    for key in ["bytes_in", "bytes_out"] {
        assert!(record[key].as_u64().unwrap() >= input.len() as u64, "{key}: {record}");
    }
    assert!(!gateway.lines.text().contains("nobody's business"));
}

/// The intent is on disk before the command starts, the outcome after it has ended; both in the table.
#[tokio::test]
async fn intent_and_outcome_are_in_the_table() {
    let gateway = TestGateway::start().await;
    let token = gateway.token("ops").await;
    let rows = async |event: &str| {
        let filter = rack_gateway::store::AuditFilter {
            action: Some("process.exec".to_owned()),
            event: Some(event.to_owned()),
            limit: 10,
            ..Default::default()
        };
        gateway.db.audit_rows(&filter).await.unwrap().len()
    };
    let mut socket = Socket::exec(gateway.address(), &token, "echo started; sleep 0.3").await;
    socket.read_until("started").await;
    assert_eq!((rows("intent").await, rows("outcome").await), (1, 0));
    socket.finish().await;
    gateway.lines.wait_for(|record| record["action"] == "process.exec").await;
    for _ in 0..1_000 {
        if rows("outcome").await == 1 {
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("no outcome in the table");
}
