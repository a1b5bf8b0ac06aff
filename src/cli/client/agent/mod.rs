//! `agent`: registers this machine and the services on it with a gateway, says again and again that they live, and takes
//! them out when it is told to stop.

mod presence;
mod rhythm;

use super::{Client, http::Api, url};
use crate::{
    cli::{
        failure::{Exit, Failure},
        output::Report,
    },
    config::Env,
    core::Secret,
    directory::node::hostname,
    observe::log::write_stderr,
};
use clap::Args;
use presence::{Beat, Presence};
use rhythm::{Backoff, jittered};
use serde_json::json;
use std::{path::PathBuf, time::Duration};
use tokio::signal::unix::{SignalKind, signal};

/// Register this machine, and services on it, and keep them alive until SIGTERM
#[derive(Debug, Args)]
pub struct Agent {
    /// The gateway, as in https://gateway.example.com [env: RACK_GATEWAY_URL]
    #[arg(long, value_name = "URL")]
    gateway: Option<String>,
    /// An API token; others on the machine can see it here, so prefer --token-file [env: RACK_GATEWAY_API_TOKEN]
    #[arg(long, value_name = "TOKEN", conflicts_with = "token_file")]
    token: Option<String>,
    /// A file that holds the API token
    #[arg(long, value_name = "FILE")]
    token_file: Option<PathBuf>,
    /// A service on this machine; may be given several times
    #[arg(long = "service", value_name = "SLUG=URL", value_parser = service)]
    services: Vec<(String, String)>,
    /// How this machine is known [default: http://HOSTNAME:11337]
    #[arg(long, value_name = "URL")]
    node_url: Option<String>,
    /// Seconds after which a service that is silent counts as gone; heartbeats come three times as often
    #[arg(long, value_name = "SECONDS", default_value_t = 30, value_parser = clap::value_parser!(u64).range(5..=86_400))]
    ttl: u64,
}

/// The port of nodes that are known by their name only.
const NODE_PORT: u16 = 11337;
const TOKEN: &str = "RACK_GATEWAY_API_TOKEN";
const URL: &str = "RACK_GATEWAY_URL";
/// Time for saying goodbye.
const GOODBYE: Duration = Duration::from_secs(5);

fn service(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((slug, url)) if !slug.is_empty() && url.contains("://") => Ok((slug.to_owned(), url.to_owned())),
        _ => Err("write for example web=http://127.0.0.1:8080".to_owned()),
    }
}

impl Agent {
    /// Ends by a signal, or when the gateway says that it never will: exit 0, or 2 or 3 with the gateway's words.
    pub async fn run(self, client: Client<'_>) -> Result<Report, Failure> {
        let set = |name: &str| client.env.get(name).filter(|value| !value.trim().is_empty());
        let gateway = self.gateway.clone().or_else(|| set(URL));
        let gateway = gateway
            .ok_or_else(|| Failure::Usage(format!("name the gateway with --gateway, or set {URL}")))?;
        let gateway = url::gateway(&gateway)
            .map_err(|problem| Failure::Usage(format!("--gateway: {gateway} {problem}")))?;
        let api = Api::new(&gateway, Some(&self.token(client.env)?))?;
        let mut stop = Stop::listen()?;
        let mut all = self.presences();
        let ended = tokio::select! {
            () = stop.asked() => Ok(()),
            failure = keep_alive(&api, &mut all, Duration::from_secs(self.ttl) / 3) => Err(failure),
        };
        let left = tokio::time::timeout(GOODBYE, leave(&api, &mut all)).await.unwrap_or(false);
        ended?;
        let names: Vec<_> = all.iter().map(Presence::name).collect();
        let text = match left {
            true => format!("took {} out of the directory", names.join(", ")),
            false => "stopped; the gateway could not be told, and will notice by itself".to_owned(),
        };
        let report = Report::new(text, &json!({ "left": left, "registered": names }));
        Ok(if left { report } else { report.with_exit(Exit::NotDone) })
    }

    fn token(&self, env: &dyn Env) -> Result<Secret, Failure> {
        let given = match &self.token_file {
            Some(path) => {
                let text = std::fs::read_to_string(path)
                    .map_err(|error| Failure::Usage(format!("{}: {error}", path.display())))?;
                Some(text)
            }
            None => self.token.clone().or_else(|| env.get(TOKEN)),
        };
        let token = given.map(|text| text.trim().to_owned()).filter(|text| !text.is_empty());
        token.map(Secret::new).ok_or_else(|| {
            Failure::Usage(format!("give an API token with --token-file or --token, or set {TOKEN}"))
        })
    }

    fn presences(&self) -> Vec<Presence> {
        let node = self.node_url.clone().unwrap_or_else(|| format!("http://{}:{NODE_PORT}", hostname()));
        let services = self.services.iter().map(|(slug, url)| Presence::service(slug, url, &node, self.ttl));
        std::iter::once(Presence::node(&node)).chain(services).collect()
    }
}

/// Never ends well: what cannot be mended by waiting ends it.
async fn keep_alive(api: &Api, all: &mut [Presence], interval: Duration) -> Failure {
    let mut backoff = Backoff::default();
    loop {
        let mut away = None;
        for presence in all.iter_mut() {
            match presence.beat(api).await {
                Beat::Done => {}
                Beat::Away(failure) => away = Some(failure),
                Beat::Never(failure) => return failure,
            }
        }
        let wait = match away {
            None => {
                backoff = Backoff::default();
                interval
            }
            Some(failure) => {
                let wait = backoff.next();
                write_stderr(&failure.text());
                wait
            }
        };
        tokio::time::sleep(jittered(wait)).await;
    }
}

/// True when the gateway knows of nothing here any more.
async fn leave(api: &Api, all: &mut [Presence]) -> bool {
    let mut all_left = true;
    for presence in all.iter_mut() {
        all_left &= presence.leave(api).await;
    }
    all_left
}

struct Stop {
    terminate: tokio::signal::unix::Signal,
    interrupt: tokio::signal::unix::Signal,
}

impl Stop {
    fn listen() -> Result<Self, Failure> {
        let on = |kind| {
            signal(kind).map_err(|error| Failure::NotDone(format!("signals cannot be heard: {error}")))
        };
        Ok(Self { terminate: on(SignalKind::terminate())?, interrupt: on(SignalKind::interrupt())? })
    }

    async fn asked(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn services_are_a_slug_and_a_url() {
        assert_eq!(
            service("web=http://127.0.0.1:80/a=b"),
            Ok(("web".to_owned(), "http://127.0.0.1:80/a=b".to_owned()))
        );
        for text in ["", "web", "=http://x", "web=", "web=127.0.0.1:80"] {
            assert!(service(text).is_err(), "{text}");
        }
    }
}
