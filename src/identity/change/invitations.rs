//! Invitations, which give a role to whoever will come.

use super::{Actor, Changes, Done, Refused, Scene, carry_out};
use crate::{
    core::Timestamp,
    policy::{CallLimits, Offer, TargetPattern},
    store::{AccessWrite, Db, LinkRow},
};
use serde_json::json;

/// For somebody who is not here yet, by somebody who holds what the invitation gives.
pub async fn add(
    db: &Db,
    actor: &Actor<'_>,
    now: Timestamp,
    link: &LinkRow,
) -> Result<Done<LinkRow>, Refused> {
    carry_out(db, actor, now, |scene| {
        may_offer(scene, link)?;
        // A link would be a second way into an account that is somebody's.
        if scene.user(&link.email).is_ok() {
            return Err(Refused::Conflict("there is a user with this address already".to_owned()));
        }
        let changes =
            Changes::added(json!({ "email": link.email, "role": link.role, "target": link.target }));
        Ok((vec![AccessWrite::AddInvitation(link.clone())], Done { value: link.clone(), changes }))
    })
    .await
}

/// One without a role gives nothing.
fn may_offer(scene: &Scene<'_>, link: &LinkRow) -> Result<(), Refused> {
    let (Some(role), Some(target)) = (&link.role, &link.target) else { return Ok(()) };
    let Some(permissions) = scene.permissions_of(role) else {
        return Err(Refused::field("role", "does not exist; see GET /api/v1/roles"));
    };
    let pattern: TargetPattern =
        target.parse().map_err(|error| Refused::field("target", format!("{error}")))?;
    let offer = Offer { permissions, target: pattern, expires_at: None, limits: CallLimits::default() };
    scene
        .may_give(&offer)
        .map_err(|exceeds| Refused::NotAllowed(format!("you cannot give {role} on {target}: {exceeds}")))
}
