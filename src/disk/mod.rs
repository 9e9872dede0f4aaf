//! What lives on disk: files that appear whole or not at all, the home, and releases.

mod access;
pub mod artifact;
mod beneath;
pub mod bundle;
pub mod checksums;
pub mod database;
mod error;
pub mod file;
pub(crate) mod folder;
pub mod gnupg;
pub mod home;
mod lock;
pub mod permissions;
mod reach;
pub mod release;
mod server_access;
pub mod server_config;
pub mod shelf;
pub mod still;
mod temporary;
pub mod write;

pub use error::{Error, Result};
