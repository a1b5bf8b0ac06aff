//! What handlers work with.

use super::logins::LoginLimits;
use crate::{
    audit::Audit,
    core::{Live, PublicUrl, SharedClock, drain::Drain},
    directory::{Registrar, node::NodeBook},
    identity::{Entrance, Principal, login::Login, mfa::Mfa, session::Sessions, step_up::StepUp},
    notify::mail::Mailer,
    store::Db,
};
use serde::Serialize;
use utoipa::ToSchema;

#[derive(Clone, Debug)]
pub struct Context {
    pub db: Db,
    pub audit: Audit,
    pub entrance: Entrance,
    pub sessions: Sessions,
    pub step_up: StepUp,
    pub mailer: Mailer,
    pub mfa: Mfa,
    pub login: Login,
    pub clock: SharedClock,
    pub public_url: PublicUrl,
    pub logins: LoginLimits,
    /// Longest body of a call, in bytes.
    pub max_body: usize,
    pub sentry: Option<SentryJs>,
    /// The default rack first.
    pub racks: Live<Vec<RackName>>,
    pub registrar: Registrar,
    pub nodes: NodeBook,
    /// Streams end when it begins.
    pub drain: Drain,
}

/// What the pages need to report their own errors; every visitor can read it.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct SentryJs {
    pub dsn: String,
    pub environment: Option<String>,
    pub release: Option<String>,
    pub traces_sample_rate: f32,
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
