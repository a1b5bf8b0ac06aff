//! Logins of the command line: a client begins one, a person in the browser says yes or no, and the client takes a
//! session of its own. Beginning one gives nobody anything.
//!
//! Three ways lead here: a redirect to the client's own loopback address (RFC 8252 with PKCE, RFC 7636), a code that
//! the person types (RFC 8628), and a state that the client polls. `book` is what happens to a login, the other files
//! are the words in it.

mod book;
mod error;
mod loopback;
mod pkce;
mod user_code;

pub use book::{Approver, Begin, Begun, CliLogins, Decided, Granted, Progress, Request};
pub use error::CliLoginError;
pub use loopback::LoopbackUri;
pub use pkce::{Challenge, Verifier};
pub use user_code::UserCode;

use crate::core::Secret;
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use rand::Rng as _;
use std::time::Duration;

/// How long a login may be under way.
pub const LIFETIME: Duration = Duration::from_secs(600);

/// How a client comes by its session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flow {
    Poll,
    Device,
    Loopback,
}

impl Flow {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Poll => "poll",
            Self::Device => "device",
            Self::Loopback => "loopback",
        }
    }
}

/// So many random bytes in base64url.
fn random<const N: usize>() -> Secret {
    let mut bytes = [0u8; N];
    rand::rng().fill_bytes(&mut bytes);
    Secret::new(URL_SAFE_NO_PAD.encode(bytes))
}
