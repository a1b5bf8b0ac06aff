//! Login by OpenID Connect: the authorization code flow with PKCE (S256), state and nonce. The library checks
//! the signature, the issuer, the audience and the nonce; `claims` checks what it leaves open.

mod claims;
mod discovery;

use super::providers::{Departure, Fetch, Pending, Return, VouchError, Vouched};
use crate::{
    config::OidcConfig,
    core::{Secret, SharedClock, Timestamp},
};
use claims::{Expected, IdClaims, Profile};
use discovery::{Directory, Known};
use http::{HeaderValue, Method, Request, header};
use openidconnect::{
    AccessToken, AccessTokenHash, AuthorizationCode, ClaimsVerificationError, ClientId, ClientSecret,
    CsrfToken, EndpointMaybeSet, EndpointNotSet, EndpointSet, Nonce, OAuth2TokenResponse as _,
    PkceCodeChallenge, PkceCodeVerifier, RedirectUrl, RequestTokenError, Scope, SignatureVerificationError,
    TokenResponse as _,
    core::{
        CoreAuthenticationFlow, CoreClient, CoreIdToken, CoreIdTokenVerifier, CoreJwsSigningAlgorithm,
        CoreTokenResponse,
    },
};
use serde_json::Value;

/// All others can be confused with each other, or are weak.
const ALGORITHMS: [CoreJwsSigningAlgorithm; 3] = [
    CoreJwsSigningAlgorithm::RsaSsaPkcs1V15Sha256,
    CoreJwsSigningAlgorithm::EcdsaP256Sha256,
    CoreJwsSigningAlgorithm::EdDsa,
];

type Client = CoreClient<
    EndpointSet,
    EndpointNotSet,
    EndpointNotSet,
    EndpointNotSet,
    EndpointMaybeSet,
    EndpointMaybeSet,
>;

/// One provider. What it publishes is asked for when it is first needed, so a dead one stops nobody else.
#[derive(Debug)]
pub struct OidcProvider {
    config: OidcConfig,
    redirect: RedirectUrl,
    wants_groups: bool,
    fetch: Fetch,
    directory: Directory,
    clock: SharedClock,
}

impl OidcProvider {
    pub fn new(
        config: &OidcConfig,
        redirect: &str,
        wants_groups: bool,
        clock: SharedClock,
    ) -> Result<Self, VouchError> {
        let fetch = Fetch::new(&config.name)?;
        let redirect = RedirectUrl::new(redirect.to_owned())
            .map_err(|_| VouchError::Unavailable("the public address is no URL".into()))?;
        let directory = Directory::new(&config.issuer, fetch.clone(), clock.clone())?;
        Ok(Self { config: config.clone(), redirect, wants_groups, fetch, directory, clock })
    }

    pub fn name(&self) -> &str {
        &self.config.name
    }

    pub fn display_name(&self) -> &str {
        &self.config.display_name
    }

    pub(super) async fn depart(&self, state: &Secret) -> Result<Departure, VouchError> {
        let known = self.directory.known().await?;
        let (challenge, verifier) = PkceCodeChallenge::new_random_sha256();
        let nonce = Nonce::new_random_len(32);
        let client = self.client(&known);
        let (state, given) = (CsrfToken::new(state.expose().to_owned()), nonce.clone());
        let request =
            client.authorize_url(CoreAuthenticationFlow::AuthorizationCode, move || state, move || given);
        let scopes = self.config.scopes.iter().cloned().map(Scope::new);
        let (url, _, _) = request.add_scopes(scopes).set_pkce_challenge(challenge).url();
        let pending = Pending {
            nonce: Secret::new(nonce.secret().clone()),
            verifier: Secret::new(verifier.secret().clone()),
        };
        Ok(Departure { url, pending })
    }

    pub(super) async fn vouch(&self, back: &Return, pending: &Pending) -> Result<Vouched, VouchError> {
        let known = self.directory.known().await?;
        known.check_sender(back.issuer.as_deref())?;
        let tokens = Box::pin(self.exchange(&known, back, pending)).await?;
        let id_token = tokens.id_token().ok_or(VouchError::BadToken("there is none"))?;
        self.verify(known.clone(), id_token, tokens.access_token(), pending).await?;

        let claims = IdClaims::read(&id_token.to_string())?;
        let expected = Expected { client_id: &self.config.client_id, issuer: &self.config.issuer };
        claims.check(&expected, self.clock.now())?;
        let profile = Box::pin(self.profile(&known, &claims, tokens.access_token())).await?;
        let email = profile.email_of(&self.config)?;
        let groups = profile.groups(&self.config.groups_claim);
        Ok(Vouched {
            issuer: self.config.issuer.clone(),
            subject: claims.subject().to_owned(),
            email,
            name: profile.name(),
            groups,
        })
    }

    fn client(&self, known: &Known) -> Client {
        let id = ClientId::new(self.config.client_id.clone());
        let secret = ClientSecret::new(self.config.client_secret.expose().to_owned());
        CoreClient::from_provider_metadata(known.metadata(), id, Some(secret))
            .set_redirect_uri(self.redirect.clone())
            .set_auth_type(known.auth_type())
    }

    async fn exchange(
        &self,
        known: &Known,
        back: &Return,
        pending: &Pending,
    ) -> Result<CoreTokenResponse, VouchError> {
        let client = self.client(known);
        let code = AuthorizationCode::new(back.code.expose().to_owned());
        let verifier = PkceCodeVerifier::new(pending.verifier.expose().to_owned());
        let request = client
            .exchange_code(code)
            .map_err(|_| VouchError::Unavailable("it names no token endpoint".into()))?
            .set_pkce_verifier(verifier);
        let answer = request.request_async(&self.fetch).await;
        answer.map_err(|error| match error {
            RequestTokenError::ServerResponse(_) => VouchError::CodeRefused,
            RequestTokenError::Request(error) => error.into(),
            RequestTokenError::Parse(..) => VouchError::BadToken("the answer with it cannot be read"),
            RequestTokenError::Other(_) => VouchError::Unavailable("its token endpoint is none".into()),
        })
    }

    /// Signature, issuer, audience, nonce, expiry and `at_hash`. A key that is not known may be new.
    async fn verify(
        &self,
        known: Known,
        token: &CoreIdToken,
        access: &AccessToken,
        pending: &Pending,
    ) -> Result<(), VouchError> {
        let nonce = Nonce::new(pending.nonce.expose().to_owned());
        match self.verify_with(&known, token, access, &nonce) {
            Err(Unproved::Key) => {
                let newer = self.directory.newer_than(&known).await?;
                let again = newer.map(|newer| self.verify_with(&newer, token, access, &nonce));
                again.unwrap_or(Err(Unproved::Key)).map_err(Unproved::into_error)
            }
            first => first.map_err(Unproved::into_error),
        }
    }

    fn verify_with(
        &self,
        known: &Known,
        token: &CoreIdToken,
        access: &AccessToken,
        nonce: &Nonce,
    ) -> Result<(), Unproved> {
        let now = self.clock.now();
        let verifier = self.verifier(known, now);
        let claims = token.claims(&verifier, nonce).map_err(|error| Unproved::of(&error))?;
        let Some(expected) = claims.access_token_hash() else { return Ok(()) };
        let algorithm = token.signing_alg().map_err(|_| Unproved::Claim("it is not signed"))?;
        let key = token.signing_key(&verifier).map_err(|_| Unproved::Key)?;
        let actual = AccessTokenHash::from_token(access, algorithm, key)
            .map_err(|_| Unproved::Claim("at_hash cannot be computed"))?;
        if actual != *expected {
            return Err(Unproved::Claim("at_hash belongs to another access token"));
        }
        Ok(())
    }

    /// As for a client without a secret: then no signature by a shared secret can ever count.
    fn verifier(&self, known: &Known, now: Timestamp) -> CoreIdTokenVerifier<'static> {
        let now = now.to_string();
        let metadata = known.metadata();
        let id = ClientId::new(self.config.client_id.clone());
        CoreIdTokenVerifier::new_public_client(id, metadata.issuer().clone(), metadata.jwks().clone())
            .set_allowed_algs(ALGORITHMS)
            // The library's type for time stays the library's affair.
            .set_time_fn(move || now.parse().unwrap_or_default())
    }

    /// What the ID token says of the person or, where it says too little, the userinfo endpoint.
    async fn profile(
        &self,
        known: &Known,
        claims: &IdClaims,
        access: &AccessToken,
    ) -> Result<Profile, VouchError> {
        let own = claims.profile()?;
        let lacks_groups = self.wants_groups && !own.has(&self.config.groups_claim);
        let metadata = known.metadata();
        let Some(endpoint) = metadata.userinfo_endpoint().filter(|_| own.lacks_email() || lacks_groups)
        else {
            return Ok(own);
        };
        let bearer = format!("Bearer {}", access.secret());
        let bearer = HeaderValue::from_str(&bearer)
            .map_err(|_| VouchError::BadToken("its access token is no text"))?;
        let request = Request::builder()
            .method(Method::GET)
            .uri(endpoint.as_str())
            .header(header::ACCEPT, "application/json")
            .header(header::AUTHORIZATION, bearer)
            .body(Vec::new())
            .map_err(|_| VouchError::Unavailable("its userinfo endpoint is no address".into()))?;
        let answer = self.fetch.send(request).await?;
        if !answer.status().is_success() {
            return Err(VouchError::Unavailable(format!(
                "its userinfo endpoint answered {}",
                answer.status()
            )));
        }
        let more = Profile::of_userinfo(answer.body(), claims.subject())?;
        Ok(own.completed_by(more))
    }
}

/// Why a token does not count.
enum Unproved {
    /// No key of the provider's fits.
    Key,
    Claim(&'static str),
}

impl Unproved {
    fn of(error: &ClaimsVerificationError) -> Self {
        use SignatureVerificationError as Signature;
        match error {
            ClaimsVerificationError::SignatureVerification(
                Signature::NoMatchingKey | Signature::AmbiguousKeyId(_) | Signature::CryptoError(_),
            ) => Self::Key,
            ClaimsVerificationError::SignatureVerification(_) => Self::Claim("its signature is of no use"),
            ClaimsVerificationError::Expired(_) => Self::Claim("it has expired"),
            ClaimsVerificationError::InvalidAudience(_) => Self::Claim("it is meant for somebody else"),
            ClaimsVerificationError::InvalidIssuer(_) => Self::Claim("somebody else issued it"),
            ClaimsVerificationError::InvalidNonce(_) => Self::Claim("it belongs to another login"),
            _ => Self::Claim("its form is not that of an ID token"),
        }
    }

    const fn into_error(self) -> VouchError {
        match self {
            Self::Key => VouchError::BadToken("no key of the provider fits its signature"),
            Self::Claim(why) => VouchError::BadToken(why),
        }
    }
}

/// A JSON object, read leniently; for claims whose names are configured.
type Object = serde_json::Map<String, Value>;
