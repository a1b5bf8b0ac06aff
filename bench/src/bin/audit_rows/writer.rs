//! The one place of the benchmark that calls the gateway's library.

use rack_gateway::audit::{Row, Writer};
use rack_gateway_bench::Outcome;

pub struct Rows {
    writer: Writer,
}

impl Rows {
    /// Opens the database, brings its schema up to date and starts the writer with the gateway's own settings.
    pub async fn open(database: &str) -> Outcome<Rows> {
        Ok(Rows { writer: Writer::open(database).await? })
    }

    /// Records one row of the usual size and returns when it is durable.
    pub async fn record(&self, user: u32) -> Outcome<()> {
        Ok(self.writer.record_durable(Row::example(&format!("bench-{user}@example.com"))).await?)
    }
}
