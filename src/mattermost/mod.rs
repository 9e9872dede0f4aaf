//! What the Mattermost server does.
pub mod server;
