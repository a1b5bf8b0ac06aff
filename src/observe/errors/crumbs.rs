//! The last lines of the log, to be sent with a report: what happened before.

use crate::core::Timestamp;
use sentry::protocol::{Breadcrumb, Event, Level, Map};
use serde_json::Value;
use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, UNIX_EPOCH},
};

/// Lines that are remembered, of all requests.
const REMEMBERED: usize = 200;
/// Lines that go with one report.
const SENT: usize = 20;
/// Bytes of a line.
const LONGEST: usize = 300;
const REQUEST_ID: &str = "request_id";

/// Clones share one memory.
#[derive(Debug, Clone, Default)]
pub struct Crumbs(Arc<Mutex<VecDeque<Crumb>>>);

#[derive(Debug, Clone)]
pub struct Crumb {
    pub at: Timestamp,
    pub is_error: bool,
    pub message: String,
    /// Of which request it tells, if of one.
    pub request_id: Option<String>,
}

impl Crumbs {
    pub fn add(&self, mut crumb: Crumb) {
        crumb.message.truncate(crumb.message.floor_char_boundary(LONGEST));
        let mut crumbs = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if crumbs.len() >= REMEMBERED {
            crumbs.pop_front();
        }
        crumbs.push_back(crumb);
    }

    /// The last lines that tell of the event's own request, or of none.
    pub(super) fn attach(&self, event: &mut Event<'static>) {
        let own = event.tags.get(REQUEST_ID);
        let concerns = |crumb: &&Crumb| crumb.request_id.is_none() || crumb.request_id.as_ref() == own;
        let crumbs = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut last: Vec<_> = crumbs.iter().rev().filter(concerns).take(SENT).map(breadcrumb).collect();
        last.reverse();
        event.breadcrumbs.values = last;
    }
}

fn breadcrumb(crumb: &Crumb) -> Breadcrumb {
    let since_epoch = Duration::from_micros(u64::try_from(crumb.at.as_micros()).unwrap_or_default());
    let id = crumb.request_id.iter().map(|id| (REQUEST_ID.to_owned(), Value::from(id.as_str())));
    Breadcrumb {
        timestamp: UNIX_EPOCH + since_epoch,
        category: Some("log".into()),
        level: if crumb.is_error { Level::Error } else { Level::Info },
        message: Some(crumb.message.clone()),
        data: Map::from_iter(id),
        ..Breadcrumb::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn crumb(number: usize, request_id: Option<&str>) -> Crumb {
        let message = format!("{number} {}", "x".repeat(LONGEST));
        let at = Timestamp::from_micros(number as i64);
        Crumb { at, is_error: false, message, request_id: request_id.map(str::to_owned) }
    }

    #[test]
    fn a_report_gets_the_last_lines_of_its_own_request_and_of_none() {
        let crumbs = Crumbs::default();
        for number in 0..REMEMBERED * 3 {
            crumbs.add(crumb(number, [None, Some("mine"), Some("theirs")][number % 3]));
        }
        assert_eq!(crumbs.0.lock().unwrap().len(), REMEMBERED);
        let tags = [("request_id".to_owned(), "mine".to_owned())].into();
        let mut event = Event { tags, ..Event::default() };
        crumbs.attach(&mut event);
        let sent = &event.breadcrumbs.values;
        assert_eq!(sent.len(), SENT);
        assert!(sent.iter().all(|crumb| crumb.message.as_ref().unwrap().len() <= LONGEST));
        assert!(sent.iter().all(|crumb| crumb.data.get("request_id").is_none_or(|id| id == "mine")));
        assert!(sent.last().unwrap().message.as_ref().unwrap().starts_with("598 "), "the newest is last");
    }
}
