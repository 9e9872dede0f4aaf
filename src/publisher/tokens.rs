//! How tokens are reached, as the caller has it.

use std::num::NonZero;
use std::path::PathBuf;

use zeroize::Zeroizing;

use crate::disk::token_server::TokenServer;

/// How tokens are reached, and whose keys they hold.
#[derive(Default)]
pub struct Tokens {
    /// Where a token's server is.
    pub server: TokenServer,
    /// The file with the certificate of a token's key, and its bytes. Without it, the home has it.
    pub certificate: Option<(PathBuf, Zeroizing<Vec<u8>>)>,
    /// How many connections sign at once. Each logs in. None is one.
    pub connections: Option<NonZero<usize>>,
}
