//! `plugsign adduid` and `plugsign revoke-uid`

use clap::Args;
use plugsign::openpgp;
use plugsign::openpgp::certificate::Certificate;
use plugsign::openpgp::change;
use plugsign::openpgp::policy::Policy;
use plugsign::text::Safe;

use super::change::{Changed, Means, Needs};
use crate::edge::identity::Identity;
use crate::edge::world::World;
use plugsign::publisher::failure::Failure;

/// Add a user ID to a key
#[derive(Args)]
pub struct AddArguments {
    /// Which key
    #[arg(value_name = "KEY")]
    key: String,
    #[command(flatten)]
    identity: Identity,
    #[command(flatten)]
    means: Means,
}

/// Revoke a user ID that is true no more; the key stays good
#[derive(Args)]
pub struct RevokeArguments {
    /// Which key
    #[arg(value_name = "KEY")]
    key: String,
    /// The user ID, or a part of it that only one has
    #[arg(value_name = "UID")]
    user_id: String,
    /// What to say about it, in public
    #[arg(long, value_name = "TEXT", default_value = "")]
    message: String,
    #[command(flatten)]
    means: Means,
}

pub fn add(arguments: AddArguments, world: &World) -> Result<Changed, Failure> {
    let user_id = arguments.identity.user_id()?;
    let mut opened = arguments.means.open(&arguments.key, Needs::Primary, false, world)?;
    let certificate = opened.change(world, |certificate, maker, now| {
        change::add_user_id(certificate, maker.primary, &user_id, now)
    })?;
    let said = format!("The key has the user ID \"{}\" too.", Safe::text(&user_id));
    let changed = Changed::new(certificate, &Policy::new(opened.now));
    Ok(changed.older_off_line(&opened).say(said))
}

pub fn revoke(arguments: RevokeArguments, world: &World) -> Result<Changed, Failure> {
    let mut opened = arguments.means.open(&arguments.key, Needs::Primary, false, world)?;
    let mut revoked = Vec::new();
    let certificate = opened.change(world, |certificate, maker, now| {
        revoked = find(&arguments.user_id, certificate)?;
        let message = &arguments.message;
        change::revoke_user_id(certificate, maker.primary, &revoked, message, now)
    })?;
    let said = format!("The user ID \"{}\" is revoked.", Safe::bytes(&revoked));
    Ok(Changed::new(certificate, &Policy::new(opened.now))
        .say(said)
        .say("The Mattermost server does not look at revocations of user IDs."))
}

/// Returns the user ID that is meant: as it is written, or the only one with that part.
fn find(text: &str, certificate: &Certificate) -> openpgp::Result<Vec<u8>> {
    let user_ids = certificate.standing_user_ids();
    if let Some(exact) = user_ids.iter().find(|id| id.as_slice() == text.as_bytes()) {
        return Ok(exact.clone());
    }
    let part = text.to_lowercase();
    let has_part = |id: &&Vec<u8>| String::from_utf8_lossy(id).to_lowercase().contains(&part);
    let mut found = user_ids.iter().filter(has_part);
    match (found.next(), found.next()) {
        (Some(one), None) => Ok(one.clone()),
        _ => Err(openpgp::Error::UnknownUserId(text.to_string())),
    }
}
