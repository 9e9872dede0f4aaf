//! One file a subcommand: its arguments, the act that it calls, and the words for what came of it.

pub mod announce;
pub mod check;
pub mod completions;
pub mod delete;
pub mod doctor;
pub mod export;
pub mod extend;
pub mod import;
pub mod inspect;
pub mod keygen;
pub mod list;
pub mod man;
pub mod marketplace;
pub mod passwd;
pub mod refresh;
pub mod revoke;
pub mod rotate;
pub mod sign;
pub mod sopv;
pub mod trust;
pub mod user_ids;
pub mod verify;
