//! Who asks the artifact registry: somebody with a token of this gateway, or anybody.

use super::Problem;
use crate::{
    core::Timestamp,
    identity::{Entrance, Principal},
    policy::{Permission, Public, Target},
};
use http::{HeaderMap, HeaderName, HeaderValue, header::AUTHORIZATION};

static X_REGISTRY_TOKEN: HeaderName = HeaderName::from_static("x-registry-token");

#[derive(Debug)]
pub enum Caller {
    Known(Principal),
    Anonymous,
}

impl Caller {
    /// `Authorization` decides; without one, `X-Registry-Token`, as this protocol's clients send it.
    pub async fn read(headers: &HeaderMap, entrance: &Entrance) -> Result<Self, Problem> {
        if headers.contains_key(AUTHORIZATION) {
            return Ok(Self::Known(entrance.admit(headers).await?));
        }
        let mut shown = HeaderMap::new();
        for token in headers.get_all(&X_REGISTRY_TOKEN) {
            let bearer = HeaderValue::from_bytes(&[b"Bearer ", token.as_bytes()].concat());
            // What cannot be a header's value is no credential, and two of them are none either.
            shown.append(AUTHORIZATION, bearer.unwrap_or_else(|_| HeaderValue::from_static("Bearer")));
        }
        if shown.is_empty() {
            return Ok(Self::Anonymous);
        }
        Ok(Self::Known(entrance.admit(&shown).await?))
    }

    pub const fn principal(&self) -> Option<&Principal> {
        match self {
            Self::Known(principal) => Some(principal),
            Self::Anonymous => None,
        }
    }

    /// What everybody may read is open to those who are known, too.
    pub fn may_read(&self, target: &str, public: &Public, now: Timestamp) -> bool {
        let target = Target::artifact(target);
        let own = |who: &Principal| who.rights.allow(Permission::ArtifactRead, &target, now);
        public.allows(Permission::ArtifactRead, &target, now) || self.principal().is_some_and(own)
    }
}
