//! What opens a token.

use zeroize::Zeroizing;

/// A token's PIN. Dropping it wipes it. It cannot be printed or copied.
pub struct Pin(Zeroizing<Vec<u8>>);

impl Pin {
    /// Takes the bytes.
    pub fn new(bytes: Zeroizing<Vec<u8>>) -> Pin {
        Pin(bytes)
    }

    pub(super) fn bytes(&self) -> &[u8] {
        &self.0
    }
}
