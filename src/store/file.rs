//! Which files an embedded database is: a path may come to mean another file, or none, while it is open.

use sqlx::{Connection as _, SqliteConnection};
use std::{
    io,
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, OnceLock, PoisonError},
};

/// The file as it was when it was opened, and the write-ahead log beside it, by device and inode.
#[derive(Clone, Debug)]
pub struct DatabaseFile(Arc<Known>);

#[derive(Debug)]
struct Known {
    path: PathBuf,
    identity: Identity,
    log: PathBuf,
    /// Empty until there is a log.
    log_identity: OnceLock<Identity>,
    keeper: Mutex<Option<SqliteConnection>>,
}

type Identity = (u64, u64);

impl DatabaseFile {
    pub(super) fn at(path: &Path) -> io::Result<Self> {
        let known = Known {
            path: path.to_owned(),
            identity: identity(path)?,
            log: log_of(path)?,
            log_identity: OnceLock::new(),
            keeper: Mutex::new(None),
        };
        known.has_its_log()?;
        Ok(Self(Arc::new(known)))
    }

    pub(super) fn path(&self) -> &Path {
        &self.0.path
    }

    /// Keeps `connection` open until [`Self::release`]. SQLite itself removes the log with the last connection, and the
    /// pools close theirs from time to time; beside this one, whoever removes it is somebody else.
    pub(super) fn keep_open_by(&self, connection: SqliteConnection) {
        *self.0.keeper.lock().unwrap_or_else(PoisonError::into_inner) = Some(connection);
    }

    pub(super) async fn release(&self) {
        let keeper = self.0.keeper.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(connection) = keeper
            && let Err(error) = connection.close().await
        {
            tracing::warn!(%error, "cannot close the database file in order");
        }
    }

    /// Fails when what is written would be gone with the process: the open file or its log has left its path. Costs
    /// one look at each directory entry, which the system has in memory.
    pub(super) fn is_at_its_path(&self) -> io::Result<()> {
        is_still(&self.0.path, self.0.identity)?;
        self.0.has_its_log()
    }
}

impl Known {
    /// What is committed stands in the log until it is moved into the file.
    fn has_its_log(&self) -> io::Result<()> {
        if let Some(known) = self.log_identity.get() {
            return is_still(&self.log, *known);
        }
        match identity(&self.log) {
            Ok(found) => {
                self.log_identity.get_or_init(|| found);
                Ok(())
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            Err(error) => Err(error),
        }
    }
}

/// SQLite follows symbolic links first.
fn log_of(path: &Path) -> io::Result<PathBuf> {
    let mut log = path.canonicalize()?.into_os_string();
    log.push("-wal");
    Ok(PathBuf::from(log))
}

fn is_still(path: &Path, known: Identity) -> io::Result<()> {
    if identity(path)? == known {
        return Ok(());
    }
    Err(io::Error::new(io::ErrorKind::NotFound, format!("{} is another file now", path.display())))
}

fn identity(path: &Path) -> io::Result<Identity> {
    let metadata = std::fs::metadata(path)
        .map_err(|error| io::Error::new(error.kind(), format!("{}: {error}", path.display())))?;
    Ok((metadata.dev(), metadata.ino()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn moved_replaced_and_put_back() {
        let directory = tempfile::tempdir().unwrap();
        let (path, aside) = (directory.path().join("gateway.db"), directory.path().join("aside"));
        assert!(DatabaseFile::at(&path).is_err());
        fs::write(&path, "first").unwrap();
        let file = DatabaseFile::at(&path).unwrap();
        assert!(file.is_at_its_path().is_ok());
        fs::rename(&path, &aside).unwrap();
        let missing = file.is_at_its_path().unwrap_err().to_string();
        assert!(missing.contains("gateway.db"), "{missing}");
        fs::write(&path, "second").unwrap();
        assert!(file.is_at_its_path().unwrap_err().to_string().ends_with("is another file now"));
        fs::rename(&aside, &path).unwrap();
        assert!(file.is_at_its_path().is_ok());
    }
    #[test]
    fn the_log_is_known_from_its_first_appearance() {
        let directory = tempfile::tempdir().unwrap();
        let real = directory.path().join("real.db");
        let (path, aside) = (directory.path().join("gateway.db"), directory.path().join("aside"));
        fs::write(&real, "rows").unwrap();
        std::os::unix::fs::symlink(&real, &path).unwrap();
        let log = directory.path().join("real.db-wal");
        let file = DatabaseFile::at(&path).unwrap();
        assert!(file.is_at_its_path().is_ok(), "nothing was written yet");
        fs::write(&log, "first").unwrap();
        assert!(file.is_at_its_path().is_ok(), "learned");
        fs::rename(&log, &aside).unwrap();
        let missing = file.is_at_its_path().unwrap_err().to_string();
        assert!(missing.contains("real.db-wal"), "{missing}");
        fs::write(&log, "second").unwrap();
        let replaced = file.is_at_its_path().unwrap_err().to_string();
        assert!(replaced.ends_with("real.db-wal is another file now"), "{replaced}");
        fs::rename(&aside, &log).unwrap();
        assert!(file.is_at_its_path().is_ok());
        fs::remove_file(&log).unwrap();
        let reopened = DatabaseFile::at(&path).unwrap();
        assert!(reopened.is_at_its_path().is_ok() && file.is_at_its_path().is_err());
    }
}
