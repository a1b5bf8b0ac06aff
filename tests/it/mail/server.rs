//! A small mail server, that says what a test wants it to say.

use crate::support::tls::Identity;
use std::{
    net::SocketAddr,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};
use tokio::{
    io::{AsyncBufReadExt as _, AsyncRead, AsyncWrite, AsyncWriteExt as _, BufReader},
    net::{TcpListener, TcpStream},
};
use tokio_rustls::TlsAcceptor;

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
    /// The verbs of all conversations.
    pub heard: Arc<Mutex<Vec<String>>>,
    pub tls: Option<TlsAcceptor>,
    pub begins: Begins,
}

/// Where a conversation begins with a server that has a certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Begins {
    /// In the clear, to go on inside of TLS.
    Outside,
    /// With the first byte inside of TLS.
    Inside,
}

/// What is offered where nobody listens.
const INSIDE: &str = "250-test\r\n250 AUTH PLAIN LOGIN";

impl MailServer {
    pub async fn start() -> Self {
        Self::serving(None, Begins::Outside).await
    }

    pub async fn with_tls(identity: &Identity, begins: Begins) -> Self {
        let acceptor = TlsAcceptor::from(identity.server_config(rustls::DEFAULT_VERSIONS));
        Self::serving(Some(acceptor), begins).await
    }

    async fn serving(tls: Option<TlsAcceptor>, begins: Begins) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let server = Self {
            address: listener.local_addr().unwrap(),
            mood: Arc::new(Mutex::new(Mood::Good)),
            taken: Arc::default(),
            connections: Arc::default(),
            heard: Arc::default(),
            tls,
            begins,
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

    /// One conversation; with STARTTLS it goes on inside.
    async fn talk(&self, stream: TcpStream) -> Option<()> {
        let mut lines: Lines = BufReader::new(match (&self.tls, self.begins) {
            (Some(tls), Begins::Inside) => Box::new(tls.accept(stream).await.ok()?),
            _ => Box::new(stream),
        });
        let mut offers = match (&self.tls, self.begins) {
            (Some(_), Begins::Outside) => "250-test\r\n250 STARTTLS",
            _ => INSIDE,
        };
        say(&mut lines, "220 test ESMTP").await?;
        while let Some(line) = hear(&mut lines).await {
            let mood = *self.mood.lock().unwrap();
            let verb = line.split([' ', ':']).next().unwrap_or_default().to_ascii_uppercase();
            self.heard.lock().unwrap().push(verb.clone());
            let answer = match (verb.as_str(), mood) {
                ("EHLO", _) => offers,
                ("STARTTLS", _) => {
                    say(&mut lines, "220 go ahead").await?;
                    let inside = self.tls.as_ref()?.accept(lines.into_inner()).await.ok()?;
                    lines = BufReader::new(Box::new(inside));
                    offers = INSIDE;
                    continue;
                }
                ("AUTH", Mood::Suspicious) => "535 5.7.8 not you",
                ("AUTH", _) => "235 welcome",
                ("RCPT", Mood::Busy) => "451 4.7.1 later",
                ("RCPT", Mood::Unwilling) => "550 5.1.1 no such user",
                ("RCPT", Mood::Rude) => return None,
                ("DATA", _) => {
                    say(&mut lines, "354 go on").await?;
                    let mut message = String::new();
                    loop {
                        let line = hear(&mut lines).await?;
                        if line == "." {
                            break;
                        }
                        message.push_str(line.strip_prefix('.').unwrap_or(&line));
                        message.push('\n');
                    }
                    // Lines that were too long for the wire.
                    self.taken.lock().unwrap().push(message.replace("=\n", ""));
                    "250 taken"
                }
                ("QUIT", _) => {
                    say(&mut lines, "221 bye").await?;
                    return None;
                }
                _ => "250 ok",
            };
            say(&mut lines, answer).await?;
        }
        Some(())
    }

    /// Waits for a mail to `to` with this subject; its text.
    pub async fn mail(&self, to: &str, subject: &str) -> String {
        let (to, subject) = (format!("\nTo: {to}\n"), format!("\nSubject: Rack Gateway: {subject}\n"));
        for _ in 0..900 {
            let taken = self.taken.lock().unwrap().clone();
            let found = taken.into_iter().find(|mail| mail.contains(&to) && mail.contains(&subject));
            if let Some(mail) = found {
                return mail;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("no mail{subject}{to}among {:#?}", self.taken.lock().unwrap());
    }
}

type Lines = BufReader<Box<dyn Stream>>;

trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<S: AsyncRead + AsyncWrite + Send + Unpin> Stream for S {}

async fn say(lines: &mut Lines, words: &str) -> Option<()> {
    lines.get_mut().write_all(format!("{words}\r\n").as_bytes()).await.ok()?;
    lines.get_mut().flush().await.ok()
}

async fn hear(lines: &mut Lines) -> Option<String> {
    let mut line = String::new();
    let length = lines.read_line(&mut line).await.ok()?;
    (length > 0).then(|| line.trim_end_matches(['\r', '\n']).to_owned())
}
