//! A client of the watch.

use crate::support::gateway::TestGateway;
use futures_util::StreamExt as _;
use serde_json::Value;
use std::time::Duration;
use tokio::{sync::mpsc, task::JoinHandle};

pub struct Watcher {
    events: mpsc::UnboundedReceiver<(String, Value)>,
    pub seen: Vec<(String, Value)>,
    task: JoinHandle<()>,
}

impl Watcher {
    /// From now on, or as `query` says.
    pub async fn open(gateway: &TestGateway, token: &str, query: &str) -> Self {
        let request = gateway.own(token, &format!("GET /registry-svc/watch{query}"));
        Self::of(request).await
    }

    pub async fn of(request: reqwest::RequestBuilder) -> Self {
        let answer = request.send().await.unwrap();
        assert_eq!(answer.status(), 200);
        assert_eq!(answer.headers()["content-type"], "text/event-stream");
        let (send, events) = mpsc::unbounded_channel();
        let mut bytes = answer.bytes_stream();
        let task = tokio::spawn(async move {
            let mut text = String::new();
            while let Some(Ok(chunk)) = bytes.next().await {
                text.push_str(&String::from_utf8_lossy(&chunk));
                while let Some((event, rest)) =
                    text.split_once("\n\n").map(|(a, b)| (a.to_owned(), b.to_owned()))
                {
                    text = rest;
                    let field = |name: &str| event.lines().find_map(|line| line.strip_prefix(name));
                    if let (Some(kind), Some(data)) = (field("event: "), field("data: ")) {
                        let _ = send.send((kind.to_owned(), serde_json::from_str(data).unwrap_or_default()));
                    }
                }
            }
        });
        Self { events, seen: Vec::new(), task }
    }

    /// Waits for an event that `wanted` accepts.
    pub async fn wait_for(&mut self, wanted: impl Fn(&str, &Value) -> bool) -> Value {
        let looking = async {
            while let Some((kind, data)) = self.events.recv().await {
                let is_it = wanted(&kind, &data);
                self.seen.push((kind, data.clone()));
                if is_it {
                    return Some(data);
                }
            }
            None
        };
        match tokio::time::timeout(Duration::from_secs(30), looking).await {
            Ok(Some(data)) => data,
            _ => panic!("no such event among {:?}", self.seen),
        }
    }

    /// What has come by now.
    pub fn drain(&mut self) -> Vec<(String, Value)> {
        while let Ok(event) = self.events.try_recv() {
            self.seen.push(event);
        }
        std::mem::take(&mut self.seen)
    }

    /// Waits for the end of the stream.
    pub async fn end(mut self) {
        tokio::time::timeout(Duration::from_secs(20), &mut self.task)
            .await
            .expect("the stream ends")
            .unwrap();
    }
}

impl Drop for Watcher {
    fn drop(&mut self) {
        self.task.abort();
    }
}
