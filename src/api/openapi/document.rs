//! The document, made of the routes.

use super::{
    super::{Access, ApiRoute, routes},
    table::{Doc, find},
};
use serde_json::{Map, Value, json};

/// OpenAPI 3.1.
pub fn document() -> Value {
    let mut schemas = Map::new();
    let mut paths: Map<String, Value> = Map::new();
    let mut routes = routes();
    routes.sort_by_key(|route| (route.path, route.method.as_str().to_owned()));
    for route in routes {
        let item = paths.entry(route.path).or_insert_with(|| json!({}));
        if let Some(item) = item.as_object_mut() {
            let method = route.method.as_str().to_ascii_lowercase();
            item.insert(method, operation(route, &mut schemas));
        }
    }
    schemas.sort_keys();
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Rack Gateway",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "The gateway's own API. `x-permission` names the permission that a call needs on the \
                            gateway, `x-mfa-level` the proof that a person needs besides.",
            "license": { "name": "MIT OR Apache-2.0" },
        },
        "paths": paths,
        "components": {
            "schemas": schemas,
            "responses": { "Error": error() },
            "securitySchemes": {
                "bearer": { "type": "http", "scheme": "bearer", "description": "An API token or a session of the command line" },
                "basic": { "type": "http", "scheme": "basic", "description": "Any user name, and an API token as the password" },
                "session": { "type": "apiKey", "in": "cookie", "name": "session_token", "description": "With `X-CSRF-Token` for calls that change something; named `__Host-session_token` over https" },
            },
        },
    })
}

fn error() -> Value {
    json!({
        "description": "A sentence for people, a word for programs, and the id under which it is on record",
        "content": { "application/json": { "schema": {
            "type": "object",
            "required": ["error", "code", "request_id"],
            "properties": {
                "error": { "type": "string" },
                "code": { "type": "string" },
                "request_id": { "type": "string", "format": "uuid" },
                "field": { "type": "string", "description": "Of a bad field: which" },
            },
        } } },
    })
}

fn operation(route: &ApiRoute, schemas: &mut Map<String, Value>) -> Value {
    let fallback = Doc {
        route: "",
        summary: route.action,
        query: &[],
        body: None,
        answer: None,
        status: 200,
        is_stream: false,
    };
    let doc = find(&format!("{} {}", route.method, route.path)).unwrap_or(&fallback);
    let said = json!({
        "operationId": operation_id(route),
        "x-action": route.action,
        "summary": doc.summary,
        "tags": [route.resource_type()],
        "x-mfa-level": route.mfa_level().as_str(),
        "x-access": access(route),
        "parameters": parameters(route, doc),
        "responses": responses(route, doc, schemas),
        "security": security(route),
    });
    let mut operation = said.as_object().cloned().unwrap_or_default();
    if let [permission, others @ ..] = route.permissions() {
        operation.insert("x-permission".to_owned(), permission.name().into());
        if !others.is_empty() {
            let names: Vec<_> = others.iter().map(|permission| permission.name()).collect();
            operation.insert("x-permission-or".to_owned(), names.into());
        }
    }
    if let Some(body) = doc.body {
        let schema = body(schemas);
        let body = json!({ "required": true, "content": { "application/json": { "schema": schema } } });
        operation.insert("requestBody".to_owned(), body);
    }
    Value::Object(operation)
}

/// As in `get_users_email`.
fn operation_id(route: &ApiRoute) -> String {
    let path = route.path.trim_start_matches("/api/v1/").trim_start_matches("/registry-svc/");
    let words = path.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
    let method = route.method.as_str().to_ascii_lowercase();
    words.fold(method, |id, word| format!("{id}_{word}"))
}

/// Who may call, in a word.
pub fn access(route: &ApiRoute) -> &'static str {
    match route.access {
        Access::Public | Access::PublicPoll | Access::Open => "public",
        Access::Authenticated => "authenticated",
        Access::Person => "person",
        Access::Needs(_) | Access::Somewhere(_) | Access::Pulse(_) => "permission",
    }
}

fn security(route: &ApiRoute) -> Value {
    match route.access {
        Access::Public | Access::PublicPoll | Access::Open => json!([]),
        Access::Person => json!([{ "bearer": [] }, { "session": [] }]),
        Access::Authenticated | Access::Needs(_) | Access::Somewhere(_) | Access::Pulse(_) => {
            json!([{ "bearer": [] }, { "basic": [] }, { "session": [] }])
        }
    }
}

fn parameters(route: &ApiRoute, doc: &Doc) -> Vec<Value> {
    let in_path = route.path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'));
    let in_path = in_path.map(|name| {
        let text = json!({ "type": "string" });
        json!({ "name": name, "in": "path", "required": true, "schema": text })
    });
    let in_query = doc.query.iter().map(|(name, meaning)| {
        let text = json!({ "type": "string" });
        let required = meaning.ends_with("; required");
        json!({ "name": name, "in": "query", "required": required, "description": meaning, "schema": text })
    });
    in_path.chain(in_query).collect()
}

/// What every call of the kind may be answered with.
fn responses(route: &ApiRoute, doc: &Doc, schemas: &mut Map<String, Value>) -> Value {
    let mut responses = Map::new();
    let yes = match (doc.status, doc.answer) {
        (204, _) => json!({ "description": "Done" }),
        _ if doc.is_stream => {
            let schema = json!({ "type": "string" });
            json!({ "description": "Events", "content": { "text/event-stream": { "schema": schema } } })
        }
        (302, _) => {
            json!({ "description": "On to another page, also where it says why there is no session" })
        }
        (_, Some(answer)) => {
            let schema = answer(schemas);
            json!({ "description": "Done", "content": { "application/json": { "schema": schema } } })
        }
        (_, None) => {
            let schema = json!({ "type": "object" });
            json!({ "description": "Done", "content": { "application/json": { "schema": schema } } })
        }
    };
    responses.insert(doc.status.to_string(), yes);
    for status in errors(route) {
        responses.insert(status.to_string(), json!({ "$ref": "#/components/responses/Error" }));
    }
    Value::Object(responses)
}

fn errors(route: &ApiRoute) -> Vec<u16> {
    let mut statuses = vec![400, 429, 503];
    if !route.access.is_public() {
        statuses.extend([401, 403]);
    }
    if route.path.contains('{') {
        statuses.push(404);
    }
    if route.is_unsafe() {
        statuses.extend([409, 413]);
    }
    statuses.sort_unstable();
    statuses
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::openapi::{documented, table::TABLE};
    use std::collections::BTreeSet;

    #[test]
    fn every_route_is_documented_and_every_document_has_its_route() {
        let routes: BTreeSet<_> =
            routes().iter().map(|route| format!("{} {}", route.method, route.path)).collect();
        let documented: BTreeSet<_> = documented().into_iter().map(str::to_owned).collect();
        let missing: Vec<_> = routes.difference(&documented).collect();
        let gone: Vec<_> = documented.difference(&routes).collect();
        assert!(missing.is_empty(), "add these to src/api/openapi/table.rs: {missing:#?}");
        assert!(gone.is_empty(), "no such routes: {gone:#?}");
    }

    /// Two types of one name would overwrite each other.
    #[test]
    fn a_name_means_one_schema() {
        let mut known: Map<String, Value> = Map::new();
        let shapes = TABLE.iter().flat_map(|doc| doc.body.into_iter().chain(doc.answer));
        for shape in shapes {
            let mut schemas = Map::new();
            shape(&mut schemas);
            for (name, schema) in schemas {
                let before = known.entry(name.clone()).or_insert_with(|| schema.clone());
                assert_eq!(*before, schema, "two types are called {name}");
            }
        }
        assert!(known.len() > 60, "{}", known.len());
    }

    #[test]
    fn every_answer_has_a_shape() {
        for doc in TABLE {
            let has_one = doc.answer.is_some() || doc.is_stream || [204, 302].contains(&doc.status);
            assert!(has_one, "{} answers with what nobody describes", doc.route);
        }
    }

    #[test]
    fn each_operation_tells_what_it_takes_to_call_it() {
        let document = document();
        for route in routes() {
            let method = route.method.as_str().to_ascii_lowercase();
            let operation = &document["paths"][route.path][&method];
            assert_eq!(operation["x-mfa-level"], route.mfa_level().as_str(), "{}", route.path);
            if let Some(permission) = route.permissions().first() {
                assert_eq!(operation["x-permission"], permission.name());
            }
            let needs_credential =
                operation["responses"].get("401").is_some() && operation["responses"].get("403").is_some();
            assert_eq!(needs_credential, !route.access.is_public(), "{}", route.path);
        }
    }

    #[test]
    fn operations_have_names_of_their_own_and_references_lead_somewhere() {
        let document = document();
        let text = document.to_string();
        for reference in text.split("\"$ref\":\"#").skip(1).filter_map(|rest| rest.split('"').next()) {
            assert!(document.pointer(reference).is_some(), "{reference} leads nowhere");
        }
        let ids: Vec<_> = routes().iter().map(|route| operation_id(route)).collect();
        let unique: BTreeSet<_> = ids.iter().collect();
        assert_eq!(unique.len(), ids.len(), "two operations have one name: {ids:?}");
    }

    #[test]
    fn the_document_is_as_it_was() {
        let mut document = document();
        document["info"]["version"] = "".into();
        let mut settings = insta::Settings::clone_current();
        settings.set_snapshot_path(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/snapshots"));
        settings.set_prepend_module_to_snapshot(false);
        settings.bind(|| insta::assert_json_snapshot!("openapi", document));
    }
}
