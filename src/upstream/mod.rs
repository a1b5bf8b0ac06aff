//! The one door out. Nothing passes it without a `Permit`, and what passes is what the permit was given for.

mod artifact;
mod body;
mod connect;
mod line;
mod metrics;
mod pool;
mod rack;
mod rack_body;
mod service;
mod skew;
mod trust;
mod way;
pub use artifact::{ArtifactAddress, ArtifactServer, OpenDocument};
pub use body::{OutgoingBody, RightLost, Silence};
pub use rack::{Outbound, Rack, RackAddress, RackError, Racks, UpstreamError};
pub use rack_body::RackBody;
pub use service::{
    Busy, EjectionRules, OwnService, ServiceAnswer, ServiceError, ServiceLimits, ServiceSettings, Services,
};
pub use trust::{Trust, TrustError};
pub use way::SERVICE;
pub mod websocket;
