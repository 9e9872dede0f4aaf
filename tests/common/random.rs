//! Chance that can be repeated.

use std::env;
use std::time::SystemTime;

/// Returns what `PLUGSIGN_TEST_SEED` says, or another number each time.
pub fn seed() -> u64 {
    match env::var("PLUGSIGN_TEST_SEED") {
        Ok(seed) => seed.parse().expect("PLUGSIGN_TEST_SEED is a number"),
        Err(_) => SystemTime::UNIX_EPOCH.elapsed().unwrap().as_nanos() as u64,
    }
}

/// Returns whose turn it is among so many: another one's every second.
pub fn turn(of: usize) -> usize {
    SystemTime::UNIX_EPOCH.elapsed().unwrap().as_secs() as usize % of
}

/// SplitMix64: the same seed, the same cases.
#[derive(Clone)]
pub struct Random(u64);

impl Random {
    /// Returns the chance of one case, independent of all other cases.
    pub fn of_case(seed: u64, case: u64) -> Random {
        let mut random = Random(seed ^ case.wrapping_mul(0xd134_2543_de82_ef95));
        random.next();
        random
    }

    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// Returns a number below `n`, which is not 0.
    pub fn below(&mut self, n: usize) -> usize {
        (self.next() % n as u64) as usize
    }

    /// Tells whether something happens that does so `n` times in 1000.
    pub fn permille(&mut self, n: u64) -> bool {
        self.next() % 1000 < n
    }

    pub fn pick<T: Clone>(&mut self, choices: &[T]) -> T {
        choices[self.below(choices.len())].clone()
    }

    pub fn byte(&mut self) -> u8 {
        self.next() as u8
    }

    pub fn bytes(&mut self, n: usize) -> Vec<u8> {
        (0..n).map(|_| self.byte()).collect()
    }
}
