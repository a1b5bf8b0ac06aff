//! The gateway's own JSON API, one endpoint a file. Every route names who may call it; a route that does not
//! cannot be written.

mod audit_logs;
mod context;
mod error;
mod etag;
mod guard;
mod me;
mod racks;

pub use context::Context;
pub use error::ApiError;
pub use guard::{Access, ApiRoute, Edge};

use axum::{Router, routing::get};
use tower_http::compression::CompressionLayer;

/// Every route of the API. `tests/it/api.rs` checks that each is here and guarded.
pub static ROUTES: [&ApiRoute; 3] = [&audit_logs::ROUTE, &me::ROUTE, &racks::ROUTE];

pub fn router(context: Context) -> Router {
    Router::new()
        .merge(guard::guarded(&context, &audit_logs::ROUTE, get(audit_logs::list)))
        .merge(guard::guarded(&context, &me::ROUTE, get(me::show)))
        .merge(guard::guarded(&context, &racks::ROUTE, get(racks::list)))
        .layer(axum::middleware::from_fn(etag::etag))
        .layer(CompressionLayer::new())
        .with_state(context)
}
