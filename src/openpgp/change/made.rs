//! How a key signs about itself: the last step of every self-signature.
//!
//! sequoia's builder marks most subpackets as critical: the end of a key, the back-signature of a
//! subkey, the primary user ID. rpm's own parser does not read such a certificate. gpg marks only
//! the creation time and the key flags, which every program knows. plugsign does the same, also
//! when it renews a self-signature of another program.

use sequoia_openpgp as openpgp;
use sequoia_openpgp::packet::key::{Key, PrimaryRole, PublicParts, SubordinateRole};
use sequoia_openpgp::packet::signature::SignatureBuilder;
use sequoia_openpgp::packet::signature::subpacket::{Subpacket, SubpacketArea, SubpacketTag};
use sequoia_openpgp::packet::{Signature, UserID};

use crate::openpgp::primary_key::PrimaryKey;
use crate::openpgp::rsa::UnlockedKey;

/// Signs about the key itself, or revokes it.
pub(in crate::openpgp) fn on_key(
    builder: SignatureBuilder,
    primary: &PrimaryKey,
) -> openpgp::Result<Signature> {
    marked(builder)?.sign_direct_key(&mut primary.signer(), &primary.key())
}

/// Signs about a user ID.
pub(in crate::openpgp) fn on_user_id(
    builder: SignatureBuilder,
    primary: &PrimaryKey,
    user_id: &UserID,
) -> openpgp::Result<Signature> {
    marked(builder)?.sign_userid_binding(&mut primary.signer(), &primary.key(), user_id)
}

/// Binds a subkey, or revokes it.
pub(in crate::openpgp) fn on_subkey(
    builder: SignatureBuilder,
    primary: &PrimaryKey,
    subkey: &Key<PublicParts, SubordinateRole>,
) -> openpgp::Result<Signature> {
    marked(builder)?.sign_subkey_binding(&mut primary.signer(), &primary.key(), subkey)
}

/// Has a subkey sign that it belongs to its primary key.
pub(in crate::openpgp) fn by_subkey(
    builder: SignatureBuilder,
    mut signer: &UnlockedKey,
    primary: &Key<PublicParts, PrimaryRole>,
    subkey: &Key<PublicParts, SubordinateRole>,
) -> openpgp::Result<Signature> {
    marked(builder)?.sign_primary_key_binding(&mut signer, primary, subkey)
}

/// Marks as critical what gpg marks. What the builder adds while it signs is not marked.
fn marked(builder: SignatureBuilder) -> openpgp::Result<SignatureBuilder> {
    builder
        .modify_hashed_area(|area| with_marks(&area))?
        .modify_unhashed_area(|area| with_marks(&area))
}

fn with_marks(area: &SubpacketArea) -> openpgp::Result<SubpacketArea> {
    let critical =
        |tag| matches!(tag, SubpacketTag::SignatureCreationTime | SubpacketTag::KeyFlags);
    area.iter()
        .map(|it| Subpacket::new(it.value().clone(), critical(it.tag())))
        .collect::<openpgp::Result<Vec<_>>>()
        .and_then(SubpacketArea::new)
}
