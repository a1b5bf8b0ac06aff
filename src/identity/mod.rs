//! Who is calling: credentials in, a [`Principal`] out. What they may do is decided in `policy`.

mod authenticate;
mod cache;
mod credential;
pub mod email;
mod entrance;
pub mod github;
pub mod oidc;
mod principal;
mod proof;
pub mod providers;
pub mod session;
mod snapshot;
pub mod token;
mod usage;

pub use authenticate::{AuthError, authenticate};
pub use cache::{AccessCache, AccessStale};
pub use credential::Presented;
pub use entrance::{Entrance, NotAdmitted};
pub use principal::{Channel, Principal, SessionIdentity, TokenIdentity, UserIdentity, Via};
pub use proof::Proof;
pub use snapshot::AccessSnapshot;
pub use usage::TokenUsage;
