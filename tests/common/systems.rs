//! What systems do differently. The only file of the tests that asks for the system.

use std::ffi::OsStr;
use std::path::Path;

use super::peers::missing;

/// Returns whether this is Linux, where a test finds what it needs. Elsewhere it says which test
/// goes without.
pub fn is_linux(needed: &str) -> bool {
    let is_linux = cfg!(target_os = "linux");
    if !is_linux {
        missing(&format!("Linux: {needed}"));
    }
    is_linux
}

/// What makes a program the leader of a session at the terminal that is its standard input: its name
/// and its arguments, before those of the program.
#[cfg(target_os = "linux")]
pub const SESSION_LEADER: (&str, &[&str]) = ("setsid", &["--ctty"]);

/// macOS has no setsid. The number is its TIOCSCTTY.
#[cfg(not(target_os = "linux"))]
pub const SESSION_LEADER: (&str, &[&str]) = (
    "perl",
    &[
        "-MPOSIX",
        "-e",
        "POSIX::setsid; ioctl(STDIN, 0x20007461, 0) or die $!; exec @ARGV or die $!",
    ],
);

/// Where programs keep their data, from the user's folder on.
pub fn data_folder() -> &'static str {
    if cfg!(target_os = "macos") { "Library/Application Support" } else { ".local/share" }
}

/// Returns whether the folder's file system has files without names.
#[cfg(target_os = "linux")]
pub fn has_nameless_files(folder: &Path) -> bool {
    use rustix::fs::{Mode, OFlags, open};
    open(folder, OFlags::RDWR | OFlags::TMPFILE, Mode::from_raw_mode(0o600)).is_ok()
}

#[cfg(not(target_os = "linux"))]
pub fn has_nameless_files(_: &Path) -> bool {
    false
}

/// Starts a program, on the one core that this thread is on if its arguments make a key.
///
/// Who makes a key waits for the first that any core finds. Tests have other work for the others.
pub fn start<'a, T>(
    arguments: impl IntoIterator<Item = &'a OsStr>,
    start: impl FnOnce() -> T,
) -> T {
    let makes_a_key = arguments.into_iter().any(|word| {
        let word = word.to_string_lossy();
        ["keygen", "rotate", "gen-key", "generate-key"].iter().any(|it| word.contains(it))
    });
    if makes_a_key { on_one_core(start) } else { start() }
}

/// Does something on the one core that this thread is on. A process that is started keeps to it.
#[cfg(target_os = "linux")]
fn on_one_core<T>(act: impl FnOnce() -> T) -> T {
    use rustix::thread::{CpuSet, sched_getaffinity, sched_getcpu, sched_setaffinity};
    let Ok(all) = sched_getaffinity(None) else { return act() };
    let mut one = CpuSet::new();
    one.set(sched_getcpu());
    let is_set = sched_setaffinity(None, &one).is_ok();
    let done = act();
    if is_set {
        sched_setaffinity(None, &all).unwrap();
    }
    done
}

#[cfg(not(target_os = "linux"))]
fn on_one_core<T>(act: impl FnOnce() -> T) -> T {
    act()
}
