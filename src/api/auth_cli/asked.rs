//! Fields of bodies, read by hand: forms and JSON alike, each mistake with the name of its field.

use crate::{
    api::{ApiError, parse},
    identity::cli_login::{Challenge, Verifier},
};
use bytes::Bytes;
use http::{HeaderMap, header::CONTENT_TYPE};
use serde_json::{Map, Value};

/// The fields of a body. What is not known is left alone: clients of other versions send more.
#[derive(Debug)]
pub struct Asked(Map<String, Value>);

/// Characters of a name.
const LINE: usize = 100;

impl Asked {
    /// A form when the client says so, else JSON.
    pub fn read(headers: &HeaderMap, body: &Bytes) -> Result<Self, ApiError> {
        let kind = headers.get(CONTENT_TYPE).map(|value| value.as_bytes().to_ascii_lowercase());
        if !kind.is_some_and(|kind| kind.starts_with(b"application/x-www-form-urlencoded")) {
            return parse(body).map(Self);
        }
        let mut fields = Map::new();
        for (name, value) in form_urlencoded::parse(body) {
            let name: String = name.chars().take(60).collect();
            if fields.insert(name.clone(), Value::from(value.into_owned())).is_some() {
                return Err(ApiError::field(name, "is given twice"));
            }
        }
        Ok(Self(fields))
    }

    /// A text that may be missing, `null` or empty.
    pub fn optional(&self, field: &str) -> Result<Option<&str>, ApiError> {
        match self.0.get(field) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(text)) => Ok(Some(text.as_str()).filter(|text| !text.is_empty())),
            Some(_) => Err(ApiError::field(field, "is not a text")),
        }
    }

    pub fn required(&self, field: &str) -> Result<&str, ApiError> {
        self.optional(field)?.ok_or_else(|| ApiError::field(field, "is missing"))
    }

    /// A short text on one line that will be shown to a person; empty when it is missing.
    pub fn line(&self, field: &str) -> Result<String, ApiError> {
        let text = self.optional(field)?.unwrap_or_default().trim();
        if text.chars().count() > LINE {
            return Err(ApiError::field(field, format!("is longer than {LINE} characters")));
        }
        if text.chars().any(steers) {
            return Err(ApiError::field(
                field,
                "holds a character that cannot be shown; write one plain line",
            ));
        }
        Ok(text.to_owned())
    }

    pub fn challenge(&self) -> Result<Option<Challenge>, ApiError> {
        if let Some(method) = self.optional("code_challenge_method")?
            && method != "S256"
        {
            return Err(ApiError::field("code_challenge_method", "must be S256"));
        }
        let Some(text) = self.optional("code_challenge")? else { return Ok(None) };
        let problem = "is not the base64url of a SHA-256; make it from the verifier by S256";
        Challenge::parse(text).map(Some).ok_or_else(|| ApiError::field("code_challenge", problem))
    }

    pub fn verifier(&self) -> Result<Option<Verifier>, ApiError> {
        let Some(text) = self.optional("code_verifier")? else { return Ok(None) };
        let problem = "is not a verifier; it has 43 to 128 of the characters A-Z a-z 0-9 - . _ ~";
        Verifier::parse(text).map(Some).ok_or_else(|| ApiError::field("code_verifier", problem))
    }
}

fn steers(character: char) -> bool {
    character.is_control()
        || matches!(character, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;

    fn form(text: &'static str) -> Result<Asked, ApiError> {
        let kind = HeaderValue::from_static("application/x-www-form-urlencoded; charset=utf-8");
        Asked::read(&HeaderMap::from_iter([(CONTENT_TYPE, kind)]), &Bytes::from_static(text.as_bytes()))
    }

    fn json(text: &'static str) -> Result<Asked, ApiError> {
        Asked::read(&HeaderMap::new(), &Bytes::from_static(text.as_bytes()))
    }

    #[test]
    fn forms_and_json_say_the_same() {
        for asked in [
            form("state=a%20b&device_name=").unwrap(),
            json(r#"{"state":"a b","device_name":null}"#).unwrap(),
        ] {
            assert_eq!(asked.required("state").unwrap(), "a b");
            assert_eq!(asked.line("device_name").unwrap(), "");
        }
        assert!(json("").unwrap().optional("state").unwrap().is_none());
    }

    #[test]
    fn mistakes_name_their_field() {
        let told = |outcome: Result<String, ApiError>| outcome.unwrap_err().to_string();
        assert_eq!(told(form("a=1&a=2").map(|_| String::new())), "a: is given twice");
        assert!(json("[1]").is_err());
        let asked = json(r#"{"n":7,"code_challenge":"x","code_verifier":"y","l":"a\u001b[2J"}"#).unwrap();
        assert_eq!(told(asked.required("n").map(str::to_owned)), "n: is not a text");
        assert_eq!(told(asked.required("state").map(str::to_owned)), "state: is missing");
        assert!(told(asked.challenge().map(|_| String::new())).starts_with("code_challenge: "));
        assert!(told(asked.verifier().map(|_| String::new())).starts_with("code_verifier: "));
        assert!(told(asked.line("l")).starts_with("l: holds a character"));
        let plain = json(r#"{"code_challenge_method":"plain","code_challenge":"x"}"#).unwrap();
        assert_eq!(told(plain.challenge().map(|_| String::new())), "code_challenge_method: must be S256");
    }

    #[test]
    fn lines_are_short_and_plain() {
        let long = format!("device_name={}", "a".repeat(101));
        let kind = HeaderValue::from_static("application/x-www-form-urlencoded");
        let asked = Asked::read(&HeaderMap::from_iter([(CONTENT_TYPE, kind)]), &Bytes::from(long)).unwrap();
        assert!(asked.line("device_name").is_err());
    }
}
