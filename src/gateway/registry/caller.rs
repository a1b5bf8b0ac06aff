//! Who asks the registry: somebody who is known by a token or a session, or anybody, by a ticket that says so.

use super::ticket::{Purpose, Subject, Tickets};
use crate::{
    core::Timestamp,
    identity::{Entrance, NotAdmitted, Principal},
    policy::{Permission, Public, Target},
};
use http::{HeaderMap, header::AUTHORIZATION};
use std::sync::Arc;

#[derive(Debug)]
pub enum Caller {
    Known(Principal),
    Anonymous,
}

/// Why the caller is not known.
#[derive(Debug, thiserror::Error)]
pub enum Stranger {
    #[error("no credential")]
    Nothing,
    #[error("an unknown or expired ticket")]
    Ticket,
    #[error(transparent)]
    NotAdmitted(#[from] NotAdmitted),
}

impl Caller {
    /// By a ticket of `/token`, or at once by a credential.
    pub async fn read(
        headers: &HeaderMap,
        entrance: &Entrance,
        tickets: &Tickets,
        purpose: Purpose,
    ) -> Result<Self, Stranger> {
        if !headers.contains_key(AUTHORIZATION) {
            return Err(Stranger::Nothing);
        }
        let Some(ticket) = shown_ticket(headers) else {
            return Ok(Self::Known(entrance.admit(headers).await?));
        };
        match tickets.read(ticket, purpose).ok_or(Stranger::Ticket)? {
            Subject::Anonymous => Ok(Self::Anonymous),
            Subject::Token(id) => Ok(Self::Known(entrance.recall_token(id)?)),
            Subject::Session(id) => Ok(Self::Known(entrance.recall_session(id)?)),
        }
    }

    pub const fn principal(&self) -> Option<&Principal> {
        match self {
            Self::Known(principal) => Some(principal),
            Self::Anonymous => None,
        }
    }

    /// To whom an upload belongs: a person, whichever of their tokens and sessions it goes on with.
    pub fn subject(&self) -> Option<Arc<str>> {
        self.principal().map(|principal| format!("user:{}", principal.user.id).into())
    }

    /// What everybody may do is open to those who are known, too.
    pub fn may(&self, permission: Permission, target: &Target, public: &Public, now: Timestamp) -> bool {
        let own = self.principal().is_some_and(|who| who.rights.allow(permission, target, now));
        own || public.allows(permission, target, now)
    }
}

/// A bearer credential that is a JWT, and so none of our tokens.
fn shown_ticket(headers: &HeaderMap) -> Option<&str> {
    let mut values = headers.get_all(AUTHORIZATION).iter();
    let (scheme, rest) = values.next()?.to_str().ok()?.split_once(' ')?;
    let only = values.next().is_none() && scheme.eq_ignore_ascii_case("bearer");
    (only && rest.starts_with("ey")).then(|| rest.trim())
}
