//! Changes to a key in the course of its life.
//!
//! Each takes the certificate as it is and returns it as it will be: what was said stays, the
//! new self-signatures are added, and the newest one counts. The server's library reads a
//! signature of a subkey as it reads a new key's: SHA-256, the back-signature in it. Nothing
//! here stores anything.

mod extend;
pub(super) mod made;
mod move_secret;
mod refresh;
mod renew;
mod revoke;
mod rotate;
mod user_ids;

pub use extend::{Extended, extend};
pub use refresh::refresh;
pub(super) use renew::self_signature;
pub use renew::{Maker, extendable_subkeys, newest_self_signature};
pub(super) use revoke::begins_with_revocation;
pub use revoke::{Revocation, read_revocations, revocation, revoke_by, revoke_key, revoke_subkey};
pub(super) use rotate::signing_subkey;
pub use rotate::{Rotated, SubkeyPlan, rotate};
pub use user_ids::{add_user_id, revoke_user_id};
