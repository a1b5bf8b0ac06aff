//! What holds for a registry whichever backend keeps its images: tags that never change, how much a namespace may hold,
//! and times in which nothing changes. Clients stop at 403 with a sentence; at other refusals some of them go on trying.

mod quota;
mod tags;

pub use quota::Quotas;
pub use tags::ImmutableTags;

use super::{
    backend::{Backend, Body, Pin, Request, Unhealthy},
    error::{ErrorCode, Problem, Result},
    model::{Digest, Operation, Reference, RepositoryName, Start, Tag},
    reading::read,
    respond::CONTENT_DIGEST,
    uploading::length_of,
};
use crate::config::RegistryConfig;
use futures_util::future::BoxFuture;
use http::{Response, StatusCode};
use quota::Room;
use serde::Deserialize;
use std::{fmt, sync::Arc};

#[derive(Debug, Default)]
pub struct Rules {
    pub immutable: ImmutableTags,
    pub quotas: Quotas,
    pub read_only: ReadOnly,
}

impl Rules {
    pub fn of(config: &RegistryConfig, read_only: ReadOnly) -> Self {
        Self {
            immutable: ImmutableTags::of(&config.immutable_tags),
            quotas: Quotas::of(&config.quotas),
            read_only,
        }
    }
}

/// Times in which nothing changes, but downloads go on.
#[derive(Clone)]
pub struct ReadOnly {
    /// Why, in words for the client.
    message: Arc<str>,
    is_on: Arc<dyn Fn() -> bool + Send + Sync>,
}

impl ReadOnly {
    pub fn new(message: &str, is_on: impl Fn() -> bool + Send + Sync + 'static) -> Self {
        Self { message: message.into(), is_on: Arc::new(is_on) }
    }

    fn check(&self) -> Result<()> {
        if (self.is_on)() {
            let message = format!("the registry is read-only: {}", self.message);
            return Err(Problem::new(ErrorCode::Unsupported, message));
        }
        Ok(())
    }
}

impl Default for ReadOnly {
    fn default() -> Self {
        Self::new("", || false)
    }
}

impl fmt::Debug for ReadOnly {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReadOnly").field("message", &self.message).finish_non_exhaustive()
    }
}

/// A registry with rules. Clones share everything.
#[derive(Clone, Debug)]
pub struct Ruled<B>(Arc<Inner<B>>);

#[derive(Debug)]
struct Inner<B> {
    backend: B,
    rules: Rules,
}

impl<B: Backend> Ruled<B> {
    pub fn new(backend: B, rules: Rules) -> Self {
        Self(Arc::new(Inner { backend, rules }))
    }
}

impl<B: Backend> Backend for Ruled<B> {
    fn answer(&self, request: Request) -> BoxFuture<'_, Response<Body>> {
        Box::pin(async move {
            if !request.operation.is_change() {
                return self.0.backend.answer(request).await;
            }
            self.0.change(request).await.unwrap_or_else(Problem::into_response)
        })
    }

    fn usage<'a>(&'a self, namespace: &'a str) -> BoxFuture<'a, Result<u64>> {
        self.0.backend.usage(namespace)
    }

    fn health(&self) -> BoxFuture<'_, Result<(), Unhealthy>> {
        self.0.backend.health()
    }
}

impl<B: Backend> Inner<B> {
    async fn change(&self, mut request: Request) -> Result<Response<Body>> {
        self.rules.read_only.check()?;
        // Before those of others, for nobody may do what a rule forbids.
        let pins = self.keep_tags(&request.operation).await?;
        request.terms.pins.splice(0..0, pins);
        let known = length_of(&request.headers).unwrap_or(0);
        let Some(room) = self.room(&request.operation, known).await? else {
            return Ok(self.backend.answer(request).await);
        };
        let (body, meter) = room.meter(request.body);
        request.body = body;
        let abandoned = cancelling(&request);
        let answer = self.backend.answer(request).await;
        let overflow = meter.overflow();
        if overflow.is_some() || !answer.status().is_success() {
            meter.give_back();
        } else {
            meter.keep().await;
        }
        let Some(problem) = overflow else { return Ok(answer) };
        if let Some(abandoned) = abandoned {
            // Nothing of it is kept: it would only take more of the room that there is not.
            self.backend.answer(abandoned).await;
        }
        Err(problem)
    }

    /// An immutable tag may come to be, and be put again as it is; it neither moves nor goes.
    async fn keep_tags(&self, operation: &Operation) -> Result<Vec<Pin>> {
        match operation {
            Operation::ManifestPut { repository, reference, tags } => {
                let own = match reference {
                    Reference::Tag(tag) => Some(tag),
                    Reference::Digest(_) => None,
                };
                let kept =
                    own.into_iter().chain(tags).filter(|tag| self.rules.immutable.covers(repository, tag));
                let pin = |tag: &Tag| Pin { tag: tag.clone(), refusal: immutable(repository, tag) };
                Ok(kept.map(pin).collect())
            }
            Operation::ManifestDelete { repository, reference: Reference::Tag(tag) }
                if self.rules.immutable.covers(repository, tag) =>
            {
                Err(immutable(repository, tag))
            }
            Operation::ManifestDelete { repository, reference: Reference::Digest(digest) } => {
                match self.kept_by(repository, digest).await? {
                    Some(tag) => Err(immutable(repository, &tag)),
                    None => Ok(Vec::new()),
                }
            }
            _ => Ok(Vec::new()),
        }
    }

    /// An immutable tag that names the digest.
    async fn kept_by(&self, repository: &RepositoryName, digest: &Digest) -> Result<Option<Tag>> {
        if !self.rules.immutable.concerns(repository) {
            return Ok(None);
        }
        for tag in self
            .tags(repository)
            .await?
            .into_iter()
            .filter(|tag| self.rules.immutable.covers(repository, tag))
        {
            let reference = Reference::Tag(tag.clone());
            let ask = Operation::ManifestHead { repository: repository.clone(), reference };
            let answer = self.backend.answer(Request::plain(ask)).await;
            let named = answer.headers().get(CONTENT_DIGEST).and_then(|value| value.to_str().ok());
            match answer.status() {
                StatusCode::OK if named == Some(&digest.to_string()) => return Ok(Some(tag)),
                StatusCode::OK | StatusCode::NOT_FOUND => {}
                _ => return Err(unlooked()),
            }
        }
        Ok(None)
    }

    async fn tags(&self, repository: &RepositoryName) -> Result<Vec<Tag>> {
        #[derive(Deserialize)]
        struct List {
            tags: Vec<String>,
        }
        const LONGEST: usize = 16 * 1_024 * 1_024;
        let (mut all, mut page) = (Vec::new(), super::model::Page::default());
        loop {
            let ask = Operation::Tags { repository: repository.clone(), page };
            let answer = self.backend.answer(Request::plain(ask)).await;
            match answer.status() {
                StatusCode::OK => {}
                StatusCode::NOT_FOUND => return Ok(all),
                _ => return Err(unlooked()),
            }
            let is_last = !answer.headers().contains_key(http::header::LINK);
            let bytes = read(answer.into_body(), LONGEST).await.map_err(|_| unlooked())?;
            let list: List = serde_json::from_slice(&bytes).map_err(|_| unlooked())?;
            let last = list.tags.last().cloned();
            all.extend(list.tags.iter().filter_map(|tag| tag.parse::<Tag>().ok()));
            if is_last || last.is_none() {
                return Ok(all);
            }
            page = super::model::Page { size: None, last };
        }
    }

    /// What may still be stored, when the operation stores something in a namespace with a quota.
    async fn room(&self, operation: &Operation, known: u64) -> Result<Option<Room>> {
        let (repository, least) = match operation {
            Operation::UploadStart { repository, start: Start::Whole(_) }
            | Operation::UploadPatch { repository, .. }
            | Operation::UploadPut { repository, .. }
            | Operation::ManifestPut { repository, .. } => (repository, known),
            // At the beginning clients print what they are told; later some only see that it broke off.
            Operation::UploadStart { repository, .. } => (repository, 1),
            _ => return Ok(None),
        };
        self.rules.quotas.room(&self.backend, repository, least).await
    }
}

/// What ends the upload that the request goes on with.
fn cancelling(request: &Request) -> Option<Request> {
    let (Operation::UploadPatch { repository, upload } | Operation::UploadPut { repository, upload, .. }) =
        &request.operation
    else {
        return None;
    };
    let cancel = Operation::UploadCancel { repository: repository.clone(), upload: *upload };
    Some(Request { terms: request.terms.clone(), ..Request::plain(cancel) })
}

fn immutable(repository: &RepositoryName, tag: &Tag) -> Problem {
    let message =
        format!("the tag {tag} of {repository} is immutable: it stays what it is; push under another tag");
    Problem::new(ErrorCode::Denied, message)
}

fn unlooked() -> Problem {
    let message = "it cannot be looked up now whether an immutable tag names this; try again later";
    Problem::new(ErrorCode::Unavailable, message)
}
