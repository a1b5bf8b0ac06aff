//! Callers of every role, things to call on, and what comes of a call.

use crate::support::gateway::TestGateway;
use rack_gateway::{
    api::ApiRoute,
    core::{
        Timestamp,
        id::{GrantId, SessionId, TokenId, UserId},
    },
    directory::{Address, CheckKind, Instance, InstanceId, Owner},
    identity::token::{self, TokenHash},
    store::{
        Db, EventKind, GrantRow, InstanceWrite, NewToken, NodeRow, RoleRow, SessionRow, SlugRow, Subject,
        TokenRow, Written,
    },
};
use serde_json::{Value, json};
use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
    time::Duration,
};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Caller {
    Nobody,
    Token(&'static str),
    Person(&'static str),
}

/// Whose the thing is that the path names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Object {
    /// The path names none.
    Nothing,
    Own,
    Others,
    Missing,
}

impl Object {
    pub fn of(route: &ApiRoute) -> Vec<Self> {
        if !route.path.contains('{') {
            return vec![Self::Nothing];
        }
        if ["/api/v1/api-tokens/{id}", "/api/v1/sessions/{id}"].contains(&route.path)
            || route.path.starts_with("/registry-svc/")
        {
            return vec![Self::Own, Self::Others, Self::Missing];
        }
        vec![Self::Others, Self::Missing]
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The handler was reached and did something, or would have.
    Admitted,
    /// The handler was reached, and there is no such thing.
    Missing,
    Unauthenticated,
    Forbidden,
    /// A second factor is asked for: the permission is there.
    Unproven,
    Odd(u16),
}

struct Somebody {
    email: String,
    id: UserId,
    token: String,
}

pub struct World<'a> {
    gateway: &'a TestGateway,
    /// As long as nobody was let at it, it serves again.
    victim: Mutex<Option<Arc<Victim>>>,
    people: BTreeMap<&'static str, Somebody>,
}

/// One of everything that a path may name.
struct Victim {
    email: String,
    session: SessionId,
    grant: GrantId,
    token: TokenId,
    role: String,
    things: Things,
}

/// What somebody has in the directory.
#[derive(Clone)]
struct Things {
    instance: String,
    slug: String,
    node: String,
}

impl<'a> World<'a> {
    pub async fn of(gateway: &'a TestGateway) -> Self {
        let mut people = BTreeMap::new();
        for role in ["viewer", "ops", "deployer", "cicd", "admin"] {
            let (now, email) = (gateway.clock.now(), format!("{role}@matrix.example"));
            let id = gateway.db.add_user(&email, role, now).await.unwrap().id;
            enrol(&gateway.db, id, now).await;
            gateway.db.add_grant(&GrantRow::new(Subject::User(id), role, "*", None, now)).await.unwrap();
            let (token, _) = add_token(gateway, id, role).await;
            gateway.until_known(&token).await;
            people.insert(role, Somebody { email, id, token });
        }
        Self { gateway, victim: Mutex::new(None), people }
    }

    pub async fn outcome(&self, route: &'static ApiRoute, caller: Caller, object: Object) -> Outcome {
        let answer = self.call(route, caller, object).await;
        let (status, headers) = (answer.status().as_u16(), answer.headers().clone());
        match status {
            401 if headers.contains_key("x-mfa-required") => Outcome::Unproven,
            401 => Outcome::Unauthenticated,
            403 => Outcome::Forbidden,
            404 => Outcome::Missing,
            200..300 => Outcome::Admitted,
            // The rooms of logins and factors want what only a true client has; that they say so is enough here.
            400 | 409 | 503 if route.path.starts_with("/api/v1/auth/") => Outcome::Admitted,
            other => Outcome::Odd(other),
        }
    }

    /// Status and body, without what is different each time.
    pub async fn answer(&self, route: &'static ApiRoute, caller: Caller, object: Object) -> (u16, Value) {
        let answer = self.call(route, caller, object).await;
        let status = answer.status().as_u16();
        let mut body: Value = answer.json().await.unwrap_or_default();
        if let Some(body) = body.as_object_mut() {
            body.remove("request_id");
            // A sentence may repeat the name that was asked for.
            body.remove("error");
        }
        (status, body)
    }

    async fn call(&self, route: &'static ApiRoute, caller: Caller, object: Object) -> reqwest::Response {
        let path = self.path_for(route, caller, object).await;
        let credential = match caller {
            Caller::Nobody => "none".to_owned(),
            Caller::Token(role) => self.people[role].token.clone(),
            Caller::Person(role) => self.session(self.people[role].id).await.0,
        };
        let body = if route.is_unsafe() { Some(self.body(route, caller).await) } else { None };
        let mut patience = 10;
        let answer = loop {
            let mut request = self.gateway.own(&credential, &format!("{} {path}", route.method));
            if let Some(body) = &body {
                request = request.json(body);
            }
            let answer = request.send().await.unwrap();
            // A machine that is busy may be late with its rights, and says so.
            if answer.status() != 503 || patience == 0 {
                break answer;
            }
            patience -= 1;
            tokio::time::sleep(Duration::from_millis(500)).await;
        };
        if route.is_unsafe() && answer.status().is_success() {
            self.victim.lock().unwrap().take();
        }
        answer
    }

    pub async fn path(&self, route: &ApiRoute, object: Object) -> String {
        self.path_for(route, Caller::Nobody, object).await
    }

    async fn path_for(&self, route: &ApiRoute, caller: Caller, object: Object) -> String {
        let victim = match object {
            Object::Nothing => return query(route),
            Object::Missing => {
                let now = self.gateway.clock.now();
                Arc::new(Victim {
                    email: "nobody@matrix.example".into(),
                    session: SessionId::new(now),
                    grant: GrantId::new(now),
                    token: TokenId::new(now),
                    role: "no-such-role".into(),
                    things: Things {
                        instance: "inst_none".into(),
                        slug: "no-such-service".into(),
                        node: "http://none:1".into(),
                    },
                })
            }
            Object::Own | Object::Others => self.victim().await,
        };
        let owner = match (object, caller) {
            (Object::Own, Caller::Token(role) | Caller::Person(role)) => Some((self.people[role].id, role)),
            _ => None,
        };
        if route.path.starts_with("/registry-svc/") {
            let things = match owner {
                Some((owner, _)) => self.things(owner).await,
                None => victim.things.clone(),
            };
            return route
                .path
                .replace("{id}", &things.instance)
                .replace("{slug}", &things.slug)
                .replace("{url}", &things.node.replace(':', "%3A").replace('/', "%2F"));
        }
        let id = match (route.path.split('/').nth(3), owner) {
            (Some("sessions"), Some((owner, _))) => self.session(owner).await.1.to_string(),
            (Some("users" | "sessions"), _) => victim.session.to_string(),
            (Some("grants"), _) => victim.grant.to_string(),
            (Some("api-tokens"), Some((owner, role))) => {
                add_token(self.gateway, owner, role).await.1.to_string()
            }
            (Some("api-tokens"), None) => victim.token.to_string(),
            _ => victim.session.to_string(),
        };
        let key = if object == Object::Missing { "no_such_key" } else { "session_timeout_minutes" };
        route
            .path
            .replace("{email}", &victim.email)
            .replace("{id}", &id)
            .replace("{name}", &victim.role)
            .replace("{key}", key)
            .replace("{request}", &id)
            .replace("{secret}", &id)
    }

    /// Somebody new with one of everything, so that calls may destroy it.
    async fn victim(&self) -> Arc<Victim> {
        let known = self.victim.lock().unwrap().clone();
        if let Some(known) = known {
            return known;
        }
        let (db, now) = (&self.gateway.db, self.gateway.clock.now());
        let fresh = GrantId::new(now);
        let email = format!("victim-{fresh}@matrix.example");
        let user = db.add_user(&email, "", now).await.unwrap().id;
        let grant = GrantRow::new(Subject::User(user), "viewer", "*", None, now);
        db.add_grant(&grant).await.unwrap();
        let role = format!("r{}", &fresh.to_string().replace('-', "")[..30]);
        let row = RoleRow {
            name: role.clone(),
            description: String::new(),
            permissions: "convox:app:list".into(),
            created_at: now,
        };
        db.add_role(&row).await.unwrap();
        let token = add_token(self.gateway, user, "viewer").await.1;
        let session = self.session(user).await.1;
        let things = self.things(user).await;
        let victim = Arc::new(Victim { email, session, grant: grant.id, token, role, things });
        *self.victim.lock().unwrap() = Some(victim.clone());
        victim
    }

    /// An instance, a name without instances, and a node.
    async fn things(&self, user: UserId) -> Things {
        let (db, now) = (&self.gateway.db, self.gateway.clock.now());
        let owner = Owner { user, email: "owner@matrix.example".into() };
        let fresh = InstanceId::new(now);
        let slug = fresh.as_str().replace('_', "-");
        let claim = |slug: &str| SlugRow {
            slug: slug.to_owned(),
            owner_id: user,
            owner_email: owner.email.clone(),
            claimed_at: now,
        };
        let address = Address::from_url("http://10.0.0.1:8080").unwrap();
        let mut instance = Instance::new(fresh.clone(), &slug, address, owner.clone(), now);
        instance.check.kind = CheckKind::None;
        let write = |kind, id: &str, slug: &str, known| InstanceWrite {
            kind,
            id: id.to_owned(),
            slug: slug.to_owned(),
            url: instance.address.to_string(),
            record: {
                let mut one = instance.clone();
                (one.id, one.slug) = (InstanceId::parse(id).unwrap(), slug.to_owned());
                serde_json::to_string(&one).unwrap()
            },
            known,
            at: now,
        };
        let made = write(EventKind::Registered, fresh.as_str(), &slug, None);
        db.write_instance(&made, Some(&claim(&slug))).await.unwrap();
        let (gone, free) = (format!("{fresh}-gone"), format!("{slug}-free"));
        let made = write(EventKind::Registered, &gone, &free, None);
        let Written::At(revision) = db.write_instance(&made, Some(&claim(&free))).await.unwrap() else {
            panic!("not written")
        };
        db.write_instance(&write(EventKind::Removed, &gone, &free, Some(revision)), None).await.unwrap();
        let node = format!("http://{slug}:1");
        let row = NodeRow {
            id: slug.clone(),
            url: node.clone(),
            owner_id: Some(user),
            record: "{}".into(),
            created_at: now,
            updated_at: now,
            beat_at: now,
        };
        assert!(db.put_node(&row).await.unwrap());
        Things { instance: fresh.to_string(), slug: free, node }
    }

    async fn session(&self, user: UserId) -> (String, SessionId) {
        let (secret, now) = (token::generate_session(), self.gateway.clock.now());
        let row = SessionRow::new(
            user,
            TokenHash::of(secret.expose()).as_bytes(),
            now,
            Timestamp::from_micros(i64::MAX),
        );
        self.gateway.db.add_session(&row).await.unwrap();
        (secret.expose().to_owned(), row.id)
    }

    /// One that the route takes.
    async fn body(&self, route: &ApiRoute, caller: Caller) -> Value {
        let fresh = GrantId::new(self.gateway.clock.now()).to_string();
        match (route.method.as_str(), route.path) {
            ("POST", "/api/v1/users") => json!({ "email": format!("new-{fresh}@matrix.example") }),
            ("POST", "/api/v1/invitations") => {
                json!({ "email": format!("new-{fresh}@matrix.example"), "role": "viewer" })
            }
            ("PUT", "/api/v1/users/{email}") => json!({ "name": "Other" }),
            ("POST", "/api/v1/roles") => {
                json!({ "name": format!("n{}", &fresh.replace('-', "")[..30]), "permissions": ["convox:app:list"] })
            }
            ("PUT", "/api/v1/roles/{name}") => json!({ "description": "Other" }),
            ("POST", "/api/v1/grants") => {
                json!({ "user": self.victim().await.email, "role": "viewer", "target": format!("staging/{fresh}") })
            }
            ("POST", "/api/v1/api-tokens") => {
                let owner = match caller {
                    Caller::Token(role) | Caller::Person(role) => self.people[role].email.clone(),
                    Caller::Nobody => "nobody@matrix.example".to_owned(),
                };
                json!({ "name": fresh[1..].to_owned(), "user": owner, "grants": [{ "role": "viewer" }] })
            }
            ("PUT", "/api/v1/settings/{key}") => json!({ "value": 60 }),
            ("PUT", "/registry-svc/instance") => {
                json!({ "slug": format!("s{fresh}"), "url": "http://10.0.0.1:8080", "check": { "type": "none" } })
            }
            ("PUT", "/registry-svc/node") => json!({ "url": format!("http://n{fresh}:1") }),
            _ => json!({}),
        }
    }
}

/// The path with the parameters without which the route would only say what is missing.
fn query(route: &ApiRoute) -> String {
    match route.path {
        "/api/v1/access/explain" => format!("{}?permission=convox:app:list&target=staging", route.path),
        path => path.to_owned(),
    }
}

async fn add_token(gateway: &TestGateway, owner: UserId, role: &str) -> (String, TokenId) {
    let (secret, now) = (token::generate(), gateway.clock.now());
    let mut token = TokenRow::new(owner, "", TokenHash::of(secret.expose()).as_bytes(), now);
    let id = token.id;
    token.name = format!("{role}-{id}");
    let grants = vec![GrantRow::new(Subject::Token(id), role, "*", None, now)];
    gateway.db.add_token(&NewToken { token, grants }).await.unwrap();
    (secret.expose().to_owned(), id)
}

/// As if a second factor had been confirmed.
async fn enrol(db: &Db, user: UserId, now: Timestamp) {
    let Db::Sqlite { write, .. } = db else { panic!("the matrix runs on SQLite") };
    sqlx::query("UPDATE users SET mfa_enrolled_at = $1 WHERE id = $2")
        .bind(now)
        .bind(user)
        .execute(write)
        .await
        .unwrap();
}
