//! The way to the mail server.

use crate::{
    config::{SmtpConfig, SmtpTls},
    store::{MailRow, StoreError},
};
use lettre::{
    Address, AsyncSmtpTransport, AsyncTransport as _, Message, Tokio1Executor,
    message::{
        Mailbox,
        header::{ContentType, HeaderName, HeaderValue},
    },
    transport::smtp::{
        PoolConfig,
        authentication::Credentials,
        client::{Certificate, Tls, TlsParameters},
    },
};
use rustls_pki_types::{CertificateDer, pem::PemObject as _};
use std::{
    path::PathBuf,
    time::{Duration, UNIX_EPOCH},
};

/// The most that one step of the conversation may take.
const PATIENCE: Duration = Duration::from_secs(20);

#[derive(Debug, thiserror::Error)]
pub enum MailError {
    #[error("the address of the recipient is not one")]
    Address,
    #[error("the mail cannot be written: {0}")]
    Message(#[from] lettre::error::Error),
    #[error("the authorities in {path} cannot be used: {why}")]
    Authorities { path: PathBuf, why: String },
    /// The server, or the way there.
    #[error("the mail server: {0}")]
    Smtp(#[from] lettre::transport::smtp::Error),
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Codes about the gateway's own login at the server. It is the configuration that is wrong then, not the mail.
const ABOUT_THE_LOGIN: [u16; 4] = [530, 534, 535, 538];

impl MailError {
    /// True when another try cannot end better.
    pub fn is_final(&self) -> bool {
        match self {
            Self::Address | Self::Message(_) | Self::Authorities { .. } => true,
            Self::Smtp(error) => {
                let code = error.status().map(u16::from);
                error.is_permanent() && !code.is_some_and(|code| ABOUT_THE_LOGIN.contains(&code))
            }
            Self::Store(_) => false,
        }
    }

    /// For the table and the log: one line.
    pub fn brief(&self) -> String {
        let text = self.to_string();
        text.chars().take(200).map(|character| if character.is_control() { ' ' } else { character }).collect()
    }
}

/// Sends to one server.
#[derive(Clone, Debug)]
pub struct Smtp {
    transport: AsyncSmtpTransport<Tokio1Executor>,
    from: Mailbox,
}

impl Smtp {
    pub fn new(config: &SmtpConfig) -> Result<Self, MailError> {
        let tls = match config.tls {
            SmtpTls::StartTls => Tls::Required(parameters(config)?),
            SmtpTls::Tls => Tls::Wrapper(parameters(config)?),
            SmtpTls::None => Tls::None,
        };
        let mut builder = AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous(&config.host)
            .port(config.port)
            .tls(tls)
            .timeout(Some(PATIENCE))
            .pool_config(PoolConfig::new().max_size(2));
        if let Some((user, password)) = &config.login {
            builder = builder.credentials(Credentials::new(user.clone(), password.expose().to_owned()));
        }
        Ok(Self { transport: builder.build(), from: config.from.clone() })
    }

    pub async fn send(&self, mail: &MailRow) -> Result<(), MailError> {
        let message = self.message(mail)?;
        self.transport.send(message).await?;
        Ok(())
    }

    /// The id is that of the row, so that a mail that is sent twice, because a process died in between, is known as one.
    fn message(&self, mail: &MailRow) -> Result<Message, MailError> {
        let recipient: Address = mail.recipient.parse().map_err(|_| MailError::Address)?;
        let written = u64::try_from(mail.created_at.as_micros()).unwrap_or_default();
        let id = format!("<{}@{}>", mail.id, self.from.email.domain());
        let automatic =
            HeaderValue::new(HeaderName::new_from_ascii_str("Auto-Submitted"), "auto-generated".to_owned());
        let message = Message::builder()
            .from(self.from.clone())
            .to(Mailbox::new(None, recipient))
            .subject(mail.subject.clone())
            .date(UNIX_EPOCH + Duration::from_micros(written))
            .message_id(Some(id))
            .raw_header(automatic)
            .header(ContentType::TEXT_PLAIN)
            .body(mail.body.clone())?;
        Ok(message)
    }
}

/// The system's authorities, and those of the configuration.
fn parameters(config: &SmtpConfig) -> Result<TlsParameters, MailError> {
    let mut builder = TlsParameters::builder(config.host.clone());
    if let Some(path) = &config.ca_file {
        let unusable = |why: String| MailError::Authorities { path: path.clone(), why };
        let pem = std::fs::read(path).map_err(|error| unusable(error.to_string()))?;
        if CertificateDer::pem_slice_iter(&pem).next().is_none() {
            return Err(unusable("there is no certificate in it".to_owned()));
        }
        let certificates = Certificate::from_pem(&pem).map_err(|error| unusable(error.to_string()))?;
        builder = builder.add_root_certificate(certificates);
    }
    Ok(builder.build()?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        config::{Config, MapEnv},
        core::Timestamp,
    };

    fn mail(subject: &str, recipient: &str, body: &str) -> MailRow {
        let at = Timestamp::from_micros(1_769_860_800_000_000);
        MailRow::new(recipient, subject, body, at)
    }

    fn written(mail: &MailRow) -> Result<String, MailError> {
        let env = MapEnv::from([("SMTP_HOST", "127.0.0.1"), ("SMTP_FROM", "Gateway <gateway@example.com>")]);
        let config = Config::load(&env, None).unwrap();
        let message = Smtp::new(&config.mail.unwrap()).unwrap().message(mail)?;
        Ok(String::from_utf8(message.formatted()).unwrap())
    }

    #[tokio::test]
    async fn headers_cannot_be_broken_out_of() {
        let subject = "a\r\nBcc: eve@example.com\r\n\r\nbody";
        let text = written(&mail(subject, "ada@example.com", "hello\r\n.\r\nQUIT\r\n")).unwrap();
        let (head, _) = text.split_once("\r\n\r\n").unwrap();
        assert!(!head.lines().any(|line| line.starts_with("Bcc")), "{head}");
        assert_eq!(head.lines().filter(|line| line.starts_with("To:")).count(), 1, "{head}");
        assert!(head.contains("Auto-Submitted: auto-generated"), "{head}");
        assert!(head.contains("Date: Sat, 31 Jan 2026 12:00:00"), "{head}");
        for recipient in ["eve@example.com\r\nBcc: x@y.z", "a@b.c, d@e.f", "a b@c.d", "", "<a@b.c>"] {
            assert!(matches!(written(&mail("s", recipient, "b")), Err(MailError::Address)), "{recipient:?}");
        }
    }
}
