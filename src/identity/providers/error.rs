//! Why nobody was vouched for.

use super::FetchError;

/// The texts are for the audit record and the log. They quote nothing that a stranger wrote.
#[derive(Debug, thiserror::Error)]
pub enum VouchError {
    #[error("the provider does not answer as it should: {0}")]
    Unavailable(String),
    #[error("the provider did not accept the code")]
    CodeRefused,
    #[error("the ID token is not to be believed: {0}")]
    BadToken(&'static str),
    #[error("the provider does not say that the address belongs to the person")]
    EmailUnverified,
    #[error("the address is not in an allowed domain, organization or team")]
    NotAllowed,
}

impl VouchError {
    /// A word for the page that the person sees.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Unavailable(_) => "provider_unavailable",
            Self::CodeRefused | Self::BadToken(_) => "login_failed",
            Self::EmailUnverified => "email_unverified",
            Self::NotAllowed => "not_allowed",
        }
    }
}

impl From<FetchError> for VouchError {
    fn from(error: FetchError) -> Self {
        Self::Unavailable(error.to_string())
    }
}
