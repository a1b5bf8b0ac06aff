//! Where something behind the gateway stands when the directory knows: `svc://SLUG`.

use super::Checked;
use crate::core::slug;
use url::Url;

const SCHEME: &str = "svc";
const MEND: &str = "write for example svc://images";

/// `svc://slug[/path]` with nothing else in it. `None` for what is no address of this kind.
pub fn service_url(text: &str) -> Option<Checked<Url>> {
    let (scheme, _) = text.split_once(':')?;
    scheme.eq_ignore_ascii_case(SCHEME).then(|| read(text))
}

pub fn is_of_service(url: &Url) -> bool {
    url.scheme() == SCHEME
}

/// The host of such an address must be a slug, and the directory knows the port.
pub fn service_slug(url: &Url) -> Checked<()> {
    let slug = url.host_str().unwrap_or_default();
    if slug.is_empty() {
        return Err(format!("names no service of the directory; {MEND}"));
    }
    if url.port().is_some() {
        return Err(format!("names a port, which the directory knows already; {MEND}"));
    }
    slug::check(slug).map_err(|problem| format!("names no service of the directory: \"{slug}\" {problem}"))
}

fn read(text: &str) -> Checked<Url> {
    let mut url = Url::parse(text).map_err(|_| format!("names no service of the directory; {MEND}"))?;
    service_slug(&url)?;
    let has_login = !url.username().is_empty() || url.password().is_some();
    if has_login || url.query().is_some() || url.fragment().is_some() {
        return Err(format!("holds more than a slug and a path; set a credential by itself, and {MEND}"));
    }
    let path = url.path().trim_end_matches('/').to_owned();
    url.set_path(&path);
    Ok(url)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slug_and_perhaps_a_path() {
        for (text, expected) in [
            ("svc://images", "svc://images"),
            ("SVC://images/", "svc://images"),
            ("svc://images/p/", "svc://images/p"),
        ] {
            assert_eq!(service_url(text).unwrap().unwrap().as_str(), expected, "{text}");
        }
        assert!(service_url("https://images").is_none() && service_url("images").is_none());
    }

    #[test]
    fn what_is_wrong_is_named() {
        for (text, expected) in [
            ("svc:", "names no service"),
            ("svc://", "names no service"),
            ("svc:///x", "names no service"),
            ("svc:images", "names no service"),
            ("svc://my images", "names no service"),
            ("svc://images:5000", "names a port"),
            ("svc://Images", "lower case"),
            ("svc://images.example.com", "lower case"),
            ("svc://registry", "a name of the gateway itself"),
            ("svc://me:hunter2@images", "holds more than a slug"),
            ("svc://images?x", "holds more than a slug"),
        ] {
            let error = service_url(text).unwrap().unwrap_err();
            assert!(error.contains(expected) && !error.contains("hunter2"), "{text}: {error}");
        }
    }
}
