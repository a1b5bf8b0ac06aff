//! The caller, once known.

use crate::{
    core::id::{TokenId, UserId},
    policy::Rights,
};
use std::{fmt, sync::Arc};

#[derive(Debug)]
pub struct UserIdentity {
    pub id: UserId,
    pub email: Arc<str>,
    pub name: String,
}

#[derive(Debug)]
pub struct TokenIdentity {
    pub id: TokenId,
    pub name: Arc<str>,
}

/// A user, present through one of their API tokens.
#[derive(Clone, Debug)]
pub struct Principal {
    pub user: Arc<UserIdentity>,
    pub token: Arc<TokenIdentity>,
    pub rights: Rights,
}

impl fmt::Display for Principal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} (token {})", self.user.email, self.token.name)
    }
}
