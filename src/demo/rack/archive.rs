//! Archives that clients send, read with limits: nothing is unpacked, and nothing grows with their content.

use bytes::Bytes;
use flate2::read::GzDecoder;
use std::io::{self, Read};
use tar::{Archive, Builder, Header};
use thiserror::Error;

/// Stops decompression bombs. A real source tree is far smaller.
const LARGEST_UNPACKED: u64 = 16 * 1024 * 1024 * 1024;
const MOST_ENTRIES: usize = 100_000;
const LISTED: usize = 100;
const LARGEST_TEXT: u64 = 1024 * 1024;

#[derive(Debug, Error)]
pub enum Unreadable {
    #[error("the archive is not a gzipped tar: {0}")]
    Corrupt(#[from] io::Error),
    #[error("the archive holds no files")]
    Empty,
    #[error("the archive holds more than {MOST_ENTRIES} files")]
    TooMany,
}

/// What is in an archive.
#[derive(Debug, Default)]
pub struct Contents {
    /// Path and size of the first hundred files.
    pub files: Vec<(String, u64)>,
    pub count: usize,
    /// The texts that were asked for and found, in the order of asking.
    pub texts: Vec<Option<String>>,
}

/// Reads a gzipped tar to its end and picks the files named in `wanted` out of it.
pub fn inspect(source: impl Read, wanted: &[&str]) -> Result<Contents, Unreadable> {
    let mut unzipped = GzDecoder::new(source).take(LARGEST_UNPACKED);
    let mut contents = Contents { texts: vec![None; wanted.len()], ..Contents::default() };
    for entry in Archive::new(&mut unzipped).entries()? {
        let mut entry = entry?;
        if !entry.header().entry_type().is_file() {
            continue;
        }
        contents.count += 1;
        if contents.count > MOST_ENTRIES {
            return Err(Unreadable::TooMany);
        }
        let path = clean(&String::from_utf8_lossy(&entry.path_bytes()));
        if let Some(slot) =
            wanted.iter().position(|name| *name == path).and_then(|at| contents.texts.get_mut(at))
        {
            *slot = Some(text(&mut entry)?);
        }
        if contents.files.len() < LISTED {
            contents.files.push((path, entry.size()));
        }
    }
    // The checksum stands at the very end.
    io::copy(&mut unzipped, &mut io::sink())?;
    if contents.count == 0 { Err(Unreadable::Empty) } else { Ok(contents) }
}

/// Reads a plain tar into paths (absolute, cleaned) and contents.
pub fn files(tar: &[u8]) -> Result<Vec<(String, Bytes)>, Unreadable> {
    let mut files = Vec::new();
    for entry in Archive::new(tar).entries()? {
        let mut entry = entry?;
        if !entry.header().entry_type().is_file() {
            continue;
        }
        let path = format!("/{}", clean(&String::from_utf8_lossy(&entry.path_bytes())));
        let mut content = Vec::new();
        entry.read_to_end(&mut content)?;
        files.push((path, content.into()));
        if files.len() > MOST_ENTRIES {
            return Err(Unreadable::TooMany);
        }
    }
    Ok(files)
}

/// Makes a plain tar.
pub fn pack<'a>(files: impl IntoIterator<Item = (&'a str, &'a [u8])>) -> io::Result<Vec<u8>> {
    let mut builder = Builder::new(Vec::new());
    for (path, content) in files {
        let mut header = Header::new_gnu();
        header.set_size(content.len() as u64);
        header.set_mode(0o644);
        builder.append_data(&mut header, path.trim_start_matches('/'), content)?;
    }
    builder.into_inner()
}

/// A path without `.`, `..`, empty pieces or leading slash: archives cannot climb out of their folder.
pub fn clean(path: &str) -> String {
    path.split('/').filter(|piece| !matches!(*piece, "" | "." | "..")).collect::<Vec<_>>().join("/")
}

fn text(entry: impl Read) -> io::Result<String> {
    let mut bytes = Vec::new();
    entry.take(LARGEST_TEXT).read_to_end(&mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use flate2::{Compression, write::GzEncoder};
    use std::io::Write as _;

    fn gzip(data: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(data).unwrap();
        encoder.finish().unwrap()
    }

    #[test]
    fn lists_and_picks() {
        let tar = pack([("./convox.yml", b"services:\n".as_slice()), ("src/app.rb", b"puts 1")]).unwrap();
        let contents = inspect(gzip(&tar).as_slice(), &["convox.yml", "other.yml"]).unwrap();
        assert_eq!(contents.files, [("convox.yml".to_owned(), 10), ("src/app.rb".to_owned(), 6)]);
        assert_eq!(contents.texts, [Some("services:\n".to_owned()), None]);
    }

    #[test]
    fn refuses_what_is_broken() {
        let whole = gzip(&pack([("a", b"1".as_slice())]).unwrap());
        let mut flipped = whole.clone();
        let checksum = flipped.len() - 6;
        flipped[checksum] ^= 1;
        for bad in
            [b"not gzip".as_slice(), &[], &whole[..whole.len() / 2], &whole[..whole.len() - 3], &flipped]
        {
            assert!(matches!(inspect(bad, &[]), Err(Unreadable::Corrupt(_))), "{bad:?}");
        }
        assert!(matches!(inspect(gzip(&[0; 1024]).as_slice(), &[]), Err(Unreadable::Empty)));
    }

    #[test]
    fn paths_stay_inside() {
        assert_eq!(clean("/../etc/./passwd"), "etc/passwd");
        let tar = pack([("tmp/x", b"1".as_slice())]).unwrap();
        assert_eq!(files(&tar).unwrap(), [("/tmp/x".to_owned(), Bytes::from_static(b"1"))]);
    }
}
