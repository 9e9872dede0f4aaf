//! Why something is refused.

pub(super) const ENCRYPTION: &str = "plugsign does not encrypt or decrypt, it signs";
pub(super) const CLEARSIGN: &str =
    "plugsign makes detached signatures only, no cleartext signed ones; use --detach-sign";
pub(super) const NETWORK: &str =
    "plugsign never uses the network; fetch and publish keys with another program";
pub(super) const NOT_SIGNED: &str = "it would change what is signed, and is not supported";
pub(super) const NOT_TRUSTED: &str = "it would change what is trusted, and is not supported";
pub(super) const NOT_WRITTEN: &str = "it would change what is written, and is not supported";
pub(super) const CERTIFYING: &str = "plugsign does not change or certify keys this way";
pub(super) const EDITING: &str = "plugsign has no dialog for it; a key is changed with: plugsign extend (its end), plugsign passwd, plugsign adduid, plugsign revoke-uid, plugsign rotate (its subkey), plugsign revoke";
pub(super) const EXTEND: &str = "use: plugsign extend KEY --expires WHEN";
pub(super) const PASSWD: &str = "use: plugsign passwd KEY";
pub(super) const ADD_UID: &str = "use: plugsign adduid KEY";
pub(super) const REVOKE_UID: &str = "use: plugsign revoke-uid KEY";
pub(super) const ROTATE: &str = "use: plugsign rotate KEY";
pub(super) const REVOKE: &str = "use: plugsign revoke KEY";
pub(super) const NO_CARD: &str = "plugsign does not use smart cards";
pub(super) const TRUST: &str =
    "plugsign keeps no owner trust; trust a signer with: plugsign trust add FILE";
pub(super) const NOT_HERE: &str = "plugsign has no such command";
pub(super) const MANY: &str =
    "plugsign's gpg takes one file at a time; for many: plugsign sign, plugsign verify";
