//! Parameters that stand where they do not belong, and the check of the query.

use super::{Query, Route};
use crate::gateway::target::BadPairs;
use http::StatusCode;
use std::fmt;

/// Where a route takes a parameter.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Place {
    Query,
    Form,
    Header,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Query => "query parameter",
            Self::Form => "form field",
            Self::Header => "header",
        })
    }
}

/// A refusal that names the parameter, its place, and the mend. `route` is as in `GET /apps/{app}`.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum BadParameter {
    #[error("the {place} \"{name}\" does not belong to {route}; it takes {takes}")]
    Unknown { place: Place, name: String, route: String, takes: String },
    #[error("\"{name}\" is a {belongs} of {route}; send it there, not as a {given}")]
    Misplaced { name: String, belongs: Place, given: Place, route: String },
    #[error("the {place} \"{name}\" is given more than once; send it once")]
    Duplicate { place: Place, name: String },
    #[error("the Connection header names \"{name}\", which {route} takes as a parameter; leave it out there")]
    HopByHop { name: String, route: String },
    #[error("the form body has {0}")]
    BadForm(BadPairs),
    #[error("{route} takes fields as application/x-www-form-urlencoded, not {given}")]
    NotAForm { given: String, route: String },
    #[error("{route} takes plain bytes, not {given}; send application/octet-stream")]
    NotBytes { given: String, route: String },
    #[error("{route} takes its body plain; leave Content-Encoding out")]
    Encoded { route: String },
    #[error("{route} takes no body; send it without")]
    UnexpectedBody { route: String },
}

impl BadParameter {
    pub fn unexpected_body(route: &Route) -> Self {
        Self::UnexpectedBody { route: route.to_string() }
    }

    pub fn status(&self) -> StatusCode {
        match self {
            Self::NotAForm { .. } | Self::NotBytes { .. } | Self::Encoded { .. } => {
                StatusCode::UNSUPPORTED_MEDIA_TYPE
            }
            _ => StatusCode::BAD_REQUEST,
        }
    }

    /// A parameter at a place where the route does not take it.
    pub(super) fn not_here(route: &Route, name: &str, given: Place) -> Self {
        let (name_shown, label) = (shown_name(name), route.to_string());
        match route.place_of(name) {
            Some(belongs) => Self::Misplaced { name: name_shown, belongs, given, route: label },
            None => {
                Self::Unknown { place: given, name: name_shown, route: label, takes: takes(route, given) }
            }
        }
    }

    pub(super) fn duplicate(name: &str, place: Place) -> Self {
        Self::Duplicate { place, name: shown_name(name) }
    }
}

/// Every pair must be a parameter that the route takes in its query, once.
pub(super) fn check_query(route: &Route, query: &[(String, String)]) -> Result<(), BadParameter> {
    let Query::Named(names) = route.query else { return Ok(()) };
    check_names(route, names, query, Place::Query)
}

pub(super) fn check_names(
    route: &Route,
    names: &[&str],
    pairs: &[(String, String)],
    place: Place,
) -> Result<(), BadParameter> {
    for (at, (name, _)) in pairs.iter().enumerate() {
        if !names.contains(&name.as_str()) {
            return Err(BadParameter::not_here(route, name, place));
        }
        if pairs.iter().take(at).any(|(earlier, _)| earlier == name) {
            return Err(BadParameter::duplicate(name, place));
        }
    }
    Ok(())
}

fn takes(route: &Route, place: Place) -> String {
    let names = match (place, route.query, route.body) {
        (Place::Query, Query::Named(names), _) | (Place::Form, _, super::Body::Form(names)) => names,
        (Place::Header, ..) => route.headers,
        _ => &[],
    };
    if names.is_empty() { "none".to_owned() } else { names.join(", ") }
}

/// As much of a name as looks like one. A body that is no form (JSON, say) is read as one long name with values
/// inside, and these must not get into an error or the audit log.
pub(super) fn shown_name(name: &str) -> String {
    let in_name = |c: &char| c.is_ascii_alphanumeric() || "-_.".contains(*c);
    let mut start: String = name.chars().take(40).take_while(in_name).collect();
    if start.len() < name.len() {
        start.push('…');
    }
    start
}

/// Text from outside, short and without characters that could dress up a log or a terminal.
pub(super) fn shown(text: &str) -> String {
    text.chars().take(60).flat_map(char::escape_debug).collect()
}
