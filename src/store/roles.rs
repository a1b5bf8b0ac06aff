//! Custom roles. The built-in ones are code (`policy::role`) and never stand here.

use super::{Db, StoreError, StoreResult, access_tx, read};
use crate::core::Timestamp;

#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct RoleRow {
    pub name: String,
    pub description: String,
    /// One permission pattern a line.
    pub permissions: String,
    pub created_at: Timestamp,
}

pub(super) const INSERT: &str =
    "INSERT INTO roles (name, description, permissions, created_at) VALUES ($1, $2, $3, $4)";
pub(super) const LIST: &str = "SELECT name, description, permissions, created_at FROM roles ORDER BY name";
pub(super) const SET: &str = "UPDATE roles SET description = $1, permissions = $2 WHERE name = $3";
pub(super) const DELETE: &str = "DELETE FROM roles WHERE name = $1";

impl Db {
    pub async fn add_role(&self, role: &RoleRow) -> StoreResult<()> {
        access_tx!(self, tx => {
            sqlx::query(INSERT)
                .bind(&role.name)
                .bind(&role.description)
                .bind(&role.permissions)
                .bind(role.created_at)
                .execute(&mut *tx)
                .await
                .map_err(|error| StoreError::or_exists(error, || format!("the role {}", role.name)))?;
        })
    }

    pub async fn custom_roles(&self) -> StoreResult<Vec<RoleRow>> {
        Ok(read!(self, pool => sqlx::query_as(LIST).fetch_all(pool).await)?)
    }

    /// Grants that name the role stay, and allow nothing.
    pub async fn remove_role(&self, name: &str) -> StoreResult<()> {
        access_tx!(self, tx => {
            let done = sqlx::query(DELETE).bind(name).execute(&mut *tx).await?;
            if done.rows_affected() == 0 {
                return Err(StoreError::NotFound(format!("the custom role {name}")));
            }
        })
    }
}
