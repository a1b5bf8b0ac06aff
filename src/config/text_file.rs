//! Reading the small text files a configuration points at.

use std::{
    fs::File,
    io::{ErrorKind, Read as _},
    path::Path,
};

const LARGEST: u64 = 1024 * 1024;

/// The whole text of `path`. The error continues a sentence that begins with the path.
pub(super) fn read(path: &Path) -> Result<String, String> {
    let metadata = path.metadata().map_err(|error| match error.kind() {
        ErrorKind::NotFound => "does not exist; create it or correct the path".to_owned(),
        _ => format!("cannot be read: {error}"),
    })?;
    if metadata.is_dir() {
        return Err("is a directory; name a file".into());
    }
    let mut bytes = Vec::new();
    let file = File::open(path).map_err(|error| format!("cannot be read: {error}; check its permissions"))?;
    // A length can lie (pipes, /proc), a bounded read cannot.
    file.take(LARGEST + 1).read_to_end(&mut bytes).map_err(|error| format!("cannot be read: {error}"))?;
    if bytes.len() as u64 > LARGEST {
        return Err("is larger than 1 MiB; is it the right file?".into());
    }
    String::from_utf8(bytes).map_err(|_| "is not UTF-8 text".into())
}

/// The text of a secret file without its trailing newline; an empty secret is an error.
pub(super) fn read_secret(path: &Path) -> Result<String, String> {
    let text = read(path)?;
    let secret = text.trim_end_matches(['\r', '\n']);
    if secret.is_empty() {
        return Err("is empty; write the secret into it".into());
    }
    Ok(secret.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn trims_the_newline_and_nothing_else() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("token");
        fs::write(&path, " pass word \r\n").unwrap();
        assert_eq!(read_secret(&path).unwrap(), " pass word ");
        assert_eq!(read(&path).unwrap(), " pass word \r\n");
    }

    #[test]
    fn says_what_is_wrong_with_the_file() {
        let dir = tempfile::tempdir().unwrap();
        let file = |name: &str, bytes: &[u8]| {
            let path = dir.path().join(name);
            fs::write(&path, bytes).unwrap();
            path
        };
        for (path, expected) in [
            (dir.path().join("none"), "does not exist"),
            (dir.path().to_owned(), "is a directory"),
            (file("empty", b""), "is empty"),
            (file("newline", b"\n\n"), "is empty"),
            (file("binary", b"\xff\xfe"), "is not UTF-8"),
            (file("large", &vec![b'x'; 1024 * 1024 + 1]), "larger than 1 MiB"),
        ] {
            let error = read_secret(&path).unwrap_err();
            assert!(error.contains(expected), "{path:?}: {error}");
        }
        assert!(read_secret(&file("largest", &vec![b'x'; 1024 * 1024])).is_ok());
    }
}
