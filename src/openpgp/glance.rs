//! A look at a key without reading it: its fingerprints and user IDs.
//!
//! To find one key among thousands, plugsign looks at all of them and reads only that one.

use super::framing::{USER_ID, packets};
use super::ids::Fingerprint;
use super::raw_key::RawKey;

/// The packets of a key, as they stand.
#[derive(Clone, Copy)]
pub struct Glance<'a>(&'a [u8]);

impl<'a> Glance<'a> {
    /// Looks at binary packets. Returns nothing if they are damaged.
    pub fn at(bytes: &'a [u8]) -> Option<Glance<'a>> {
        let is_sound = !bytes.is_empty() && packets(bytes).all(|packet| packet.is_ok());
        is_sound.then_some(Glance(bytes))
    }

    /// Returns the fingerprints of its keys, the primary's first.
    pub fn fingerprints(&self) -> impl Iterator<Item = Fingerprint> + 'a {
        let keys = packets(self.0).flatten().filter(|packet| packet.is_key());
        keys.filter_map(|packet| RawKey::read(packet.body)?.fingerprint())
    }

    /// Returns its user IDs, unchecked. Not safe to show.
    pub fn user_ids(&self) -> impl Iterator<Item = &'a [u8]> + 'a {
        packets(self.0).flatten().filter(|packet| packet.tag == USER_ID).map(|packet| packet.body)
    }
}
