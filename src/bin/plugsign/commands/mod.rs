//! One file a subcommand: its arguments, what it does, what it reports; where that is much, in two:
//! `sign` and `signed`.

pub mod announce;
pub mod check;
pub mod completions;
pub mod doctor;
pub mod export;
pub mod extend;
pub mod import;
pub mod keygen;
pub mod list;
pub mod man;
pub mod marketplace;
pub mod passwd;
pub mod refresh;
pub mod revoke;
pub mod rotate;
pub mod sign;
pub mod sign_checksums;
pub mod signed;
pub mod trust;
pub mod user_ids;
pub mod verify;
