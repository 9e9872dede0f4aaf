//! placeholder docs
pub mod disk;
pub mod error;
pub mod judge;
pub mod mattermost;
pub mod openpgp;
pub mod safe;
