//! Small values every other layer speaks: time, ids, secrets, redaction. No I/O lives here.

pub mod clock;
pub mod control;
pub mod drain;
pub mod id;
pub mod jws;
pub mod live;
pub mod public_url;
pub mod rate_limit;
pub mod redact;
pub mod scrub;
pub mod seal;
pub mod secret;
pub mod slug;
pub mod timestamp;

pub use clock::{Clock, SharedClock, SystemClock};
pub use id::RequestId;
pub use live::Live;
pub use public_url::PublicUrl;
pub use secret::Secret;
pub use timestamp::Timestamp;
