//! Where a browser may be sent with a code: a port of the person's own machine, and nowhere else (RFC 8252, 7.3).
//!
//! The text is compared as it stands and never normalised, so that no parser after this one can read another host
//! out of it. Names are refused, `localhost` too: a name can be made to mean something else.

use url::form_urlencoded;

const HOSTS: [&str; 2] = ["http://127.0.0.1:", "http://[::1]:"];
const LONGEST_PATH: usize = 200;

/// `http://127.0.0.1:PORT/path` or `http://[::1]:PORT/path`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoopbackUri(String);

impl LoopbackUri {
    pub fn parse(text: &str) -> Option<Self> {
        let rest = HOSTS.iter().find_map(|host| text.strip_prefix(host))?;
        let (port, path) = rest.split_at(rest.find('/')?);
        (is_port(port) && is_path(path)).then(|| Self(text.to_owned()))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The address with these parameters.
    pub fn with(&self, parameters: &[(&str, &str)]) -> String {
        let query = form_urlencoded::Serializer::new(String::new()).extend_pairs(parameters).finish();
        format!("{}?{query}", self.0)
    }
}

fn is_port(text: &str) -> bool {
    let digits = !text.starts_with('0') && text.bytes().all(|byte| byte.is_ascii_digit());
    digits && text.parse::<u16>().is_ok_and(|port| port > 0)
}

fn is_path(text: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/-_.".contains(&byte);
    text.len() <= LONGEST_PATH && text.bytes().all(plain) && !text.contains("//") && !text.contains("..")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ports_of_this_machine() {
        for text in ["http://127.0.0.1:1/", "http://127.0.0.1:65535/callback", "http://[::1]:8080/a/b-c_d.e"]
        {
            assert_eq!(LoopbackUri::parse(text).unwrap().as_str(), text);
        }
        let uri = LoopbackUri::parse("http://127.0.0.1:1/").unwrap();
        assert_eq!(
            uri.with(&[("code", "a&b"), ("state", "é")]),
            "http://127.0.0.1:1/?code=a%26b&state=%C3%A9"
        );
    }

    #[test]
    fn nowhere_else() {
        for text in [
            "",
            "http://127.0.0.1/",
            "http://127.0.0.1:80",
            "http://127.0.0.1:0/",
            "http://127.0.0.1:080/",
            "http://127.0.0.1:65536/",
            "http://127.0.0.1:+80/",
            "https://127.0.0.1:80/",
            "HTTP://127.0.0.1:80/",
            "http://localhost:80/",
            "http://127.0.0.2:80/",
            "http://127.1:80/",
            "http://0x7f000001:80/",
            "http://2130706433:80/",
            "http://[::ffff:127.0.0.1]:80/",
            "http://[0:0:0:0:0:0:0:1]:80/",
            "http://127.0.0.1:80@evil.example/",
            "http://u@127.0.0.1:80/",
            "http://127.0.0.1:80\\@evil.example/",
            "http://127.0.0.1:80/\\evil.example",
            "http://127.0.0.1:80//evil.example",
            "http://127.0.0.1:80/../x",
            "http://127.0.0.1:80/?x=1",
            "http://127.0.0.1:80/#x",
            "http://127.0.0.1:80/%2e",
            "http://127.0.0.1:80/ ",
            " http://127.0.0.1:80/",
            "http://127.0.0.1:80/a\r\nSet-Cookie:x",
            "http://127.0.0.1.evil.example:80/",
            "http://evil.example/http://127.0.0.1:80/",
            "javascript:alert(1)//http://127.0.0.1:80/",
            "http://１27.0.0.1:80/",
        ] {
            assert_eq!(LoopbackUri::parse(text), None, "{text:?}");
        }
        assert_eq!(LoopbackUri::parse(&format!("http://127.0.0.1:80/{}", "a".repeat(200))), None);
    }
}
