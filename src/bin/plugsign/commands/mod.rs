//! One file a subcommand: its arguments, what it does, what it reports.

pub mod check;
pub mod completions;
pub mod dialog;
pub mod export;
pub mod import;
pub mod import_gnupg;
pub mod imported;
pub mod keygen;
pub mod list;
pub mod man;
pub mod marketplace;
pub mod sign;
pub mod trust;
pub mod trust_check;
pub mod trust_server;
pub mod verify;
