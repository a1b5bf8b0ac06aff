//! A file without a name for what must be read before it may be passed on. It is gone with its last handle, also
//! when the process dies.

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use sha2::{Digest as _, Sha256};
use std::{
    fs::{File, OpenOptions},
    io::{self, Read as _, Seek as _, SeekFrom, Write as _},
    os::unix::fs::OpenOptionsExt as _,
    path::Path,
    pin::Pin,
    task::{Context, Poll},
};
use tokio::task::JoinHandle;

/// What is read from the file at once.
const PIECE: usize = 64 * 1024;

pub struct Spool {
    file: File,
    pub length: u64,
    hash: Sha256,
}

impl Spool {
    pub fn create(directory: &Path) -> io::Result<Self> {
        let path = directory.join(format!(".rack-gateway-{}", hex::encode(rand::random::<[u8; 16]>())));
        let file = OpenOptions::new().read(true).write(true).create_new(true).mode(0o600).open(&path)?;
        std::fs::remove_file(&path)?;
        Ok(Self { file, length: 0, hash: Sha256::new() })
    }

    pub fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.file.write_all(bytes)?;
        self.hash.update(bytes);
        self.length += bytes.len() as u64;
        Ok(())
    }

    /// SHA-256 of all that was written, in lower-case hexadecimal.
    pub fn checksum(&self) -> String {
        hex::encode(self.hash.clone().finalize())
    }

    /// The file from its beginning. Handles share one position, so there is one reader at a time.
    pub fn rewound(&self) -> io::Result<File> {
        let mut file = self.file.try_clone()?;
        file.seek(SeekFrom::Start(0))?;
        Ok(file)
    }

    /// A body of `before`, the file, and `after`.
    pub fn into_body(self, before: Bytes, after: Bytes) -> io::Result<Spooled> {
        let left = before.len() as u64 + self.length + after.len() as u64;
        let file = self.rewound()?;
        Ok(Spooled { before: Some(before), stage: Stage::Resting(file), after: Some(after), left })
    }
}

pub struct Spooled {
    before: Option<Bytes>,
    stage: Stage,
    after: Option<Bytes>,
    left: u64,
}

enum Stage {
    Resting(File),
    Reading(JoinHandle<io::Result<(File, Vec<u8>)>>),
    Over,
}

impl Spooled {
    fn poll_file(&mut self, context: &mut Context<'_>) -> Poll<io::Result<Option<Bytes>>> {
        loop {
            match std::mem::replace(&mut self.stage, Stage::Over) {
                Stage::Over => return Poll::Ready(Ok(None)),
                Stage::Resting(mut file) => {
                    self.stage = Stage::Reading(tokio::task::spawn_blocking(move || {
                        let mut piece = vec![0; PIECE];
                        let read = file.read(&mut piece)?;
                        piece.truncate(read);
                        Ok((file, piece))
                    }));
                }
                Stage::Reading(mut reading) => {
                    let Poll::Ready(read) = Pin::new(&mut reading).poll(context) else {
                        self.stage = Stage::Reading(reading);
                        return Poll::Pending;
                    };
                    let (file, piece) = read.map_err(io::Error::other)??;
                    if piece.is_empty() {
                        return Poll::Ready(Ok(None));
                    }
                    self.stage = Stage::Resting(file);
                    return Poll::Ready(Ok(Some(Bytes::from(piece))));
                }
            }
        }
    }
}

impl Body for Spooled {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        let piece = match self.before.take() {
            Some(before) => Some(before),
            None => match self.poll_file(context) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(Err(error)) => return Poll::Ready(Some(Err(error))),
                Poll::Ready(Ok(Some(piece))) => Some(piece),
                Poll::Ready(Ok(None)) => self.after.take(),
            },
        };
        let Some(piece) = piece else { return Poll::Ready(None) };
        self.left = self.left.saturating_sub(piece.len() as u64);
        Poll::Ready(Some(Ok(Frame::data(piece))))
    }

    fn is_end_stream(&self) -> bool {
        self.left == 0
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.left)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http_body_util::BodyExt as _;

    #[tokio::test]
    async fn what_goes_in_comes_out_between_its_ends_and_no_file_is_left() {
        let directory = tempfile::tempdir().unwrap();
        let mut spool = Spool::create(directory.path()).unwrap();
        let content: Vec<u8> = (0..200_000u32).map(|number| number as u8).collect();
        spool.write(&content[..100_001]).unwrap();
        spool.write(&content[100_001..]).unwrap();
        assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 0);
        assert_eq!(spool.checksum(), hex::encode(Sha256::digest(&content)));
        let mut again = Vec::new();
        spool.rewound().unwrap().read_to_end(&mut again).unwrap();
        assert!(again == content);
        let body = spool.into_body(Bytes::from_static(b"<"), Bytes::from_static(b">")).unwrap();
        assert_eq!(body.size_hint().exact(), Some(200_002));
        let all = body.collect().await.unwrap().to_bytes();
        assert!(all.len() == 200_002 && all.starts_with(b"<") && all.ends_with(b">"));
        assert!(all[1..200_001] == content);
    }

    #[test]
    fn a_directory_that_is_not_there_is_an_error() {
        assert!(Spool::create(Path::new("/does/not/exist")).is_err());
    }
}
