//! The website that passkeys belong to. They die with its name: a key registered for one host works on no other.

use crate::core::PublicUrl;
use std::{fmt, time::Duration};
use url::{Host, Url};
use webauthn_rs::{Webauthn, WebauthnBuilder};

/// How long a browser may wait for its user.
const PATIENCE: Duration = Duration::from_secs(5 * 60);

#[derive(Clone, Debug)]
pub struct Site {
    /// What authenticators show.
    pub name: String,
    /// A host name: the origin's, or a domain above it.
    pub rp_id: String,
    /// As browsers write it, `https://gateway.example.com`.
    pub origin: String,
}

/// Why passkeys cannot be used here, in a sentence for the administrator.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WebAuthnOff(String);

impl fmt::Display for WebAuthnOff {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "passkeys and security keys are off: {}", self.0)
    }
}

impl Site {
    /// The public address, with what `WEBAUTHN_RP_ID` and `WEBAUTHN_ORIGIN` say instead.
    pub fn new(public: &PublicUrl, rp_id: Option<&str>, origin: Option<&str>) -> Self {
        let origin = origin.map_or_else(|| public.origin().to_owned(), str::to_owned);
        let host = || PublicUrl::parse(&origin).map_or_else(String::new, |url| url.host().to_owned());
        let rp_id = rp_id.map_or_else(host, str::to_ascii_lowercase);
        Self { name: "Rack Gateway".to_owned(), rp_id, origin }
    }

    /// Says in the log whether passkeys can be used.
    pub(super) fn build(&self) -> Result<Webauthn, WebAuthnOff> {
        let built = self.webauthn().map_err(WebAuthnOff);
        match &built {
            Ok(_) => tracing::info!("WebAuthn enabled: rpid={} origin={}", self.rp_id, self.origin),
            Err(off) => tracing::warn!("WebAuthn disabled: {}", off.0),
        }
        built
    }

    fn webauthn(&self) -> Result<Webauthn, String> {
        let Self { name, rp_id, origin } = self;
        let url = Url::parse(origin).map_err(|_| format!("{origin} is not an address"))?;
        let Some(Host::Domain(host)) = url.host() else {
            return Err(format!("browsers accept them for host names only, and {origin} has none"));
        };
        let is_local = host == "localhost" || host.ends_with(".localhost");
        if url.scheme() != "https" && !is_local {
            return Err(format!("browsers accept them over https only, and {origin} is not"));
        }
        let mismatch =
            |_| format!("the relying party {rp_id} is neither the host of {origin} nor a domain above it");
        let builder = WebauthnBuilder::new(rp_id, &url).map_err(mismatch)?;
        let built = builder.rp_name(name).allow_subdomains(false).timeout(PATIENCE).build();
        built.map_err(|error| error.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn site(public: &str, rp_id: Option<&str>, origin: Option<&str>) -> Site {
        Site::new(&PublicUrl::parse(public).unwrap(), rp_id, origin)
    }

    #[test]
    fn follows_the_public_address() {
        let https = site("https://gateway.example.com:8443", None, None);
        assert_eq!(
            (&*https.rp_id, &*https.origin),
            ("gateway.example.com", "https://gateway.example.com:8443")
        );
        assert!(https.build().is_ok());
        assert!(site("http://localhost:8080", None, None).build().is_ok());
        let parent =
            site("https://gateway.example.com", Some("Example.com"), Some("https://rgw.example.com"));
        assert_eq!((&*parent.rp_id, &*parent.origin), ("example.com", "https://rgw.example.com"));
        assert!(parent.build().is_ok());
    }

    #[test]
    fn says_why_it_is_off() {
        for (site, why) in [
            (site("http://127.0.0.1:8080", None, None), "host names only"),
            (site("https://[::1]", None, None), "host names only"),
            (site("http://gateway.example.com", None, None), "https only"),
            (site("https://gateway.example.com", Some("ample.com"), None), "nor a domain above it"),
            (site("https://gateway.example.com", None, Some("gateway")), "is not an address"),
        ] {
            let off = site.build().unwrap_err().to_string();
            assert!(off.starts_with("passkeys and security keys are off") && off.contains(why), "{off}");
        }
    }
}
