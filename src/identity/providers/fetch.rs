//! The one way to ask a provider anything: bounded in time and size, without redirects, counted.

use super::VouchError;
use crate::observe::{
    errors::{FailureKind, capture_failure},
    metrics::catalogue::OIDC_REQUESTS,
};
use futures_util::future::BoxFuture;
use http::{Request, Response, StatusCode};
use openidconnect::{AsyncHttpClient, HttpRequest, HttpResponse};
use reqwest::{Client, redirect::Policy};
use std::time::Duration;

/// For a whole answer, from the first byte sent to the last received.
const TIMEOUT: Duration = Duration::from_secs(5);
const LARGEST: usize = 1024 * 1024;

#[derive(Debug, thiserror::Error)]
pub enum FetchError {
    #[error("it cannot be reached")]
    Unreachable,
    #[error("it took longer than 5 s")]
    TimedOut,
    #[error("its answer is larger than 1 MiB")]
    TooLarge,
    #[error("its answer broke off")]
    Broken,
    #[error("it answered {0}")]
    Status(StatusCode),
    #[error("the request could not be made")]
    Request,
}

impl FetchError {
    const fn outcome(&self) -> &'static str {
        match self {
            Self::Unreachable => "unreachable",
            Self::TimedOut => "timed_out",
            Self::TooLarge => "too_large",
            Self::Broken => "broken",
            Self::Status(_) => "server_error",
            Self::Request => "bad_request",
        }
    }
}

#[derive(Clone, Debug)]
pub struct Fetch {
    client: Client,
    provider: String,
}

impl Fetch {
    pub fn new(provider: &str) -> Result<Self, VouchError> {
        let client = Client::builder()
            .redirect(Policy::none())
            .timeout(TIMEOUT)
            .connect_timeout(TIMEOUT)
            .user_agent(concat!("rack-gateway/", env!("CARGO_PKG_VERSION")))
            .build()
            .map_err(|error| VouchError::Unavailable(format!("no client for HTTP: {error}")))?;
        Ok(Self { client, provider: provider.to_owned() })
    }

    /// The answer, if it is one: a status of 5xx is an error, any other is the caller's to judge.
    pub async fn send(&self, request: Request<Vec<u8>>) -> Result<Response<Vec<u8>>, FetchError> {
        let answer = Box::pin(self.exchange(request)).await;
        let outcome = match &answer {
            Ok(response) if response.status().is_success() => "answered",
            Ok(_) => "refused",
            Err(error) => error.outcome(),
        };
        metrics::counter!(OIDC_REQUESTS, "provider" => self.provider.clone(), "outcome" => outcome)
            .increment(1);
        if let Err(error) = &answer {
            capture_failure(FailureKind::Oauth, &self.provider, None, &error.to_string());
        }
        answer
    }

    async fn exchange(&self, request: Request<Vec<u8>>) -> Result<Response<Vec<u8>>, FetchError> {
        let request = request.try_into().map_err(|_| FetchError::Request)?;
        let mut answer = self.client.execute(request).await.map_err(|error| cause(&error))?;
        if answer.status().is_server_error() {
            return Err(FetchError::Status(answer.status()));
        }
        let mut body = Vec::new();
        while let Some(chunk) = answer.chunk().await.map_err(|error| cause(&error))? {
            if body.len() + chunk.len() > LARGEST {
                return Err(FetchError::TooLarge);
            }
            body.extend_from_slice(&chunk);
        }
        let mut response = Response::new(body);
        *response.status_mut() = answer.status();
        *response.headers_mut() = std::mem::take(answer.headers_mut());
        Ok(response)
    }
}

impl<'c> AsyncHttpClient<'c> for Fetch {
    type Error = FetchError;
    type Future = BoxFuture<'c, Result<HttpResponse, FetchError>>;

    fn call(&'c self, request: HttpRequest) -> Self::Future {
        Box::pin(self.send(request))
    }
}

fn cause(error: &reqwest::Error) -> FetchError {
    if error.is_timeout() {
        FetchError::TimedOut
    } else if error.is_body() || error.is_decode() {
        FetchError::Broken
    } else {
        FetchError::Unreachable
    }
}
