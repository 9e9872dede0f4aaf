//! A publisher's signing toolkit.
pub mod mattermost;
pub mod openpgp;
