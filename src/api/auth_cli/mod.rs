//! Logins of the command line: begun and taken by a client without a credential, decided by a person in a browser.
//! What happens to them stands in `identity::cli_login`.

mod answer;
mod approve;
mod asked;
mod begin;
mod complete;
mod deny;
mod device_code;
mod device_token;
mod loopback;
mod oauth;
mod request;
mod start;
mod token;
mod unstored;

pub use answer::LoggedIn;
pub use approve::Decision;
pub use device_code::Begun as DeviceCode;
pub use device_token::Issued as DeviceToken;
pub use loopback::Begun as LoopbackLogin;
pub use request::View as CliLogin;
pub use start::Started;

use super::{ApiError, Context, Endpoint};
use crate::identity::cli_login::{CliLoginError, CliLogins};
use axum::routing::{get, post};
use http::StatusCode;

pub fn endpoints() -> Vec<Endpoint> {
    vec![
        Endpoint::new(&start::ROUTE, post(start::start)),
        Endpoint::new(&complete::ROUTE, post(complete::complete)),
        Endpoint::new(&loopback::ROUTE, post(loopback::begin_loopback)),
        Endpoint::new(&token::ROUTE, post(token::redeem)),
        Endpoint::new(&device_code::ROUTE, post(device_code::begin_device)),
        Endpoint::new(&device_token::ROUTE, post(device_token::ask)),
        Endpoint::new(&request::ROUTE, get(request::show)),
        Endpoint::new(&approve::ROUTE, post(approve::approve)),
        Endpoint::new(&deny::ROUTE, post(deny::deny)),
    ]
}

fn logins(context: &Context) -> CliLogins {
    CliLogins::new(context.db.clone())
}

impl From<CliLoginError> for ApiError {
    fn from(error: CliLoginError) -> Self {
        let status = match &error {
            CliLoginError::TooMany | CliLoginError::TooManyGuesses => StatusCode::TOO_MANY_REQUESTS,
            CliLoginError::NoRequest => StatusCode::NOT_FOUND,
            CliLoginError::Store(_) => StatusCode::SERVICE_UNAVAILABLE,
            _ => StatusCode::BAD_REQUEST,
        };
        match error {
            CliLoginError::Store(error) => error.into(),
            error => Self::new(status, error.code(), error.to_string()),
        }
    }
}
