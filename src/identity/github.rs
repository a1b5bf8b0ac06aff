//! Login with GitHub: OAuth 2.0 with PKCE, then four questions to the API, since OAuth alone says nothing about
//! people. <https://docs.github.com/en/apps/oauth-apps/building-oauth-apps/authorizing-oauth-apps>

use super::{
    email,
    providers::{Departure, Fetch, Pending, Return, VouchError, Vouched},
};
use crate::{config::GithubConfig, core::Secret};
use http::{HeaderValue, Method, Request, StatusCode, header};
use oauth2::{
    AuthUrl, AuthorizationCode, ClientId, ClientSecret, CsrfToken, EndpointNotSet, EndpointSet,
    PkceCodeChallenge, PkceCodeVerifier, RedirectUrl, RequestTokenError, Scope, TokenResponse as _, TokenUrl,
    basic::BasicClient,
};
use serde::{Deserialize, de::DeserializeOwned};
use url::Url;

/// Memberships of one person that are looked at. More than a thousand are not read.
const PAGES: usize = 10;
const PAGE: usize = 100;

#[derive(Debug)]
pub struct GithubProvider {
    config: GithubConfig,
    client: BasicClient<EndpointSet, EndpointNotSet, EndpointNotSet, EndpointNotSet, EndpointSet>,
    fetch: Fetch,
}

#[derive(Deserialize)]
struct Account {
    id: u64,
    login: String,
    name: Option<String>,
}

#[derive(Deserialize)]
struct Email {
    email: String,
    primary: bool,
    verified: bool,
}

#[derive(Deserialize)]
struct Membership {
    state: String,
    organization: Organization,
}

#[derive(Deserialize)]
struct Organization {
    login: String,
}

#[derive(Deserialize)]
struct Team {
    slug: String,
    organization: Organization,
}

impl GithubProvider {
    pub fn new(config: &GithubConfig, redirect: &str) -> Result<Self, VouchError> {
        let bad = |_| VouchError::Unavailable("its address is no URL".into());
        let client = BasicClient::new(ClientId::new(config.client_id.clone()))
            .set_client_secret(ClientSecret::new(config.client_secret.expose().to_owned()))
            .set_auth_uri(AuthUrl::new(below(&config.url, "login/oauth/authorize")).map_err(bad)?)
            .set_token_uri(TokenUrl::new(below(&config.url, "login/oauth/access_token")).map_err(bad)?)
            .set_redirect_uri(RedirectUrl::new(redirect.to_owned()).map_err(bad)?);
        let fetch = Fetch::new(crate::config::login::GITHUB)?;
        Ok(Self { config: config.clone(), client, fetch })
    }

    pub(super) fn depart(&self, state: &Secret) -> Departure {
        let (challenge, verifier) = PkceCodeChallenge::new_random_sha256();
        let state = CsrfToken::new(state.expose().to_owned());
        let scopes = ["read:user", "user:email", "read:org"].map(|scope| Scope::new(scope.to_owned()));
        let request = self.client.authorize_url(move || state).add_scopes(scopes);
        let (url, _) = request.set_pkce_challenge(challenge).url();
        let pending = Pending { nonce: Secret::default(), verifier: Secret::new(verifier.secret().clone()) };
        Departure { url, pending }
    }

    pub(super) async fn vouch(&self, back: &Return, pending: &Pending) -> Result<Vouched, VouchError> {
        let token = Box::pin(self.exchange(back, pending)).await?;
        let account: Account = self.ask(&token, "user").await?;
        let emails: Vec<Email> = self.ask(&token, "user/emails?per_page=100").await?;
        let orgs: Vec<Membership> = self.ask_all(&token, "user/memberships/orgs").await?;
        let teams: Vec<Team> = self.ask_all(&token, "user/teams").await?;

        let groups = groups(&orgs, &teams);
        if !self.lets_in(&groups) {
            return Err(VouchError::NotAllowed);
        }
        let primary = emails.iter().find(|email| email.primary && email.verified);
        let email = primary.ok_or(VouchError::EmailUnverified)?;
        let email = email::canonical(&email.email).map_err(|_| VouchError::EmailUnverified)?;
        Ok(Vouched {
            issuer: self.config.url.as_str().trim_end_matches('/').to_owned(),
            subject: account.id.to_string(),
            email,
            name: account.name.unwrap_or(account.login),
            groups,
        })
    }

    /// Without a list, whoever is known or invited may come in.
    fn lets_in(&self, groups: &[String]) -> bool {
        let GithubConfig { allowed_orgs, allowed_teams, .. } = &self.config;
        let is_open = allowed_orgs.is_empty() && allowed_teams.is_empty();
        is_open || groups.iter().any(|group| allowed_orgs.contains(group) || allowed_teams.contains(group))
    }

    async fn exchange(&self, back: &Return, pending: &Pending) -> Result<Secret, VouchError> {
        let code = AuthorizationCode::new(back.code.expose().to_owned());
        let verifier = PkceCodeVerifier::new(pending.verifier.expose().to_owned());
        let request = self.client.exchange_code(code).set_pkce_verifier(verifier);
        let answer = request.request_async(&self.fetch).await;
        let token = answer.map_err(|error| match error {
            RequestTokenError::Request(error) => error.into(),
            RequestTokenError::Other(_) => VouchError::Unavailable("its token endpoint is none".into()),
            // GitHub answers 200 with an error in it, which is no token.
            RequestTokenError::ServerResponse(_) | RequestTokenError::Parse(..) => VouchError::CodeRefused,
        })?;
        Ok(Secret::new(token.access_token().secret().clone()))
    }

    /// All pages of a list.
    async fn ask_all<T: DeserializeOwned>(&self, token: &Secret, path: &str) -> Result<Vec<T>, VouchError> {
        let mut all = Vec::new();
        for page in 1..=PAGES {
            let some: Vec<T> = self.ask(token, &format!("{path}?per_page={PAGE}&page={page}")).await?;
            let is_last = some.len() < PAGE;
            all.extend(some);
            if is_last {
                break;
            }
        }
        Ok(all)
    }

    async fn ask<T: DeserializeOwned>(&self, token: &Secret, path: &str) -> Result<T, VouchError> {
        let unreadable = || VouchError::Unavailable("its API answers something else".into());
        let bearer =
            HeaderValue::from_str(&format!("Bearer {}", token.expose())).map_err(|_| unreadable())?;
        let request = Request::builder()
            .method(Method::GET)
            .uri(below(&self.config.api_url, path))
            .header(header::ACCEPT, "application/vnd.github+json")
            .header(header::AUTHORIZATION, bearer)
            .header("X-GitHub-Api-Version", "2022-11-28")
            .body(Vec::new())
            .map_err(|_| unreadable())?;
        let answer = self.fetch.send(request).await?;
        if answer.status() != StatusCode::OK {
            return Err(VouchError::Unavailable(format!("its API answered {}", answer.status())));
        }
        serde_json::from_slice(answer.body()).map_err(|_| unreadable())
    }
}

fn below(base: &Url, path: &str) -> String {
    format!("{}/{path}", base.as_str().trim_end_matches('/'))
}

/// `organization` and `organization/team`, in lower case. An invitation that was not accepted is none.
fn groups(orgs: &[Membership], teams: &[Team]) -> Vec<String> {
    let orgs = orgs.iter().filter(|org| org.state == "active").map(|org| org.organization.login.clone());
    let teams = teams.iter().map(|team| format!("{}/{}", team.organization.login, team.slug));
    orgs.chain(teams).map(|group| group.to_ascii_lowercase()).collect()
}
