//! What the Mattermost server does.
pub mod public_key;
pub mod server;
