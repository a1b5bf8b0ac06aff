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
        // A link would be a second way into an account that is somebody's.
        if scene.user(&link.email).is_ok() {
            return Err(Refused::Conflict("there is a user with this address already".to_owned()));
        }
        if let Some(offer) = offer_of(scene, link)? {
            scene.may_give(&offer)?;
        }
        let changes =
            Changes::added(json!({ "email": link.email, "role": link.role, "target": link.target }));
        Ok((vec![AccessWrite::AddInvitation(link.clone())], Done { value: link.clone(), changes }))
    })
    .await
}

/// `None` when it gives nothing.
fn offer_of(scene: &Scene<'_>, link: &LinkRow) -> Result<Option<Offer>, Refused> {
    let (Some(role), Some(target)) = (&link.role, &link.target) else { return Ok(None) };
    let Some(permissions) = scene.permissions_of(role) else {
        return Err(Refused::NotFound(format!("the role {role}")));
    };
    let target: TargetPattern =
        target.parse().map_err(|error| Refused::field("target", format!("{error}")))?;
    Ok(Some(Offer { permissions, target, expires_at: None, limits: CallLimits::default() }))
}
