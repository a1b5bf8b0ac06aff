//! A small mail server, that says what a test wants it to say.

use std::{
    net::SocketAddr,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
};
use tokio::{
    io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader},
    net::{TcpListener, TcpStream},
};

/// How the server answers `RCPT TO`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mood {
    Good,
    /// 451: come back later.
    Busy,
    /// 550: never.
    Unwilling,
    /// 535 to the login.
    Suspicious,
    /// Hangs up in the middle.
    Rude,
}

#[derive(Clone)]
pub struct MailServer {
    pub address: SocketAddr,
    pub mood: Arc<Mutex<Mood>>,
    /// Whole messages, as they came.
    pub taken: Arc<Mutex<Vec<String>>>,
    pub connections: Arc<AtomicUsize>,
}

impl MailServer {
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let server = Self {
            address: listener.local_addr().unwrap(),
            mood: Arc::new(Mutex::new(Mood::Good)),
            taken: Arc::default(),
            connections: Arc::default(),
        };
        let serving = server.clone();
        tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                serving.connections.fetch_add(1, Ordering::SeqCst);
                let server = serving.clone();
                tokio::spawn(async move { server.talk(stream).await });
            }
        });
        server
    }

    pub fn is(&self, mood: Mood) {
        *self.mood.lock().unwrap() = mood;
    }

    pub fn count(&self) -> usize {
        self.taken.lock().unwrap().len()
    }

    async fn talk(&self, stream: TcpStream) -> Option<()> {
        let (reading, mut writing) = stream.into_split();
        let mut lines = BufReader::new(reading).lines();
        writing.write_all(b"220 test ESMTP\r\n").await.ok()?;
        while let Some(line) = lines.next_line().await.ok()? {
            let mood = *self.mood.lock().unwrap();
            let verb = line.split([' ', ':']).next().unwrap_or_default().to_ascii_uppercase();
            let answer = match (verb.as_str(), mood) {
                ("EHLO", _) => "250-test\r\n250 AUTH PLAIN LOGIN",
                ("AUTH", Mood::Suspicious) => "535 5.7.8 not you",
                ("AUTH", _) => "235 welcome",
                ("RCPT", Mood::Busy) => "451 4.7.1 later",
                ("RCPT", Mood::Unwilling) => "550 5.1.1 no such user",
                ("RCPT", Mood::Rude) => return None,
                ("DATA", _) => {
                    writing.write_all(b"354 go on\r\n").await.ok()?;
                    let mut message = String::new();
                    loop {
                        let line = lines.next_line().await.ok()??;
                        if line == "." {
                            break;
                        }
                        message.push_str(line.strip_prefix('.').unwrap_or(&line));
                        message.push('\n');
                    }
                    self.taken.lock().unwrap().push(message);
                    "250 taken"
                }
                ("QUIT", _) => {
                    writing.write_all(b"221 bye\r\n").await.ok()?;
                    return None;
                }
                _ => "250 ok",
            };
            writing.write_all(format!("{answer}\r\n").as_bytes()).await.ok()?;
        }
        Some(())
    }
}
