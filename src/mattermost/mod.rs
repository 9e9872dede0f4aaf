//! What the Mattermost server does.
pub mod config;
pub mod public_key;
pub mod server;
