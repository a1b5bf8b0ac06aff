//! Sealing everything anew with the current key, so that previous ones can be dropped.

use super::seal::Owner;
use crate::{
    core::{id::MethodId, seal::Keys},
    store::{Db, MethodRow, StoreResult},
};
use serde::Serialize;

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Rotated {
    /// Sealed anew.
    pub resealed: usize,
    /// Had the seal of the current key already.
    pub current: usize,
    /// No configured key opens these: their owners must enrol anew.
    pub unreadable: Vec<MethodId>,
}

/// A factor may be used, and so be written, while this runs; it is looked at again then.
const ROUNDS: usize = 3;

pub async fn rotate(db: &Db, keys: &Keys) -> StoreResult<Rotated> {
    let mut rotated = Rotated::default();
    for round in 0..ROUNDS {
        rotated.unreadable.clear();
        let mut missed = 0;
        for row in db.all_methods().await? {
            match reseal(db, keys, &row).await? {
                Reseal::Current if round == 0 => rotated.current += 1,
                Reseal::Current => {}
                Reseal::Done => rotated.resealed += 1,
                Reseal::Unreadable => rotated.unreadable.push(row.id),
                Reseal::Changed => missed += 1,
            }
        }
        if missed == 0 {
            break;
        }
    }
    Ok(rotated)
}

enum Reseal {
    Current,
    Done,
    Unreadable,
    Changed,
}

async fn reseal(db: &Db, keys: &Keys, row: &MethodRow) -> StoreResult<Reseal> {
    let owner = Owner::of(row);
    let Ok(plain) = owner.open(keys, &row.secret) else { return Ok(Reseal::Unreadable) };
    if keys.is_current(&row.secret) {
        return Ok(Reseal::Current);
    }
    let Ok(sealed) = owner.seal(keys, &plain) else { return Ok(Reseal::Unreadable) };
    let done = db.replace_method_secret(row.id, &row.secret, &sealed, None).await?;
    Ok(if done { Reseal::Done } else { Reseal::Changed })
}
