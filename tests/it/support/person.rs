//! Somebody with a token, whose rights a test can take away again.

use super::gateway::TestGateway;
use rack_gateway::{
    core::{
        Timestamp,
        id::{GrantId, TokenId},
    },
    identity::token::{self, TokenHash},
    store::{Db, GrantRow, NewToken, Subject, TokenRow},
};

pub struct Person {
    pub email: String,
    pub token: String,
    pub token_id: TokenId,
    /// The grant of the user, not the token's.
    pub grant: GrantId,
}

/// When what a person has comes to an end.
#[derive(Clone, Copy, Default)]
pub struct Until {
    pub token: Option<Timestamp>,
    pub grant: Option<Timestamp>,
}

impl Person {
    /// A new user with a token; both hold `role` on `target`.
    pub async fn add(db: &Db, now: Timestamp, role: &str, target: &str, until: Until) -> Self {
        let secret = token::generate();
        let id = TokenId::new(now);
        let email = format!("{role}-{id}@example.com");
        let user = db.add_user(&email, role, now).await.unwrap();
        let grant = GrantRow::new(Subject::User(user.id), role, target, until.grant, now);
        db.add_grant(&grant).await.unwrap();
        let hash = TokenHash::of(secret.expose());
        let made = TokenRow::new(user.id, format!("{role}-{id}"), hash.as_bytes(), now);
        let token = TokenRow { id, expires_at: until.token, ..made };
        let grants = vec![GrantRow::new(Subject::Token(id), role, target, None, now)];
        db.add_token(&NewToken { token, grants }).await.unwrap();
        Self { email, token: secret.expose().to_owned(), token_id: id, grant: grant.id }
    }
}

impl TestGateway {
    /// Known to the gateway when this returns.
    pub async fn person(&self, role: &str) -> Person {
        self.person_until(role, Until::default()).await
    }

    pub async fn person_until(&self, role: &str, until: Until) -> Person {
        let person = Person::add(&self.db, self.clock.now(), role, "*", until).await;
        self.until_known(&person.token).await;
        person
    }
}
