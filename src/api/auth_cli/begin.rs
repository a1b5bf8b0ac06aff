//! What the three ways to begin have in common.

use super::{asked::Asked, logins};
use crate::{
    api::{ApiError, Context, Edge, Note},
    identity::cli_login::{Begin, Begun, Challenge, Flow, LIFETIME, LoopbackUri},
};
use http::{HeaderMap, header::USER_AGENT};

/// Characters of the client's own name that a person is shown.
const LONGEST_AGENT: usize = 200;

pub async fn begin(
    context: &Context,
    edge: Edge,
    note: &Note,
    headers: &HeaderMap,
    asked: &Asked,
    how: (Flow, Option<Challenge>, Option<(LoopbackUri, String)>),
) -> Result<Begun, ApiError> {
    let (flow, challenge, redirect) = how;
    let begin = Begin {
        flow,
        challenge,
        redirect,
        device_id: asked.line("device_id")?,
        device_name: asked.line("device_name")?,
        ip: edge.ip,
        user_agent: user_agent(headers),
    };
    let begun = logins(context).begin(begin, context.clock.now()).await?;
    note.resource(begun.id.to_string());
    Ok(begun)
}

/// Where the person decides.
pub fn confirm_page(context: &Context, begun: &Begun) -> String {
    context.public_url.join(&format!("/app/cli/confirm?request={}", begun.id))
}

/// Seconds that a login is good for.
pub const EXPIRES_IN: u64 = LIFETIME.as_secs();

/// What the client calls itself, as it may be shown.
pub fn user_agent(headers: &HeaderMap) -> String {
    let bytes = headers.get(USER_AGENT).map(|value| value.as_bytes()).unwrap_or_default();
    let text = String::from_utf8_lossy(bytes);
    text.chars().filter(|character| !character.is_control()).take(LONGEST_AGENT).collect()
}
