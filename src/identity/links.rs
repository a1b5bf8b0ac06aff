//! One-time links: the way in for the first administrator, for whoever is invited, and for administrators whom the
//! configuration names and no provider vouches for. The secret stands behind the
//! `#` of the address, so it reaches no server's log; the database has its SHA-256.

use super::{
    arrival::invited,
    change::{self, Actor, Refused},
    email,
    token::{self, TokenHash},
};
use crate::{
    core::{
        PublicUrl, Secret, SharedClock, Timestamp,
        id::{LinkId, UserId},
    },
    store::{Db, GrantRow, LinkRow, NewPerson, StoreError, StoreResult, Subject, Ticket, UserRow},
};
use std::time::Duration;

pub const BOOTSTRAP: &str = "bootstrap";
pub const INVITATION: &str = "invitation";
/// For a user who is here already and has nothing to log in with.
pub const ENROLMENT: &str = "enrolment";

/// The page that takes the secret.
const PAGE: &str = "/app/welcome";
const BOOTSTRAP_LIFE: Duration = Duration::from_secs(24 * 3_600);
pub const INVITATION_LIFE: Duration = Duration::from_secs(7 * 24 * 3_600);
const LONGEST_NAME: usize = 200;

#[derive(Debug, thiserror::Error)]
pub enum LinkError {
    #[error("the link is not good, or not any more; ask for a new one")]
    Gone,
    #[error("is not an e-mail address; write for example ada@example.com")]
    Email,
    #[error("is longer than 200 characters, or holds a control character")]
    Name,
    #[error("there is a user with this address already")]
    Taken,
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// For whom an invitation is.
#[derive(Clone, Debug)]
pub struct Invitation {
    /// In canonical form.
    pub email: String,
    pub name: String,
    /// Role and target.
    pub grant: Option<(String, String)>,
    pub by: UserId,
    pub expires_at: Timestamp,
}

/// What somebody with a link says of themselves.
#[derive(Clone, Debug, Default)]
pub struct Newcomer {
    pub name: Option<String>,
    /// Counts only where the link names none.
    pub email: Option<String>,
}

/// Who has come in by a link.
#[derive(Debug)]
pub struct Taken {
    pub user: UserRow,
    /// The user was made by it.
    pub is_new: bool,
}

/// Cheap to clone.
#[derive(Clone, Debug)]
pub struct Links {
    db: Db,
    clock: SharedClock,
    public_url: PublicUrl,
}

impl Links {
    pub const fn new(db: Db, clock: SharedClock, public_url: PublicUrl) -> Self {
        Self { db, clock, public_url }
    }

    /// The address that is given to the person.
    pub fn address(&self, secret: &Secret) -> String {
        format!("{}#{}", self.public_url.join(PAGE), secret.expose())
    }

    /// A link for the first administrator; `None` when there are users.
    pub async fn bootstrap(&self) -> StoreResult<Option<(Secret, LinkRow)>> {
        if self.db.has_users().await? {
            return Ok(None);
        }
        let now = self.clock.now();
        let role = Some(("admin".to_owned(), "*".to_owned()));
        let (secret, link) = row(
            BOOTSTRAP,
            (String::new(), String::new()),
            role,
            None,
            now.saturating_add(BOOTSTRAP_LIFE),
            now,
        );
        self.db.add_link(&link).await?;
        Ok(Some((secret, link)))
    }

    /// A link for a user who can log in by nothing else; `None` for others, and for those who are locked.
    pub async fn enrolment(&self, user: &UserRow) -> StoreResult<Option<(Secret, LinkRow)>> {
        if user.locked_at.is_some() || self.db.has_way_in(user.id).await? {
            return Ok(None);
        }
        let now = self.clock.now();
        let who = (user.email.clone(), user.name.clone());
        let (secret, link) = row(ENROLMENT, who, None, None, now.saturating_add(BOOTSTRAP_LIFE), now);
        self.db.add_link(&link).await?;
        Ok(Some((secret, link)))
    }

    pub async fn invite(&self, actor: &Actor<'_>, new: Invitation) -> Result<(Secret, LinkRow), Refused> {
        let Invitation { email, name, grant, by, expires_at } = new;
        let now = self.clock.now();
        let (secret, link) = row(INVITATION, (email, name), grant, Some(by), expires_at, now);
        let added = change::invitations::add(&self.db, actor, now, &link).await?;
        Ok((secret, added.value))
    }

    /// The link, if it can be used now.
    pub async fn look(&self, secret: &str) -> Result<LinkRow, LinkError> {
        if !token::is_link(secret) {
            return Err(LinkError::Gone);
        }
        let link = self.db.link_by_hash(TokenHash::of(secret).as_bytes()).await?.ok_or(LinkError::Gone)?;
        let is_open =
            link.used_at.is_none() && link.revoked_at.is_none() && link.expires_at > self.clock.now();
        let is_early = match link.kind.as_str() {
            BOOTSTRAP => !self.db.has_users().await?,
            ENROLMENT => self.enrolling(&link).await?.is_some(),
            _ => true,
        };
        if is_open && is_early { Ok(link) } else { Err(LinkError::Gone) }
    }

    /// The user whom an enrolment is for, while they need it.
    async fn enrolling(&self, link: &LinkRow) -> StoreResult<Option<UserRow>> {
        let user = match self.db.user_by_email(&link.email).await {
            Ok(user) if user.locked_at.is_none() => user,
            Ok(_) | Err(StoreError::NotFound(_)) => return Ok(None),
            Err(error) => return Err(error),
        };
        let has_way_in = self.db.has_way_in(user.id).await?;
        Ok(Some(user).filter(|_| !has_way_in))
    }

    /// Lets in whom the link is for, who is made where they are not here yet. Of several who try at once, one gets in.
    pub async fn take(&self, secret: &str, who: &Newcomer) -> Result<Taken, LinkError> {
        let link = self.look(secret).await?;
        if link.kind == ENROLMENT {
            let mut user = self.enrolling(&link).await?.ok_or(LinkError::Gone)?;
            user.name = name(who, &link, &user.email)?;
            return self.enter(&link, user).await;
        }
        let email = match link.email.as_str() {
            "" => email::canonical(who.email.as_deref().unwrap_or_default()).map_err(|_| LinkError::Email)?,
            named => named.to_owned(),
        };
        let user = UserRow::new(&email, &name(who, &link, &email)?, self.clock.now());
        self.add(&link, user).await
    }

    async fn enter(&self, link: &LinkRow, user: UserRow) -> Result<Taken, LinkError> {
        match self.db.use_enrolment(link, &user, self.clock.now()).await {
            Ok(()) => Ok(Taken { user, is_new: false }),
            Err(StoreError::NotFound(_)) => Err(LinkError::Gone),
            Err(error) => Err(error.into()),
        }
    }

    async fn add(&self, link: &LinkRow, user: UserRow) -> Result<Taken, LinkError> {
        let ticket = match link.kind.as_str() {
            BOOTSTRAP => Ticket::First(link.id),
            _ => Ticket::Invitation(link.id),
        };
        let grants: Vec<GrantRow> = invited(link, &user, user.created_at).into_iter().collect();
        match self.db.add_person(&NewPerson { user: user.clone(), identity: None, grants, ticket }).await {
            Ok(()) => Ok(Taken { user, is_new: true }),
            Err(StoreError::NotFound(_)) => Err(LinkError::Gone),
            Err(StoreError::Exists(_)) => Err(LinkError::Taken),
            Err(error) => Err(error.into()),
        }
    }
}

/// What the person says, else what the link says, else the address.
fn name(who: &Newcomer, link: &LinkRow, email: &str) -> Result<String, LinkError> {
    let given = who.name.as_deref().map(str::trim).filter(|name| !name.is_empty());
    let name = given.or(Some(link.name.as_str()).filter(|name| !name.is_empty())).unwrap_or(email);
    match name.chars().count() > LONGEST_NAME || name.chars().any(char::is_control) {
        true => Err(LinkError::Name),
        false => Ok(name.to_owned()),
    }
}

fn row(
    kind: &str,
    (email, name): (String, String),
    grant: Option<(String, String)>,
    created_by: Option<UserId>,
    expires_at: Timestamp,
    now: Timestamp,
) -> (Secret, LinkRow) {
    let secret = token::generate_link();
    let (role, target) = grant.unzip();
    let link = LinkRow {
        id: LinkId::new(now),
        hash: TokenHash::of(secret.expose()).as_bytes().to_vec(),
        kind: kind.to_owned(),
        email,
        name,
        role,
        target,
        created_by,
        created_at: now,
        expires_at,
        used_at: None,
        revoked_at: None,
    };
    (secret, link)
}

/// Somebody whom the configuration names.
pub fn named(email: &str, role: &str, now: Timestamp) -> NewPerson {
    let user = UserRow::new(email, email.split('@').next().unwrap_or(email), now);
    let grants = vec![GrantRow::new(Subject::User(user.id), role, "*", None, now)];
    NewPerson { user, identity: None, grants, ticket: Ticket::None }
}
