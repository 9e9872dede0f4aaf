//! Where plugsign meets a person, the system and the clock.

pub mod descriptor;
pub mod document;
mod echo;
pub mod failure;
pub mod global;
pub mod mend;
pub mod mistaken;
pub mod passphrase;
mod progress;
pub mod report;
pub mod signals;
pub mod signer;
pub mod streams;
pub mod terminal;
pub mod world;
