//! The key of the gateway where none is configured: a file beside the embedded database, made at first start.

use super::{Db, StoreError, StoreResult};
use crate::core::Secret;
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use rand::Rng as _;
use std::{
    fs::{self, OpenOptions},
    io::{self, Write as _},
    os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _},
    path::{Path, PathBuf},
};

const NAME: &str = "app.key";
/// Characters of base64url that carry 256 random bits.
const LENGTH: usize = 43;

/// The key beside an embedded database; `None` with PostgreSQL, whose replicas need a key that they share.
pub fn key_beside(db: &Db) -> StoreResult<Option<Secret>> {
    let Some(path) = path(db) else { return Ok(None) };
    read_or_make(&path).map(Some).map_err(|error| unusable(&path, &error))
}

/// The same, and never makes one.
pub fn known_key_beside(db: &Db) -> StoreResult<Option<Secret>> {
    let Some(path) = path(db).filter(|path| path.exists()) else { return Ok(None) };
    read(&path).map(Some).map_err(|error| unusable(&path, &error))
}

fn path(db: &Db) -> Option<PathBuf> {
    let Db::Sqlite { file, .. } = db else { return None };
    Some(file.path().with_file_name(NAME))
}

fn unusable(path: &Path, error: &io::Error) -> StoreError {
    StoreError::Open(format!("cannot use the key file {}: {error}", path.display()))
}

fn read_or_make(path: &Path) -> io::Result<Secret> {
    match OpenOptions::new().write(true).create_new(true).mode(0o600).open(path) {
        Ok(mut file) => {
            let mut random = [0u8; 32];
            rand::rng().fill_bytes(&mut random);
            let key = Secret::new(URL_SAFE_NO_PAD.encode(random));
            file.write_all(key.expose().as_bytes())?;
            file.sync_all()?;
            Ok(key)
        }
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => read(path),
        Err(error) => Err(error),
    }
}

fn read(path: &Path) -> io::Result<Secret> {
    let bad = |why: &str| io::Error::new(io::ErrorKind::InvalidData, why.to_owned());
    if fs::metadata(path)?.permissions().mode() & 0o077 != 0 {
        return Err(bad("others may read it; take that from them with chmod 600"));
    }
    let text = fs::read_to_string(path)?;
    let text = text.trim();
    if text.len() < LENGTH {
        return Err(bad("it is cut or empty; restore it from the backup of the database"));
    }
    Ok(Secret::new(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn made_once_and_for_the_owner_alone() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join(NAME);
        let made = read_or_make(&path).unwrap();
        assert_eq!(made.expose().len(), LENGTH);
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert!(read_or_make(&path).unwrap().matches(made.expose()));
    }

    #[test]
    fn a_file_that_others_may_read_or_that_was_cut_is_refused() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join(NAME);
        read_or_make(&path).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
        assert!(read_or_make(&path).unwrap_err().to_string().contains("chmod 600"));
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        fs::write(&path, "").unwrap();
        assert!(read_or_make(&path).unwrap_err().to_string().contains("cut or empty"));
    }
}
