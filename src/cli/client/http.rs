//! Calls of a gateway's API: bounded in time and size, and never led elsewhere by a redirect.

use crate::{cli::failure::Failure, core::Secret};
use http::{Method, StatusCode};
use reqwest::redirect::Policy;
use serde_json::Value;
use std::time::Duration;

const CONNECT: Duration = Duration::from_secs(10);
const PATIENCE: Duration = Duration::from_secs(30);
/// Longest answer that is read.
const LIMIT: usize = 16 * 1024 * 1024;

#[derive(Clone, Debug)]
pub struct Api {
    url: String,
    http: reqwest::Client,
    token: Option<Secret>,
}

/// What the gateway said.
#[derive(Debug)]
pub struct Answer {
    pub status: StatusCode,
    pub body: Value,
}

/// An answer as it came.
#[derive(Debug)]
pub struct Raw {
    pub status: StatusCode,
    pub bytes: Vec<u8>,
}

impl Raw {
    pub fn json(&self) -> Option<Value> {
        serde_json::from_slice(&self.bytes).ok()
    }

    /// What is no JSON counts as no body.
    pub fn into_answer(self) -> Answer {
        let body = self.json().unwrap_or_default();
        Answer { status: self.status, body }
    }
}

impl Answer {
    /// A text of the body; empty when there is none.
    pub fn text(&self, key: &str) -> &str {
        self.body.get(key).and_then(Value::as_str).unwrap_or_default()
    }

    pub fn number(&self, key: &str) -> Option<u64> {
        self.body.get(key).and_then(Value::as_u64)
    }

    /// The failure that an answer without success stands for. 401 and 403 are refusals.
    pub fn failure(&self) -> Failure {
        let said = match (self.text("error_description"), self.text("error")) {
            ("", "") => format!("the gateway answered {}", self.status),
            ("", error) => error.to_owned(),
            (description, _) => description.to_owned(),
        };
        let request = self.text("request_id");
        let said = if request.is_empty() { said } else { format!("{said} (request {request})") };
        match self.status {
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => Failure::Refused(said),
            _ => Failure::NotDone(said),
        }
    }
}

impl Api {
    pub fn new(url: &str, token: Option<&Secret>) -> Result<Self, Failure> {
        let http = reqwest::Client::builder()
            .user_agent(agent())
            .connect_timeout(CONNECT)
            .timeout(PATIENCE)
            .redirect(Policy::none())
            .build()
            .map_err(|error| Failure::NotDone(format!("connections cannot be made: {error}")))?;
        Ok(Self { url: url.to_owned(), http, token: token.cloned() })
    }

    pub async fn get(&self, path: &str) -> Result<Answer, Failure> {
        self.call(Method::GET, path, None).await
    }

    pub async fn post(&self, path: &str, body: &Value) -> Result<Answer, Failure> {
        self.call(Method::POST, path, Some(body)).await
    }

    pub async fn call(&self, method: Method, path: &str, body: Option<&Value>) -> Result<Answer, Failure> {
        let raw = self.fetch(method, path, body).await?;
        match raw.json() {
            Some(body) => Ok(Answer { status: raw.status, body }),
            None if !raw.status.is_success() || raw.bytes.is_empty() => Ok(raw.into_answer()),
            None => Err(Failure::NotDone(format!("{} does not answer like a gateway", self.url))),
        }
    }

    /// The answer, whatever it is. A redirect is an error.
    pub async fn fetch(&self, method: Method, path: &str, body: Option<&Value>) -> Result<Raw, Failure> {
        let mut request = self.http.request(method, format!("{}{path}", self.url));
        if let Some(token) = &self.token {
            request = request.bearer_auth(token.expose());
        }
        if let Some(body) = body {
            request = request.json(body);
        }
        let mut response = request.send().await.map_err(|error| self.unreachable(&error))?;
        let status = response.status();
        let mut bytes = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(|error| self.unreachable(&error))? {
            if bytes.len() + chunk.len() > LIMIT {
                return Err(Failure::NotDone(format!("the answer of {} is too long to be right", self.url)));
            }
            bytes.extend_from_slice(&chunk);
        }
        if status.is_redirection() {
            return Err(Failure::NotDone(format!(
                "{} sends us elsewhere; log in with the gateway's own address",
                self.url
            )));
        }
        Ok(Raw { status, bytes })
    }

    /// The error without the address, which it would repeat, and with its causes, which tell more than it does.
    fn unreachable(&self, error: &reqwest::Error) -> Failure {
        let mut causes = Vec::new();
        let mut cause = std::error::Error::source(error);
        while let Some(error) = cause {
            causes.push(error.to_string());
            cause = error.source();
        }
        if error.is_timeout() {
            causes.insert(0, "no answer in time".to_owned());
        }
        let reason = causes.join(": ");
        Failure::NotDone(format!("cannot reach {}: {reason}", self.url))
    }
}

/// `rack-gateway/1.0.0 (linux; x86_64)`.
fn agent() -> String {
    let (os, architecture) = (std::env::consts::OS, std::env::consts::ARCH);
    format!("rack-gateway/{} ({os}; {architecture})", env!("CARGO_PKG_VERSION"))
}
