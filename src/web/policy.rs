//! What a browser may do with a page of the console: run our own files, talk to us, and nothing else. Where the
//! operators want to hear of errors in the pages, these may be sent there, too.

use http::{
    HeaderMap, HeaderName, HeaderValue,
    header::{CONTENT_SECURITY_POLICY, REFERRER_POLICY, X_FRAME_OPTIONS},
};

/// No inline script or style, no frames, no other origins. Images may be `data:` because the QR code of a TOTP
/// secret is made for one page and must not have an address. Scripts cannot turn text into markup at all
/// (`require-trusted-types-for`).
const CONTENT: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; \
     font-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'; \
     require-trusted-types-for 'script'; trusted-types 'none'";

const PERMISSIONS: &str = "accelerometer=(), autoplay=(), camera=(), clipboard-read=(), clipboard-write=(self), \
     display-capture=(), fullscreen=(self), geolocation=(), gyroscope=(), magnetometer=(), microphone=(), midi=(), \
     payment=(), publickey-credentials-create=(self), publickey-credentials-get=(self), usb=()";

#[derive(Clone, Debug)]
pub struct Policy {
    content: HeaderValue,
}

impl Policy {
    pub const fn closed() -> Self {
        Self { content: HeaderValue::from_static(CONTENT) }
    }

    /// With one other origin to which a page may send, such as `https://sentry.example`. What cannot stand in a header
    /// is as good as none.
    pub fn reporting_to(origin: &str) -> Self {
        let content = CONTENT.replacen("connect-src 'self'", &format!("connect-src 'self' {origin}"), 1);
        HeaderValue::try_from(content).map_or_else(|_| Self::closed(), |content| Self { content })
    }

    pub fn protect(&self, headers: &mut HeaderMap) {
        headers.insert(CONTENT_SECURITY_POLICY, self.content.clone());
        for (name, value) in [
            (X_FRAME_OPTIONS, "DENY"),
            (REFERRER_POLICY, "no-referrer"),
            (HeaderName::from_static("permissions-policy"), PERMISSIONS),
            (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
            (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
        ] {
            headers.insert(name, HeaderValue::from_static(value));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    /// The sources of each directive.
    fn directives(policy: &Policy) -> BTreeMap<String, String> {
        let mut headers = HeaderMap::new();
        policy.protect(&mut headers);
        let text = headers[CONTENT_SECURITY_POLICY].to_str().unwrap();
        let split = |part: &str| part.trim().split_once(' ').map(|(name, all)| (name.into(), all.into()));
        text.split(';').map(|part| split(part).unwrap()).collect()
    }

    #[test]
    fn pages_talk_to_us_only() {
        let closed = directives(&Policy::closed());
        assert_eq!(closed["default-src"], "'none'");
        assert_eq!(closed["connect-src"], "'self'");
    }

    #[test]
    fn reports_open_one_origin_in_one_directive() {
        let closed = directives(&Policy::closed());
        let mut open = directives(&Policy::reporting_to("https://sentry.example"));
        assert_eq!(
            open.insert("connect-src".into(), "'self'".into()).unwrap(),
            "'self' https://sentry.example"
        );
        assert_eq!(open, closed, "nothing else changes");
    }

    #[test]
    fn what_cannot_stand_in_a_header_opens_nothing() {
        let broken = directives(&Policy::reporting_to("https://sentry.example\r\nx: y"));
        assert_eq!(broken, directives(&Policy::closed()));
    }
}
