//! Keys, signatures and damage of every kind for the server's library and ours.

pub mod cases;
pub mod certificate;
pub mod compose;
pub mod gpg;
pub mod keys;
pub mod mutate;
pub mod packets;
pub mod signer;
