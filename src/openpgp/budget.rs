//! What one command may spend on reading keys.

use std::sync::atomic::{AtomicU64, Ordering};

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

impl Budget {
    const WORK: u64 = 2_200_000;
    const MEMORY: u64 = 140 * 1024 * 1024;

    /// Makes a full budget: two seconds of work and a little more, and half of the promised memory. The other half
    /// is for the files themselves and for what is made of the keys.
    pub fn new() -> Budget {
        Budget { work: AtomicU64::new(Self::WORK), memory: AtomicU64::new(Self::MEMORY) }
    }

    /// Pays for comparing a modulus with a number of others.
    pub(super) fn pay_for_comparing(&self, count: usize) -> bool {
        self.pay(Cost { work: COMPARISON * count as u64, memory: 0 })
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
