//! `instances list|show|register|heartbeat|drain|remove`.

use super::{Answer, Directory, escaped, view};
use crate::cli::{
    client::{Client, Which},
    failure::Failure,
    output::Report,
};
use clap::{Args, Subcommand};
use http::Method;
use serde_json::{Map, Value, json};
use url::form_urlencoded;

#[derive(Debug, Subcommand)]
pub enum InstancesCommand {
    /// List instances
    #[command(visible_alias = "ls")]
    List(List),
    /// Show one instance
    Show(One),
    /// Register an instance, or change one
    Register(Register),
    /// Say that an instance lives
    Heartbeat(Heartbeat),
    /// Send an instance no more calls, or calls again
    Drain(Drain),
    /// Remove an instance
    #[command(visible_aliases = ["rm", "delete"])]
    Remove(One),
}

#[derive(Debug, Args)]
pub struct List {
    /// Of this service only
    #[arg(long)]
    slug: Option<String>,
    /// With this status only: Healthy, Degraded, Unreachable, Error or Unknown
    #[arg(long)]
    status: Option<String>,
    /// With this tag only
    #[arg(long)]
    tag: Option<String>,
    /// Show it again at every change, until Ctrl-C
    #[arg(long)]
    pub watch: bool,
    #[command(flatten)]
    which: Which,
}

#[derive(Debug, Args)]
pub struct One {
    /// As in inst_12345
    id: String,
    #[command(flatten)]
    which: Which,
}

#[derive(Debug, Args)]
pub struct Register {
    /// The service that it is an instance of
    #[arg(long)]
    slug: Option<String>,
    /// Where it listens, as in http://web:8080
    #[arg(long)]
    url: Option<String>,
    /// Its id, as in inst_web_1; made up when not given
    #[arg(long)]
    id: Option<String>,
    /// How it is: Healthy unless given
    #[arg(long)]
    status: Option<String>,
    /// May be given several times
    #[arg(long = "tag", value_name = "TAG")]
    tags: Vec<String>,
    /// Its share of the calls, against the others of the service
    #[arg(long)]
    weight: Option<u16>,
    /// Seconds that one heartbeat is good for
    #[arg(long, value_name = "SECONDS")]
    ttl: Option<u64>,
    /// The node that it runs on
    #[arg(long, value_name = "URL")]
    node_url: Option<String>,
    #[arg(long)]
    details: Option<String>,
    #[command(flatten)]
    which: Which,
}

#[derive(Debug, Args)]
pub struct Heartbeat {
    /// As in inst_12345
    id: String,
    #[arg(long)]
    status: Option<String>,
    #[arg(long)]
    details: Option<String>,
    #[command(flatten)]
    which: Which,
}

#[derive(Debug, Args)]
pub struct Drain {
    /// As in inst_12345
    id: String,
    /// Why
    #[arg(long, default_value = "maintenance")]
    reason: String,
    /// Send it calls again
    #[arg(long, conflicts_with = "reason")]
    undo: bool,
    #[command(flatten)]
    which: Which,
}

impl InstancesCommand {
    pub async fn run(self, client: Client<'_>) -> Result<Report, Failure> {
        match self {
            Self::List(list) => list.run(client).await,
            Self::Show(one) => one.show(client).await,
            Self::Register(register) => register.run(client).await,
            Self::Heartbeat(heartbeat) => heartbeat.run(client).await,
            Self::Drain(drain) => drain.run(client).await,
            Self::Remove(one) => one.remove(client).await,
        }
    }
}

impl List {
    async fn run(self, client: Client<'_>) -> Result<Report, Failure> {
        let directory = Directory::of(client, &self.which)?;
        let (mut index, mut shown) = directory.instances(&self.filters()).await?;
        if !self.watch {
            return Ok(report(&shown, client));
        }
        loop {
            report(&shown, client).print(client.output);
            (index, shown) = self.next(&directory, index, &shown).await?;
        }
    }

    /// Waits until the list is another one than what is shown.
    async fn next(
        &self,
        directory: &Directory,
        mut index: u64,
        shown: &[Value],
    ) -> Result<(u64, Vec<Value>), Failure> {
        loop {
            directory.until_new(&self.filters(), index).await?;
            let (newest, list) = directory.instances(&self.filters()).await?;
            index = newest;
            if !list.iter().map(lasting).eq(shown.iter().map(lasting)) {
                return Ok((index, list));
            }
        }
    }

    fn filters(&self) -> Vec<(&str, &str)> {
        let filters = [("slug", &self.slug), ("status", &self.status), ("tag", &self.tag)];
        filters.into_iter().filter_map(|(name, value)| Some((name, value.as_deref()?))).collect()
    }
}

/// What is not renewed by a mere sign of life.
fn lasting(instance: &Value) -> Value {
    let mut instance = instance.clone();
    if let Some(fields) = instance.as_object_mut() {
        fields.retain(|key, _| !matches!(key.as_str(), "lastHeartbeat" | "deadline"));
    }
    instance
}

/// Seconds that the gateway may keep a question.
const WAIT: &str = "20";

impl Directory {
    /// All of them, however many pages that takes, and the event up to which the list is.
    async fn instances(&self, filters: &[(&str, &str)]) -> Result<(u64, Vec<Value>), Failure> {
        let (mut all, mut cursor) = (Vec::new(), None::<String>);
        loop {
            let cursor_pair = cursor.as_deref().map(|cursor| ("cursor", cursor));
            let answer = self.list(filters.iter().copied().chain(cursor_pair)).await?;
            let page = answer.body.get("instances").and_then(Value::as_array);
            all.extend(page.cloned().unwrap_or_default());
            cursor = answer.body.get("nextCursor").and_then(Value::as_str).map(str::to_owned);
            if cursor.is_none() {
                return Ok((answer.number("index").unwrap_or_default(), all));
            }
        }
    }

    async fn until_new(&self, filters: &[(&str, &str)], index: u64) -> Result<(), Failure> {
        let index = index.to_string();
        let waiting = [("index", &*index), ("wait", WAIT), ("limit", "1")];
        self.list(filters.iter().copied().chain(waiting)).await.map(drop)
    }

    async fn list<'a>(&self, query: impl Iterator<Item = (&'a str, &'a str)>) -> Result<Answer, Failure> {
        let query = form_urlencoded::Serializer::new(String::new()).extend_pairs(query).finish();
        self.call(Method::GET, &format!("/registry-svc/instances?{query}"), None).await
    }
}

fn report(instances: &[Value], client: Client<'_>) -> Report {
    let (narrow, wide) = view::instances(instances, client.clock.now());
    Report::new(narrow, &json!({ "instances": instances })).with_wide(wide)
}

impl One {
    async fn show(self, client: Client<'_>) -> Result<Report, Failure> {
        let directory = Directory::of(client, &self.which)?;
        let answer = directory.call(Method::GET, &path(&self.id, ""), None).await?;
        let instance = answer.body.get("instance").unwrap_or(&answer.body);
        Ok(Report::new(view::whole(instance), instance))
    }

    async fn remove(self, client: Client<'_>) -> Result<Report, Failure> {
        let directory = Directory::of(client, &self.which)?;
        directory.call(Method::DELETE, &path(&self.id, ""), None).await?;
        Ok(Report::new(format!("removed the instance {}", self.id), &json!({ "id": self.id })))
    }
}

impl Register {
    async fn run(self, client: Client<'_>) -> Result<Report, Failure> {
        let directory = Directory::of(client, &self.which)?;
        let answer = directory.call(Method::PUT, "/registry-svc/instance", Some(&self.document())).await?;
        let instance = answer.body.get("instance").unwrap_or(&answer.body).clone();
        let id = instance.get("id").and_then(Value::as_str).unwrap_or_default();
        Ok(Report::new(format!("registered the instance {id}"), &instance))
    }

    /// What is given, and nothing else: the rest of a known instance stays.
    fn document(&self) -> Value {
        let mut document = Map::new();
        let texts = [
            ("id", &self.id),
            ("slug", &self.slug),
            ("url", &self.url),
            ("status", &self.status),
            ("nodeUrl", &self.node_url),
            ("details", &self.details),
        ];
        for (key, value) in texts {
            document.extend(value.clone().map(|value| (key.to_owned(), Value::from(value))));
        }
        document.extend(self.weight.map(|weight| ("weight".to_owned(), Value::from(weight))));
        document.extend(self.ttl.map(|ttl| ("ttl".to_owned(), Value::from(ttl))));
        if !self.tags.is_empty() {
            document.insert("tags".to_owned(), Value::from(self.tags.clone()));
        }
        Value::Object(document)
    }
}

impl Heartbeat {
    async fn run(self, client: Client<'_>) -> Result<Report, Failure> {
        let directory = Directory::of(client, &self.which)?;
        let mut document = Map::new();
        for (key, value) in [("status", &self.status), ("details", &self.details)] {
            document.extend(value.clone().map(|value| (key.to_owned(), Value::from(value))));
        }
        let document = Value::Object(document);
        let answer = directory.call(Method::PUT, &path(&self.id, "/heartbeat"), Some(&document)).await?;
        Ok(Report::new(format!("the instance {} lives", self.id), &answer.body))
    }
}

impl Drain {
    async fn run(self, client: Client<'_>) -> Result<Report, Failure> {
        let directory = Directory::of(client, &self.which)?;
        let path = path(&self.id, "/drain");
        let (answer, text) = match self.undo {
            false => {
                let document = json!({ "reason": self.reason });
                (directory.call(Method::PUT, &path, Some(&document)).await?, "gets no more calls")
            }
            true => (directory.call(Method::DELETE, &path, None).await?, "gets calls again"),
        };
        Ok(Report::new(format!("the instance {} {text}", self.id), &answer.body))
    }
}

fn path(id: &str, rest: &str) -> String {
    format!("/registry-svc/instance/{}{rest}", escaped(id))
}
