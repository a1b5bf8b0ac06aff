//! The address under which people and clients reach the gateway. Links, redirects and cookies are made of it and
//! never of what a request says.

use std::fmt;
use url::Url;

/// Scheme, host and port; no path. Prints as an origin, `https://gateway.example.com`, without a slash at its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublicUrl {
    origin: String,
    host: String,
    https: bool,
}

impl PublicUrl {
    /// An http(s) URL with nothing behind the port but one slash.
    pub fn parse(text: &str) -> Option<Self> {
        let url = Url::parse(text).ok()?;
        let bare = url.path() == "/" && url.query().is_none() && url.fragment().is_none();
        let anonymous = url.username().is_empty() && url.password().is_none();
        if !matches!(url.scheme(), "http" | "https") || !bare || !anonymous {
            return None;
        }
        let host = url.host_str()?.trim_end_matches('.').to_ascii_lowercase();
        Some(Self { origin: url.origin().ascii_serialization(), host, https: url.scheme() == "https" })
    }

    pub fn of_domain(domain: &str) -> Self {
        Self { origin: format!("https://{domain}"), host: domain.to_owned(), https: true }
    }

    pub fn localhost(port: u16, https: bool) -> Self {
        let scheme = if https { "https" } else { "http" };
        Self { origin: format!("{scheme}://localhost:{port}"), host: "localhost".to_owned(), https }
    }

    /// `https://gateway.example.com`, as a browser writes it into `Origin`.
    pub fn origin(&self) -> &str {
        &self.origin
    }

    /// Lower case, without port.
    pub fn host(&self) -> &str {
        &self.host
    }

    pub const fn is_https(&self) -> bool {
        self.https
    }

    /// The address of one of our pages; `path` begins with a slash.
    pub fn join(&self, path: &str) -> String {
        format!("{}{path}", self.origin)
    }
}

impl fmt::Display for PublicUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.origin)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_and_nothing_more() {
        let url = PublicUrl::parse("HTTPS://Gateway.Example.com:443/").unwrap();
        assert_eq!(
            (url.origin(), url.host(), url.is_https()),
            ("https://gateway.example.com", "gateway.example.com", true)
        );
        assert_eq!(url.join("/app/login"), "https://gateway.example.com/app/login");
        assert_eq!(PublicUrl::parse("http://[::1]:8080").unwrap().host(), "[::1]");
        for text in
            ["https://a/b", "https://u@a", "https://:p@a", "https://a?q", "https://a#f", "a", "ws://a"]
        {
            assert_eq!(PublicUrl::parse(text), None, "{text}");
        }
        assert_eq!(PublicUrl::localhost(80, false).origin(), "http://localhost:80");
    }
}
