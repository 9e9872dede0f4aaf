//! plugsign in the place of gpg: the command lines of others, run on it and on gpg itself.

mod blocks;
mod change;
mod cleartext;
mod delete;
mod descriptors;
mod distributions;
mod documentation;
mod environment;
mod git;
mod gpgv;
mod hostile;
mod import;
mod keyring;
mod keys;
mod lines;
mod listing;
mod looks;
mod options;
mod ownertrust;
mod packages;
mod python;
mod refusals;
mod status;
pub mod twins;
