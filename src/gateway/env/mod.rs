//! The environment text of releases: what a reader may see of it, and what a writer changes in it.
//!
//! Clients read the whole text, change a line and write the whole text back. So what a reader may not see is
//! replaced by a mask, and a mask that comes back stands for the stored value.

mod base;
mod mask;
mod merge;
mod text;

pub use base::{NoBase, ReleaseView, choose_base};
pub use mask::{Masking, NotARelease, Sight, mask, mask_release};
pub use merge::{Change, ChangeKind, EnvChange, Merged, NothingBehindMask, merge};
pub use text::{BadEnv, EnvText};
