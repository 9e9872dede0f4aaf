//! What the Mattermost server does.
pub mod bundle;
pub mod config;
mod json;
pub mod marketplace;
pub mod public_key;
pub mod server;
pub mod server_copy;
pub mod shape;
pub mod standing;
pub mod valid;
