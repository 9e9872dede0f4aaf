//! What one command may spend on reading keys.

use std::sync::atomic::{AtomicU64, Ordering};

use sequoia_openpgp::types::HashAlgorithm;

use super::error::{Error, Result};
use super::ids::Fingerprint;

/// What something costs.
#[derive(Clone, Copy, Default)]
pub(super) struct Cost {
    /// Microseconds of processor time on a machine of today.
    pub(super) work: u64,
    /// Bytes.
    pub(super) memory: u64,
}

impl Cost {
    /// Returns what so many of it cost.
    pub(super) fn times(self, count: usize) -> Cost {
        let count = count as u64;
        Cost { work: self.work * count, memory: self.memory * count }
    }
}

/// A packet of a copy that is merged with another.
pub(super) const MERGED: Cost = Cost { work: 15, memory: 0 };

/// A look at a key without reading it: its fingerprint, and where it is.
pub(super) const GLANCE: Cost = Cost { work: 2, memory: 120 };

/// An attempt to find out whether a key made a separate revocation.
pub(super) const ATTEMPT: Cost = Cost { work: 100, memory: 0 };

/// A multiplication of two moduli of 4096 bits.
const COMPARISON: u64 = 8;

/// What one command may spend on everything that it reads from outside: keys, keyrings, databases.
///
/// A command makes one budget and passes it to every reader. So ten thousand files cost no more
/// than one.
pub struct Budget {
    work: AtomicU64,
    memory: AtomicU64,
}

impl Default for Budget {
    fn default() -> Budget {
        Budget::new()
    }
}

/// What protecting a part anew costs, and proving it then: 62 MiB of SHA-256 twice.
pub(super) const PROTECTING: u64 = 2 * hashing(65_011_712);

/// How many bytes of a passphrase are hashed in a microsecond, and by sequoia's SHA-1, which looks
/// for collisions.
const HASHED: u64 = 600;
const HASHED_WITH_CARE: u64 = 160;

/// The same of AWS-LC's SHA-1.
const HASHED_FAST: u64 = 1_200;

/// How many microseconds a pass of Argon2 takes over a KiB.
const FILLING: u64 = 2;

const fn hashing(bytes: u64) -> u64 {
    bytes / HASHED
}

/// Returns what it costs to derive a key by hashing so many bytes.
pub(super) fn deriving(hash: HashAlgorithm, bytes: u64) -> u64 {
    match hash {
        HashAlgorithm::MD5 | HashAlgorithm::SHA1 | HashAlgorithm::RipeMD => {
            bytes / HASHED_WITH_CARE
        }
        _ => hashing(bytes),
    }
}

/// Returns what it costs to derive a key by AWS-LC's SHA-1.
pub(super) fn deriving_fast(bytes: u64) -> u64 {
    bytes / HASHED_FAST
}

/// Returns what it costs to derive a key by so many passes of Argon2 over so many KiB, a power of
/// two.
pub(super) fn filling(passes: u8, power: u8) -> u64 {
    (u64::from(passes) << power.min(31)) * FILLING
}

impl Budget {
    const WORK: u64 = 2_200_000;
    const MEMORY: u64 = 140 * 1024 * 1024;

    /// Makes a full budget: two seconds of work and a little more, and half of the promised memory.
    /// The other half is for the files themselves and for what is made of the keys.
    pub fn new() -> Budget {
        Budget { work: AtomicU64::new(Self::WORK), memory: AtomicU64::new(Self::MEMORY) }
    }

    /// Pays for comparing a modulus with a number of others.
    pub(super) fn pay_for_comparing(&self, count: usize) -> bool {
        self.pay(Cost { work: COMPARISON * count as u64, memory: 0 })
    }

    /// Pays for unlocking a key.
    pub(super) fn pay_for_unlocking(&self, key: Fingerprint, work: u64) -> Result<()> {
        match self.pay(Cost { work, memory: 0 }) {
            true => Ok(()),
            false => Err(Error::NotUnlocked(key)),
        }
    }

    /// Pays for something, if there is enough left.
    pub(super) fn pay(&self, cost: Cost) -> bool {
        let take = |purse: &AtomicU64, price: u64| {
            let left = |left: u64| left.checked_sub(price);
            purse.fetch_update(Ordering::Relaxed, Ordering::Relaxed, left).is_ok()
        };
        take(&self.work, cost.work) && take(&self.memory, cost.memory)
    }
}
