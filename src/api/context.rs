//! What handlers work with.

use crate::{
    audit::Audit,
    core::SharedClock,
    identity::{Entrance, Principal},
    store::Db,
};
use std::sync::Arc;

#[derive(Clone, Debug)]
pub struct Context {
    pub db: Db,
    pub audit: Audit,
    pub entrance: Entrance,
    pub clock: SharedClock,
    /// Names of the racks; the default rack first.
    pub racks: Arc<[String]>,
}

/// Who calls, put into the request by the guard.
#[derive(Clone, Debug)]
pub struct Caller(pub Principal);
