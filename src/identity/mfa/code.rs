//! What people type: six digits of an authenticator app, or a backup code.

use super::MfaError;
use crate::core::Secret;

/// 32 letters and digits that are not taken for one another: twelve of them carry 60 bits.
pub(super) const ALPHABET: &[u8; 32] = b"ABCDEFGHJKLMNPQRSTUVWXYZ23456789";
pub(super) const BACKUP_LENGTH: usize = 12;
const TOTP_LENGTH: usize = 6;
const LONGEST: usize = 64;
const HINT: &str = "the code must be the six digits of your authenticator app, or one of your backup codes";

#[derive(Debug)]
pub(super) enum Code {
    Totp(Secret),
    Backup(Secret),
}

impl Code {
    /// Blanks and dashes are for the eye, and so is the case of letters. One code has one form from here on.
    pub fn read(typed: &Secret) -> Result<Self, MfaError> {
        if typed.expose().len() > LONGEST {
            return Err(MfaError::Malformed(HINT));
        }
        let significant = |character: &char| !character.is_whitespace() && *character != '-';
        let text: String =
            typed.expose().chars().filter(significant).map(|c| c.to_ascii_uppercase()).collect();
        if text.len() == TOTP_LENGTH && text.bytes().all(|byte| byte.is_ascii_digit()) {
            return Ok(Self::Totp(Secret::new(text)));
        }
        if text.len() == BACKUP_LENGTH && text.bytes().all(|byte| ALPHABET.contains(&byte)) {
            return Ok(Self::Backup(Secret::new(text)));
        }
        Err(MfaError::Malformed(HINT))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Option<(&'static str, String)> {
        match Code::read(&Secret::new(text)).ok()? {
            Code::Totp(code) => Some(("totp", code.expose().to_owned())),
            Code::Backup(code) => Some(("backup", code.expose().to_owned())),
        }
    }

    #[test]
    fn one_form_for_each_code() {
        for text in ["123456", " 123456", "123 456", "123-456", "1 2 3 4 5 6\n", "\u{a0}123\u{2009}456"] {
            assert_eq!(read(text), Some(("totp", "123456".to_owned())), "{text:?}");
        }
        for text in ["ABCD-EFGH-2345", "abcdefgh2345", " abcd efgh 2345 "] {
            assert_eq!(read(text), Some(("backup", "ABCDEFGH2345".to_owned())), "{text:?}");
        }
    }

    #[test]
    fn nothing_else_is_a_code() {
        for text in [
            "",
            "12345",
            "1234567",
            "+23456",
            "12345a",
            "１２３４５６",
            "ABCDEFGH234",
            "ABCDEFGH234O",
            &"1".repeat(65),
        ] {
            assert_eq!(read(text), None, "{text:?}");
        }
    }
}
