//! Copies of certificates, taken together.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use super::certificate::Certificate;
use super::error::Result;

/// Takes the copies of each certificate together: a revocation counts whichever copy has it. What
/// stands first of each certificate stays, in its place, and gets what its copies have beyond it.
///
/// # Errors
///
/// [`Error::Crypto`](super::error::Error::Crypto) if copies cannot be joined.
pub fn gather<T>(
    items: impl IntoIterator<Item = T>,
    certificate: impl Fn(&mut T) -> &mut Certificate,
) -> Result<Vec<T>> {
    let mut gathered: Vec<T> = Vec::new();
    let mut places = HashMap::new();
    for mut item in items {
        match places.entry(certificate(&mut item).fingerprint()) {
            Entry::Vacant(place) => {
                place.insert(gathered.len());
                gathered.push(item);
            }
            Entry::Occupied(place) => {
                if let Some(known) = gathered.get_mut(*place.get()).map(&certificate) {
                    *known = known.merge(certificate(&mut item))?;
                }
            }
        }
    }
    Ok(gathered)
}
