//! The gateway's own JSON API, one endpoint a file. Every route names who may call it; a route that does not
//! cannot be written.

mod access;
mod admin;
mod audit_logs;
mod auth;
mod auth_cli;
mod body;
mod context;
pub mod cookie;
pub mod csrf;
mod directory;
mod error;
mod etag;
mod grants;
mod guard;
mod invitations;
mod logins;
mod me;
mod mfa;
mod note;
pub mod openapi;
mod racks;
mod recorded;
mod roles;
mod route;
mod session;
mod settings;
mod tokens;
mod users;
mod web_session;

pub use body::{Payload, parse};
pub use context::{Caller, Context, RackName, SentryJs};
pub use error::{ApiError, X_MFA_LEVEL, X_MFA_REQUIRED};
pub use guard::{Edge, may, may_on};
pub use logins::LoginLimits;
pub use note::Note;
pub use route::{Access, ApiRoute, Endpoint};
pub use session::SessionView;

use axum::Router;
use std::collections::BTreeMap;

/// The rooms of the API, one a line. Each lists its endpoints itself.
const ROOMS: &[fn() -> Vec<Endpoint>] = &[
    own,
    mfa::endpoints,
    session::endpoints,
    auth::endpoints,
    auth_cli::endpoints,
    invitations::endpoints,
    users::endpoints,
    roles::endpoints,
    grants::endpoints,
    tokens::endpoints,
    settings::endpoints,
    access::endpoints,
    directory::endpoints,
];

fn own() -> Vec<Endpoint> {
    vec![audit_logs::endpoint(), me::endpoint(), racks::endpoint(), openapi::endpoint()]
}

fn endpoints() -> impl Iterator<Item = Endpoint> {
    ROOMS.iter().flat_map(|room| room())
}

/// Every route of the API. The tests check that each is there and guarded.
pub fn routes() -> Vec<&'static ApiRoute> {
    endpoints().map(|endpoint| endpoint.route).collect()
}

pub fn router(context: Context) -> Router {
    let mut paths: BTreeMap<&'static str, Vec<Endpoint>> = BTreeMap::new();
    for endpoint in endpoints() {
        paths.entry(endpoint.route.path).or_default().push(endpoint);
    }
    let mut router = Router::new();
    for (path, endpoints) in paths {
        router = router.route(path, guard::guarded(&context, endpoints));
    }
    router.with_state(context)
}
