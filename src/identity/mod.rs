//! Who is calling: credentials in, a [`Principal`] out. What they may do is decided in `policy`.

pub mod arrival;
mod authenticate;
mod cache;
pub mod change;
pub mod cli_login;
pub mod cookie;
mod credential;
pub mod email;
mod entrance;
mod explain;
pub mod github;
pub mod links;
pub mod login;
pub mod login_budget;
pub mod mfa;
pub mod oidc;
mod principal;
mod proof;
pub mod providers;
mod role_view;
pub mod session;
pub mod settings;
mod snapshot;
pub mod step_up;
pub mod token;
mod usage;

pub use authenticate::{AuthError, authenticate};
pub use cache::{AccessCache, AccessStale};
pub use credential::Presented;
pub use entrance::{Admitted, Entrance, Means, NotAdmitted};
pub use explain::{Explanation, Lacking};
pub use principal::{Channel, Principal, SessionIdentity, TokenIdentity, UserIdentity, Via};
pub use proof::Proof;
pub use role_view::RoleView;
pub use snapshot::AccessSnapshot;
pub use usage::TokenUsage;
