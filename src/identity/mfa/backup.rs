//! Backup codes: ten, on paper, each good once. One salt serves a person's ten, so that a check is one computation
//! of Argon2 however many are left, and also when there are none.

use super::{
    Mfa, MfaError,
    code::{ALPHABET, BACKUP_LENGTH},
};
use crate::{
    core::{
        Secret, Timestamp,
        id::{BackupCodeId, UserId},
    },
    store::BackupCodeRow,
};
use argon2::{
    Algorithm, Argon2, Params, Version,
    password_hash::{Output, ParamsString, PasswordHash, SaltString},
};
use rand::Rng as _;
use subtle::{Choice, ConstantTimeEq as _};

const CODES: usize = 10;
const SALT: usize = 16;
const HASH: usize = 32;

/// New codes, and what is kept of them.
pub(super) struct Issued {
    pub shown: Vec<Secret>,
    pub rows: Vec<BackupCodeRow>,
}

impl Mfa {
    pub(super) async fn issue(&self, user: UserId, now: Timestamp) -> Result<Issued, MfaError> {
        let codes: Vec<Secret> = (0..CODES).map(|_| random_code()).collect();
        let salt = random_salt()?;
        let rows = {
            let codes = codes.clone();
            self.hashing(move || codes.iter().map(|code| phc(code, &salt)).collect::<Option<Vec<_>>>())
                .await?
                .ok_or(MfaError::Internal)?
        };
        let row = |hash| BackupCodeRow {
            id: BackupCodeId::new(now),
            user_id: user,
            hash,
            created_at: now,
            used_at: None,
        };
        Ok(Issued { shown: codes.iter().map(grouped).collect(), rows: rows.into_iter().map(row).collect() })
    }

    /// Uses the code up.
    pub(super) async fn spend_backup_code(
        &self,
        user: UserId,
        code: Secret,
        now: Timestamp,
    ) -> Result<(), MfaError> {
        let rows = self.db().backup_codes_of(user).await?;
        let found = self.hashing(move || matching(&rows, &code)).await??;
        let Some(row) = found else { return Err(MfaError::Wrong) };
        if row.used_at.is_none() && self.db().use_backup_code(user, row.id, now).await? {
            return Ok(());
        }
        Err(MfaError::Used)
    }

    /// Off the threads that serve, and few at a time.
    async fn hashing<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, MfaError> {
        let _permit = self.0.hashes.acquire().await.map_err(|_| MfaError::Internal)?;
        tokio::task::spawn_blocking(work).await.map_err(|_| MfaError::Internal)
    }
}

/// The row of this code. All are looked at, used ones too.
fn matching(rows: &[BackupCodeRow], code: &Secret) -> Result<Option<BackupCodeRow>, MfaError> {
    let parsed: Vec<_> =
        rows.iter().filter_map(|row| Some((row, PasswordHash::new(&row.hash).ok()?))).collect();
    let salt = match parsed.first().and_then(|(_, hash)| hash.salt) {
        Some(salt) => SaltString::from_b64(salt.as_str()).map_err(|_| MfaError::Unreadable)?,
        None => random_salt()?,
    };
    let ours = digest(code, &salt).ok_or(MfaError::Internal)?;
    let found = parsed.iter().fold(None, |found, (row, hash)| {
        let same_salt = hash.salt.is_some_and(|other| other.as_str() == salt.as_str());
        let same = hash.hash.map_or(Choice::from(0), |theirs| theirs.as_bytes().ct_eq(&ours));
        if bool::from(same) && same_salt { Some(*row) } else { found }
    });
    Ok(found.cloned())
}

fn random_code() -> Secret {
    let mut random = [0u8; BACKUP_LENGTH];
    rand::rng().fill_bytes(&mut random);
    // 256 is a multiple of 32: every letter is as likely as any other.
    let letter = |byte: &u8| ALPHABET.get(usize::from(byte % 32)).map_or('A', |letter| char::from(*letter));
    Secret::new(random.iter().map(letter).collect::<String>())
}

/// `ABCD-EFGH-2345`.
fn grouped(code: &Secret) -> Secret {
    let mut text = String::new();
    for (index, letter) in code.expose().chars().enumerate() {
        if index > 0 && index % 4 == 0 {
            text.push('-');
        }
        text.push(letter);
    }
    Secret::new(text)
}

fn random_salt() -> Result<SaltString, MfaError> {
    let mut random = [0u8; SALT];
    rand::rng().fill_bytes(&mut random);
    SaltString::encode_b64(&random).map_err(|_| MfaError::Internal)
}

fn argon() -> Argon2<'static> {
    Argon2::new(Algorithm::Argon2id, Version::V0x13, Params::DEFAULT)
}

fn digest(code: &Secret, salt: &SaltString) -> Option<[u8; HASH]> {
    let mut salt_bytes = [0u8; SALT];
    let salt_bytes = salt.decode_b64(&mut salt_bytes).ok()?;
    let mut out = [0u8; HASH];
    argon().hash_password_into(code.expose().as_bytes(), salt_bytes, &mut out).ok()?;
    Some(out)
}

fn phc(code: &Secret, salt: &SaltString) -> Option<String> {
    let hash = PasswordHash {
        algorithm: Algorithm::Argon2id.ident(),
        version: Some(Version::V0x13.into()),
        params: ParamsString::try_from(&Params::DEFAULT).ok()?,
        salt: Some(salt.as_salt()),
        hash: Some(Output::new(&digest(code, salt)?).ok()?),
    };
    Some(hash.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(code: &str, salt: &SaltString) -> BackupCodeRow {
        let now = Timestamp::from_micros(1);
        BackupCodeRow {
            id: BackupCodeId::new(now),
            user_id: UserId::new(now),
            hash: phc(&Secret::new(code), salt).unwrap(),
            created_at: now,
            used_at: None,
        }
    }

    #[test]
    fn the_hash_has_the_form_that_others_read() {
        use argon2::PasswordVerifier as _;
        let row = row("ABCDEFGH2345", &random_salt().unwrap());
        assert!(row.hash.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{}", row.hash);
        let hash = PasswordHash::new(&row.hash).unwrap();
        assert!(Argon2::default().verify_password(b"ABCDEFGH2345", &hash).is_ok());
    }

    #[test]
    fn finds_the_one_row() {
        let salt = random_salt().unwrap();
        let rows = [row("AAAAAAAAAAAA", &salt), row("BBBBBBBBBBBB", &salt)];
        let find = |code: &str| matching(&rows, &Secret::new(code)).unwrap().map(|row| row.id);
        assert_eq!(find("BBBBBBBBBBBB"), Some(rows[1].id));
        assert_eq!(find("CCCCCCCCCCCC"), None);
        assert_eq!(matching(&[], &Secret::new("AAAAAAAAAAAA")).unwrap(), None);
    }

    #[test]
    fn codes_are_of_the_alphabet_and_differ() {
        let codes: std::collections::HashSet<_> =
            (0..100).map(|_| grouped(&random_code()).expose().to_owned()).collect();
        assert_eq!(codes.len(), 100);
        for code in codes {
            assert_eq!((code.len(), code.matches('-').count()), (14, 2), "{code}");
            assert!(super::super::code::Code::read(&Secret::new(code)).is_ok());
        }
    }
}
