//! Under which names the gateway may be called. A browser that was led to it under another name, or a proxy that
//! passes on another host's request, is not answered.

use http::{Request, header::HOST};

/// Lower case, without port; none means that every name will do.
#[derive(Clone, Debug, Default)]
pub struct Hosts(pub Vec<String>);

const LOCAL: [&str; 3] = ["localhost", "127.0.0.1", "[::1]"];

impl Hosts {
    /// Whether the request is for us: its one `Host`, and the host of its target if that has one.
    pub fn know<B>(&self, request: &Request<B>) -> bool {
        if self.0.is_empty() {
            return true;
        }
        let mut named = request.headers().get_all(HOST).iter();
        let header = named.next().and_then(|host| host.to_str().ok());
        let target = request.uri().authority().map(|authority| authority.as_str());
        let one = named.next().is_none() && (header.is_some() || target.is_some());
        one && header.into_iter().chain(target).all(|host| self.knows(host))
    }

    fn knows(&self, host: &str) -> bool {
        let name = without_port(host).to_ascii_lowercase();
        LOCAL.contains(&name.as_str()) || self.0.contains(&name)
    }
}

fn without_port(host: &str) -> &str {
    let Some((name, port)) = host.rsplit_once(':') else { return host };
    let is_port = !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit());
    // Within the brackets of an IPv6 address a colon begins no port.
    if is_port && !port.contains(']') { name } else { host }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn knows(hosts: &[&str], host: &str) -> bool {
        let hosts = Hosts(hosts.iter().map(|name| (*name).to_owned()).collect());
        hosts.know(&Request::builder().uri("/").header(HOST, host).body(()).unwrap())
    }

    #[test]
    fn our_names_and_no_other() {
        let ours = ["gateway.example.com", "gateway.internal"];
        for host in [
            "gateway.example.com",
            "GATEWAY.example.com:8443",
            "gateway.internal",
            "localhost:8443",
            "127.0.0.1",
            "[::1]:8443",
            "[::1]",
        ] {
            assert!(knows(&ours, host), "{host}");
            assert!(knows(&[], host), "{host}");
        }
        for host in [
            "",
            "evil.example",
            "gateway.example.com.",
            "gateway.example.com.evil.example",
            "x.gateway.example.com",
            "gateway.example.com:80:80",
            "gateway.example.com:evil",
            "gateway.example.com@evil.example",
            "10.0.0.1",
            "localhost.evil.example",
        ] {
            assert!(!knows(&ours, host), "{host}");
        }
    }

    #[test]
    fn header_and_target_must_both_be_ours() {
        let hosts = Hosts(vec!["a.example".to_owned()]);
        let request = |uri: &str, names: &[&str]| {
            let request =
                names.iter().fold(Request::builder().uri(uri), |request, name| request.header(HOST, *name));
            hosts.know(&request.body(()).unwrap())
        };
        assert!(request("http://a.example/", &["a.example"]));
        assert!(!request("http://evil.example/", &["a.example"]));
        assert!(!request("http://a.example/", &["evil.example"]));
        assert!(!request("/", &[]));
        assert!(!request("/", &["a.example", "a.example"]));
    }
}
