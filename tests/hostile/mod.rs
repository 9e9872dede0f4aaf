//! Hostile input: what attackers hand to a publisher, an administrator, a CI job.
//!
//! Every case says what is expected, why, and where it comes from; all of them end in little time and
//! 256 MiB of memory. docs/attack-cases.md lists all known attacks with their tests.

mod bounded;
mod catalogue;
mod certificates;
mod cleartext;
mod documents;
mod gnupg;
mod key_files;
mod keys;
mod narrowest;
mod revocations;
mod revokers;
mod rsa;
mod signatures;
mod signers;
mod subkeys;
