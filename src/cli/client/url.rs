//! The address of a gateway, as people write it.

use ::url::{Host, Url};

/// Scheme, host and port, without a slash at the end. Plain http is taken for this machine alone: a token must not
/// cross a network in the clear.
pub fn gateway(text: &str) -> Result<String, String> {
    let full = if text.contains("://") { text.to_owned() } else { format!("https://{text}") };
    let mend = "is not the address of a gateway; write for example https://gateway.example.com";
    let url = Url::parse(&full).map_err(|_| mend.to_owned())?;
    let bare = matches!(url.path(), "" | "/" | "/app" | "/app/")
        && url.query().is_none()
        && url.fragment().is_none();
    if !bare || !url.username().is_empty() || url.password().is_some() {
        return Err(mend.to_owned());
    }
    match url.scheme() {
        "https" => {}
        "http" if is_this_machine(&url) => {}
        "http" => return Err("would send the token in the clear; write https://".to_owned()),
        _ => return Err(mend.to_owned()),
    }
    Ok(url.origin().ascii_serialization())
}

/// An address that a gateway sent and that a browser may be opened with.
pub fn page(text: &str) -> Option<Url> {
    let url = Url::parse(text).ok()?;
    let fits = url.scheme() == "https" || (url.scheme() == "http" && is_this_machine(&url));
    (fits && url.username().is_empty() && url.password().is_none()).then_some(url)
}

fn is_this_machine(url: &Url) -> bool {
    match url.host() {
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        Some(Host::Domain(name)) => name == "localhost",
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_as_people_write_them() {
        for (text, origin) in [
            ("gateway.example.com", "https://gateway.example.com"),
            ("https://Gateway.example.com/", "https://gateway.example.com"),
            ("https://gateway.example.com/app/", "https://gateway.example.com"),
            ("gateway.example.com:8443", "https://gateway.example.com:8443"),
            ("http://127.0.0.1:8443", "http://127.0.0.1:8443"),
            ("http://localhost:8443/", "http://localhost:8443"),
            ("http://[::1]:8443", "http://[::1]:8443"),
        ] {
            assert_eq!(gateway(text).as_deref(), Ok(origin), "{text}");
        }
    }

    #[test]
    fn what_is_refused() {
        for text in [
            "",
            "https://",
            "ftp://gateway.example.com",
            "https://user@gateway.example.com",
            "https://:secret@gateway.example.com",
            "https://gateway.example.com/other",
            "https://gateway.example.com?x",
            "file:///etc/passwd",
        ] {
            assert!(gateway(text).is_err_and(|error| error.contains("write for example")), "{text}");
        }
        for text in [
            "http://gateway.example.com",
            "http://10.0.0.1",
            "http://localhost.evil.example",
            "http://127.0.0.1.evil.example",
        ] {
            assert!(gateway(text).is_err_and(|error| error.contains("in the clear")), "{text}");
        }
    }

    #[test]
    fn only_pages_are_opened() {
        assert!(page("https://gateway.example.com/app/cli/confirm?request=1").is_some());
        assert!(page("http://localhost:8443/app/device").is_some());
        for text in [
            "file:///bin/sh",
            "javascript:alert(1)",
            "http://evil.example/",
            "https://u:p@evil.example/",
            "--help",
            "/bin/sh",
        ] {
            assert_eq!(page(text), None, "{text}");
        }
    }
}
