//! Who acts, how far their rights reach, and what a refusal becomes.

use super::super::{ApiError, Context, may_on};
use crate::{
    directory::{Actor, Instance, InstanceId, Owner, Reach, Refused, slug},
    identity::Principal,
    policy::{Permission, Target},
};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header::IF_MATCH};
use std::sync::Arc;

/// The last event that an answer knows of.
pub static X_REGISTRY_INDEX: HeaderName = HeaderName::from_static("x-registry-index");

/// The actor for things of these slugs. Who may remove what is others' may change it, too; others must be allowed to
/// register each.
pub fn actor(context: &Context, principal: &Principal, slugs: &[&str]) -> Result<Actor, ApiError> {
    for name in slugs {
        slug::check(name).map_err(|problem| ApiError::field("slug", problem))?;
    }
    let now = context.clock.now();
    let administers =
        |slug: &&str| principal.rights.allow(Permission::InstanceRemove, &Target::service(slug), now);
    let owner = Owner { user: principal.user.id, email: principal.user.email.to_string() };
    if !slugs.is_empty() && slugs.iter().all(administers) {
        return Ok(Actor { owner, reach: Reach::All });
    }
    for slug in slugs {
        may_on(context, principal, Permission::InstanceRegister, Target::service(slug))?;
    }
    Ok(Actor { owner, reach: Reach::Own })
}

/// The instance that a path names and its actor. What another replica was told a moment ago counts.
pub async fn of_instance(
    context: &Context,
    principal: &Principal,
    id: &str,
) -> Result<(Arc<Instance>, Actor), ApiError> {
    let instance = find(context, id).await?;
    let actor = actor(context, principal, &[&instance.slug])?;
    Ok((instance, actor))
}

pub async fn find(context: &Context, id: &str) -> Result<Arc<Instance>, ApiError> {
    let unknown = || unknown(&id.chars().take(80).collect::<String>());
    let id = InstanceId::parse(id).ok_or_else(unknown)?;
    let directory = context.registrar.directory();
    if let Some(found) = directory.snapshot().instance(&id) {
        return Ok(found.clone());
    }
    context.registrar.keeper().catch_up().await?;
    directory.snapshot().instance(&id).cloned().ok_or_else(unknown)
}

/// 404 in words that tell a client what to do.
pub fn unknown(id: &str) -> ApiError {
    let message = format!("there is no instance {id}; if it is yours, register it again");
    ApiError::new(StatusCode::NOT_FOUND, "unknown_instance", message)
}

pub fn refused(error: Refused) -> ApiError {
    match error {
        Refused::Field { field, problem } => ApiError::field(field, problem),
        Refused::NotYours(message) => ApiError::forbidden(message),
        Refused::Conflict(message) => ApiError::conflict(message),
        Refused::Unknown(id) => unknown(&id),
        Refused::Precondition(_) => {
            ApiError::new(StatusCode::PRECONDITION_FAILED, "revision_changed", error.to_string())
        }
        Refused::Store(error) => error.into(),
    }
}

/// The revision that `If-Match` names.
pub fn if_match(headers: &HeaderMap) -> Result<Option<u64>, ApiError> {
    let Some(value) = headers.get(IF_MATCH) else { return Ok(None) };
    let text = value.to_str().unwrap_or_default().trim();
    let number = text.trim_start_matches("W/").trim_matches('"').parse();
    let bad = |_| ApiError::field("If-Match", "is not the ETag of an instance; write for example \"17\"");
    number.map(Some).map_err(bad)
}

pub fn revision_tag(instance: &Instance) -> HeaderValue {
    HeaderValue::from_str(&format!("\"{}\"", instance.revision)).unwrap_or(HeaderValue::from_static("\"0\""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn if_match_names_a_revision() {
        let read = |text: &'static str| {
            if_match(&HeaderMap::from_iter([(IF_MATCH, HeaderValue::from_static(text))]))
        };
        assert_eq!(if_match(&HeaderMap::new()).unwrap(), None);
        assert_eq!(read("\"17\"").unwrap(), Some(17));
        assert_eq!(read("W/\"17\"").unwrap(), Some(17));
        for text in ["", "*", "\"x\"", "\"1\", \"2\""] {
            assert_eq!(read(text).unwrap_err().status(), StatusCode::BAD_REQUEST, "{text}");
        }
    }
}
