//! The database: two engines behind one SQL text. All SQL of the crate lives here; no decisions do.
//!
//! Each query is one `&'static str` that both engines run, and its body is type-checked once for each. What
//! the engines do differently has a named helper in [`dialect`].

mod access;
mod app_key;
mod attempts;
mod audit;
mod audit_page;
mod backup_codes;
mod ceremonies;
mod change;
mod cli_logins;
mod clock;
mod dialect;
mod directory_events;
mod directory_news;
mod error;
mod failures;
mod file;
mod grants;
mod identities;
mod instances;
mod links;
mod mail;
mod mfa_methods;
mod migrate;
mod nodes;
mod open;
mod registry_leases;
mod registry_quotas;
mod registry_uploads;
mod roles;
mod sessions;
mod settings;
mod stretch;
mod sweep;
mod tokens;
mod totp_steps;
mod trusted_devices;
mod uploads;
mod users;
mod webhooks;

pub use access::{AccessRows, Epoch};
pub use app_key::{key_beside, known_key_beside};
pub use attempts::Reservation;
pub use audit::{AuditFilter, AuditRow, StoredAuditRow};
pub use audit_page::AuditPage;
pub use backup_codes::BackupCodeRow;
pub use ceremonies::CeremonyRow;
pub use change::AccessWrite;
pub use cli_logins::{ApproverRow, CliLoginRow};
pub use directory_events::{DirectoryHead, EventKind, EventRow};
pub use directory_news::DirectoryNews;
pub use error::{StoreError, StoreResult};
pub use file::DatabaseFile;
pub use grants::{GrantRow, Subject};
pub use identities::{IdentityRow, NewPerson};
pub use instances::{BeatRow, InstanceRow, InstanceWrite, SlugRow, Written};
pub use links::{LinkRow, Ticket};
pub use mail::{ClaimedMail, MailRow};
pub use mfa_methods::{Confirmed, Factor, Grounds, MethodRow, NewFactor, Removed};
pub use migrate::MigrationReport;
pub use nodes::NodeRow;
pub use open::{Options, Place, PoolState, private_directory};
pub use registry_uploads::RegistryUploadRow;
pub use roles::RoleRow;
pub use sessions::SessionRow;
pub use settings::SettingRow;
pub use tokens::{NewToken, TokenRow};
pub use trusted_devices::DeviceRow;
pub use uploads::UploadRow;
pub use users::UserRow;
pub use webhooks::{ClaimedDelivery, DeliveryRow};

use sqlx::{PgPool, SqlitePool};

/// An open database. Cheap to clone.
#[derive(Clone, Debug)]
pub enum Db {
    /// `write` has one connection, so writers queue in the process instead of failing with "busy".
    Sqlite {
        read: SqlitePool,
        write: SqlitePool,
        file: DatabaseFile,
    },
    Postgres(PgPool),
}

/// Runs `$body` with `$pool` bound to the pool for reading.
macro_rules! read {
    ($db:expr, $pool:ident => $body:expr) => {
        match $db {
            crate::store::Db::Sqlite { read: $pool, .. } => $body,
            crate::store::Db::Postgres($pool) => $body,
        }
    };
}

/// Runs `$body` inside a write transaction bound to `$tx`; commits when it ends, rolls back on `?`.
macro_rules! write_tx {
    ($db:expr, $tx:ident => $body:expr) => {
        match $db {
            crate::store::Db::Sqlite { write, .. } => {
                let mut $tx = write.begin_with("BEGIN IMMEDIATE").await?;
                let out = $body;
                $tx.commit().await?;
                Ok(out)
            }
            crate::store::Db::Postgres(pool) => {
                let mut $tx = pool.begin().await?;
                let out = $body;
                $tx.commit().await?;
                Ok(out)
            }
        }
    };
}

/// A write transaction on the access tables: it also advances the epoch that every process watches. That comes
/// first, because the epoch's row is what those wait for who decide by what stands in the tables.
macro_rules! access_tx {
    ($db:expr, $tx:ident => $body:expr) => {
        crate::store::write_tx!($db, $tx => {
            sqlx::query(crate::store::access::ADVANCE_EPOCH).execute(&mut *$tx).await?;
            $body
        })
    };
}

pub(crate) use {access_tx, read, write_tx};
