//! Adding and revoking user IDs.

use std::time::SystemTime;

use sequoia_openpgp::Packet;
use sequoia_openpgp::packet::UserID;
use sequoia_openpgp::packet::signature::subpacket::SubpacketTag;
use sequoia_openpgp::types::{ReasonForRevocation, SignatureType};

use super::made;
use super::renew::{check_changeable, newest, renewed, self_signature, with_packets};
use super::revoke::check_message;
use crate::openpgp::certificate::Certificate;
use crate::openpgp::error::{Error, Result};
use crate::openpgp::keygen::check_user_id;
use crate::openpgp::primary_key::PrimaryKey;
use crate::openpgp::rsa::signing;

/// Adds a user ID whose self-signature has the content of the newest one.
///
/// # Errors
///
/// [`Error::Malformed`] for a user ID that [`check_user_id`] refuses, [`Error::UserIdExists`],
/// [`Error::Refused`] and [`Error::ClockBehind`] as [`extend`](super::extend()).
pub fn add_user_id(
    certificate: &Certificate,
    primary: &PrimaryKey,
    user_id: &str,
    now: SystemTime,
) -> Result<Certificate> {
    check_user_id(user_id)?;
    check_changeable(certificate, primary, now)?;
    let cert = certificate.cert();
    if cert.userids().any(|id| id.userid().value() == user_id.as_bytes()) {
        return Err(Error::UserIdExists(user_id.to_string()));
    }
    let standing = cert.userids().filter(|id| !certificate.is_revoked_id(id));
    let own = standing.flat_map(|id| id.self_signatures().collect::<Vec<_>>());
    let model = newest(own);
    let model = model.ok_or_else(|| Error::malformed("the key has no user ID to go by"))?;
    let user_id = UserID::from(user_id);
    let binding = renewed(model, now)?
        .set_type(SignatureType::PositiveCertification)
        .modify_hashed_area(|mut area| {
            // The new user ID does not become the primary one.
            area.remove_all(SubpacketTag::PrimaryUserID);
            Ok(area)
        })
        .and_then(|builder| made::on_user_id(builder, primary, &user_id));
    let binding = signing("signing the user ID", binding)?;
    with_packets(certificate, vec![user_id.into(), Packet::from(binding)])
}

/// Revokes a user ID. The key itself stays good.
///
/// # Errors
///
/// [`Error::LastUserId`] for the last one that is not revoked, [`Error::Malformed`] for a message
/// with control characters, [`Error::Refused`] and
/// [`Error::ClockBehind`] as [`extend`](super::extend()), [`Error::UnknownUserId`].
pub fn revoke_user_id(
    certificate: &Certificate,
    primary: &PrimaryKey,
    user_id: &[u8],
    message: &str,
    now: SystemTime,
) -> Result<Certificate> {
    check_changeable(certificate, primary, now)?;
    check_message(message)?;
    let ids = certificate.cert().userids().filter(|id| !certificate.is_revoked_id(id));
    let standing: Vec<_> = ids.map(|id| id.userid()).collect();
    let shown = || String::from_utf8_lossy(user_id).into_owned();
    let Some(id) = standing.iter().find(|id| id.value() == user_id) else {
        return Err(Error::UnknownUserId(shown()));
    };
    if standing.len() == 1 {
        return Err(Error::LastUserId(shown()));
    }
    let revocation = self_signature(SignatureType::CertificationRevocation, now)?
        .set_reason_for_revocation(ReasonForRevocation::UIDRetired, message.as_bytes())
        .and_then(|builder| made::on_user_id(builder, primary, id));
    let revocation = signing("revoking the user ID", revocation)?;
    with_packets(certificate, vec![Packet::from((*id).clone()), revocation.into()])
}
