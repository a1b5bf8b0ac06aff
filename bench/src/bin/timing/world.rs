//! What is guessed at.

use crate::{Kind, cases::Case, people::People, tokens::Tokens};
use rack_gateway::{
    core::{Clock as _, SystemClock},
    store::{Db, Options, Place},
};
use rack_gateway_bench::Outcome;
use std::{path::Path, time::Duration};

pub enum World {
    Tokens(Box<Tokens>),
    People(Box<People>, Case),
}

impl World {
    pub async fn open(dir: &Path, case: Case) -> Outcome<Self> {
        std::fs::create_dir_all(dir)?;
        let db = Db::open(&Options::new(Place::Sqlite(dir.join("gateway.db")))).await?;
        db.migrate().await?;
        let now = SystemClock.now();
        Ok(match case {
            Case::TokenPrefix => Self::Tokens(Box::new(Tokens::open(&db, now).await?)),
            _ => Self::People(Box::new(People::open(&db, now).await?), case),
        })
    }

    /// How long the refusal takes.
    pub async fn guess(&self, number: usize, kind: Kind) -> Outcome<Duration> {
        match self {
            Self::Tokens(tokens) => tokens.guess(number, kind),
            Self::People(people, Case::User) => people.guess_user(kind).await,
            Self::People(people, Case::BackupCode) => people.guess_backup(number, kind).await,
            Self::People(people, _) => people.guess_totp(number, kind).await,
        }
    }
}
