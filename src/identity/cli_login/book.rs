//! What happens to a login between its beginning and its session.

use super::{Challenge, CliLoginError, Flow, LIFETIME, LoopbackUri, UserCode, Verifier, random};
use crate::{
    core::{
        Secret, Timestamp,
        id::{CliLoginId, SessionId, UserId},
    },
    store::{ApproverRow, CliLoginRow, Db, StoreError},
};
use sha2::{Digest as _, Sha256};
use std::{net::IpAddr, time::Duration};

/// Seconds between two polls of a device, at first.
const INTERVAL: i64 = 5;
/// Seconds by which the interval grows when a client does not keep to it.
const SLOWER: i64 = 5;
/// Logins that may be under way from one address.
const OPEN_FROM_ONE_ADDRESS: i64 = 50;
/// Wrong user codes of one person, within [`GUESSING`].
const GUESSES: i64 = 10;
const GUESSING: Duration = Duration::from_secs(900);

/// What a client says when it begins.
#[derive(Clone, Debug)]
pub struct Begin {
    pub flow: Flow,
    pub challenge: Option<Challenge>,
    /// Of a loopback login alone.
    pub redirect: Option<(LoopbackUri, String)>,
    pub device_id: String,
    pub device_name: String,
    pub ip: IpAddr,
    pub user_agent: String,
}

/// What the client is told.
#[derive(Debug)]
pub struct Begun {
    pub id: CliLoginId,
    /// With this it asks: the state or the device code. A loopback login gets a code later.
    pub handle: Option<Secret>,
    pub user_code: UserCode,
    pub expires_at: Timestamp,
    /// Seconds.
    pub interval: i64,
}

/// A login as the person who is to confirm it sees it.
#[derive(Clone, Debug)]
pub struct Request {
    pub id: CliLoginId,
    pub flow: String,
    pub user_code: String,
    pub device_name: String,
    pub ip: String,
    pub user_agent: String,
    pub created_at: Timestamp,
    pub expires_at: Timestamp,
}

/// The session in the browser that decides.
#[derive(Clone, Copy, Debug)]
pub struct Approver {
    pub user: UserId,
    pub session: SessionId,
    /// When they proved a factor along with the decision; none where the session was fresh.
    pub proved_at: Option<Timestamp>,
}

/// Where the browser goes after a decision, if anywhere.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decided {
    pub redirect: Option<String>,
}

/// An approved login that this caller alone has taken. A session follows.
#[derive(Clone, Debug)]
pub struct Granted {
    pub to: ApproverRow,
    /// When a factor was proved along with the approval; none where the browser's session was fresh, or roles have
    /// changed since.
    pub proved_at: Option<Timestamp>,
    pub device_id: String,
    pub device_name: String,
}

#[derive(Debug)]
pub enum Progress {
    Pending,
    Granted(Granted),
}

/// Logins under way. Cheap to clone.
#[derive(Clone, Debug)]
pub struct CliLogins {
    db: Db,
}

impl CliLogins {
    pub const fn new(db: Db) -> Self {
        Self { db }
    }

    pub async fn begin(&self, begin: Begin, now: Timestamp) -> Result<Begun, CliLoginError> {
        if self.db.open_cli_logins_from(&begin.ip.to_string(), now).await? >= OPEN_FROM_ONE_ADDRESS {
            return Err(CliLoginError::TooMany);
        }
        let handle = (begin.flow != Flow::Loopback).then(random::<32>);
        let mut row = begin.row(handle.as_ref(), now);
        // Of 25 billion codes two are the same hardly ever; three times in a row never.
        for _ in 0..3 {
            let code = UserCode::generate();
            code.letters().clone_into(&mut row.user_code);
            match self.db.add_cli_login(&row).await {
                Ok(()) => {
                    let (id, expires_at, interval) = (row.id, row.expires_at, row.poll_interval);
                    return Ok(Begun { id, handle, user_code: code, expires_at, interval });
                }
                Err(StoreError::Exists(_)) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Err(CliLoginError::TooMany)
    }

    /// For a client that polls. Of two that ask at the same time about an approved login, one gets it.
    pub async fn poll(
        &self,
        flow: Flow,
        handle: &str,
        verifier: Option<&Verifier>,
        now: Timestamp,
    ) -> Result<Progress, CliLoginError> {
        let row = self.db.cli_login_by_hash(&hash(handle), flow.as_str()).await?;
        let row = row.filter(|row| verifies(row, verifier)).ok_or(CliLoginError::Unknown)?;
        undecided_or_approved(&row, now)?;
        if row.approved_by.is_some() {
            return self.take(&row, now).await.map(Progress::Granted);
        }
        if flow == Flow::Device {
            self.keep_pace(&row, now).await?;
        }
        Ok(Progress::Pending)
    }

    /// For a client that was sent a code by the redirect. A wrong verifier burns the code: somebody else has it.
    pub async fn redeem(
        &self,
        code: &str,
        verifier: &Verifier,
        now: Timestamp,
    ) -> Result<Granted, CliLoginError> {
        let row = self.db.cli_login_by_hash(&hash(code), Flow::Loopback.as_str()).await?;
        let row = row.ok_or(CliLoginError::Unknown)?;
        if !verifies(&row, Some(verifier)) {
            self.db.drop_cli_login(row.id).await?;
            return Err(CliLoginError::Unknown);
        }
        undecided_or_approved(&row, now)?;
        self.take(&row, now).await
    }

    /// The login that `name` stands for: its id, or the user code that a person typed. Wrong codes are counted, and
    /// after ten within a quarter of an hour none is looked up.
    pub async fn find(&self, name: &str, who: UserId, now: Timestamp) -> Result<Request, CliLoginError> {
        if let Ok(id) = name.parse::<CliLoginId>() {
            let row = self.db.cli_login(id).await?.filter(|row| is_open(row, now));
            return row.map(Request::from).ok_or(CliLoginError::NoRequest);
        }
        let since = Timestamp::from_micros(now.as_micros() - GUESSING.as_micros() as i64);
        let guess = self.db.reserve_user_code(who, GUESSES, since, now).await?;
        let guess = guess.ok_or(CliLoginError::TooManyGuesses)?;
        let row = match UserCode::parse(name) {
            Some(code) => self.db.cli_login_by_user_code(code.letters()).await?,
            None => None,
        };
        let row = row.filter(|row| is_open(row, now)).ok_or(CliLoginError::NoRequest)?;
        self.db.return_attempt(guess).await?;
        Ok(row.into())
    }

    /// The person says yes: the session will be theirs. Of two decisions the first counts.
    pub async fn approve(
        &self,
        id: CliLoginId,
        by: Approver,
        now: Timestamp,
    ) -> Result<Decided, CliLoginError> {
        let row = self.db.cli_login(id).await?.ok_or(CliLoginError::NoRequest)?;
        let code = (row.flow == Flow::Loopback.as_str()).then(random::<32>);
        let code_hash = code.as_ref().map(|code| hash(code.expose()));
        let (by, proved_at) = ((by.user, by.session), by.proved_at);
        if !self.db.approve_cli_login(id, by, proved_at, code_hash.as_deref(), now).await? {
            return Err(CliLoginError::NoRequest);
        }
        let code = code.as_ref().map(|code| ("code", code.expose()));
        Ok(Decided { redirect: code.and_then(|code| redirect(&row, code)) })
    }

    pub async fn deny(&self, id: CliLoginId, now: Timestamp) -> Result<Decided, CliLoginError> {
        let row = self.db.cli_login(id).await?.ok_or(CliLoginError::NoRequest)?;
        if !self.db.deny_cli_login(id, now).await? {
            return Err(CliLoginError::NoRequest);
        }
        Ok(Decided { redirect: redirect(&row, ("error", "access_denied")) })
    }

    async fn take(&self, row: &CliLoginRow, now: Timestamp) -> Result<Granted, CliLoginError> {
        let taken = self.db.take_cli_login(row.id, now).await?.ok_or(CliLoginError::Unknown)?;
        let session = taken.approved_session.ok_or(CliLoginError::Unknown)?;
        let approver = self.db.cli_login_approver(session, now).await?;
        let to = approver.filter(|to| Some(to.user_id) == taken.approved_by);
        Ok(Granted {
            to: to.ok_or(CliLoginError::Withdrawn)?,
            proved_at: taken.proved_at,
            device_id: taken.device_id,
            device_name: taken.device_name,
        })
    }

    async fn keep_pace(&self, row: &CliLoginRow, now: Timestamp) -> Result<(), CliLoginError> {
        let interval = Duration::from_secs(u64::try_from(row.poll_interval).unwrap_or_default());
        let too_soon = row.polled_at.is_some_and(|last| now < last.saturating_add(interval));
        let interval = if too_soon { row.poll_interval + SLOWER } else { row.poll_interval };
        self.db.note_cli_login_poll(row.id, interval, now).await?;
        if too_soon { Err(CliLoginError::SlowDown { interval }) } else { Ok(()) }
    }
}

impl Begin {
    fn row(self, handle: Option<&Secret>, now: Timestamp) -> CliLoginRow {
        let (redirect_uri, client_state) = self.redirect.unzip();
        CliLoginRow {
            id: CliLoginId::new(now),
            hash: handle.map(|handle| hash(handle.expose())),
            flow: self.flow.as_str().to_owned(),
            user_code: String::new(),
            code_challenge: self.challenge.map(|challenge| challenge.as_str().to_owned()),
            redirect_uri: redirect_uri.map(|uri| uri.as_str().to_owned()),
            client_state,
            device_id: self.device_id,
            device_name: self.device_name,
            ip: self.ip.to_string(),
            user_agent: self.user_agent,
            created_at: now,
            expires_at: now.saturating_add(LIFETIME),
            poll_interval: if self.flow == Flow::Device { INTERVAL } else { 1 },
            polled_at: None,
            approved_by: None,
            approved_session: None,
            proved_at: None,
            denied_at: None,
        }
    }
}

impl From<CliLoginRow> for Request {
    fn from(row: CliLoginRow) -> Self {
        let user_code = UserCode::parse(&row.user_code).map(|code| code.to_string());
        Self {
            id: row.id,
            flow: row.flow,
            user_code: user_code.unwrap_or_default(),
            device_name: row.device_name,
            ip: row.ip,
            user_agent: row.user_agent,
            created_at: row.created_at,
            expires_at: row.expires_at,
        }
    }
}

fn hash(handle: &str) -> Vec<u8> {
    Sha256::digest(handle.as_bytes()).to_vec()
}

/// A login without a challenge needs no verifier; one with it needs the right one.
fn verifies(row: &CliLoginRow, verifier: Option<&Verifier>) -> bool {
    match row.code_challenge.as_deref() {
        None => row.flow == Flow::Device.as_str(),
        Some(stored) => Challenge::parse(stored)
            .is_some_and(|challenge| verifier.is_some_and(|verifier| challenge.is_of(verifier))),
    }
}

fn undecided_or_approved(row: &CliLoginRow, now: Timestamp) -> Result<(), CliLoginError> {
    if row.denied_at.is_some() {
        return Err(CliLoginError::Denied);
    }
    if row.expires_at <= now {
        return Err(CliLoginError::Expired);
    }
    Ok(())
}

fn is_open(row: &CliLoginRow, now: Timestamp) -> bool {
    row.approved_by.is_none() && row.denied_at.is_none() && row.expires_at > now
}

fn redirect(row: &CliLoginRow, answer: (&str, &str)) -> Option<String> {
    let uri = LoopbackUri::parse(row.redirect_uri.as_deref()?)?;
    let state = row.client_state.as_deref().unwrap_or_default();
    Some(uri.with(&[answer, ("state", state)]))
}
