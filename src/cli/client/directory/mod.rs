//! `instances` and `nodes`: what is registered in the gateway's directory.

mod instances;
mod nodes;
mod view;

pub use instances::InstancesCommand;
pub use nodes::NodesCommand;

use super::{
    Client, Which,
    choice::Chosen,
    http::{Answer, Api},
    whoami::success,
};
use crate::cli::failure::Failure;
use http::Method;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::Value;

/// The chosen gateway, and the directory there.
struct Directory {
    chosen: Chosen,
    api: Api,
}

/// What stays as it is in a segment of a path.
const ESCAPED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');

impl Directory {
    fn of(client: Client<'_>, which: &Which) -> Result<Self, Failure> {
        let (_, chosen) = client.choose(which)?;
        let api = Api::new(&chosen.url, Some(chosen.credential(client.clock.now())?))?;
        Ok(Self { chosen, api })
    }

    async fn call(&self, method: Method, path: &str, body: Option<&Value>) -> Result<Answer, Failure> {
        success(self.api.call(method, path, body).await?, &self.chosen)
    }
}

pub fn escaped(text: &str) -> String {
    utf8_percent_encode(text, ESCAPED).to_string()
}
