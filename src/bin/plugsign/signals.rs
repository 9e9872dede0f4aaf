//! SIGINT, SIGTERM and SIGHUP: leave the terminal and the disk as they were, then exit.

use std::io;

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

use crate::{terminal, work};

/// Starts the thread that waits for them.
pub fn install() -> io::Result<()> {
    let mut signals = Signals::new([SIGINT, SIGTERM, SIGHUP])?;
    std::thread::Builder::new().name("signals".into()).spawn(move || {
        if let Some(signal) = signals.forever().next() {
            work::clear_progress();
            terminal::restore();
            plugsign::disk::write::remove_temporary_files();
            #[allow(clippy::exit)] // The other threads may be waiting for a key or a disk.
            std::process::exit(128 + signal);
        }
    })?;
    Ok(())
}
