//! What the tests share.

pub mod call;
pub mod craft;
pub mod documents;
pub mod done;
pub mod fetched;
pub mod gpg;
pub mod made_keys;
pub mod pair;
pub mod peers;
pub mod person;
pub mod property;
pub mod random;
pub mod sandbox;
pub mod schema;
pub mod snapshot;
pub mod systems;
pub mod terminal;
