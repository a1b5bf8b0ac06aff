//! Parameters that stand in the path.

use super::super::ApiError;
use crate::identity::email;
use axum::extract::{FromRequestParts, RawPathParams};
use http::request::Parts;
use std::str::FromStr;

/// `params: Params`, then `params.email()?`.
#[derive(Clone, Debug)]
pub struct Params(Vec<(String, String)>);

impl<S: Send + Sync> FromRequestParts<S> for Params {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        let params = RawPathParams::from_request_parts(parts, state)
            .await
            .map_err(|_| ApiError::field("path", "is not UTF-8"))?;
        Ok(Self(params.iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect()))
    }
}

impl Params {
    pub fn text(&self, name: &str) -> &str {
        self.0.iter().find(|(one, _)| one == name).map(|(_, value)| value.as_str()).unwrap_or_default()
    }

    /// In canonical form.
    pub fn email(&self) -> Result<String, ApiError> {
        email::canonical(self.text("email")).map_err(|error| ApiError::field("email", error.to_string()))
    }

    /// An id; what is none belongs to nobody.
    pub fn id<T: FromStr>(&self, what: &str) -> Result<T, ApiError> {
        let text: String = self.text("id").chars().take(60).collect();
        text.parse().map_err(|_| ApiError::not_found(format!("{what} {text}")))
    }
}
