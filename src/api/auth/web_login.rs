//! `GET /api/v1/auth/web/login?provider=google&returnTo=/app/…`: sends the browser to the provider.

use super::{departure::Departed, entry, return_to, state_cookie};
use crate::{
    api::{Access, ApiError, ApiRoute, Context, Edge, Endpoint, Note},
    identity::providers::{Provider, Providers, VouchError},
    observe::errors::{FailureKind, capture_failure},
    policy::MfaLevel,
};
use axum::{
    Extension,
    extract::{RawQuery, State},
    response::Response,
    routing::get,
};
use http::{Method, header};

pub static ROUTE: ApiRoute = ApiRoute {
    method: Method::GET,
    path: "/api/v1/auth/web/login",
    access: Access::Public,
    mfa: MfaLevel::None,
    action: "login.start",
};

pub fn endpoint() -> Endpoint {
    Endpoint::new(&ROUTE, get(depart))
}

async fn depart(
    State(context): State<Context>,
    Extension(edge): Extension<Edge>,
    Extension(note): Extension<Note>,
    RawQuery(query): RawQuery,
) -> Result<Response, ApiError> {
    let (asked, page) = read(&query.unwrap_or_default());
    let provider = choose(&context.login.providers, asked.as_deref());
    let Some(provider) = provider else {
        note.denied("no such provider");
        return Ok(entry::error_page("unknown_provider", edge));
    };
    note.resource(provider.id());
    let state = state_cookie::random();
    let departure = match provider.depart(&state).await {
        Ok(departure) => departure,
        Err(error) => {
            report(provider.id(), &error, edge, &note);
            return Ok(entry::error_page(error.code(), edge));
        }
    };
    let browser = state_cookie::random();
    let page = return_to::checked(page.as_deref());
    let departed = Departed::new(provider.id(), page, state_cookie::mark(&browser), &departure.pending);
    departed.keep(&context, &state).await?;
    let mut response = entry::redirect(departure.url.as_str());
    let cookie = state_cookie::set(&browser, context.entrance.cookie.is_secure());
    response.headers_mut().append(header::SET_COOKIE, cookie);
    Ok(response)
}

/// The provider and the page that were asked for.
fn read(query: &str) -> (Option<String>, Option<String>) {
    let (mut provider, mut page) = (None, None);
    for (key, value) in form_urlencoded::parse(query.as_bytes()) {
        match key.as_ref() {
            "provider" => provider = Some(value.into_owned()),
            "returnTo" => page = Some(value.into_owned()),
            _ => {}
        }
    }
    (provider, page)
}

/// With one provider there is nothing to choose.
fn choose<'a>(providers: &'a Providers, asked: Option<&str>) -> Option<&'a Provider> {
    match asked {
        Some(id) => providers.get(id),
        None if providers.iter().count() == 1 => providers.iter().next(),
        None => None,
    }
}

/// Why nobody was vouched for: into the record, and to whoever looks after the gateway when a provider is down.
pub fn report(provider: &str, error: &VouchError, edge: Edge, note: &Note) {
    note.denied(error.to_string());
    if matches!(error, VouchError::Unavailable(_)) {
        let text = error.to_string();
        tracing::error!(provider, request_id = %edge.request_id, "login: {text}");
        capture_failure(FailureKind::Oauth, provider, Some(edge.request_id), &text);
    }
}
