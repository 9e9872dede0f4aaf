//! What a key says of itself, from the packets as they stand.
//!
//! sequoia leaves out what it cannot read or place: a revocation with a damaged hint, a binding
//! with a broken subpacket. What it leaves out is what narrows. So the packets are kept here as they came,
//! and one counts if its numbers verify with the primary key, whatever else is odd about it.
//! What does not verify is nobody's word.

mod kept;
mod limits;
mod raw;
mod statement;

pub(super) use kept::{Statements, is_key_revocation, issuers};
pub(super) use limits::{Limits, limits_of_primary, limits_of_subkey};
pub(super) use statement::{Statement, Subject};
