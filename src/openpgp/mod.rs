//! What an OpenPGP thing is: the only folder that names sequoia.
//!
//! Terms are RFC 9580's. Nothing here opens a file, reads a clock or prints.

pub mod certificate;
mod framing;
pub mod gnupg;
pub mod hash;
pub mod key_file;
pub mod keygen;
pub mod policy;
pub mod query;
mod rsa;
pub mod secret_key;
pub mod sign;
pub mod signature;
pub mod validity;
pub mod verify;
