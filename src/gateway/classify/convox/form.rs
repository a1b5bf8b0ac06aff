//! Bodies: forms are read, checked and written anew; bytes may not pose as forms.

use super::{
    BadParameter, Body, Place, Route,
    parameter::{check_names, shown},
};
use crate::gateway::target::{BadPairs, Pairs, encode_pairs, parse_pairs};
use http::{HeaderMap, HeaderValue, header};

const URL_ENCODED: &str = "application/x-www-form-urlencoded";

/// The fields of a form, each once, in the order they came.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Form(Pairs);

impl Form {
    pub fn get(&self, name: &str) -> Option<&str> {
        self.iter().find(|(field, _)| *field == name).map(|(_, value)| value)
    }

    /// Replaces the field's value, or adds the field at the end.
    pub fn set(&mut self, name: &str, value: impl Into<String>) {
        let value = value.into();
        match self.0.iter_mut().find(|(field, _)| field == name) {
            Some(pair) => pair.1 = value,
            None => self.0.push((name.to_owned(), value)),
        }
    }

    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The body as it is sent.
    pub fn encode(&self) -> String {
        encode_pairs(&self.0)
    }
}

/// Names only: values may be environment variables, keys and passwords.
impl std::fmt::Debug for Form {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.iter().map(|(name, _)| name)).finish()
    }
}

/// Reads the body of a route with [`Body::Form`]. A field that the route does not take, or takes elsewhere, is
/// refused by name; so is a body in another shape, for a rack would read other fields from it, or none.
pub fn check_form(
    route: &Route,
    content_type: Option<&HeaderValue>,
    content_encoding: Option<&HeaderValue>,
    body: &[u8],
) -> Result<Form, BadParameter> {
    if content_encoding.is_some_and(|encoding| !encoding.as_bytes().eq_ignore_ascii_case(b"identity")) {
        return Err(BadParameter::Encoded { route: route.to_string() });
    }
    if body.is_empty() {
        return Ok(Form::default());
    }
    let given = media_type(content_type);
    if given != URL_ENCODED {
        return Err(BadParameter::NotAForm { given: described(&given), route: route.to_string() });
    }
    let text = std::str::from_utf8(body).map_err(|_| BadParameter::BadForm(BadPairs::NotUtf8))?;
    let pairs = parse_pairs(text).map_err(BadParameter::BadForm)?;
    let fields: &[&str] = if let Body::Form(fields) = route.body { fields } else { &[] };
    check_names(route, fields, &pairs, Place::Form)?;
    Ok(Form(pairs))
}

/// Refuses what would make a rack read parameters from a body that is meant as bytes.
pub(super) fn check_body_headers(route: &Route, headers: &HeaderMap) -> Result<(), BadParameter> {
    if route.body == Body::Opaque {
        return Ok(());
    }
    for name in [header::CONTENT_TYPE, header::CONTENT_ENCODING] {
        if headers.get_all(&name).iter().nth(1).is_some() {
            return Err(BadParameter::duplicate(name.as_str(), Place::Header));
        }
    }
    let given = media_type(headers.get(header::CONTENT_TYPE));
    let poses_as_form = given.contains("urlencoded") || given.contains("multipart");
    if matches!(route.body, Body::Raw | Body::Json) && poses_as_form {
        return Err(BadParameter::NotBytes { given: described(&given), route: route.to_string() });
    }
    Ok(())
}

/// Lower case, without parameters such as `; charset=utf-8`.
fn media_type(value: Option<&HeaderValue>) -> String {
    let bytes = value.map(HeaderValue::as_bytes).unwrap_or_default();
    let text = String::from_utf8_lossy(bytes).to_ascii_lowercase();
    text.split(';').next().unwrap_or_default().trim().to_owned()
}

fn described(media_type: &str) -> String {
    if media_type.is_empty() { "a body without a Content-Type".to_owned() } else { shown(media_type) }
}
