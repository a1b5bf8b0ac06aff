//! `can-i`: asks the gateway whether we may do something, and why.

use super::{Client, Which, http::Api, whoami::success};
use crate::{
    cli::{
        failure::{Exit, Failure},
        output::Report,
    },
    policy::Permission,
};
use clap::Args;
use serde_json::Value;
use url::form_urlencoded;

/// Ask whether you may do something, and why; ends with 0 for yes and 3 for no
#[derive(Debug, Args)]
pub struct CanI {
    /// A permission, as in convox:app:restart, or app:restart for short
    verb: String,
    /// On what: staging, staging/web, repo:team/app, service:billing, or gateway
    target: String,
    #[command(flatten)]
    which: Which,
}

impl CanI {
    pub async fn run(self, client: Client<'_>) -> Result<Report, Failure> {
        let permission = permission(&self.verb).map_err(Failure::Usage)?;
        let (_, chosen) = client.choose(&self.which)?;
        let api = Api::new(&chosen.url, Some(chosen.credential(client.clock.now())?))?;
        let query = form_urlencoded::Serializer::new(String::new())
            .append_pair("permission", &permission)
            .append_pair("target", &self.target)
            .finish();
        let answer = success(api.get(&format!("/api/v1/access/explain?{query}")).await?, &chosen)?;
        let Some(allowed) = answer.body.get("allowed").and_then(Value::as_bool) else {
            return Err(Failure::NotDone(format!("{} does not explain access", chosen.url)));
        };
        let word = if allowed { "yes" } else { "no" };
        let report = Report::new(format!("{word}: {}", answer.text("because")), &answer.body);
        Ok(if allowed { report } else { report.with_exit(Exit::Refused) })
    }
}

/// The full name. The gateway may know permissions that this program does not, so a full name is taken as it is.
fn permission(text: &str) -> Result<String, String> {
    if text.split(':').count() == 3 {
        return Ok(text.to_owned());
    }
    let end = format!(":{text}");
    let mut fitting =
        Permission::ALL.iter().map(|permission| permission.name()).filter(|name| name.ends_with(&end));
    match (fitting.next(), fitting.next()) {
        (Some(only), None) => Ok(only.to_owned()),
        (Some(one), Some(other)) => Err(format!("{text} could be {one} or {other}; write one of them")),
        (None, _) => {
            Err(format!("{text} is not a permission; write for example app:restart, `roles show` lists them"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn permissions_may_be_short() {
        assert_eq!(permission("app:restart").as_deref(), Ok("convox:app:restart"));
        assert_eq!(permission("convox:app:restart").as_deref(), Ok("convox:app:restart"));
        assert_eq!(permission("future:thing:do").as_deref(), Ok("future:thing:do"));
        assert!(permission("fly").unwrap_err().contains("is not a permission"));
    }
}
