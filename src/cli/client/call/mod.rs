//! `get`, `post`, `put`, `delete`: any call of the gateway's API, as in
//! `put /registry-svc/instance --slug=web --url=http://web:8080`.

mod pairs;

use super::{Client, Which, http::Api};
use crate::cli::{failure::Failure, output::Report};
use clap::Args;
use http::Method;
use serde_json::Value;
use url::form_urlencoded;

/// The options of the program itself (-o, --rack) stand before the path.
#[derive(Debug, Args)]
pub struct Call {
    #[command(flatten)]
    which: Which,
    /// Path on the gateway, with a query if you like
    #[arg(value_name = "PATH")]
    path: String,
    /// --key=value: a query for get and delete, a JSON document for post and put. Values are JSON where they look like
    /// it and text otherwise; --a.b=1 nests, a key that is given twice becomes a list
    #[arg(value_name = "--KEY=VALUE", trailing_var_arg = true, allow_hyphen_values = true)]
    pairs: Vec<String>,
}

impl Call {
    pub async fn run(self, method: Method, client: Client<'_>) -> Result<Report, Failure> {
        let pairs = pairs::read(&self.pairs).map_err(Failure::Usage)?;
        let (path, body) = match method {
            Method::POST | Method::PUT => {
                let document = pairs::document(&pairs).map_err(Failure::Usage)?;
                (checked(&self.path)?, (!pairs.is_empty()).then_some(document))
            }
            _ => (with_query(&checked(&self.path)?, &pairs), None),
        };
        let (_, chosen) = client.choose(&self.which)?;
        let api = Api::new(&chosen.url, Some(chosen.credential(client.clock.now())?))?;
        let raw = api.fetch(method, &path, body.as_ref()).await?;
        if !raw.status.is_success() {
            return Err(raw.into_answer().failure());
        }
        match raw.json() {
            Some(document) => Ok(Report::new(pretty(&document), &document)),
            None => {
                let text = String::from_utf8_lossy(&raw.bytes).into_owned();
                Ok(Report::new(text.clone(), &text))
            }
        }
    }
}

fn pretty(document: &Value) -> String {
    serde_json::to_string_pretty(document).unwrap_or_default()
}

/// The credential goes to the chosen gateway and nowhere else.
fn checked(path: &str) -> Result<String, Failure> {
    let plain = path.starts_with('/') && !path.starts_with("//") && !path.contains(['#', '\\']);
    match plain && !path.chars().any(|sign| sign.is_control() || sign == ' ') {
        true => Ok(path.to_owned()),
        false => {
            let shown: String = path.chars().take(80).collect();
            Err(Failure::Usage(format!("{shown} is not a path; write for example /registry-svc/instances")))
        }
    }
}

fn with_query(path: &str, pairs: &[(String, String)]) -> String {
    if pairs.is_empty() {
        return path.to_owned();
    }
    let query = form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish();
    let sign = match path.split_once('?') {
        None => "?",
        Some((_, "")) => "",
        Some(_) => "&",
    };
    format!("{path}{sign}{query}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_query_is_added_once() {
        let pairs = [("slug".to_owned(), "a b&c".to_owned()), ("tag".to_owned(), "x".to_owned())];
        for (path, expected) in [
            ("/i", "/i?slug=a+b%26c&tag=x"),
            ("/i?", "/i?slug=a+b%26c&tag=x"),
            ("/i?status=Healthy", "/i?status=Healthy&slug=a+b%26c&tag=x"),
        ] {
            assert_eq!(with_query(path, &pairs), expected);
        }
        assert_eq!(with_query("/i?x", &[]), "/i?x");
    }

    #[test]
    fn a_path_stays_on_the_gateway() {
        assert!(checked("/registry-svc/node/http%3A%2F%2Fn%3A1").is_ok());
        for path in [
            "",
            "x",
            "//evil.example/x",
            "http://evil.example/x",
            "@evil.example",
            "/a b",
            "/a\nb",
            "/a#b",
            "/\\evil",
        ] {
            assert!(checked(path).is_err(), "{path}");
        }
    }
}
