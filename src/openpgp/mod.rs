//! OpenPGP keys and signatures. Only this folder names sequoia.
//!
//! Terms are RFC 9580's. Nothing here opens a file, reads a clock or prints.

pub mod armor;
pub mod bounds;
pub mod certificate;
pub mod change;
pub mod cleartext;
mod error;
pub mod facts;
mod framing;
pub mod glance;
pub mod gnupg;
pub mod hash;
pub mod ids;
pub mod key_file;
pub mod keygen;
mod new_key;
pub mod own_signature;
pub mod packet_list;
pub mod policy;
pub mod primary_key;
pub mod query;
mod raw_key;
mod raw_signature;
pub mod revocation_reason;
mod rsa;
pub(crate) mod rsa_public;
pub mod secret_key;
pub mod set;
pub mod shared_primes;
pub mod sign;
pub mod signature;
mod statements;
pub mod stub;
pub mod times;
pub mod validity;
pub mod verdict;
pub mod verify;
pub mod weakness;
mod weigh;
mod words;

pub use error::{Error, Result};
