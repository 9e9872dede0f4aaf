//! Linux.

use std::fs::{File, read_to_string};
use std::os::fd::AsRawFd;

use rustix::io::Errno;
use rustix::mm::{MlockAllFlags, mlockall};
use rustix::process::{
    DumpableBehavior, PidfdFlags, PidfdGetfdFlags, Resource, getpid, getrlimit, pidfd_getfd,
    pidfd_open, set_dumpable_behavior,
};

/// Where programs keep their data, from the user's folder on.
pub const DATA: &str = ".local/share";

/// Forbids debuggers of the same user, and memory in the swap, as far as the system allows.
pub fn close_memory() {
    let _ = set_dumpable_behavior(DumpableBehavior::NotDumpable);
    // With a limit, locking later memory too would make allocations fail.
    let mut flags = MlockAllFlags::CURRENT | MlockAllFlags::ONFAULT;
    if getrlimit(Resource::Memlock).current.is_none() {
        flags |= MlockAllFlags::FUTURE;
    }
    let _ = mlockall(flags);
}

/// Notes which descriptors the caller handed down. Here the system tells that later.
pub fn note_descriptors() {}

/// Returns whether this program opened the descriptor. Its own descriptors do not survive an exec;
/// a caller's do.
pub fn is_our_own(number: u32) -> bool {
    const O_CLOEXEC: u32 = 0o2000000;
    let Ok(facts) = read_to_string(format!("/proc/self/fdinfo/{number}")) else { return false };
    let mut flags = facts.lines().filter_map(|line| line.strip_prefix("flags:"));
    let flags = flags.next().and_then(|flags| u32::from_str_radix(flags.trim(), 8).ok());
    flags.is_some_and(|flags| flags & O_CLOEXEC != 0)
}

/// Duplicates a descriptor by its number, which takes `unsafe` in all ways but this one. None
/// where the system has no such call, or a sandbox does not let it.
pub fn duplicate(number: u32) -> Option<Result<File, Errno>> {
    let Ok(target) = i32::try_from(number) else { return Some(Err(Errno::BADF)) };
    let duplicate = pidfd_open(getpid(), PidfdFlags::empty()).and_then(|this| {
        match this.as_raw_fd() == target {
            true => Err(Errno::BADF),
            false => pidfd_getfd(this, target, PidfdGetfdFlags::empty()),
        }
    });
    match duplicate {
        Err(Errno::NOSYS | Errno::PERM) => None,
        duplicate => Some(duplicate.map(File::from)),
    }
}

/// Returns the signals that the caller had this process ignore, one bit each.
pub fn ignored_signals() -> u64 {
    let status = read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or(0)
}
