//! Log streams. The lines of services are made up from the clock, one in ten seconds, so any window of time has
//! some; what really happened on the rack stands between them.

use super::{
    auth::Role,
    call::Call,
    model::Event,
    reply::{Answer, Refusal},
    shared::Shared,
    socket::{self, Input, Output, Pings, Terms},
};
use crate::core::Timestamp;
use std::{io, sync::Arc, time::Duration};

pub const TERMS: Terms = Terms { needs: Role::Read, pings: Pings::Ignored };

const SPACING: i64 = 10_000_000;
const MOST_LINES: usize = 1_000;
const LONGEST_SINCE: Duration = Duration::from_secs(2 * 60 * 60);
const DEFAULT_SINCE: Duration = Duration::from_secs(2 * 60);
const TICK: Duration = Duration::from_secs(1);

/// Whose lines a stream shows.
enum Source {
    App(String),
    Service(String, String),
    System,
}

pub fn app(call: Call, app: &str) -> Answer {
    let found = call.world().app(app).map(|_| Source::App(app.into()));
    open(call, found)
}

pub fn service(call: Call, app: &str, service: &str) -> Answer {
    let found = call.world().app_mut(app).and_then(|app| app.service_mut(service).map(|_| ()));
    open(call, found.map(|()| Source::Service(app.into(), service.into())))
}

pub fn process(call: Call, app: &str, pid: &str) -> Answer {
    let service = call.world().app(app).and_then(|app| Ok(app.process(pid)?.service.clone()));
    open(call, service.map(|service| Source::Service(app.into(), service)))
}

pub fn system(call: Call) -> Answer {
    open(call, Ok(Source::System))
}

fn open(call: Call, source: Result<Source, Refusal>) -> Answer {
    let options = Options::read(&call);
    let shared = call.shared.clone();
    socket::accept(call, TERMS, move |input, output| async move {
        match source {
            Ok(source) => stream(&shared, &source, &options, input, output).await,
            Err(refusal) => output.fail(&refusal.to_string()).await,
        }
    })
}

async fn stream(
    shared: &Arc<Shared>,
    source: &Source,
    options: &Options,
    mut input: Input,
    output: Output,
) -> io::Result<()> {
    let now = shared.now();
    let start = Timestamp::from_micros(now.as_micros() - options.since.as_micros() as i64);
    let Some(events) = source.events(shared, 0) else { return output.end().await };
    let mut last = events.last().map_or(0, |event| event.number);
    let mut lines: Vec<(Timestamp, String)> = made_up(source, shared, start, now);
    lines.extend(events.into_iter().filter(|event| event.at >= start).map(|event| (event.at, event.text)));
    lines.sort();
    lines.retain(|(_, text)| options.wants(text));
    for (at, text) in lines.split_off(lines.len().saturating_sub(options.tail)) {
        output.text(options.line(at, &text).as_bytes()).await?;
    }
    if !options.follow {
        return output.end().await;
    }

    let mut ticks = tokio::time::interval(TICK);
    ticks.tick().await;
    loop {
        tokio::select! {
            _ = ticks.tick() => {}
            // Only a client that says so ends a stream: one that hung up is noticed when writing fails.
            () = input.told_to_end() => return output.end().await,
        }
        let now = shared.now();
        let Some(fresh) = source.events(shared, last) else { return output.end().await };
        last = fresh.last().map_or(last, |event| event.number);
        let heartbeat = (now, format!("{} GET /health 200", source.name()));
        for (at, text) in fresh.into_iter().map(|event| (event.at, event.text)).chain([heartbeat]) {
            if options.wants(&text) {
                output.text(options.line(at, &text).as_bytes()).await?;
            }
        }
    }
}

impl Source {
    fn name(&self) -> String {
        match self {
            Self::App(app) => format!("service/{app}"),
            Self::Service(app, service) => format!("service/{service}/{app}"),
            Self::System => "system/rack".into(),
        }
    }

    /// What happened after event number `last`; `None` once the app is gone.
    fn events(&self, shared: &Shared, last: u64) -> Option<Vec<Event>> {
        let (app, wanted) = match self {
            Self::App(app) => (app, true),
            Self::Service(app, _) => (app, false),
            Self::System => return Some(Vec::new()),
        };
        let world = shared.world();
        let events = world.app(app).ok()?.events.iter();
        Some(events.filter(|event| wanted && event.number > last).cloned().collect())
    }
}

fn made_up(source: &Source, shared: &Shared, start: Timestamp, end: Timestamp) -> Vec<(Timestamp, String)> {
    let names = match source {
        Source::App(app) => {
            let world = shared.world();
            let services = world.app(app).map(|app| app.services.keys()).into_iter().flatten();
            services.map(|service| format!("service/{service}/{app}")).collect()
        }
        one => vec![one.name()],
    };
    let first = start.as_micros().div_euclid(SPACING) + 1;
    let last = end.as_micros().div_euclid(SPACING);
    (first..=last)
        .flat_map(|tick| names.iter().map(move |name| (tick, name)))
        .map(|(tick, name)| {
            (Timestamp::from_micros(tick * SPACING), format!("{name} GET /items/{} 200", tick % 97))
        })
        .collect()
}

/// The options of a log stream, which come in headers.
struct Options {
    filter: Option<String>,
    follow: bool,
    prefix: bool,
    since: Duration,
    tail: usize,
}

impl Options {
    fn read(call: &Call) -> Self {
        Self {
            filter: call.header("Filter").filter(|text| !text.is_empty()),
            follow: call.header("Follow").is_none_or(|text| text != "false"),
            prefix: call.header("Prefix").is_some_and(|text| text == "true"),
            since: call
                .header("Since")
                .and_then(|text| go_duration(&text))
                .unwrap_or(DEFAULT_SINCE)
                .min(LONGEST_SINCE),
            tail: call
                .header("Tail")
                .and_then(|text| text.parse().ok())
                .unwrap_or(MOST_LINES)
                .min(MOST_LINES),
        }
    }

    fn wants(&self, text: &str) -> bool {
        self.filter.as_ref().is_none_or(|part| text.contains(part.as_str()))
    }

    fn line(&self, at: Timestamp, text: &str) -> String {
        let message =
            if self.prefix { text } else { text.split_once(' ').map_or(text, |(_, message)| message) };
        if self.prefix { format!("{at} {message}\n") } else { format!("{message}\n") }
    }
}

/// Go's duration text, such as `2m0s` or `1h30m`; whole and decimal numbers.
fn go_duration(text: &str) -> Option<Duration> {
    let mut total = Duration::ZERO;
    let mut rest = text;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let (number, tail) = rest.split_at_checked(digits)?;
        let unit_end = tail.find(|c: char| c.is_ascii_digit() || c == '.').unwrap_or(tail.len());
        let (unit, next) = tail.split_at_checked(unit_end)?;
        let seconds = match unit {
            "h" => 3600.0,
            "m" => 60.0,
            "s" => 1.0,
            "ms" => 1e-3,
            "us" | "µs" => 1e-6,
            "ns" => 1e-9,
            _ => return None,
        };
        let part = Duration::try_from_secs_f64(number.parse::<f64>().ok()? * seconds).ok()?;
        total = total.checked_add(part)?;
        rest = next;
    }
    Some(total)
}

#[cfg(test)]
mod tests {
    use super::{
        super::testing::{Client, until_end},
        *,
    };
    use futures_util::{SinkExt as _, StreamExt as _};
    use tokio_tungstenite::tungstenite::Message;

    #[test]
    fn reads_go_durations() {
        for (text, seconds) in
            [("5s", 5.0), ("2m0s", 120.0), ("1h30m", 5400.0), ("1.5s", 1.5), ("100ms", 0.1)]
        {
            assert_eq!(go_duration(text), Some(Duration::from_secs_f64(seconds)), "{text}");
        }
        for bad in ["5", "s", "5x", "-5s", "99999999999999999999h", "5µ"] {
            assert_eq!(go_duration(bad), None, "{bad}");
        }
    }

    #[test]
    fn lines_have_their_prefix_only_when_asked() {
        let options = |prefix| Options { filter: None, follow: false, prefix, since: TICK, tail: 1 };
        let at = Timestamp::from_micros(0);
        assert_eq!(
            options(true).line(at, "service/web/app hi"),
            "1970-01-01T00:00:00.000000Z service/web/app hi\n"
        );
        assert_eq!(options(false).line(at, "service/web/app hi"), "hi\n");
    }

    #[tokio::test]
    async fn shows_the_asked_window_and_ends() {
        let client = Client::start().await;
        let headers = [("follow", "false"), ("prefix", "true"), ("tail", "4"), ("since", "5m0s")];
        let mut socket = client.socket("/apps/web/services/web/logs", &headers).await;
        let lines = until_end(&mut socket).await;
        assert_eq!(lines.len(), 4, "{lines:?}");
        assert!(lines.iter().all(|line| line.contains("Z service/web/web GET /items/")), "{lines:?}");
        let mut socket =
            client.socket("/apps/web/logs", &[("follow", "false"), ("filter", "no such text")]).await;
        assert!(until_end(&mut socket).await.is_empty());
    }

    #[tokio::test]
    async fn follows_until_the_client_says_so_and_never_pongs() {
        let client = Client::start().await;
        let mut socket = client.socket("/apps/web/logs", &[("tail", "0"), ("prefix", "true")]).await;
        socket.send(Message::Ping("x".into())).await.unwrap();
        client.form_ok("POST", "/apps/web/restart", &[]).await;
        let mut lines = Vec::new();
        while lines.len() < 3 {
            match socket.next().await.unwrap().unwrap() {
                Message::Text(line) => lines.push(line.to_string()),
                other => panic!("only text may come, not {other:?}"),
            }
        }
        assert!(lines.iter().any(|line| line.contains("system/app restarted")), "{lines:?}");
        socket.send(Message::binary(Vec::new())).await.unwrap();
        until_end(&mut socket).await;
    }

    #[tokio::test]
    async fn a_deleted_app_ends_its_streams() {
        let client = Client::start().await;
        let mut socket = client.socket("/apps/api/logs", &[]).await;
        client.form_ok("DELETE", "/apps/api", &[]).await;
        until_end(&mut socket).await;
    }

    #[tokio::test]
    async fn unknown_sources_are_told_on_the_stream() {
        let client = Client::start().await;
        for (path, reason) in [
            ("/apps/nope/logs", "app not found: nope"),
            ("/apps/web/services/nope/logs", "no such service: nope"),
            ("/apps/web/processes/nope/logs", "no such process: nope"),
        ] {
            let mut socket = client.socket(path, &[]).await;
            assert_eq!(until_end(&mut socket).await, [format!("ERROR: {reason}\n")]);
        }
    }

    #[tokio::test]
    async fn notices_a_client_that_went_away() {
        let client = Client::start().await;
        let socket = client.socket("/system/logs", &[]).await;
        drop(socket);
        tokio::time::sleep(Duration::from_millis(100)).await;
        assert_eq!(client.rack.open_sockets(), 0);
    }
}
