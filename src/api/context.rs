//! What handlers work with.

use super::logins::LoginLimits;
use crate::{
    audit::Audit,
    core::{PublicUrl, SharedClock},
    identity::{Entrance, Principal, login::Login, session::Sessions, step_up::StepUp},
    store::Db,
};
use std::sync::Arc;

#[derive(Clone, Debug)]
pub struct Context {
    pub db: Db,
    pub audit: Audit,
    pub entrance: Entrance,
    pub sessions: Sessions,
    pub step_up: StepUp,
    pub login: Login,
    pub clock: SharedClock,
    pub public_url: PublicUrl,
    pub logins: LoginLimits,
    /// Longest body of a call, in bytes.
    pub max_body: usize,
    /// The default rack first.
    pub racks: Arc<[RackName]>,
}

/// How a rack is known.
#[derive(Clone, Debug)]
pub struct RackName {
    pub name: String,
    pub alias: Option<String>,
    pub host: String,
}

/// Who calls, put into the request by the guard.
#[derive(Clone, Debug)]
pub struct Caller(pub Principal);
