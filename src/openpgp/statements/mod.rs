//! What a key says about itself, from the packets as they are.
//!
//! sequoia leaves out what it cannot read or place: a revocation with a damaged hint, or a binding
//! with a broken subpacket. That could be what narrows the key. So the packets are kept here as
//! they came. A statement counts if its numbers verify with the primary key, even if the rest is
//! malformed. What does not verify does not count.

mod kept;
mod limits;
mod restored;
mod statement;

pub(super) use kept::Statements;
pub(super) use limits::{Limits, limits_of_primary, limits_of_subkey};
pub(super) use statement::{KEY_REVOCATION, Statement, Subject, revokes};
