//! `keys rotate`: seals the secrets of second factors anew, so that a previous key can be dropped.

use super::{
    context::{Admin, What},
    failure::{Exit, Failure},
    output::Report,
};
use crate::{
    config::IdentityConfig,
    identity::mfa::{self, Rotated},
};
use clap::Subcommand;

#[derive(Debug, Subcommand)]
pub enum KeysCommand {
    /// Seal everything anew with APP_SECRET_KEY; APP_SECRET_KEY_PREVIOUS can be dropped afterwards
    Rotate,
}

const NO_KEY: &str = "there is no key to seal with; set APP_SECRET_KEY, for example to the output of `openssl rand -base64 32`";

impl KeysCommand {
    pub async fn run(self, admin: &Admin, config: &IdentityConfig) -> Result<Report, Failure> {
        match self {
            Self::Rotate => rotate(admin, config).await,
        }
    }
}

async fn rotate(admin: &Admin, config: &IdentityConfig) -> Result<Report, Failure> {
    let keys = mfa::keys(config, admin.db()).await?;
    let keys = keys.ok_or_else(|| Failure::NotDone(NO_KEY.to_owned()))?;
    let what = What {
        action: "keys.rotate",
        resource_type: "keys",
        resource: "APP_SECRET_KEY".to_owned(),
        detail: None,
    };
    let rotated = admin.change(what, mfa::rotate(admin.db(), &keys)).await?;
    Ok(report(&rotated))
}

fn report(rotated: &Rotated) -> Report {
    let Rotated { resealed, current, unreadable } = rotated;
    let text = format!("sealed {resealed} anew; {current} had the seal of the current key already");
    let report = Report::new(text, rotated);
    if unreadable.is_empty() {
        return report;
    }
    let ids: Vec<_> = unreadable.iter().map(ToString::to_string).collect();
    report.with_exit(Exit::NotDone).remark(format!(
        "No configured key opens these factors: {}. Set APP_SECRET_KEY_PREVIOUS to the key they were sealed with, and \
         run this again; otherwise their owners must enrol anew.",
        ids.join(", ")
    ))
}
