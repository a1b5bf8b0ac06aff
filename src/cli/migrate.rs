//! `migrate`.

use super::{context::Admin, failure::Failure, output::Report};
use crate::{
    config::{DatabaseConfig, Env},
    core::SharedClock,
};
use serde::Serialize;

/// `migrate -o json`.
#[derive(Debug, Serialize)]
struct Migrated {
    /// Engine and place, without user and password.
    database: String,
    /// Migrations that this run applied.
    applied: i64,
    /// Migrations that the database has now.
    total: i64,
}

pub async fn run(config: &DatabaseConfig, env: &dyn Env, clock: SharedClock) -> Result<Report, Failure> {
    let target = config.migration_target();
    let admin = Admin::connect(target, env, clock).await?;
    let done = admin.migrate().await;
    admin.close().await;
    let report = done?;
    let migrated = Migrated { database: target.describe(), applied: report.applied, total: report.total };
    let text = match migrated.applied {
        0 => format!("nothing to do: {} has all {} migrations", migrated.database, migrated.total),
        applied => format!("applied {applied} of {} migrations to {}", migrated.total, migrated.database),
    };
    Ok(Report::new(text, &migrated))
}
