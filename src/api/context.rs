//! What handlers work with.

use super::logins::LoginLimits;
use crate::{
    audit::Audit,
    config::SentryConfig,
    core::{Live, PublicUrl, SharedClock, drain::Drain},
    directory::{Registrar, node::NodeBook},
    identity::{Entrance, Principal, login::Login, mfa::Mfa, session::Sessions, step_up::StepUp},
    notify::mail::Mailer,
    observe::errors,
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
    pub environment: String,
    pub release: String,
    pub traces_sample_rate: f32,
}

impl SentryJs {
    /// None where the pages report nothing. The names are those that the gateway's own reports have.
    pub fn of(config: &SentryConfig) -> Option<Self> {
        let dsn = config.js.dsn.clone()?;
        Some(Self {
            dsn,
            environment: config.environment.as_deref().unwrap_or(errors::ENVIRONMENT).to_owned(),
            release: config.release.as_deref().unwrap_or(errors::RELEASE).to_owned(),
            traces_sample_rate: config.js.traces_sample_rate,
        })
    }
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
