//! `plugsign adduid` and `plugsign revoke-uid`

use clap::Args;
use plugsign::publisher::change::{Changed, NewUserId, RevokedUserId};
use plugsign::publisher::failure::Failure;
use plugsign::text::Safe;

use crate::edge::change::{Means, Told};
use crate::edge::identity::Identity;
use crate::edge::world::World;

/// Add a user ID to a key
#[derive(Args)]
pub struct AdduidArguments {
    /// Which key
    #[arg(value_name = "KEY")]
    key: String,
    #[command(flatten)]
    identity: Identity,
    #[command(flatten)]
    means: Means,
}

/// Revoke a user ID that is no longer true; the key stays good
#[derive(Args)]
pub struct RevokeUidArguments {
    /// Which key
    #[arg(value_name = "KEY")]
    key: String,
    /// The user ID, or a part that only this one has
    #[arg(value_name = "UID")]
    user_id: String,
    /// A public remark in the revocation
    #[arg(long, value_name = "TEXT", default_value = "")]
    message: String,
    #[command(flatten)]
    means: Means,
}

pub fn add(arguments: AdduidArguments, world: &World) -> Result<Changed<NewUserId>, Failure> {
    let user_id = arguments.identity.user_id()?;
    let asking = arguments.means.asking(world);
    let tokens = arguments.means.tokens()?;
    world.publisher_with(&asking, &tokens).add_user_id(&arguments.means.of(&arguments.key), user_id)
}

pub fn revoke(
    arguments: RevokeUidArguments,
    world: &World,
) -> Result<Changed<RevokedUserId>, Failure> {
    let RevokeUidArguments { key, user_id, message, means } = &arguments;
    let asking = means.asking(world);
    let tokens = means.tokens()?;
    world.publisher_with(&asking, &tokens).revoke_user_id(&means.of(key), user_id, message)
}

impl Told for NewUserId {
    fn told(changed: &Changed<NewUserId>) -> Vec<String> {
        let user_id = Safe::text(&changed.how.0);
        vec![format!("The key now also has the user ID \"{user_id}\".")]
    }
}

impl Told for RevokedUserId {
    fn told(changed: &Changed<RevokedUserId>) -> Vec<String> {
        let user_id = Safe::bytes(&changed.how.0);
        vec![
            format!("The user ID \"{user_id}\" is revoked."),
            "The Mattermost server ignores revocations of user IDs.".into(),
        ]
    }
}
