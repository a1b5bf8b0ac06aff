//! The signature of a delivery, as the Standard Webhooks specification has it: HMAC-SHA256 over `id.timestamp.body`.

use crate::core::Secret;
use base64::{Engine as _, engine::general_purpose::STANDARD};
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

/// Before keys that are given in base64.
const ENCODED: &str = "whsec_";

/// `v1,<base64>`. `seconds` since the Unix epoch.
pub fn signature(secret: &Secret, id: &str, seconds: i64, body: &[u8]) -> String {
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(&key(secret)) else { return String::new() };
    mac.update(format!("{id}.{seconds}.").as_bytes());
    mac.update(body);
    format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes()))
}

fn key(secret: &Secret) -> Vec<u8> {
    let text = secret.expose();
    let encoded = text.strip_prefix(ENCODED).and_then(|key| STANDARD.decode(key).ok());
    encoded.unwrap_or_else(|| text.as_bytes().to_vec())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of the specification's own libraries.
    #[test]
    fn agrees_with_the_published_example() {
        let secret = Secret::new("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw");
        let body = br#"{"test": 2432232314}"#;
        assert_eq!(
            signature(&secret, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330, body),
            "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
        );
    }

    /// The page that receivers verify by shows what is sent.
    #[test]
    fn agrees_with_the_example_in_the_docs() {
        let page = include_str!("../../../docs/REGISTRY.md");
        let id = "0193b2e4-7c1a-7d20-9a44-5b1f6f0c2d11";
        let body = r#"{"events":[{"action":"push","target":{"repository":"team/app","tag":"v1"}}]}"#;
        let secret = "a secret of the webhooks";
        let signed = signature(&Secret::new(secret), id, 1_732_200_000, body.as_bytes());
        for part in [id, body, secret, "TIMESTAMP=1732200000", &format!("SIGNATURE='{signed}'")] {
            assert!(page.contains(part), "{part}");
        }
    }

    #[test]
    fn each_part_counts() {
        let sign = |secret: &str, id: &str, at: i64, body: &str| {
            signature(&Secret::new(secret), id, at, body.as_bytes())
        };
        let one = sign("a plain secret of some length", "1", 2, "3");
        for other in [
            sign("a plain secret of some lengtH", "1", 2, "3"),
            sign("a plain secret of some length", "11", 2, "3"),
            sign("a plain secret of some length", "1", 3, "3"),
            sign("a plain secret of some length", "1", 2, "4"),
        ] {
            assert_ne!(one, other);
        }
    }
}
