//! What handlers work with.

use crate::{
    audit::Audit,
    core::SharedClock,
    identity::{AccessCache, Principal, TokenUsage},
    store::Db,
};
use std::sync::Arc;

#[derive(Clone, Debug)]
pub struct Context {
    pub db: Db,
    pub audit: Audit,
    pub access: Arc<AccessCache>,
    pub usage: Arc<TokenUsage>,
    pub clock: SharedClock,
    /// Names of the racks; the default rack first.
    pub racks: Arc<[String]>,
}

/// Who calls, put into the request by the guard.
#[derive(Clone, Debug)]
pub struct Caller(pub Principal);
