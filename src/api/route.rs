//! What a route is: where it stands, who may call it, how fresh their proof must be, and what the record calls it.

use super::Context;
use crate::policy::{MfaLevel, Permission};
use axum::routing::MethodRouter;
use http::Method;

/// Who may call a route.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Anyone, without a credential. Counted against the small budget of login attempts.
    Public,
    /// Anyone, and often: for clients that ask again and again whether a login is complete.
    PublicPoll,
    /// Anyone, within the general limit only: documents that are the same for everybody.
    Open,
    /// Anyone whose credential is good: the route shows callers only what is theirs.
    Authenticated,
    /// A person's session; an API token is refused.
    Person,
    /// Those who hold the permission on the gateway.
    Needs(Permission),
    /// Those who hold one of the permissions on something; the handler asks whether it is the right thing.
    Somewhere(&'static [Permission]),
    /// The same, for what says again and again that something lives. What changes nothing is no change, so no intent
    /// comes before it, and the handler may say that there is nothing to record: [`super::Note::routine`].
    Pulse(&'static [Permission]),
}

impl Access {
    pub const fn is_public(self) -> bool {
        matches!(self, Self::Public | Self::PublicPoll | Self::Open)
    }
}

#[derive(Debug)]
pub struct ApiRoute {
    pub method: Method,
    /// Parameters stand in braces, as in `/api/v1/users/{email}`.
    pub path: &'static str,
    pub access: Access,
    /// What a person must prove besides; the permission may ask for more.
    pub mfa: MfaLevel,
    /// What the record calls it, as in `user.lock`.
    pub action: &'static str,
}

impl ApiRoute {
    /// The stricter of the route's own level and its permission's.
    pub fn mfa_level(&self) -> MfaLevel {
        self.permissions().iter().map(|permission| permission.mfa()).fold(self.mfa, MfaLevel::max)
    }

    /// Those of which the caller needs one; none when another rule says who may call.
    pub fn permissions(&self) -> &[Permission] {
        match &self.access {
            Access::Needs(permission) => std::slice::from_ref(permission),
            Access::Somewhere(permissions) | Access::Pulse(permissions) => permissions,
            _ => &[],
        }
    }

    /// A call that may change something.
    pub fn is_unsafe(&self) -> bool {
        !matches!(self.method, Method::GET | Method::HEAD | Method::OPTIONS)
    }

    /// A call without a credential by which somebody may come to be, or get or lose what their groups give.
    pub fn may_make_a_person(&self) -> bool {
        matches!(self.action, "link.use" | "login.complete")
    }

    /// What a person may do who has not enrolled a second factor yet: enrol one, see who they are, leave.
    pub fn is_open_to_the_unenrolled(&self) -> bool {
        self.path.starts_with("/api/v1/auth/") || matches!(self.path, "/api/v1/info" | "/api/v1/me")
    }

    /// What kind of thing the action is about: the part before the dot.
    pub fn resource_type(&self) -> &'static str {
        self.action.split('.').next().unwrap_or_default()
    }

    pub fn action_type(&self) -> &'static str {
        if self.path.starts_with("/api/v1/auth/") { "auth" } else { "gateway" }
    }
}

/// A route and who answers it. Every room has a `pub fn endpoints() -> Vec<Endpoint>`, named in `api::ROOMS`.
pub struct Endpoint {
    pub route: &'static ApiRoute,
    pub handler: MethodRouter<Context>,
}

impl Endpoint {
    /// `handler` must be of the route's method, as in `Endpoint::new(&ROUTE, get(list))`.
    pub const fn new(route: &'static ApiRoute, handler: MethodRouter<Context>) -> Self {
        Self { route, handler }
    }
}
