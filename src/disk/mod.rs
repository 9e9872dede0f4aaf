//! What lives on disk: files that appear whole or not at all, the home, and releases.

mod access;
pub mod artifact;
mod beneath;
#[doc(hidden)]
pub mod bundle;
#[doc(hidden)]
pub mod change;
mod checksum_line;
pub mod checksums;
#[doc(hidden)]
pub mod database;
mod error;
#[doc(hidden)]
pub mod file;
pub(crate) mod folder;
#[doc(hidden)]
pub mod gnupg;
pub mod home;
mod home_files;
#[doc(hidden)]
pub mod kept;
mod lock;
pub(crate) mod names;
#[doc(hidden)]
pub mod permissions;
mod reach;
pub mod release;
pub mod selection;
mod server_access;
#[doc(hidden)]
pub mod server_config;
pub mod shelf;
#[doc(hidden)]
pub mod still;
mod system;
mod temporary;
pub mod token_server;
#[doc(hidden)]
pub mod write;

pub use error::{Error, Result};
