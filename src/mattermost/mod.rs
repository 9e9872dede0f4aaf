//! What the Mattermost server does.
#[doc(hidden)]
pub mod built_in;
pub mod bundle;
#[doc(hidden)]
pub mod config;
mod go_type;
mod json;
pub mod marketplace;
#[doc(hidden)]
pub mod public_key;
pub mod server;
#[doc(hidden)]
pub mod server_copy;
#[doc(hidden)]
pub mod shape;
#[doc(hidden)]
pub mod standing;
#[doc(hidden)]
pub mod valid;
