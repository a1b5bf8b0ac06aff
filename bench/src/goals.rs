//! The goals, one entry for each number that is held against a bound, and how it is computed from the samples.

use crate::samples::{Cell, Samples};
use crate::stats::{Spread, spread};
use Bound::{AtLeast, AtMost};
use Measure::{Difference, Plain, Ratio};

#[derive(Clone, Copy, Debug)]
pub enum Bound {
    AtMost { must: f64, stretch: f64 },
    AtLeast { must: f64, stretch: f64 },
}

#[derive(Clone, Copy, Debug)]
pub enum Measure {
    /// The gateway's number over the peer's, repeat by repeat.
    Ratio(Cell<'static>, Cell<'static>),
    /// The first number less the second, repeat by repeat.
    Difference(Cell<'static>, Cell<'static>),
    /// The number itself.
    Plain(Cell<'static>),
}

#[derive(Clone, Copy, Debug)]
pub struct Goal {
    /// Number of the goal; `bench/run --only` takes these.
    pub row: u32,
    pub what: &'static str,
    pub unit: &'static str,
    pub measure: Measure,
    pub bound: Bound,
}

pub const GATEWAY: &str = "gateway";

const fn cell(load: &'static str, who: &'static str, name: &'static str) -> Cell<'static> {
    Cell { load, who, name }
}

const fn versus(load: &'static str, peer: &'static str, name: &'static str) -> Measure {
    Ratio(cell(load, GATEWAY, name), cell(load, peer, name))
}

const fn goal(row: u32, what: &'static str, unit: &'static str, measure: Measure, bound: Bound) -> Goal {
    Goal { row, what, unit, measure, bound }
}

const fn at_most(must: f64, stretch: f64) -> Bound {
    AtMost { must, stretch }
}

const fn at_least(must: f64, stretch: f64) -> Bound {
    AtLeast { must, stretch }
}

const DURABLE_P50: Measure =
    Difference(cell("rate-2000-durable", GATEWAY, "p50_ms"), cell("rate-2000", GATEWAY, "p50_ms"));
const DURABLE_P99: Measure =
    Difference(cell("rate-2000-durable", GATEWAY, "p99_ms"), cell("rate-2000", GATEWAY, "p99_ms"));

#[rustfmt::skip]
pub const GOALS: &[Goal] = &[
    goal(1, "CPU/request vs nginx + auth_request + JSON log, pinned", "×", versus("pinned-c64", "nginx-authreq", "cpu_us"), at_most(0.70, 0.58)),
    goal(2, "req/s vs nginx + auth_request, pinned", "×", versus("pinned-c64", "nginx-authreq", "rps"), at_least(1.4, 1.7)),
    goal(3, "req/s vs nginx + auth_request, free, 16 connections", "×", versus("free-c16", "nginx-authreq", "rps"), at_least(1.15, 1.35)),
    goal(3, "req/s vs nginx + auth_request, free, 64 connections", "×", versus("free-c64", "nginx-authreq", "rps"), at_least(1.15, 1.35)),
    goal(4, "CPU/request vs HAProxy token map + ACL + JSON log, pinned", "×", versus("pinned-c64", "haproxy-token", "cpu_us"), at_most(1.15, 0.95)),
    goal(5, "req/s vs Caddy forward_auth + JSON log, free", "×", versus("free-c64", "caddy-fauth", "rps"), at_least(4.0, 5.0)),
    goal(5, "CPU/request vs Caddy forward_auth + JSON log, free", "×", versus("free-c64", "caddy-fauth", "cpu_us"), at_most(0.18, 0.13)),
    goal(8, "p50 at 2,000 req/s vs nginx + auth_request", "×", versus("rate-2000", "nginx-authreq", "p50_ms"), at_most(1.0, 0.8)),
    goal(8, "p99 at 2,000 req/s vs nginx + auth_request", "×", versus("rate-2000", "nginx-authreq", "p99_ms"), at_most(1.3, 1.0)),
    goal(9, "p50 added by a durable record before the response, 2,000 req/s", "ms", DURABLE_P50, at_most(1.0, 0.5)),
    goal(9, "p99 added by a durable record before the response, 2,000 req/s", "ms", DURABLE_P99, at_most(4.0, 2.0)),
    goal(10, "idle keep-alive connection, RSS", "KiB", Plain(cell("idle-keepalive", GATEWAY, "kib_each")), at_most(20.0, 13.0)),
    goal(11, "idle WebSocket tunnel, RSS", "KiB", Plain(cell("idle-tunnel", GATEWAY, "kib_each")), at_most(10.0, 5.0)),
    goal(12, "1 GiB down, RSS growth", "MiB", Plain(cell("down-1g", GATEWAY, "rss_growth_mib")), at_most(32.0, 16.0)),
    goal(12, "1 GiB up, RSS growth", "MiB", Plain(cell("up-1g", GATEWAY, "rss_growth_mib")), at_most(32.0, 16.0)),
    goal(12, "4 GiB down, RSS growth", "MiB", Plain(cell("down-4g", GATEWAY, "rss_growth_mib")), at_most(32.0, 16.0)),
    goal(12, "4 GiB up, RSS growth", "MiB", Plain(cell("up-4g", GATEWAY, "rss_growth_mib")), at_most(32.0, 16.0)),
    goal(13, "1 GiB down, MiB/s vs nginx default", "×", versus("down-1g", "nginx-plain", "mib_s"), at_least(1.5, 1.9)),
    goal(13, "1 GiB down, MiB/s vs HAProxy", "×", versus("down-1g", "haproxy-token", "mib_s"), at_least(1.1, 1.3)),
    goal(13, "1 GiB up, MiB/s vs nginx default", "×", versus("up-1g", "nginx-plain", "mib_s"), at_least(1.5, 1.9)),
    goal(13, "1 GiB up, MiB/s vs HAProxy", "×", versus("up-1g", "haproxy-token", "mib_s"), at_least(1.1, 1.3)),
    goal(14, "durable audit rows/s, SQLite, 4,096 in flight", "rows/s", Plain(cell("audit-4096", "sqlite", "rows_s")), at_least(30_000.0, 70_000.0)),
    goal(14, "durable audit rows/s, PostgreSQL, 4,096 in flight", "rows/s", Plain(cell("audit-4096", "postgres", "rows_s")), at_least(50_000.0, 85_000.0)),
    goal(15, "durable audit rows/s, SQLite, 64 waiting", "rows/s", Plain(cell("audit-64", "sqlite", "rows_s")), at_least(12_000.0, 20_000.0)),
    goal(15, "durable audit rows/s, PostgreSQL, 64 waiting", "rows/s", Plain(cell("audit-64", "postgres", "rows_s")), at_least(30_000.0, 45_000.0)),
    goal(17, "RSS under 64-connection load", "MiB", Plain(cell("pinned-c64", GATEWAY, "rss_peak_mib")), at_most(64.0, 32.0)),
    goal(18, "wrong token, prefix of a real one or not: Welch's |t|", "", Plain(cell("timing", "token-prefix", "t")), at_most(4.5, 4.5)),
    goal(18, "refused passkey, of somebody known or of nobody: Welch's |t|", "", Plain(cell("timing", "user", "t")), at_most(4.5, 4.5)),
    goal(18, "wrong TOTP code, first or last digit: Welch's |t|", "", Plain(cell("timing", "totp-digit", "t")), at_most(4.5, 4.5)),
    goal(18, "wrong backup code, one letter or all: Welch's |t|", "", Plain(cell("timing", "backup-code", "t")), at_most(4.5, 4.5)),
    goal(19, "layer of 2 GiB into a registry, MiB/s vs the same registry directly", "×", versus("layer-up-2g", "docker-registry", "mib_s"), at_least(0.90, 0.97)),
    goal(19, "layer of 2 GiB out of a registry, MiB/s vs the same registry directly", "×", versus("layer-down-2g", "docker-registry", "mib_s"), at_least(0.90, 0.97)),
    goal(20, "layer of 2 GiB into a registry, peak RSS", "MiB", Plain(cell("layer-up-2g", GATEWAY, "rss_peak_mib")), at_most(80.0, 48.0)),
    goal(20, "layer of 2 GiB out of a registry, peak RSS", "MiB", Plain(cell("layer-down-2g", GATEWAY, "rss_peak_mib")), at_most(80.0, 48.0)),
    goal(21, "directory of 10,000 instances, 1,000 heartbeats/s, 100 watchers: p99 from change to event", "ms", Plain(cell("directory", GATEWAY, "p99_ms")), at_most(250.0, 50.0)),
    goal(21, "directory of 10,000 instances, 1,000 heartbeats/s, 100 watchers: peak RSS", "MiB", Plain(cell("directory", GATEWAY, "rss_peak_mib")), at_most(192.0, 96.0)),
];

/// What came out for one goal. `value` is missing when there are no valid samples.
pub struct Finding {
    pub goal: Goal,
    pub value: Option<Spread>,
    pub invalid: usize,
}

impl Goal {
    pub fn judge(&self, samples: &Samples) -> Finding {
        let (values, cells) = match self.measure {
            Ratio(ours, theirs) => (samples.paired(ours, theirs, |a, b| a / b), vec![ours, theirs]),
            Difference(more, less) => (samples.paired(more, less, |a, b| a - b), vec![more, less]),
            Plain(cell) => {
                (samples.values(cell.load, cell.who, cell.name).into_values().collect(), vec![cell])
            }
        };
        let invalid = cells.iter().map(|cell| samples.invalid(cell.load, cell.who)).sum();
        Finding { goal: *self, value: spread(&values), invalid }
    }
}

impl Finding {
    /// `None` when it was not measured.
    pub fn meets_must(&self) -> Option<bool> {
        self.meets(self.goal.bound.must())
    }

    pub fn meets_stretch(&self) -> Option<bool> {
        self.meets(self.goal.bound.stretch())
    }

    fn meets(&self, limit: f64) -> Option<bool> {
        let median = self.value?.median;
        Some(match self.goal.bound {
            AtMost { .. } => median <= limit,
            AtLeast { .. } => median >= limit,
        })
    }

    /// The repeats lie on both sides of the bound: the answer is within the noise of this run.
    pub fn is_close(&self) -> bool {
        let limit = self.goal.bound.must();
        self.value.is_some_and(|value| value.low < limit && limit < value.high)
    }
}

impl Bound {
    pub fn must(&self) -> f64 {
        match self {
            AtMost { must, .. } | AtLeast { must, .. } => *must,
        }
    }

    pub fn stretch(&self) -> f64 {
        match self {
            AtMost { stretch, .. } | AtLeast { stretch, .. } => *stretch,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn samples(ours: [f64; 3], theirs: [f64; 3]) -> Samples {
        let mut lines = Vec::new();
        for (rep, (a, b)) in ours.iter().zip(theirs).enumerate() {
            for (who, value) in [(GATEWAY, *a), ("nginx-authreq", b)] {
                lines.push(format!(
                    r#"{{"load":"pinned-c64","who":"{who}","rep":{rep},"requests":9,"errors":0,"cpu_us":{value}}}"#
                ));
            }
        }
        Samples::parse(&lines.join("\n")).unwrap()
    }

    #[test]
    fn a_ratio_is_the_median_of_pairs_and_not_of_medians() {
        let found = GOALS[0].judge(&samples([10.0, 40.0, 12.0], [20.0, 50.0, 20.0]));
        assert_eq!(found.value, Some(Spread { median: 0.6, low: 0.5, high: 0.8 }));
        assert_eq!(
            (found.meets_must(), found.meets_stretch(), found.is_close()),
            (Some(true), Some(false), true)
        );
    }

    #[test]
    fn what_was_not_measured_is_neither_met_nor_missed() {
        let found = GOALS[1].judge(&samples([1.0; 3], [1.0; 3]));
        assert_eq!((found.meets_must(), found.is_close()), (None, false));
    }

    #[test]
    fn a_stretch_is_never_easier_than_its_must() {
        for goal in GOALS {
            match goal.bound {
                AtMost { must, stretch } => assert!(stretch <= must, "{}", goal.what),
                AtLeast { must, stretch } => assert!(stretch >= must, "{}", goal.what),
            }
        }
    }
}
