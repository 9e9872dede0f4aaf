//! What an OpenPGP thing is: the only folder that names sequoia.
pub mod hash;
