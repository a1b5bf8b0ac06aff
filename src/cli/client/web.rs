//! `web`: the gateway's pages.

use super::{Client, Which};
use crate::cli::{failure::Failure, output::Report};
use clap::Args;
use serde_json::json;

/// Open the gateway in a browser
#[derive(Debug, Args)]
pub struct Web {
    #[command(flatten)]
    which: Which,
}

impl Web {
    pub fn run(self, client: Client<'_>) -> Result<Report, Failure> {
        let (_, chosen) = client.choose(&self.which)?;
        let page = format!("{}/app/", chosen.url);
        let report = Report::new(&page, &json!({ "url": page }));
        Ok(match open::that_detached(&page) {
            Ok(()) => report,
            Err(_) => report.remark("The browser did not open; open that address yourself."),
        })
    }
}
