//! The one place of the benchmark that calls the gateway's library.

use rack_gateway::audit::{Writer, WriterOptions};
use rack_gateway::core::{Clock, RequestId, SystemClock, Timestamp};
use rack_gateway::store::{AuditRow, Db, Options, Place};
use rack_gateway_bench::Outcome;
use std::borrow::Cow;
use std::sync::Arc;

pub struct Rows {
    writer: Writer,
}

impl Rows {
    /// Opens the database (`sqlite:PATH` or `postgres://…`), brings its schema up to date and starts the writer, all
    /// with the settings that the gateway itself has by default.
    pub async fn open(database: &str) -> Outcome<Rows> {
        let place = match database.strip_prefix("sqlite:") {
            Some(path) => Place::Sqlite(path.into()),
            None => Place::Postgres(database.into()),
        };
        let db = Db::open(&Options::new(place)).await?;
        db.migrate().await?;
        let (writer, _) = Writer::start(db, WriterOptions::default());
        Ok(Rows { writer })
    }

    /// Records one row and returns when it is durable.
    pub async fn record(&self, user: u32) -> Outcome<()> {
        Ok(self.writer.record_durable(row(user, SystemClock.now())).await?)
    }
}

/// What an upload by a token leaves behind before it is carried out.
fn row(user: u32, now: Timestamp) -> AuditRow {
    let request_id = RequestId::new(now);
    let email = format!("bench-{user}@example.com");
    let record = format!(
        concat!(
            r#"{{"ts":"2026-01-01T00:00:00.000000Z","user_email":"{email}","action_type":"convox","#,
            r#""action":"object.create","resource":"web","resource_type":"app","status":"pending","#,
            r#""rbac_decision":"allow","http_status":0,"latency_ms":0,"ip_address":"127.0.0.1","#,
            r#""user_agent":"rack-gateway-bench","event_count":1,"event":"intent","request_id":"{request_id}","#,
            r#""method":"POST","route":"/apps/{{app}}/objects/tmp/{{name}}","rack":"bench","#,
            r#""permission":"convox:object:create","token_name":"bench-{user}","bytes_in":0,"bytes_out":0}}"#
        ),
        email = email,
        request_id = request_id,
        user = user,
    );
    AuditRow {
        ts: now,
        event: "intent",
        request_id,
        user_email: Arc::from(email),
        action: Cow::Borrowed("object.create"),
        resource: "web".into(),
        status: Cow::Borrowed("pending"),
        rbac_decision: Cow::Borrowed("allow"),
        record: record.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_is_one_json_object_of_its_user() {
        let row = row(7, SystemClock.now());
        let record: serde_json::Value = serde_json::from_str(&row.record).unwrap();
        assert_eq!(record["user_email"], "bench-7@example.com");
        assert_eq!(record["request_id"], row.request_id.to_string());
    }
}
