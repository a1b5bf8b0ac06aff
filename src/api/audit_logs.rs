//! `GET /api/v1/audit-logs`: the audit log, newest first, filtered and paged by a cursor.

use super::{Access, ApiError, ApiRoute, Context, Endpoint, Note};
use crate::{
    core::{RequestId, Timestamp},
    policy::{MfaLevel, Permission},
    store::{AuditFilter, StoredAuditRow},
};
use axum::{
    Extension,
    extract::{RawQuery, State},
    response::IntoResponse,
    routing::get,
};
use http::{HeaderValue, Method, header::CONTENT_TYPE};
use serde::Serialize;
use serde_json::value::RawValue;

pub static ROUTE: ApiRoute = ApiRoute {
    method: Method::GET,
    path: "/api/v1/audit-logs",
    access: Access::Needs(Permission::AuditRead),
    mfa: MfaLevel::None,
    action: "audit.list",
};

const DEFAULT_LIMIT: i64 = 100;
const MAX_LIMIT: i64 = 1_000;

#[derive(Serialize)]
struct Page<'a> {
    logs: Vec<Entry<'a>>,
    /// Give this as `cursor` for the next, older page; null on the last.
    next_cursor: Option<String>,
    /// Null, or the sequence number down to which was searched: no index leads to exactly what the filters ask for, and
    /// one call looks at a bounded number of records. `next_cursor` goes on from there.
    searched_to: Option<String>,
}

#[derive(Serialize)]
struct Entry<'a> {
    seq: i64,
    /// The record, byte for byte as it was written; null when what stands in the database is not JSON.
    record: Option<&'a RawValue>,
    /// Then true, and else left out.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    unreadable: bool,
}

pub fn endpoint() -> Endpoint {
    Endpoint::new(&ROUTE, get(list))
}

async fn list(
    State(context): State<Context>,
    Extension(note): Extension<Note>,
    RawQuery(query): RawQuery,
) -> Result<impl IntoResponse, ApiError> {
    let query = query.unwrap_or_default();
    let filter = filter(&query)?;
    // Only what was understood: anything else may be a secret in the wrong place.
    note.resource(&query);
    let document = page(&context, &filter).await?;
    Ok(([(CONTENT_TYPE, HeaderValue::from_static("application/json"))], document))
}

async fn page(context: &Context, filter: &AuditFilter) -> Result<String, ApiError> {
    let found = context.db.audit_page(filter).await?;
    let next_cursor = found.next.map(|seq| seq.to_string());
    let searched_to = next_cursor.clone().filter(|_| found.is_cut);
    let logs = found.rows.iter().map(entry).collect();
    serde_json::to_string(&Page { logs, next_cursor, searched_to })
        .map_err(|_| crate::gateway::Refusal::Internal.into())
}

/// Also of a record that was damaged: that it is there, and cannot be read, is what an auditor must see.
fn entry(row: &StoredAuditRow) -> Entry<'_> {
    let record: Option<&RawValue> = serde_json::from_slice(&row.record).ok();
    if record.is_none() {
        tracing::error!(seq = row.seq, "an audit record in the database is not JSON");
    }
    Entry { seq: row.seq, record, unreadable: record.is_none() }
}

/// Reads the query; each mistake names its field.
fn filter(query: &str) -> Result<AuditFilter, ApiError> {
    let mut filter = AuditFilter { limit: DEFAULT_LIMIT, ..AuditFilter::default() };
    let mut given: Vec<String> = Vec::new();
    for (name, value) in form_urlencoded::parse(query.as_bytes()) {
        let (name, value) = (name.into_owned(), value.into_owned());
        if given.contains(&name) {
            return Err(ApiError::field(name, "is given twice"));
        }
        match name.as_str() {
            "user" => filter.user_email = Some(value),
            "action" => filter.action = Some(value),
            "resource" => filter.resource = Some(value),
            "status" => {
                filter.status =
                    Some(one_of("status", value, &["pending", "success", "denied", "failed", "error"])?)
            }
            "decision" => filter.rbac_decision = Some(one_of("decision", value, &["allow", "deny"])?),
            "event" => filter.event = Some(one_of("event", value, &["intent", "outcome"])?),
            "request_id" => filter.request_id = Some(request_id(&value)?),
            "since" => filter.since = Some(time("since", &value)?),
            "until" => filter.until = Some(time("until", &value)?),
            "cursor" => filter.before = Some(number("cursor", &value, i64::MAX)?),
            "limit" => filter.limit = number("limit", &value, MAX_LIMIT)?,
            _ => {
                let problem = "is not a filter; use user, action, resource, status, decision, event, request_id, \
                               since, until, cursor or limit";
                return Err(ApiError::field(name.chars().take(60).collect::<String>(), problem));
            }
        }
        given.push(name);
    }
    Ok(filter)
}

fn one_of(field: &str, value: String, words: &[&str]) -> Result<String, ApiError> {
    if words.contains(&value.as_str()) {
        return Ok(value);
    }
    Err(ApiError::field(field, format!("must be one of {}", words.join(", "))))
}

fn request_id(value: &str) -> Result<RequestId, ApiError> {
    value.parse().map_err(|_| ApiError::field("request_id", "is not a request id; copy it from X-Request-Id"))
}

fn time(field: &str, value: &str) -> Result<Timestamp, ApiError> {
    Timestamp::parse(value)
        .map_err(|_| ApiError::field(field, "is not a time; write RFC 3339, as in 2026-01-31T12:00:00Z"))
}

fn number(field: &str, value: &str, max: i64) -> Result<i64, ApiError> {
    let parsed = value.parse().ok().filter(|number| (1..=max).contains(number));
    parsed.ok_or_else(|| ApiError::field(field, format!("is not a whole number from 1 to {max}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_every_filter() {
        let query = "user=a%40b.c&action=app.restart&resource=web&status=denied&decision=deny&event=outcome\
                     &since=2026-01-01T00:00:00Z&until=2026-02-01T00:00:00Z&cursor=17&limit=5\
                     &request_id=018f2f2e-0000-7000-8000-000000000000";
        let filter = filter(query).unwrap();
        assert_eq!(filter.user_email.as_deref(), Some("a@b.c"));
        assert_eq!((filter.before, filter.limit), (Some(17), 5));
        assert!(filter.since.unwrap() < filter.until.unwrap());
    }

    #[test]
    fn a_record_that_cannot_be_read_keeps_its_place() {
        for (record, expected) in [
            (&br#"{"a": 1.0}"#[..], r#"{"seq":7,"record":{"a": 1.0}}"#),
            (&b"{\"a\":"[..], r#"{"seq":7,"record":null,"unreadable":true}"#),
            (&b"\"\xff\""[..], r#"{"seq":7,"record":null,"unreadable":true}"#),
            (&b""[..], r#"{"seq":7,"record":null,"unreadable":true}"#),
        ] {
            let row = StoredAuditRow { seq: 7, record: record.to_vec() };
            assert_eq!(serde_json::to_string(&entry(&row)).unwrap(), expected);
        }
    }

    #[test]
    fn mistakes_name_their_field() {
        for (query, field) in [
            ("limit=0", "limit"),
            ("limit=1001", "limit"),
            ("limit=x", "limit"),
            ("cursor=-1", "cursor"),
            ("since=yesterday", "since"),
            ("status=ok", "status"),
            ("decision=maybe", "decision"),
            ("request_id=7", "request_id"),
            ("user=a&user=b", "user"),
            ("page=2", "page"),
        ] {
            let error = filter(query).unwrap_err();
            assert!(error.to_string().starts_with(&format!("{field}: ")), "{query}: {error}");
            assert_eq!(error.status(), http::StatusCode::BAD_REQUEST);
        }
    }
}
