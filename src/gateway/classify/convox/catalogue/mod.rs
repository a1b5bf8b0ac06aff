//! Every route of the rack API, a table an area, in the rack's own matching order.
//!
//! A row reads: verb, path, the action's name in the record, the permissions it needs; then what it takes and
//! what it answers, where that is not "nothing" and "a short document".

mod apps;
mod builds;
mod processes;
mod rack;
mod releases;
mod resources;
mod services;

use super::Route;

static AREAS: [&[Route]; 13] = [
    apps::APPS,
    apps::BUDGETS,
    apps::CONFIGS,
    apps::OBJECTS,
    builds::BUILDS,
    processes::PROCESSES,
    releases::RELEASES,
    resources::RESOURCES,
    services::SERVICES,
    rack::RACK,
    rack::CERTIFICATES,
    &rack::IMAGE_REGISTRY,
    &rack::INSIDE_HTTP,
];

/// The whole catalogue, in matching order.
pub fn routes() -> impl Iterator<Item = &'static Route> {
    AREAS.iter().copied().flatten()
}

/// How log streams are asked for.
const LOG_OPTIONS: &[&str] = &["Filter", "Follow", "Maxlogrequests", "Prefix", "Since", "Previous", "Tail"];
const METRIC_OPTIONS: &[&str] = &["start", "end", "period", "metrics"];
