//! Changes to a key in the course of its life.
//!
//! Each takes a certificate and returns the changed one. Old self-signatures stay, new ones are
//! added, and the newest one counts. The server's library reads renewed signatures as it reads
//! those of a new key: SHA-256, with the back-signature embedded. Nothing here stores anything.

mod extend;
pub(super) mod made;
mod move_secret;
mod refresh;
mod renew;
mod revoke;
mod rotate;
mod user_ids;

pub use extend::{Ends, Extended, extend};
pub use refresh::refresh;
pub(super) use renew::self_signature;
pub use renew::{Maker, extendable_subkeys};
pub(super) use revoke::revoke_by_revoker;
pub use revoke::{
    Revocation, Revokes, armored_revocation, read_revocations, revocation, revoke_by, revoke_key,
    revoke_subkey,
};
pub(super) use rotate::signing_subkey;
pub use rotate::{Rotated, SubkeyPlan, rotate, rotate_to_token};
pub use user_ids::{add_user_id, revoke_user_id};
