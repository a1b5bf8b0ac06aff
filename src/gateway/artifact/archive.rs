//! Where an archive says that it belongs, before anybody may publish it there.
//!
//! Readers of archives disagree on links, on names that are given twice, and on what stands behind the end. Such
//! archives are refused: the registry would perhaps find another document than was decided on.

use super::{Problem, name};
use flate2::bufread::GzDecoder;
use serde::Deserialize;
use std::{
    collections::{BTreeMap, BTreeSet},
    fs::File,
    io::{self, BufRead as _, BufReader, Read},
};
use tar::{Archive, Entry};

/// Unpacked, all together.
const UNPACKED: u64 = 1024 * 1024 * 1024;
const ENTRIES: usize = 20_000;
const DOCUMENT: u64 = 1024 * 1024;
/// Of what an archive says about the next entry.
const EXTENSION: u64 = 64 * 1024;
const DOCUMENT_NAME: &str = "registry.json";

/// A package and its version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Contents {
    /// `team/quality/husky`
    pub package: String,
    pub version: String,
}

#[derive(Deserialize)]
struct Document {
    namespace: String,
    name: String,
    version: String,
    #[serde(rename = "type")]
    kind: Option<String>,
    path: Option<String>,
}

/// Reads the whole archive.
pub fn inspect(file: File) -> Result<Contents, Problem> {
    inspect_within(file, UNPACKED)
}

fn inspect_within(file: File, limit: u64) -> Result<Contents, Problem> {
    let unpacked = Bounded { from: GzDecoder::new(BufReader::new(file)), left: limit };
    let mut archive = Archive::new(unpacked);
    let document = walk(&mut archive)?;
    let mut rest = archive.into_inner();
    only_zeros(&mut rest).map_err(unreadable)?;
    let mut behind = rest.from.into_inner();
    if !behind.fill_buf().map_err(unreadable)?.is_empty() {
        return Err(bad("something follows the end of its compressed data"));
    }
    contents(&document)
}

fn walk<R: Read>(archive: &mut Archive<R>) -> Result<Vec<u8>, Problem> {
    let (mut seen, mut document, mut extended) = (BTreeSet::new(), None, None);
    for (count, entry) in archive.entries().map_err(unreadable)?.raw(true).enumerate() {
        let mut entry = entry.map_err(unreadable)?;
        if count > ENTRIES {
            return Err(bad("it has too many entries"));
        }
        let kind = entry.header().entry_type();
        if kind.is_gnu_longname() || kind.is_pax_local_extensions() {
            if extended.is_some() {
                return Err(bad("an entry is described twice"));
            }
            extended = Some(extension(&mut entry)?);
            continue;
        }
        if !kind.is_file() && !kind.is_dir() {
            return Err(Problem::bad(
                "UNSAFE_FILE",
                "the archive may hold files and directories only; leave links and special files out",
            ));
        }
        let given = match extended.take().flatten() {
            Some(name) => name,
            None => String::from_utf8(entry.path_bytes().into_owned()).map_err(|_| bad_name())?,
        };
        let path = plain(&given, kind.is_dir())?;
        if kind.is_dir() {
            continue;
        }
        if path == DOCUMENT_NAME {
            document = Some(read(&mut entry, DOCUMENT, "registry.json is too long")?);
        }
        if !seen.insert(path) {
            return Err(bad("it has two files of one name"));
        }
    }
    if extended.is_some() {
        return Err(bad("it ends in the middle of an entry"));
    }
    document.ok_or_else(|| {
        Problem::bad(
            "UPLOAD_FAILED",
            "the archive has no registry.json at its root; pack the files, not their folder",
        )
    })
}

/// The name that an extension gives the next entry.
fn extension<R: Read>(entry: &mut Entry<'_, R>) -> Result<Option<String>, Problem> {
    let is_long_name = entry.header().entry_type().is_gnu_longname();
    let bytes = read(entry, EXTENSION, "the description of an entry is too long")?;
    if is_long_name {
        let name = bytes.strip_suffix(b"\0").unwrap_or(&bytes);
        return String::from_utf8(name.to_vec()).map(Some).map_err(|_| bad_name());
    }
    let mut records = BTreeMap::new();
    let mut rest = bytes.as_slice();
    while !rest.is_empty() {
        let (key, value, after) =
            record(rest).ok_or_else(|| bad("the description of an entry is malformed"))?;
        if key == "size" || key == "linkpath" || key.starts_with("GNU.sparse") {
            return Err(bad("the description of an entry changes its length"));
        }
        if records.insert(key, value).is_some() {
            return Err(bad("an entry is described twice"));
        }
        rest = after;
    }
    Ok(records.remove("path").map(str::to_owned))
}

/// `<length> <key>=<value>\n`, where the length is that of all of it.
fn record(bytes: &[u8]) -> Option<(&str, &str, &[u8])> {
    let space = bytes.iter().position(|byte| *byte == b' ')?;
    let digits = std::str::from_utf8(bytes.get(..space)?).ok()?;
    let length: usize = digits.bytes().all(|byte| byte.is_ascii_digit()).then(|| digits.parse().ok())??;
    let text = std::str::from_utf8(bytes.get(space + 1..length)?).ok()?.strip_suffix('\n')?;
    let (key, value) = text.split_once('=')?;
    Some((key, value, bytes.get(length..)?))
}

/// A relative path without anything that leads elsewhere.
fn plain(given: &str, is_dir: bool) -> Result<String, Problem> {
    let path = given.strip_prefix("./").unwrap_or(given);
    let path = if is_dir { path.trim_end_matches('/') } else { path };
    let root = is_dir && matches!(path, "" | ".");
    let fits =
        |part: &str| !matches!(part, "" | "." | "..") && !part.chars().any(|c| c.is_control() || c == '\\');
    if root || path.split('/').all(fits) { Ok(path.to_owned()) } else { Err(bad_name()) }
}

fn contents(document: &[u8]) -> Result<Contents, Problem> {
    let failed = |message: String| Problem::bad("UPLOAD_FAILED", format!("registry.json {message}"));
    let document: Document =
        serde_json::from_slice(document).map_err(|error| failed(format!("cannot be read: {error}")))?;
    let namespace = name::namespace(&document.namespace)
        .ok_or_else(|| failed("has no namespace; write for example @team".to_owned()))?;
    let place = match (&document.path, document.kind.as_deref()) {
        (Some(path), _) => path.clone(),
        (None, kind) => match kind.and_then(folder) {
            Some(folder) => format!("{folder}/{}", document.name),
            None => document.name.clone(),
        },
    };
    let segments: Vec<_> = place.split('/').collect();
    if !segments.iter().all(|segment| name::is_segment(segment))
        || segments.last().copied() != Some(document.name.as_str())
    {
        return Err(failed("has a path that does not end with its name in kebab case".to_owned()));
    }
    if !name::is_version(&document.version) {
        return Err(failed("has a version that is not one of SemVer".to_owned()));
    }
    Ok(Contents { package: format!("{namespace}/{place}"), version: document.version })
}

/// Where packages of a type go that name no path.
fn folder(kind: &str) -> Option<&'static str> {
    match kind {
        "runtime" => Some("runtimes"),
        "framework" => Some("frameworks"),
        "build" => Some("build"),
        "feature" => Some("features"),
        "testing" => Some("testing"),
        "quality" => Some("quality"),
        _ => None,
    }
}

fn read<R: Read>(entry: &mut Entry<'_, R>, limit: u64, too_long: &str) -> Result<Vec<u8>, Problem> {
    let mut bytes = Vec::new();
    entry.take(limit + 1).read_to_end(&mut bytes).map_err(unreadable)?;
    if bytes.len() as u64 > limit { Err(bad(too_long)) } else { Ok(bytes) }
}

fn only_zeros(from: &mut impl Read) -> io::Result<()> {
    let mut room = vec![0; 64 * 1024];
    loop {
        let count = from.read(&mut room)?;
        if count == 0 {
            return Ok(());
        }
        if room.iter().take(count).any(|byte| *byte != 0) {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "something follows its end"));
        }
    }
}

/// Ends a bomb.
struct Bounded<R> {
    from: R,
    left: u64,
}

impl<R: Read> Read for Bounded<R> {
    fn read(&mut self, room: &mut [u8]) -> io::Result<usize> {
        let count = self.from.read(room)?;
        self.left = self
            .left
            .checked_sub(count as u64)
            .ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, "it unpacks to too much"))?;
        Ok(count)
    }
}

fn bad(what: &str) -> Problem {
    Problem::bad("INVALID_ARCHIVE", format!("the archive cannot be taken: {what}"))
}

fn bad_name() -> Problem {
    bad("the name of an entry is not a relative path in plain words")
}

fn unreadable(error: io::Error) -> Problem {
    bad(&format!("it is not a gzipped tar that can be read to its end ({error})"))
}

#[cfg(test)]
#[path = "archive/tests.rs"]
mod tests;
