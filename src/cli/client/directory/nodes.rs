//! `nodes list|show|delete`.

use super::{Directory, escaped, view};
use crate::cli::{
    client::{Client, Which},
    failure::Failure,
    output::Report,
};
use clap::{Args, Subcommand};
use http::Method;
use serde_json::{Value, json};

#[derive(Debug, Subcommand)]
pub enum NodesCommand {
    /// List nodes
    #[command(visible_alias = "ls")]
    List(List),
    /// Show one node
    Show(One),
    /// Remove a node
    #[command(visible_aliases = ["remove", "rm"])]
    Delete(One),
}

#[derive(Debug, Args)]
pub struct List {
    #[command(flatten)]
    which: Which,
}

#[derive(Debug, Args)]
pub struct One {
    /// Its URL, as in https://node.example.com:11337
    url: String,
    #[command(flatten)]
    which: Which,
}

impl NodesCommand {
    pub async fn run(self, client: Client<'_>) -> Result<Report, Failure> {
        match self {
            Self::List(list) => list.run(client).await,
            Self::Show(one) => one.show(client).await,
            Self::Delete(one) => one.delete(client).await,
        }
    }
}

impl List {
    async fn run(self, client: Client<'_>) -> Result<Report, Failure> {
        let nodes = Directory::of(client, &self.which)?.nodes().await?;
        let (narrow, wide) = view::nodes(&nodes, client.clock.now());
        Ok(Report::new(narrow, &json!({ "nodes": nodes })).with_wide(wide))
    }
}

impl Directory {
    async fn nodes(&self) -> Result<Vec<Value>, Failure> {
        let answer = self.call(Method::POST, "/registry-svc/nodes", Some(&json!({}))).await?;
        Ok(answer.body.get("nodes").and_then(Value::as_array).cloned().unwrap_or_default())
    }
}

impl One {
    async fn show(self, client: Client<'_>) -> Result<Report, Failure> {
        let nodes = Directory::of(client, &self.which)?.nodes().await?;
        let named = |node: &&Value| {
            ["url", "id"].iter().any(|key| node.get(key).and_then(Value::as_str) == Some(&self.url))
        };
        let Some(node) = nodes.iter().find(named) else {
            return Err(Failure::NotDone(format!("there is no node {}", self.url)));
        };
        Ok(Report::new(view::whole(node), node))
    }

    async fn delete(self, client: Client<'_>) -> Result<Report, Failure> {
        let directory = Directory::of(client, &self.which)?;
        directory.call(Method::DELETE, &format!("/registry-svc/node/{}", escaped(&self.url)), None).await?;
        Ok(Report::new(format!("removed the node {}", self.url), &json!({ "url": self.url })))
    }
}
