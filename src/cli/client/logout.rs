//! `logout`: the session ends at the gateway, then it is forgotten here.

use super::{Client, Which, http::Api, store::Store};
use crate::cli::{failure::Failure, output::Report};
use clap::Args;
use http::StatusCode;
use serde_json::json;

/// End the session at the gateway and forget it here
#[derive(Debug, Args)]
pub struct Logout {
    #[command(flatten)]
    which: Which,
    /// Forget it here although the gateway cannot be told; the session lives on there until its time is over
    #[arg(long)]
    local: bool,
}

impl Logout {
    pub async fn run(self, client: Client<'_>) -> Result<Report, Failure> {
        let (place, chosen) = client.choose(&self.which)?;
        let Some(name) = &chosen.name else {
            let told = "the credential comes from the environment; unset it, there is nothing to forget here";
            return Err(Failure::Usage(told.to_owned()));
        };
        let login = place.kept.gateways.get(name).filter(|login| !login.token.is_empty());
        let Some(login) = login else {
            return Err(Failure::Refused(format!("not logged in to {name}")));
        };
        if !self.local {
            let answer =
                Api::new(&chosen.url, Some(&login.token))?.post("/api/v1/auth/logout", &json!({})).await;
            let answer = answer.map_err(|failure| {
                Failure::NotDone(format!("{failure}; `logout --local` forgets it here"))
            })?;
            // A session that the gateway does not take any more has ended there.
            if !answer.status.is_success() && answer.status != StatusCode::UNAUTHORIZED {
                return Err(answer.failure());
            }
        }
        forget(&place.store, name)?;
        Ok(Report::new(format!("✓ Logged out from {name}"), &json!({ "rack": name, "revoked": !self.local })))
    }
}

/// The gateway and its address stay, for the next login.
fn forget(store: &Store, name: &str) -> Result<(), Failure> {
    store.change(|kept| {
        if let Some(login) = kept.gateways.get_mut(name) {
            login.forget();
        }
    })
}
