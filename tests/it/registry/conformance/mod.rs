//! What a registry must answer, asked over HTTP. Each function needs nothing but a `Target`.

pub mod blobs;
pub mod listing;
pub mod manifests;
pub mod referrers;
pub mod routes;
pub mod uploads;
