//! A gateway with providers, and a browser.

use crate::support::{
    gateway::TestGateway,
    issuer::{CLIENT, Issuers, SECRET},
};
use rack_gateway::store::{Db, Options, Place};
use reqwest::{Client, Response, redirect::Policy};
use std::sync::atomic::{AtomicU32, Ordering};
use url::Url;

pub const ADA: &str = "ada@corp.example";

/// Addresses of clients, so that their budgets are their own.
static NEXT: AtomicU32 = AtomicU32::new(1);

pub struct Site {
    pub gateway: TestGateway,
    pub issuers: Issuers,
}

impl Site {
    /// With providers of these names, each at the issuer of its name, and further configuration.
    pub async fn with(names: &[&str], more: &str) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let db = Db::open(&Options::new(Place::Sqlite(directory.path().join("gateway.db")))).await.unwrap();
        db.migrate().await.unwrap();
        let issuers = Issuers::start().await;
        let mut file = String::new();
        for name in names {
            let issuer = issuers.url(name);
            file += &format!(
                "[oidc.{name}]\nissuer = '{issuer}'\nclient_id = '{CLIENT}'\nclient_secret = '{SECRET}'\nallowed_domains = ['corp.example']\n"
            );
        }
        let path = directory.path().join("gateway.toml");
        std::fs::write(&path, file + more).unwrap();
        let path = path.to_str().unwrap().to_owned();
        let variables = [
            ("RACK_GATEWAY_CONFIG", path.as_str()),
            ("TRUSTED_PROXY_CIDRS", "127.0.0.0/8"),
            ("RATE_LIMIT_PER_MINUTE", "1000000"),
        ];
        let gateway = TestGateway::on(db, directory, variables).await;
        Self { gateway, issuers }
    }

    pub async fn add_user(&self, email: &str) {
        self.gateway.db.add_user(email, "somebody", self.gateway.clock.now()).await.unwrap();
    }

    pub fn browser(&self) -> Browser<'_> {
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let client = Client::builder().redirect(Policy::none()).build().unwrap();
        Browser {
            site: self,
            client,
            ip: format!("198.51.{}.{}", number / 250, number % 250 + 1),
            cookies: String::new(),
        }
    }
}

pub struct Browser<'a> {
    site: &'a Site,
    client: Client,
    pub ip: String,
    /// What it sends along.
    pub cookies: String,
}

/// What came of a login.
#[derive(Debug)]
pub struct Landing {
    pub status: u16,
    pub location: String,
    /// The value of the session cookie.
    pub session: Option<String>,
    pub request_id: String,
}

impl Landing {
    /// The word on the page that explains.
    pub fn code(&self) -> Option<&str> {
        self.location.strip_prefix("/app/auth/error?code=")?.split('&').next()
    }
}

impl Browser<'_> {
    pub async fn get(&self, path: &str) -> Response {
        let request = self.client.get(self.site.gateway.url(path)).header("X-Forwarded-For", &self.ip);
        request.header("Cookie", &self.cookies).send().await.unwrap()
    }

    pub async fn post(&self, path: &str, body: &serde_json::Value) -> Response {
        let request = self.client.post(self.site.gateway.url(path)).header("X-Forwarded-For", &self.ip);
        request.header("Cookie", &self.cookies).json(body).send().await.unwrap()
    }

    pub async fn post_with(&self, path: &str, (name, value): (&str, &str)) -> Response {
        let request = self.client.post(self.site.gateway.url(path)).header("X-Forwarded-For", &self.ip);
        request.header("Cookie", &self.cookies).header(name, value).send().await.unwrap()
    }

    /// To the provider: where the browser is sent.
    pub async fn depart(&mut self, provider: &str, return_to: &str) -> Result<Url, Landing> {
        let answer =
            self.get(&format!("/api/v1/auth/web/login?provider={provider}&returnTo={return_to}")).await;
        if let Some(cookie) = cookie(&answer, "rgw_oauth_state") {
            self.cookies = format!("rgw_oauth_state={cookie}");
        }
        let landing = land(&answer);
        Url::parse(&landing.location).map_err(|_| landing)
    }

    pub async fn return_with(&self, query: &str) -> Landing {
        land(&self.get(&format!("/api/v1/auth/web/callback?{query}")).await)
    }

    /// All the way.
    pub async fn login(&mut self, provider: &str) -> Landing {
        let departure = match self.depart(provider, "/app/racks").await {
            Ok(departure) => departure,
            Err(landing) => return landing,
        };
        let code = self.site.issuers.code(provider, &departure);
        self.return_with(&format!("code={code}&state={}", state(&departure))).await
    }
}

pub fn state(departure: &Url) -> String {
    departure.query_pairs().find(|(key, _)| key == "state").unwrap().1.into_owned()
}

pub fn cookie(answer: &Response, name: &str) -> Option<String> {
    let lines = answer.headers().get_all("set-cookie").iter().map(|line| line.to_str().unwrap());
    let mut values = lines.filter_map(|line| line.split(';').next()?.strip_prefix(&format!("{name}=")));
    values.next().filter(|value| !value.is_empty()).map(str::to_owned)
}

pub fn land(answer: &Response) -> Landing {
    let text = |name: &str| answer.headers().get(name).map(|value| value.to_str().unwrap().to_owned());
    Landing {
        status: answer.status().as_u16(),
        location: text("location").unwrap_or_default(),
        session: cookie(answer, "session_token"),
        request_id: text("x-request-id").unwrap_or_default(),
    }
}
