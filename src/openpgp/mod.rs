//! What an OpenPGP thing is: the only folder that names sequoia.
//!
//! Terms are RFC 9580's. Nothing here opens a file, reads a clock or prints.

pub mod bounds;
pub mod certificate;
pub mod change;
mod ended;
pub mod facts;
mod framing;
pub mod glance;
pub mod gnupg;
pub mod hash;
mod ids;
pub mod key_file;
pub mod keygen;
pub mod policy;
pub mod primary_key;
pub mod query;
mod raw_key;
mod raw_signature;
mod rsa;
pub(crate) mod rsa_public;
pub mod secret_key;
pub mod shared_primes;
pub mod sign;
pub mod signature;
mod statements;
pub mod stub;
pub mod validity;
pub mod verify;
mod weigh;
mod words;
