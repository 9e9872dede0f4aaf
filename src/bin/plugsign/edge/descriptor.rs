//! Descriptors that a caller handed down by their number.

use std::fs::{File, OpenOptions, read_to_string};
use std::io::{self, ErrorKind};
use std::path::Path;

/// Returns a descriptor that was open when the program began.
///
/// The result is the caller's open file, at its position. Opened by its name in /dev/fd, a file
/// would start at its beginning, and a socket or another user's file would not open. That is the
/// last resort, in the given way, where the system has nothing better.
///
/// # Errors
///
/// Says the number if there is no such descriptor.
pub fn inherited(number: u32, way: &OpenOptions) -> io::Result<File> {
    let failed = |error: io::Error| match error.kind() {
        ErrorKind::NotFound => not_open(number),
        kind => io::Error::new(kind, format!("descriptor {number}: {error}")),
    };
    if is_our_own(number) {
        return Err(not_open(number));
    }
    match duplicate(number) {
        Some(duplicate) => duplicate.map_err(failed),
        None => way.open(Path::new("/dev/fd").join(number.to_string())).map_err(failed),
    }
}

fn not_open(number: u32) -> io::Error {
    io::Error::new(ErrorKind::NotFound, format!("descriptor {number} is not open"))
}

/// Returns whether this program opened the descriptor. Its own descriptors do not survive an exec;
/// a caller's do.
fn is_our_own(number: u32) -> bool {
    const O_CLOEXEC: u32 = 0o2000000;
    let Ok(facts) = read_to_string(format!("/proc/self/fdinfo/{number}")) else { return false };
    let mut flags = facts.lines().filter_map(|line| line.strip_prefix("flags:"));
    let flags = flags.next().and_then(|flags| u32::from_str_radix(flags.trim(), 8).ok());
    flags.is_some_and(|flags| flags & O_CLOEXEC != 0)
}

/// Duplicates a descriptor by its number, which takes `unsafe` in all ways but this one. None
/// where the system has no such call, or a sandbox does not let it.
#[cfg(target_os = "linux")]
fn duplicate(number: u32) -> Option<io::Result<File>> {
    use std::os::fd::AsRawFd;

    use rustix::io::Errno;
    use rustix::process::{PidfdFlags, PidfdGetfdFlags, getpid, pidfd_getfd, pidfd_open};

    let Ok(target) = i32::try_from(number) else { return Some(Err(not_open(number))) };
    let duplicate = pidfd_open(getpid(), PidfdFlags::empty()).and_then(|this| {
        match this.as_raw_fd() == target {
            true => Err(Errno::BADF),
            false => pidfd_getfd(this, target, PidfdGetfdFlags::empty()),
        }
    });
    match duplicate {
        Ok(duplicate) => Some(Ok(File::from(duplicate))),
        Err(Errno::NOSYS | Errno::PERM) => None,
        Err(Errno::BADF) => Some(Err(not_open(number))),
        Err(error) => Some(Err(error.into())),
    }
}

#[cfg(not(target_os = "linux"))]
fn duplicate(_: u32) -> Option<io::Result<File>> {
    None
}
