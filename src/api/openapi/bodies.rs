//! Bodies that may come as JSON or as a form, and answers without a type of their own, so that no type tells their shape.

use serde_json::{Map, Value, json};

/// Texts by name and meaning; of these names are required.
fn texts(fields: &[(&str, &str)], required: &[&str]) -> Value {
    let field = |(name, meaning): &(&str, &str)| {
        ((*name).to_owned(), json!({ "type": "string", "description": meaning }))
    };
    let properties: Map<String, Value> = fields.iter().map(field).collect();
    json!({ "type": "object", "properties": properties, "required": required })
}

const DEVICE_ID: (&str, &str) = ("device_id", "by which the machine is known again");
const DEVICE_NAME: (&str, &str) = ("device_name", "shown to the person who confirms");
const CHALLENGE: (&str, &str) = ("code_challenge", "base64url of the SHA-256 of the verifier (RFC 7636)");
const METHOD: (&str, &str) = ("code_challenge_method", "`S256`");
const VERIFIER: (&str, &str) = ("code_verifier", "what the challenge was made of");

pub fn start(_: &mut Map<String, Value>) -> Value {
    texts(&[CHALLENGE, METHOD, DEVICE_ID, DEVICE_NAME], &[])
}

pub fn complete(_: &mut Map<String, Value>) -> Value {
    let state = ("state", "from the beginning of the login");
    texts(&[state, VERIFIER, DEVICE_ID, DEVICE_NAME], &["state", "code_verifier"])
}

pub fn loopback(_: &mut Map<String, Value>) -> Value {
    let redirect = ("redirect_uri", "`http://127.0.0.1:PORT/path` or `http://[::1]:PORT/path`");
    let state = ("state", "comes back with the redirect");
    texts(
        &[redirect, state, CHALLENGE, METHOD, DEVICE_ID, DEVICE_NAME],
        &["redirect_uri", "state", "code_challenge"],
    )
}

pub fn code(_: &mut Map<String, Value>) -> Value {
    texts(&[("code", "from the redirect"), VERIFIER], &["code", "code_verifier"])
}

pub fn device_code(_: &mut Map<String, Value>) -> Value {
    texts(&[CHALLENGE, METHOD, DEVICE_ID, DEVICE_NAME], &[])
}

pub fn device_token(_: &mut Map<String, Value>) -> Value {
    let grant = ("grant_type", "`urn:ietf:params:oauth:grant-type:device_code`");
    let code = ("device_code", "from the beginning of the login");
    texts(&[grant, code, VERIFIER], &["device_code"])
}

/// The records themselves are described in the documentation of the audit log.
pub fn audit_page(_: &mut Map<String, Value>) -> Value {
    json!({
        "type": "object",
        "required": ["logs", "next_cursor", "searched_to"],
        "properties": {
            "logs": { "type": "array", "items": {
                "type": "object",
                "required": ["seq", "record"],
                "properties": {
                    "seq": { "type": "integer" },
                    "record": { "type": ["object", "null"] },
                    "unreadable": {
                        "type": "boolean",
                        "description": "true, with `record` null, where what stands in the database cannot be read",
                    },
                },
            } },
            "next_cursor": { "type": ["string", "null"] },
            "searched_to": { "type": ["string", "null"] },
        },
    })
}

pub fn racks(schemas: &mut Map<String, Value>) -> Value {
    json!({ "type": "array", "items": super::table::shape::<crate::api::racks::RackView>(schemas) })
}

/// OpenAPI describes itself elsewhere.
pub fn anything(_: &mut Map<String, Value>) -> Value {
    json!({ "type": "object" })
}
