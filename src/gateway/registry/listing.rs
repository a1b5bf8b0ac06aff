//! The catalogue as one caller sees it: pages are cut from what is left after the others' repositories are taken
//! out, so that neither their names nor their number shows.

use super::body;
use crate::registry::{self, Backend, ErrorCode, Operation, Problem, model::Page};
use bytes::Bytes;
use http::{HeaderValue, Response, StatusCode, header};
use http_body_util::{BodyExt as _, Full};
use serde::{Deserialize, Serialize};

const DEFAULT: u64 = 100;
const MAX: u64 = 1_000;
/// Names asked of the registry at once, and the length of the page that they make.
const CHUNK: u64 = 1_000;
const LIMIT: usize = 1024 * 1024;

#[derive(Serialize, Deserialize)]
struct Repositories {
    repositories: Vec<String>,
}

/// At most `page.size` names that `sees` lets pass, and a relative `Link` to the next page if there is one.
pub async fn catalog(
    backend: &dyn Backend,
    page: Page,
    sees: &(dyn Fn(&str) -> bool + Send + Sync),
) -> Result<Response<registry::Body>, Problem> {
    let wanted = page.size.unwrap_or(DEFAULT).min(MAX);
    let size = usize::try_from(wanted).unwrap_or(usize::MAX);
    let (mut names, mut last) = (Vec::new(), page.last);
    // One more than is wanted tells whether there is a next page.
    while names.len() <= size && size > 0 {
        let chunk = ask(backend, last.clone()).await?;
        let is_last = chunk.len() < usize::try_from(CHUNK).unwrap_or(usize::MAX);
        last = chunk.last().cloned();
        names.extend(chunk.into_iter().filter(|name| sees(name)));
        if is_last {
            break;
        }
    }
    let has_more = names.len() > size;
    names.truncate(size);
    let link = names.last().filter(|_| has_more).map(|last| {
        let query = form_urlencoded::Serializer::new(String::new())
            .append_pair("last", last)
            .append_pair("n", &wanted.to_string())
            .finish();
        format!("</v2/_catalog?{query}>; rel=\"next\"")
    });
    Ok(answer(&Repositories { repositories: names }, link.as_deref()))
}

async fn ask(backend: &dyn Backend, last: Option<String>) -> Result<Vec<String>, Problem> {
    let operation = Operation::Catalog { page: Page { size: Some(CHUNK), last } };
    let answer = backend.answer(registry::Request::plain(operation)).await;
    let broken = || Problem::new(ErrorCode::Unavailable, "the registry cannot list its repositories now");
    if answer.status() != StatusCode::OK {
        return Err(broken());
    }
    let bytes = body::read(answer.into_body(), LIMIT).await.map_err(|_| broken())?;
    let page: Repositories = serde_json::from_slice(&bytes).map_err(|_| broken())?;
    Ok(page.repositories)
}

fn answer(page: &Repositories, link: Option<&str>) -> Response<registry::Body> {
    let bytes = Bytes::from(serde_json::to_vec(page).unwrap_or_default());
    let length = bytes.len();
    let mut response = Response::new(Full::new(bytes).map_err(|never| match never {}).boxed_unsync());
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(header::CONTENT_LENGTH, HeaderValue::from(length));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert("docker-distribution-api-version", HeaderValue::from_static("registry/2.0"));
    if let Some(link) = link.and_then(|link| HeaderValue::from_str(link).ok()) {
        headers.insert(header::LINK, link);
    }
    response
}
