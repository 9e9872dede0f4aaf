//! Keys that stay in a token: an HSM, a KMS or a card, reached by p11-kit's remote protocol.
//!
//! The protocol (draft-ueno-pkcs11-rpc) carries the calls of PKCS #11 over any stream. So no module
//! is loaded into this process, which a static program could not do. A [`Link`] is the stream. Who
//! opens it decides where the token is.

mod client;
mod error;
mod frame;
mod keys;
mod pin;
mod pool;
mod uri;
mod wire;

pub use error::Error;
pub use frame::{Incoming, Link, Received, Wait};
pub use keys::{KeyInToken, Token, TokenName};
pub use pin::Pin;
pub use pool::{Pool, TokenKey};
pub use uri::{TokenUri, is_token_uri};

/// The result of what a token is asked.
pub type Result<T, E = Error> = std::result::Result<T, E>;
