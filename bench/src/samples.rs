//! The samples of a run: one JSON object a line, `load` (what was done), `who` (to whom), `rep` and any numbers.

use crate::Outcome;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// More failed requests than this share make a sample worthless: refusing is cheaper than serving.
const TOLERATED_FAILURES: f64 = 0.001;

#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct Sample {
    pub load: String,
    pub who: String,
    pub rep: u32,
    #[serde(flatten)]
    pub numbers: BTreeMap<String, f64>,
}

impl Sample {
    pub fn number(&self, name: &str) -> Option<f64> {
        self.numbers.get(name).copied()
    }

    pub fn is_valid(&self) -> bool {
        let errors = self.number("errors").unwrap_or(0.0);
        errors <= self.number("requests").unwrap_or(0.0) * TOLERATED_FAILURES
    }
}

/// All samples of a run.
pub struct Samples(pub Vec<Sample>);

impl Samples {
    pub fn parse(text: &str) -> Outcome<Samples> {
        let mut samples = Vec::new();
        for (index, line) in text.lines().enumerate() {
            let sample =
                serde_json::from_str(line).map_err(|error| format!("sample line {}: {error}", index + 1))?;
            samples.push(sample);
        }
        Ok(Samples(samples))
    }

    /// The number's value in each repeat, invalid samples left out.
    pub fn values(&self, load: &str, who: &str, name: &str) -> BTreeMap<u32, f64> {
        self.of(load, who)
            .filter(|sample| sample.is_valid())
            .filter_map(|sample| Some((sample.rep, sample.number(name)?)))
            .collect()
    }

    pub fn invalid(&self, load: &str, who: &str) -> usize {
        self.of(load, who).filter(|sample| !sample.is_valid()).count()
    }

    /// One value for each repeat that both sides have: `combine(ours, theirs)` within the same repeat.
    pub fn paired(&self, ours: Cell<'_>, theirs: Cell<'_>, combine: fn(f64, f64) -> f64) -> Vec<f64> {
        let theirs = self.values(theirs.load, theirs.who, theirs.name);
        self.values(ours.load, ours.who, ours.name)
            .into_iter()
            .filter_map(|(rep, mine)| Some(combine(mine, *theirs.get(&rep)?)))
            .collect()
    }

    fn of<'a>(&'a self, load: &'a str, who: &'a str) -> impl Iterator<Item = &'a Sample> {
        self.0.iter().filter(move |sample| sample.load == load && sample.who == who)
    }
}

/// Names one measured number.
#[derive(Clone, Copy, Debug)]
pub struct Cell<'a> {
    pub load: &'a str,
    pub who: &'a str,
    pub name: &'a str,
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = r#"{"load":"c64","who":"a","rep":1,"requests":1000,"errors":0,"rps":10}
{"load":"c64","who":"b","rep":1,"requests":1000,"errors":0,"rps":5}
{"load":"c64","who":"a","rep":2,"requests":1000,"errors":0,"rps":30}
{"load":"c64","who":"b","rep":2,"requests":1000,"errors":900,"rps":500}"#;

    fn cell<'a>(who: &'a str) -> Cell<'a> {
        Cell { load: "c64", who, name: "rps" }
    }

    #[test]
    fn pairs_are_made_within_a_repeat_and_invalid_samples_fall_out() {
        let samples = Samples::parse(TEXT).unwrap();
        assert_eq!(samples.paired(cell("a"), cell("b"), |a, b| a / b), [2.0]);
        assert_eq!(samples.invalid("c64", "b"), 1);
        assert_eq!(samples.values("c64", "a", "rps"), BTreeMap::from([(1, 10.0), (2, 30.0)]));
    }

    #[test]
    fn a_line_that_is_no_sample_is_named() {
        let Err(error) = Samples::parse("{\"load\":\"x\",\"who\":\"y\",\"rep\":1}\nnonsense") else {
            panic!()
        };
        assert!(error.to_string().starts_with("sample line 2"));
    }
}
