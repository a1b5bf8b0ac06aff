//! The pairs of guesses that must not be told apart.

use clap::ValueEnum;

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Case {
    /// A token that begins as a real one does, and one that does not.
    TokenPrefix,
    /// A passkey of somebody known with a wrong signature, and one of nobody.
    User,
    /// A code whose first digit is wrong, and one whose last is.
    TotpDigit,
    /// A backup code of which one letter is wrong, and one of which all are.
    BackupCode,
}

impl Case {
    pub const fn name(self) -> &'static str {
        match self {
            Self::TokenPrefix => "token-prefix",
            Self::User => "user",
            Self::TotpDigit => "totp-digit",
            Self::BackupCode => "backup-code",
        }
    }

    /// Guesses at the same time. A refused passkey waits most of its time; the others would disturb each other.
    pub const fn at_once(self) -> usize {
        match self {
            Self::User => 32,
            Self::TokenPrefix | Self::TotpDigit | Self::BackupCode => 1,
        }
    }
}
