//! Who may do what: permissions, roles, targets, grants, and the one function that decides.
//! Pure: no database, no clock of its own, no HTTP.

mod decide;
mod delegate;
mod grant;
mod limits;
mod permission;
mod public;
mod role;
mod target;

pub use decide::{Demand, Demanding, Denied, Missing, Permit, authorize, consider};
pub use delegate::{NotYours, Offer, may_give};
pub use grant::{CompiledGrant, Rights, given};
pub use limits::{Asked, CallLimits, InvalidLimit};
pub use permission::{Effect, MfaLevel, Permission, PermissionPattern, PermissionSet};
pub use public::Public;
pub use role::{BUILT_IN, BuiltInRole, built_in};
pub use target::{InvalidPattern, InvalidTarget, Target, TargetKind, TargetPattern};
