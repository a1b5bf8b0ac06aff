//! `GET /api/v1/auth/web/callback?code&state`: the provider sends the browser back. Ends in a session, or on the page
//! that says why not.

use super::{departure::Departed, entry, state_cookie, web_login};
use crate::{
    api::{
        Access, ApiError, ApiRoute, Context, Edge, Endpoint, Note,
        web_session::{self, Begun, WebLogin},
    },
    core::Secret,
    identity::{
        arrival::Arrived,
        providers::{Provider, Return, Vouched},
    },
    notify::mail::Notice,
    policy::MfaLevel,
    store::GrantRow,
};
use axum::{
    Extension,
    extract::{RawQuery, State},
    response::Response,
    routing::get,
};
use http::{HeaderMap, Method, header};
use serde_json::json;

pub static ROUTE: ApiRoute = ApiRoute {
    method: Method::GET,
    path: "/api/v1/auth/web/callback",
    access: Access::Public,
    mfa: MfaLevel::None,
    action: "login.complete",
};

pub fn endpoint() -> Endpoint {
    Endpoint::new(&ROUTE, get(arrive))
}

/// What a provider can send back is short.
const LONGEST: usize = 4_096;

/// Why there is no session: a word for the page.
enum Ending {
    Refused(&'static str),
    Failed(ApiError),
}

impl<E: Into<ApiError>> From<E> for Ending {
    fn from(error: E) -> Self {
        Self::Failed(error.into())
    }
}

/// What is needed all along.
struct Arrival<'a> {
    context: &'a Context,
    edge: Edge,
    note: &'a Note,
    headers: &'a HeaderMap,
}

async fn arrive(
    State(context): State<Context>,
    Extension(edge): Extension<Edge>,
    Extension(note): Extension<Note>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let arrival = Arrival { context: &context, edge, note: &note, headers: &headers };
    let mut response = match Box::pin(arrival.run(&query.unwrap_or_default())).await {
        Ok((page, begun)) => {
            let mut response = entry::redirect(&page);
            begun.set(&context, response.headers_mut());
            response
        }
        Err(Ending::Refused(code)) => entry::error_page(code, edge),
        Err(Ending::Failed(error)) => return Err(error),
    };
    let spent = state_cookie::clear(context.entrance.cookie.is_secure());
    response.headers_mut().append(header::SET_COOKIE, spent);
    Ok(response)
}

impl Arrival<'_> {
    async fn run(&self, query: &str) -> Result<(String, Begun), Ending> {
        let login = &self.context.login;
        if !login.budget.has_left(self.edge.ip).await? {
            return self.refuse("too_many_attempts", "too many failures from this address", None).await;
        }
        let Some(answer) = Answer::read(query) else {
            return self.refuse("invalid_state", "the provider's answer cannot be read", None).await;
        };
        let Some(departed) = Departed::take(self.context, &answer.state).await? else {
            return self.refuse("invalid_state", "the state is unknown, used or expired", None).await;
        };
        self.note.resource(&*departed.provider);
        if !state_cookie::is_here(self.headers, &departed.browser) {
            return self.refuse("invalid_state", "the login began in another browser", None).await;
        }
        let back = match answer.result {
            Ok(back) => back,
            Err(code) => {
                return self.refuse(code, "the provider sends an error instead of a code", None).await;
            }
        };
        let Some(provider) = login.providers.get(&departed.provider) else {
            return self.refuse("unknown_provider", "the provider is not configured any more", None).await;
        };
        let return_to = departed.return_to.clone();
        let who = self.vouched(provider, &back, departed).await?;
        let arrived = self.arrived(provider, &who).await?;
        let (context, user) = (self.context, &arrived.user);
        let page = entry::next_page(context, user, &return_to, self.headers).await?;
        let login = WebLogin { user, method: provider.method(), step_up: None };
        let begun = web_session::begin(context, self.edge, self.headers, login).await?;
        self.tell(&arrived, provider).await;
        Ok((page, begun))
    }

    async fn vouched(
        &self,
        provider: &Provider,
        back: &Return,
        departed: Departed,
    ) -> Result<Vouched, Ending> {
        match provider.vouch(back, &departed.into_pending()).await {
            Ok(who) => Ok(who),
            Err(error) => {
                web_login::report(provider.id(), &error, self.edge, self.note);
                if error.code() != "provider_unavailable" {
                    self.context.login.budget.failed(self.edge.ip, None).await?;
                }
                Err(Ending::Refused(error.code()))
            }
        }
    }

    async fn arrived(&self, provider: &Provider, who: &Vouched) -> Result<Arrived, Ending> {
        self.note.user(&who.email);
        let login = &self.context.login;
        if !login.budget.person_has_left(&who.email).await? {
            return self
                .refuse("too_many_attempts", "too many failures of this person", Some(&who.email))
                .await;
        }
        match Box::pin(login.arrivals.arrive(provider.id(), who)).await {
            Ok(arrived) => {
                self.note.user(&arrived.user.email);
                if !arrived.changes.is_empty() {
                    self.note.changes(&json!(null), &json!(arrived.changes));
                }
                Ok(arrived)
            }
            Err(crate::identity::arrival::NotArrived::Store(error)) => Err(error.into()),
            Err(refused) => self.refuse(refused.code(), &refused.to_string(), Some(&who.email)).await,
        }
    }

    /// Mail about the roles that the groups of the provider gave and took.
    async fn tell(&self, arrived: &Arrived, provider: &Provider) {
        let Arrived { user, given, taken, .. } = arrived;
        let by = format!("your groups at {}", provider.display_name());
        for GrantRow { role, target, .. } in given {
            self.context.mailer.queue(&Notice::RoleGranted { role, target, by: &by }, &user.email).await;
        }
        for GrantRow { role, target, .. } in taken {
            self.context.mailer.queue(&Notice::RoleTaken { role, target, by: &by }, &user.email).await;
        }
    }

    async fn refuse<T>(&self, code: &'static str, why: &str, person: Option<&str>) -> Result<T, Ending> {
        self.note.denied(why.to_owned());
        self.context.login.budget.failed(self.edge.ip, person).await?;
        Err(Ending::Refused(code))
    }
}

/// The query of the callback.
struct Answer {
    state: String,
    /// The word for the page when the provider sent nobody.
    result: Result<Return, &'static str>,
}

impl Answer {
    /// `None` when it is too long, or says one thing twice.
    fn read(query: &str) -> Option<Self> {
        if query.len() > LONGEST {
            return None;
        }
        let (mut code, mut state, mut issuer, mut error) = (None, None, None, None);
        for (key, value) in form_urlencoded::parse(query.as_bytes()) {
            let place = match key.as_ref() {
                "code" => &mut code,
                "state" => &mut state,
                "iss" => &mut issuer,
                "error" => &mut error,
                _ => continue,
            };
            if place.replace(value.into_owned()).is_some() {
                return None;
            }
        }
        let result = match (code, error) {
            (Some(code), None) if !code.is_empty() => Ok(Return { code: Secret::new(code), issuer }),
            (None, Some(error)) if error == "access_denied" => Err("access_denied"),
            _ => Err("login_failed"),
        };
        Some(Self { state: state?, result })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_of_providers() {
        let word = |query: &str| Answer::read(query).map(|answer| answer.result.err().unwrap_or("code"));
        assert_eq!(word("code=a&state=b&iss=c&session_state=d"), Some("code"));
        assert_eq!(word("error=access_denied&state=b"), Some("access_denied"));
        assert_eq!(word("error=server_error&state=b"), Some("login_failed"));
        assert_eq!(word("state=b"), Some("login_failed"));
        assert_eq!(word("code=&state=b"), Some("login_failed"));
        assert_eq!(word("code=a&error=x&state=b"), Some("login_failed"));
        for query in
            ["", "code=a", "code=a&code=b&state=c", "code=a&state=b&state=b", &"x".repeat(LONGEST + 1)]
        {
            assert_eq!(word(query), None, "{query}");
        }
    }
}
