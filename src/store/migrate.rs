//! Two folders of migrations with the same numbers, one an engine.

use super::{Db, StoreResult, read};

static SQLITE: sqlx::migrate::Migrator = sqlx::migrate!("migrations/sqlite");
static POSTGRES: sqlx::migrate::Migrator = sqlx::migrate!("migrations/postgres");

/// What `migrate` found and did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MigrationReport {
    pub applied: i64,
    pub total: i64,
}

impl Db {
    /// Brings the schema up to this version; does nothing when it is. Safe to run from several replicas.
    pub async fn migrate(&self) -> StoreResult<MigrationReport> {
        let before = self.applied_migrations().await;
        match self {
            Self::Sqlite { write, .. } => {
                // The driver takes no lock on this engine; the transaction keeps other processes waiting.
                let mut tx = write.begin_with("BEGIN IMMEDIATE").await?;
                SQLITE.run_direct(None, &mut *tx, false).await?;
                tx.commit().await?;
            }
            Self::Postgres(pool) => POSTGRES.run(pool).await?,
        }
        let total = self.applied_migrations().await;
        Ok(MigrationReport { applied: total - before, total })
    }

    /// True when the schema is at least as new as this version needs.
    pub async fn is_migrated(&self) -> bool {
        self.applied_migrations().await >= i64::try_from(SQLITE.iter().count()).unwrap_or(i64::MAX)
    }

    /// 0 when the table of migrations does not exist yet.
    async fn applied_migrations(&self) -> i64 {
        const COUNT: &str = "SELECT count(*) FROM _sqlx_migrations WHERE success";
        read!(self, pool => sqlx::query_scalar(COUNT).fetch_one(pool).await).unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_folders_hold_the_same_migrations() {
        let names = |migrator: &sqlx::migrate::Migrator| {
            migrator.iter().map(|one| (one.version, one.description.to_string())).collect::<Vec<_>>()
        };
        assert_eq!(names(&SQLITE), names(&POSTGRES));
    }
}
