//! macOS.

use std::collections::BTreeSet;
use std::fs::{File, metadata, read_dir};
use std::sync::OnceLock;

use rustix::io::Errno;
use secmem_proc::components::disable_tracing_prctl;

/// Where programs keep their data, from the user's folder on.
pub const DATA: &str = "Library/Application Support";

/// Forbids debuggers of the same user, as far as the system allows. It cannot lock all memory of a
/// process, so that some may be in the swap.
pub fn close_memory() {
    let _ = disable_tracing_prctl();
}

/// The descriptors that were open before this program opened any.
static GIVEN: OnceLock<BTreeSet<u32>> = OnceLock::new();

/// Notes which descriptors the caller handed down. The one that lists them is among them, and is
/// closed by then.
pub fn note_descriptors() {
    let Ok(entries) = read_dir("/dev/fd") else { return };
    let numbers = entries.flatten().filter_map(|it| it.file_name().to_str()?.parse().ok());
    let listed: BTreeSet<u32> = numbers.collect();
    let is_open = |number: &u32| metadata(format!("/dev/fd/{number}")).is_ok();
    let _ = GIVEN.set(listed.into_iter().filter(is_open).collect());
}

/// Returns whether this program opened the descriptor.
pub fn is_our_own(number: u32) -> bool {
    GIVEN.get().is_some_and(|given| !given.contains(&number))
}

/// Duplicates a descriptor by its number. None: opening its name in /dev/fd does that here.
pub fn duplicate(_: u32) -> Option<Result<File, Errno>> {
    None
}

/// Returns the signals that the caller had this process ignore. None: asking takes `unsafe`.
pub fn ignored_signals() -> u64 {
    0
}
