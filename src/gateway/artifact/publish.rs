//! Publishing: the archive is read whole, for it alone says where it belongs; then it is decided on, and sent.

use super::{
    Problem, archive,
    caller::Caller,
    demands::ArtifactCall,
    multipart::{self, Room},
    story::ArtifactPipeline,
    whole,
};
use crate::{
    audit::Scope,
    core::Timestamp,
    gateway::Watch,
    identity::Principal,
    observe::otel::{self, Step},
    policy::{CompiledGrant, Demanding as _, Permission},
    upstream::OutgoingBody,
};
use bytes::Bytes;
use http::{
    HeaderMap, HeaderValue, Response, StatusCode,
    header::{CONTENT_LENGTH, CONTENT_TYPE},
};
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use serde::Deserialize;
use std::{path::PathBuf, sync::Arc, time::Duration};
use tokio::{sync::Semaphore, time::timeout};

/// Archives that lie on the disk at once; others wait.
const AT_ONCE: usize = 8;
/// How long one more waits for its turn.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long an archive may take to come: as long as one waits, others may not have its place.
const LONGEST: Duration = Duration::from_secs(30 * 60);
/// What the form around an archive may take.
const WRAPPING: u64 = 64 * 1024;

/// Where uploads lie until they are decided on.
#[derive(Clone, Debug)]
pub struct Uploads {
    directory: PathBuf,
    limit: u64,
    room: Arc<Semaphore>,
}

impl Uploads {
    pub fn new(directory: PathBuf, limit: u64) -> Self {
        Self { directory, limit, room: Arc::new(Semaphore::new(AT_ONCE)) }
    }
}

#[derive(Deserialize)]
struct Published {
    namespace: String,
    version: String,
}

impl ArtifactPipeline {
    pub(super) async fn publish(
        &self,
        scope: &mut Scope,
        caller: &Caller,
        headers: &HeaderMap,
        body: Incoming,
    ) -> Result<Response<Bytes>, Problem> {
        scope.permission = Some(Permission::ArtifactPublish);
        let principal = caller.principal().ok_or_else(|| self.stranger())?;
        if !publishes_somewhere(principal, self.clock.now()) {
            let permission = Permission::ArtifactPublish;
            let text = format!(
                "{principal} may not {}: the permission {permission} is missing",
                permission.summary()
            );
            return Err(Problem::new(StatusCode::FORBIDDEN, "NAMESPACE_NOT_ALLOWED", text));
        }
        let boundary = multipart::boundary(headers)?;
        refuse_long(headers, self.uploads.limit)?;
        let Ok(Ok(_room)) = timeout(PATIENCE, self.uploads.room.clone().acquire_owned()).await else {
            return Err(busy());
        };
        let room = Room { directory: &self.uploads.directory, limit: self.uploads.limit };
        let traffic = scope.traffic();
        let heard = |bytes: usize| traffic.add_in(bytes as u64);
        let watch = |demands| {
            Watch::new(self.entrance.access.clone(), self.clock.clone(), principal.clone(), demands)
        };
        let received = Box::pin(timeout(LONGEST, multipart::receive(body, &boundary, room, heard)));
        let upload = tokio::select! {
            upload = otel::in_step(Step::Prepare, received) => upload.map_err(|_| too_slow())??,
            sentence = watch(Vec::new()).right_lost() => return Err(withdrawn(sentence)),
        };

        let file = upload.archive.rewound().map_err(unreadable)?;
        let contents = tokio::task::spawn_blocking(move || archive::inspect(file)).await;
        let contents = contents.map_err(|error| unreadable(std::io::Error::other(error)))??;
        scope.resource.clone_from(&contents.package);
        scope.command = Some(format!("{} {}", contents.version, upload.archive.checksum()));

        let (content_type, body) = upload.rewritten().map_err(unreadable)?;
        let mut sent = HeaderMap::new();
        sent.insert(CONTENT_TYPE, HeaderValue::from_str(&content_type).map_err(|_| Problem::bad_answer())?);
        let call = ArtifactCall::publish(&contents.package, sent);
        let permit = otel::step(Step::Authorize, || self.authorize(scope, caller, call))?;
        // What was held when it began may be gone.
        watch(permit.call().demands().to_vec()).check().map_err(withdrawn)?;
        otel::in_step(Step::RecordIntent, scope.intent()).await.map_err(|_| Problem::no_audit())?;
        let body = OutgoingBody::Checked(body.map_err(Into::into).boxed_unsync());
        let sent = self.server.send(permit, body, scope.request_id());
        let answer = otel::in_step(Step::Send, sent).await;
        let answer = self.heard(scope, answer).await?;
        if answer.status() != StatusCode::CREATED {
            return Err(Problem::bad_answer());
        }
        let told = whole::read(answer.into_body()).await?;
        check(&told, &contents)?;
        let mut response = Response::new(told);
        *response.status_mut() = StatusCode::CREATED;
        Ok(response)
    }

    pub(super) fn stranger(&self) -> Problem {
        let text = "send an API token as Bearer, or as X-Registry-Token";
        Problem::new(StatusCode::UNAUTHORIZED, "UNAUTHORIZED", text)
            .because("anonymous callers may not do this")
    }
}

/// Whoever may publish nowhere need not send an archive first.
fn publishes_somewhere(principal: &Principal, now: Timestamp) -> bool {
    let publishes = |grants: &[CompiledGrant]| {
        grants
            .iter()
            .any(|grant| grant.is_in_force(now) && grant.permissions.contains(Permission::ArtifactPublish))
    };
    let rights = &principal.rights;
    publishes(&rights.own) && rights.owner.as_ref().is_none_or(|grants| publishes(grants))
}

fn refuse_long(headers: &HeaderMap, limit: u64) -> Result<(), Problem> {
    let length = headers.get(CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse::<u64>().ok());
    if length.is_none_or(|length| length <= limit.saturating_add(WRAPPING)) {
        return Ok(());
    }
    let text = format!("the archive is longer than {limit} bytes, the most that is taken");
    Err(Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "FILE_TOO_LARGE", text))
}

/// The server must have read the archive as it was read here.
fn check(told: &[u8], decided: &archive::Contents) -> Result<(), Problem> {
    let published: Published = serde_json::from_slice(told).map_err(|_| Problem::bad_answer())?;
    let namespace = decided.package.split('/').next().unwrap_or_default();
    if published.namespace.trim_start_matches('@') == namespace && published.version == decided.version {
        return Ok(());
    }
    tracing::error!(
        decided = %decided.package,
        published = %published.namespace,
        "the artifact registry published an archive elsewhere than was decided on"
    );
    Err(Problem::bad_answer().because("it was published elsewhere than was decided on"))
}

fn busy() -> Problem {
    Problem::no_upload(format!(
        "{AT_ONCE} archives are being received, as many as may be at once; try again shortly"
    ))
}

fn too_slow() -> Problem {
    let text = format!("the archive did not come within {} minutes", LONGEST.as_secs() / 60);
    Problem::new(StatusCode::REQUEST_TIMEOUT, "UPLOAD_TOO_SLOW", text)
}

fn withdrawn(sentence: String) -> Problem {
    Problem::new(StatusCode::FORBIDDEN, "ACCESS_WITHDRAWN", sentence)
}

fn unreadable(error: std::io::Error) -> Problem {
    tracing::error!(%error, "an upload cannot be read back");
    Problem::unkept()
}
