//! An upload as clients send it: `multipart/form-data` with one file and its checksum. It is taken apart strictly, and
//! written anew for the registry, so that both read the same.

use super::{Problem, spool::Spool};
use bytes::{Bytes, BytesMut};
use http::{HeaderMap, StatusCode, header::CONTENT_TYPE};
use http_body_util::BodyExt as _;
use std::path::Path;

/// Of the head of one part.
const HEAD: usize = 8 * 1024;
/// Of the text of the checksum.
const CHECKSUM: usize = 256;
const KINDS: [&str; 5] = [
    "application/gzip",
    "application/x-gzip",
    "application/x-tar",
    "application/x-compressed",
    "application/octet-stream",
];

/// The archive, proved by its checksum.
pub struct Upload {
    pub archive: Spool,
    kind: &'static str,
}

/// Where an upload is kept meanwhile, and how long it may be.
#[derive(Clone, Copy, Debug)]
pub struct Room<'a> {
    pub directory: &'a Path,
    pub limit: u64,
}

pub fn boundary(headers: &HeaderMap) -> Result<String, Problem> {
    let not_a_form = || {
        let message =
            "an upload is multipart/form-data with the archive as a file and its SHA-256 as `checksum`";
        Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "INVALID_MULTIPART", message)
    };
    let mut values = headers.get_all(CONTENT_TYPE).iter();
    let (Some(value), None) = (values.next(), values.next()) else { return Err(not_a_form()) };
    let text = value.to_str().map_err(|_| not_a_form())?;
    let parameters = parameters(text).ok_or_else(not_a_form)?;
    if !parameters.kind.eq_ignore_ascii_case("multipart/form-data") {
        return Err(not_a_form());
    }
    let boundary = parameters.only("boundary").ok_or_else(not_a_form)?;
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"'()+_,-./:=?".contains(&byte);
    let fits = (1..=70).contains(&boundary.len()) && boundary.bytes().all(plain);
    if fits { Ok(boundary.to_owned()) } else { Err(not_a_form()) }
}

/// Reads the whole body. `traffic` hears of every byte.
pub async fn receive<B>(
    body: B,
    boundary: &str,
    room: Room<'_>,
    heard: impl Fn(usize) + Send,
) -> Result<Upload, Problem>
where
    B: http_body::Body<Data = Bytes> + Send + Unpin,
{
    let mut reader = Reader { body, heard, buffer: BytesMut::from(&b"\r\n"[..]), is_over: false };
    let delimiter = format!("\r\n--{boundary}").into_bytes();
    reader.expect(&delimiter).await?;
    let (mut archive, mut checksum) = (None, None);
    while reader.has_next_part().await? {
        let head = Head::parse(&reader.head().await?)?;
        match head.field {
            Field::File(kind) if archive.is_none() => {
                archive = Some((file(&mut reader, &delimiter, room).await?, kind));
            }
            Field::Checksum if checksum.is_none() => {
                checksum = Some(text(&mut reader, &delimiter).await?);
            }
            Field::File(_) => return Err(malformed("it has two files")),
            Field::Checksum => return Err(malformed("it has two fields `checksum`")),
        }
    }
    reader.expect_end().await?;
    let Some((archive, kind)) = archive else {
        return Err(Problem::bad("MISSING_FILE", "the upload has no file; send the archive as one"));
    };
    let Some(checksum) = checksum else {
        let message = "the upload has no field `checksum`; send the archive's SHA-256 in hexadecimal";
        return Err(Problem::bad("MISSING_CHECKSUM", message));
    };
    if checksum != archive.checksum() {
        let message = "the checksum is not the SHA-256 of the archive in lower-case hexadecimal";
        return Err(Problem::bad("CHECKSUM_MISMATCH", message));
    }
    Ok(Upload { archive, kind })
}

impl Upload {
    /// The same upload written anew, with the value of its `Content-Type`.
    pub fn rewritten(self) -> std::io::Result<(String, super::spool::Spooled)> {
        // 192 random bits: it does not stand in the archive, and is shorter than the 70 characters of RFC 2046.
        let boundary = format!("rack-gateway-{}", hex::encode(rand::random::<[u8; 24]>()));
        let (kind, checksum) = (self.kind, self.archive.checksum());
        let before = format!(
            "--{boundary}\r\nContent-Disposition: form-data; name=\"checksum\"\r\n\r\n{checksum}\r\n\
             --{boundary}\r\nContent-Disposition: form-data; name=\"package\"; filename=\"package.tar.gz\"\r\n\
             Content-Type: {kind}\r\n\r\n"
        );
        let after = format!("\r\n--{boundary}--\r\n");
        let body = self.archive.into_body(before.into(), after.into())?;
        Ok((format!("multipart/form-data; boundary={boundary}"), body))
    }
}

async fn file<B, H>(reader: &mut Reader<B, H>, delimiter: &[u8], room: Room<'_>) -> Result<Spool, Problem>
where
    B: http_body::Body<Data = Bytes> + Send + Unpin,
    H: Fn(usize) + Send,
{
    let failed = |error: std::io::Error| {
        tracing::error!(%error, directory = %room.directory.display(), "an upload cannot be kept");
        Problem::unkept()
    };
    let mut spool = Spool::create(room.directory).map_err(failed)?;
    while let Some(piece) = reader.piece(delimiter).await? {
        if spool.length + piece.len() as u64 > room.limit {
            let message = format!("the archive is longer than {} bytes, the most that is taken", room.limit);
            return Err(Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "FILE_TOO_LARGE", message));
        }
        // Pieces are as long as one read of the socket.
        spool.write(&piece).map_err(failed)?;
    }
    Ok(spool)
}

async fn text<B, H>(reader: &mut Reader<B, H>, delimiter: &[u8]) -> Result<String, Problem>
where
    B: http_body::Body<Data = Bytes> + Send + Unpin,
    H: Fn(usize) + Send,
{
    let mut text = Vec::new();
    while let Some(piece) = reader.piece(delimiter).await? {
        text.extend_from_slice(&piece);
        if text.len() > CHECKSUM {
            return Err(Problem::bad("CHECKSUM_MISMATCH", "the checksum is too long to be one"));
        }
    }
    String::from_utf8(text).map_err(|_| Problem::bad("CHECKSUM_MISMATCH", "the checksum is not text"))
}

struct Reader<B, H> {
    body: B,
    heard: H,
    buffer: BytesMut,
    is_over: bool,
}

impl<B, H> Reader<B, H>
where
    B: http_body::Body<Data = Bytes> + Send + Unpin,
    H: Fn(usize) + Send,
{
    async fn more(&mut self) -> Result<(), Problem> {
        loop {
            let Some(frame) = self.body.frame().await else {
                self.is_over = true;
                return Ok(());
            };
            let frame = frame.map_err(|_| malformed("it broke off before its end"))?;
            if let Ok(data) = frame.into_data() {
                (self.heard)(data.len());
                self.buffer.extend_from_slice(&data);
                return Ok(());
            }
        }
    }

    async fn fill(&mut self, length: usize) -> Result<(), Problem> {
        while self.buffer.len() < length {
            if self.is_over {
                return Err(malformed("it broke off before its end"));
            }
            self.more().await?;
        }
        Ok(())
    }

    async fn expect(&mut self, wanted: &[u8]) -> Result<(), Problem> {
        self.fill(wanted.len()).await?;
        if !self.buffer.starts_with(wanted) {
            return Err(malformed("it does not begin with its boundary"));
        }
        let _ = self.buffer.split_to(wanted.len());
        Ok(())
    }

    /// After a delimiter: another part, or the end.
    async fn has_next_part(&mut self) -> Result<bool, Problem> {
        self.fill(2).await?;
        match &*self.buffer.split_to(2) {
            b"\r\n" => Ok(true),
            b"--" => Ok(false),
            _ => Err(malformed("something stands beside a boundary")),
        }
    }

    /// Nothing but a line break may follow.
    async fn expect_end(&mut self) -> Result<(), Problem> {
        while !self.is_over && self.buffer.len() <= 2 {
            self.more().await?;
        }
        match &*self.buffer {
            b"" | b"\r\n" => Ok(()),
            _ => Err(malformed("something follows its end")),
        }
    }

    async fn head(&mut self) -> Result<Bytes, Problem> {
        loop {
            if let Some(end) = find(&self.buffer, b"\r\n\r\n") {
                return Ok(self.buffer.split_to(end + 4).freeze());
            }
            if self.buffer.len() > HEAD {
                return Err(malformed("the head of a part is too long"));
            }
            let wanted = self.buffer.len() + 1;
            self.fill(wanted).await?;
        }
    }

    /// What comes next of a part's content; `None` at its end, behind the delimiter.
    async fn piece(&mut self, delimiter: &[u8]) -> Result<Option<Bytes>, Problem> {
        loop {
            if let Some(end) = find(&self.buffer, delimiter) {
                if end == 0 {
                    let _ = self.buffer.split_to(delimiter.len());
                    return Ok(None);
                }
                return Ok(Some(self.buffer.split_to(end).freeze()));
            }
            // The delimiter may have begun.
            let safe = self.buffer.len().saturating_sub(delimiter.len());
            if safe > 0 {
                return Ok(Some(self.buffer.split_to(safe).freeze()));
            }
            let wanted = self.buffer.len() + 1;
            self.fill(wanted).await?;
        }
    }
}

struct Head {
    field: Field,
}

enum Field {
    File(&'static str),
    Checksum,
}

impl Head {
    fn parse(bytes: &[u8]) -> Result<Self, Problem> {
        let text = std::str::from_utf8(bytes).map_err(|_| malformed("the head of a part is not UTF-8"))?;
        let (mut disposition, mut kind) = (None, None);
        for line in text.split("\r\n").filter(|line| !line.is_empty()) {
            let (name, value) = line
                .split_once(':')
                .ok_or_else(|| malformed("the head of a part has a line without a colon"))?;
            let slot = match name.to_ascii_lowercase().as_str() {
                "content-disposition" => &mut disposition,
                "content-type" => &mut kind,
                "content-transfer-encoding" => return Err(malformed("a part has an encoding of its own")),
                _ => continue,
            };
            if slot.replace(value.trim()).is_some() {
                return Err(malformed("the head of a part says one thing twice"));
            }
        }
        let no_form = || malformed("a part is not a field of a form");
        let disposition = parameters(disposition.ok_or_else(no_form)?).ok_or_else(no_form)?;
        if !disposition.kind.eq_ignore_ascii_case("form-data") {
            return Err(no_form());
        }
        let name = disposition.only("name").ok_or_else(no_form)?;
        if disposition.has("filename") || disposition.has("filename*") {
            let kind =
                kind.map(|kind| kind.split(';').next().unwrap_or_default().trim().to_ascii_lowercase());
            let known = KINDS.into_iter().find(|known| kind.as_deref() == Some(known));
            let wrong = || {
                Problem::bad("INVALID_FILE_TYPE", format!("the file's type is none of {}", KINDS.join(", ")))
            };
            return Ok(Self { field: Field::File(known.ok_or_else(wrong)?) });
        }
        match name {
            "checksum" => Ok(Self { field: Field::Checksum }),
            _ => Err(malformed("it has a field that is neither a file nor `checksum`")),
        }
    }
}

/// `form-data; name="x"; filename="y"`
struct Parameters<'a> {
    kind: &'a str,
    pairs: Vec<(String, String)>,
}

impl Parameters<'_> {
    fn has(&self, name: &str) -> bool {
        self.pairs.iter().any(|(key, _)| key == name)
    }

    /// The value of what stands there once.
    fn only(&self, name: &str) -> Option<&str> {
        let mut values = self.pairs.iter().filter(|(key, _)| key == name);
        let (_, value) = values.next()?;
        values.next().is_none().then_some(value.as_str())
    }
}

fn parameters(text: &str) -> Option<Parameters<'_>> {
    let (kind, mut rest) = text.split_once(';').map_or((text, ""), |(kind, rest)| (kind, rest));
    let mut pairs = Vec::new();
    while !rest.trim().is_empty() {
        let (key, after) = rest.split_once('=')?;
        let (value, after) = match after.strip_prefix('"') {
            Some(quoted) => quoted_value(quoted)?,
            None => {
                let end = after.find(';').unwrap_or(after.len());
                let (value, after) = after.split_at(end);
                (value.trim().to_owned(), after)
            }
        };
        pairs.push((key.trim().to_ascii_lowercase(), value));
        let after = after.trim_start();
        rest = match after.strip_prefix(';') {
            Some(rest) => rest,
            None if after.is_empty() => after,
            None => return None,
        };
    }
    Some(Parameters { kind: kind.trim(), pairs })
}

/// The value up to its closing quote, and what follows.
fn quoted_value(text: &str) -> Option<(String, &str)> {
    let mut value = String::new();
    let mut characters = text.char_indices();
    while let Some((at, character)) = characters.next() {
        match character {
            '"' => return Some((value, text.get(at + 1..)?)),
            '\\' => value.push(characters.next()?.1),
            other => value.push(other),
        }
    }
    None
}

fn malformed(what: &str) -> Problem {
    Problem::bad("INVALID_MULTIPART", format!("the upload cannot be read: {what}"))
}

fn find(bytes: &[u8], wanted: &[u8]) -> Option<usize> {
    bytes.windows(wanted.len()).position(|window| window == wanted)
}

#[cfg(test)]
#[path = "multipart/tests.rs"]
mod tests;
