//! OpenPGP keys and signatures. Only this folder names sequoia.
//!
//! Terms are RFC 9580's. Nothing here opens a file, reads a clock or prints.

#[doc(hidden)]
pub mod armor;
pub mod bounds;
mod budget;
pub mod certificate;
pub mod change;
mod choice;
pub mod cleartext;
mod error;
#[doc(hidden)]
pub mod facts;
mod framing;
#[doc(hidden)]
pub mod glance;
#[doc(hidden)]
pub mod gnupg;
pub mod hash;
pub mod ids;
pub mod in_token;
pub mod key_file;
mod key_parts;
#[doc(hidden)]
pub mod key_text;
pub mod keygen;
mod new_key;
#[doc(hidden)]
pub mod own_signature;
#[doc(hidden)]
pub mod packet_list;
mod passphrase;
pub mod policy;
pub mod primary_key;
pub mod query;
mod raw_key;
mod raw_signature;
pub mod revocation_reason;
mod rsa;
pub(crate) mod rsa_public;
pub mod secret_key;
#[doc(hidden)]
pub mod set;
#[doc(hidden)]
pub mod shared_primes;
pub mod sign;
pub mod signature;
mod statements;
#[doc(hidden)]
pub mod stub;
pub mod times;
pub mod token;
pub mod validity;
pub mod verdict;
pub mod verify;
pub mod weakness;
mod weigh;
mod words;

pub use error::{Error, Result};
