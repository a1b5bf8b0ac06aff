//! Keys that a provider changes while we run.

use crate::support::issuer::{CLIENT, FOREIGN, Issuers, KEYS, Keys, Reply, SECRET, Script, header_of};
use rack_gateway::{
    config::{LoginConfig, OidcConfig},
    core::{Clock as _, PublicUrl, Secret, SharedClock, SystemClock, clock::FixedClock},
    identity::providers::{Providers, Return, VouchError, Vouched},
};
use std::{sync::Arc, time::Duration};

struct World {
    issuers: Issuers,
    clock: Arc<FixedClock>,
    providers: Providers,
}

impl World {
    async fn new() -> Self {
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        let issuers = Issuers::start().await;
        issuers.add("one", Script::default());
        let config = OidcConfig {
            name: "one".into(),
            display_name: "One".into(),
            issuer: issuers.url("one"),
            client_id: CLIENT.into(),
            client_secret: Secret::new(SECRET),
            scopes: Vec::new(),
            allowed_domains: Vec::new(),
            groups_claim: "groups".into(),
        };
        let config = LoginConfig { oidc: vec![config], ..LoginConfig::default() };
        let clock = FixedClock::at(SystemClock.now());
        let shared: SharedClock = clock.clone();
        let url = PublicUrl::of_domain("gateway.example.com");
        Self { issuers, clock, providers: Providers::new(&config, &url, &shared).unwrap() }
    }

    async fn login(&self) -> Result<Vouched, VouchError> {
        let provider = self.providers.get("one").unwrap();
        let departure = provider.depart(&Secret::new("state")).await?;
        let code = Secret::new(self.issuers.code("one", &departure.url));
        provider.vouch(&Return { code, issuer: None }, &departure.pending).await
    }

    /// From now on the provider signs with these, and publishes them alone.
    fn sign_with(&self, keys: &'static Keys, kid: &'static str) {
        self.issuers.change("one", |script| {
            let mut jwks = keys.jwks();
            jwks["keys"][2]["kid"] = kid.into();
            script.jwks = Reply::Json(jwks);
            script.id_token = Arc::new(move |flow| {
                let mut header = header_of("ed");
                header["kid"] = kid.into();
                keys.token("ed", &header, &flow.claims().to_string())
            });
        });
    }
}

#[tokio::test]
async fn new_keys_are_found_once_a_minute() {
    let world = World::new().await;
    assert_eq!(world.login().await.unwrap().subject, "subject-1");
    world.sign_with(&FOREIGN, "new");
    assert_eq!(world.login().await.unwrap_err().code(), "login_failed", "asked a moment ago");
    assert_eq!(world.issuers.jwks_asked("one"), 1);
    world.clock.advance(Duration::from_secs(61));
    world.login().await.unwrap();
    assert_eq!(world.issuers.jwks_asked("one"), 2);
    world.sign_with(&KEYS, "newer");
    for _ in 0..5 {
        assert!(world.login().await.is_err());
    }
    assert_eq!(world.issuers.jwks_asked("one"), 2);
}

#[tokio::test]
async fn withdrawn_keys_are_forgotten() {
    let world = World::new().await;
    world.login().await.unwrap();
    // Tokens go on coming, signed with the key that is not published any more.
    world.issuers.change("one", |script| script.jwks = Reply::Json(FOREIGN.jwks()));
    world.clock.advance(Duration::from_secs(60));
    world.login().await.unwrap();
    world.clock.advance(Duration::from_secs(15 * 60));
    world.issuers.change("one", |script| {
        script.id_token = Arc::new(|flow| {
            let mut claims = flow.claims();
            let later = |at: &serde_json::Value| (at.as_i64().unwrap() + 16 * 60).into();
            (claims["iat"], claims["exp"]) = (later(&claims["iat"]), later(&claims["exp"]));
            KEYS.token("ed", &header_of("ed"), &claims.to_string())
        });
    });
    assert_eq!(world.login().await.unwrap_err().code(), "login_failed");
}

#[tokio::test]
async fn a_provider_that_fails_is_not_asked_by_everybody_who_waits() {
    let world = World::new().await;
    world.issuers.change("one", |script| script.jwks = Reply::Json(serde_json::json!([])));
    let logins = (0..20).map(|_| world.login());
    for login in futures_util::future::join_all(logins).await {
        assert_eq!(login.unwrap_err().code(), "provider_unavailable");
    }
    assert_eq!(world.issuers.jwks_asked("one"), 1);
    world.issuers.change("one", |script| script.jwks = Reply::Json(KEYS.jwks()));
    world.clock.advance(Duration::from_secs(2));
    world.login().await.unwrap();
}
