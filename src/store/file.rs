//! Which file an embedded database is: a path may come to mean another file, or none, while it is open.

use std::{
    io,
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
    sync::Arc,
};

/// The file as it was when it was opened, by device and inode.
#[derive(Clone, Debug)]
pub struct DatabaseFile(Arc<Known>);

#[derive(Debug)]
struct Known {
    path: PathBuf,
    identity: (u64, u64),
}

impl DatabaseFile {
    pub(super) fn at(path: &Path) -> io::Result<Self> {
        Ok(Self(Arc::new(Known { path: path.to_owned(), identity: identity(path)? })))
    }

    pub(super) fn path(&self) -> &Path {
        &self.0.path
    }

    /// Fails when what is written would be gone with the process: the open file has left its path. Costs one
    /// look at a directory entry that the system has in memory.
    pub(super) fn is_at_its_path(&self) -> io::Result<()> {
        let Known { path, identity: known } = &*self.0;
        if identity(path)? == *known {
            return Ok(());
        }
        Err(io::Error::new(io::ErrorKind::NotFound, format!("{} is another file now", path.display())))
    }
}

fn identity(path: &Path) -> io::Result<(u64, u64)> {
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
}
