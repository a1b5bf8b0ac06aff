//! Secrets that can be recognised, and the search for them.

use base64::{Engine as _, prelude::BASE64_STANDARD};
use std::cell::RefCell;

/// Remembers every secret that a test has planted, and where.
#[derive(Default)]
pub struct Canaries(RefCell<Vec<(String, String)>>);

impl Canaries {
    /// A new secret for this place. Letters and digits, so that no escaping hides it.
    pub fn plant(&self, place: &str) -> String {
        let number = self.0.borrow().len();
        let secret = format!("cNrY{number:02}{:08x}", rand::random::<u32>());
        self.know(place, &secret);
        secret
    }

    /// Looks for a secret that was made elsewhere.
    pub fn know(&self, place: &str, secret: &str) {
        self.0.borrow_mut().push((place.to_owned(), secret.to_owned()));
    }

    pub fn count(&self) -> usize {
        self.0.borrow().len()
    }

    /// Fails when any secret is in `haystack`, plain or in Base64 or in hexadecimal.
    pub fn hunt(&self, haystack_name: &str, haystack: &[u8]) {
        assert!(!haystack.is_empty(), "there is nothing to search in {haystack_name}");
        let text = String::from_utf8_lossy(haystack);
        let found: Vec<_> = self
            .0
            .borrow()
            .iter()
            .filter_map(|(place, secret)| {
                let form = disguises(secret).into_iter().find(|form| text.contains(form))?;
                let line = text.lines().find(|line| line.contains(&form)).unwrap_or_default();
                let line: String = line.chars().take(600).collect();
                Some(format!("{place}: {form} in {line}"))
            })
            .collect();
        assert!(found.is_empty(), "{haystack_name} holds secrets:\n{}", found.join("\n"));
    }
}

fn disguises(secret: &str) -> Vec<String> {
    // Base64 depends on where in a group of three bytes the secret begins; the edges depend on its neighbours.
    let encoded = (0..3).map(|offset| {
        let text = BASE64_STANDARD.encode(format!("{}{secret}", "x".repeat(offset)));
        let text = text.trim_end_matches('=');
        text[if offset == 0 { 0 } else { 4 }..text.len() - 2].to_owned()
    });
    [secret.to_owned(), hex::encode(secret)].into_iter().chain(encoded).collect()
}

#[test]
fn a_secret_is_found_in_every_disguise() {
    let canaries = Canaries::default();
    let secret = canaries.plant("a test");
    for text in [
        secret.clone(),
        format!("{{\"a\":\"{secret}\"}}"),
        BASE64_STANDARD.encode(format!("convox:{secret}")),
        BASE64_STANDARD.encode(format!("me:{secret}")),
        BASE64_STANDARD.encode(format!("a:{secret}")),
        hex::encode(&secret),
    ] {
        let hunted =
            std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| canaries.hunt("text", text.as_bytes())));
        assert!(hunted.is_err(), "{text}");
    }
    canaries.hunt("text", b"nothing here");
}
