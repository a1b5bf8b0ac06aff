//! Lists of the registry behind. Some registries ignore the size of a page, or do not sort; ours are always sorted and
//! paged.

use super::{
    Inner,
    answer::{About, problem, whole},
    client::Ask,
    failure::Failure,
    login::Access,
};
use crate::registry::{
    backend::Body,
    error::Result,
    model::{Page, RepositoryName},
    paging,
    respond::json,
};
use http::{HeaderMap, Method, Response, StatusCode, header};
use serde::Deserialize;
use serde_json::json;

/// Names asked for at once; registries refuse more.
const CHUNK: usize = 1_000;
const LONGEST: usize = 16 * 1_024 * 1_024;
/// More than that is no list that anybody pages through.
const PAGES: usize = 1_000;

#[derive(Default, Deserialize)]
struct List {
    #[serde(default)]
    repositories: Option<Vec<String>>,
    #[serde(default)]
    tags: Option<Vec<String>>,
}

impl Inner {
    pub(super) async fn catalog(&self, page: &Page) -> Result<Response<Body>> {
        let all = self.repositories().await?;
        let paged = paging::page(all, page);
        let answer = json(StatusCode::OK, &json!({"repositories": paged.entries}));
        Ok(paged.link(answer, "/v2/_catalog").done())
    }

    pub(super) async fn list_tags(&self, repository: &RepositoryName, page: &Page) -> Result<Response<Body>> {
        let paged = paging::page(self.tags(repository).await?, page);
        let answer = json(StatusCode::OK, &json!({"name": repository.as_str(), "tags": paged.entries}));
        Ok(paged.link(answer, &format!("/v2/{repository}/tags/list")).done())
    }

    pub(super) async fn repositories(&self) -> Result<Vec<String>> {
        let lists = self.lists(format!("/v2/_catalog?n={CHUNK}"), Access::catalog()).await?;
        Ok(lists.into_iter().filter_map(|list| list.repositories).flatten().collect())
    }

    pub(super) async fn tags(&self, repository: &RepositoryName) -> Result<Vec<String>> {
        let first = format!("/v2/{repository}/tags/list?n={CHUNK}");
        let lists = self.lists(first, Access::pull(repository, None)).await?;
        Ok(lists.into_iter().filter_map(|list| list.tags).flatten().collect())
    }

    async fn lists(&self, first: String, access: Access<'_>) -> Result<Vec<List>> {
        let (mut lists, mut target) = (Vec::new(), Some(first));
        while let Some(current) = target.take() {
            let answer = self.client.ask(Ask::new(Method::GET, current, access.clone())).await?;
            if answer.status() != StatusCode::OK {
                return Err(problem(answer, About::Repository).await);
            }
            let (parts, body) = answer.into_parts();
            let bytes = whole(body, LONGEST).await?;
            let list = serde_json::from_slice(&bytes).map_err(|_| Failure::Strange("a list that is none"))?;
            lists.push(list);
            if lists.len() >= PAGES {
                return Err(Failure::Strange("a list without an end").into());
            }
            target = self.next(&parts.headers)?;
        }
        Ok(lists)
    }

    /// `</v2/_catalog?last=b&n=2>; rel="next"`
    fn next(&self, headers: &HeaderMap) -> Result<Option<String>> {
        let Some(link) = headers.get(header::LINK).and_then(|link| link.to_str().ok()) else {
            return Ok(None);
        };
        let next = link.split_once('<').and_then(|(_, rest)| rest.split_once('>'));
        let Some((place, _)) = next else { return Ok(None) };
        let place =
            http::HeaderValue::from_str(place).map_err(|_| Failure::Strange("a Link that is no address"))?;
        Ok(Some(self.client.own_place(&place, "/v2/")?))
    }
}
