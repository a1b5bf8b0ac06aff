//! Authenticator apps: RFC 6238 with SHA-1, six digits and steps of 30 s, which is what all apps can do. The step
//! before and the one after count too, for clocks that differ.

use super::MfaError;
use crate::core::{Secret, Timestamp};
use qrcode::{EcLevel, QrCode, render::svg};
use rand::Rng as _;
use totp_rs::{Builder, Totp};
use zeroize::Zeroizing;

/// 160 bits, as RFC 4226 recommends.
pub(super) const SECRET: usize = 20;

pub(super) fn new_secret() -> Zeroizing<[u8; SECRET]> {
    let mut secret = Zeroizing::new([0; SECRET]);
    rand::rng().fill_bytes(&mut *secret);
    secret
}

/// The step whose code this is, if it is one that counts now.
pub(super) fn step_of(secret: &[u8], code: &Secret, now: Timestamp) -> Option<i64> {
    let seconds = u64::try_from(now.as_micros() / 1_000_000).ok()?;
    let totp = Builder::new().with_secret(secret).build().ok()?;
    totp.check(code.expose(), seconds).and_then(|step| i64::try_from(step).ok())
}

/// What an app needs to be set up.
pub(super) struct Setup {
    pub base32: Secret,
    pub uri: Secret,
    pub qr_svg: Secret,
}

pub(super) fn setup(secret: &[u8], issuer: &str, account: &str) -> Result<Setup, MfaError> {
    let internal = |_| MfaError::Internal;
    // The label of the URI separates its two parts by a colon.
    let plain = |text: &str| text.replace(':', " ");
    let builder = Builder::new().with_secret(secret).with_account_name(plain(account));
    let totp: Totp = builder.with_issuer(Some(plain(issuer))).build().map_err(internal)?;
    let uri = totp.to_url().map_err(internal)?;
    let code =
        QrCode::with_error_correction_level(uri.as_bytes(), EcLevel::M).map_err(|_| MfaError::Internal)?;
    let qr_svg = code.render::<svg::Color<'_>>().min_dimensions(240, 240).build();
    let base32 = totp_rs::Secret::from(secret.to_vec()).to_base32();
    Ok(Setup { base32: base32.into(), uri: uri.into(), qr_svg: qr_svg.into() })
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &[u8] = b"12345678901234567890";

    const fn at(seconds: i64) -> Timestamp {
        Timestamp::from_micros(seconds * 1_000_000)
    }

    /// RFC 6238, appendix B, the last six digits.
    #[test]
    fn the_codes_of_the_standard() {
        for (seconds, code) in
            [(59, "287082"), (1_111_111_109, "081804"), (1_234_567_890, "005924"), (20_000_000_000, "353130")]
        {
            assert_eq!(step_of(KEY, &Secret::new(code), at(seconds)), Some(seconds / 30), "{seconds}");
        }
    }

    #[test]
    fn one_step_before_and_after_counts_and_no_more() {
        let code = Secret::new("005924");
        let step = 1_234_567_890 / 30;
        for (offset, right) in [(-2, false), (-1, true), (0, true), (1, true), (2, false)] {
            let now = at((step + offset) * 30);
            assert_eq!(step_of(KEY, &code, now), right.then_some(step), "{offset}");
        }
        for text in ["", "5924", "005925", "+05924", " 005924", "0005924"] {
            assert_eq!(step_of(KEY, &Secret::new(text), at(1_234_567_890)), None, "{text:?}");
        }
    }

    #[test]
    fn an_app_is_told_all_it_needs() {
        let setup = setup(KEY, "Rack Gateway", "ada@example.com").unwrap();
        assert_eq!(setup.base32.expose(), "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ");
        let uri = url::Url::parse(setup.uri.expose()).unwrap();
        assert_eq!((uri.scheme(), uri.host_str()), ("otpauth", Some("totp")));
        let secret = uri.query_pairs().find(|(name, _)| name == "secret").unwrap().1.into_owned();
        assert_eq!(secret, setup.base32.expose());
        assert!(setup.qr_svg.expose().contains("<svg") && !setup.qr_svg.expose().contains("<script"));
        assert!(super::setup(KEY, "a:b", "c:d@example.com").is_ok());
    }

    #[test]
    fn secrets_differ() {
        assert_ne!(*new_secret(), *new_secret());
    }
}
