//! Signals: the terminal and the disk get back their state, then the process stops or exits.

use std::io;

use signal_hook::consts::{
    SIGCONT, SIGHUP, SIGINT, SIGQUIT, SIGSTOP, SIGTERM, SIGTSTP, SIGTTIN, SIGTTOU,
};
use signal_hook::flag::register_conditional_shutdown;
use signal_hook::iterator::Signals;
use signal_hook::low_level::raise;

use super::{echo, progress, system};

/// Starts the thread that waits for signals. A signal that the caller ignores stays ignored:
/// `nohup` ignores SIGHUP, a shell ignores the signal keys for its background jobs.
pub fn install() -> io::Result<()> {
    let ignored = Ignored(system::ignored_signals());
    let wanted = [SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGTSTP, SIGCONT];
    let heard = wanted.into_iter().filter(|signal| !ignored.has(*signal));
    for signal in heard.clone().filter(|signal| ![SIGTSTP, SIGCONT].contains(signal)) {
        // A prompt in the background stops again as soon as it goes on: the thread is too late.
        register_conditional_shutdown(signal, 128 + signal, echo::is_away())?;
    }
    let mut signals = Signals::new(heard)?;
    std::thread::Builder::new().name("signals".into()).spawn(move || {
        loop {
            let heard: Vec<i32> = signals.wait().collect();
            for signal in &heard {
                match *signal {
                    // It was continued at once. Nobody would continue it a second time.
                    SIGTSTP if heard.contains(&SIGCONT) => {}
                    SIGTSTP => echo::lend(|| stop(&ignored)),
                    SIGCONT => echo::take_again(),
                    signal => end(signal),
                }
            }
        }
    })?;
    Ok(())
}

/// Stops the process as SIGTSTP does without a handler. SIGTTOU and SIGTTIN also do nothing in a
/// group that no shell could continue. SIGSTOP would stop that for ever.
fn stop(ignored: &Ignored) {
    let sibling = [SIGTTOU, SIGTTIN].into_iter().find(|signal| !ignored.has(*signal));
    let _ = raise(sibling.unwrap_or(SIGSTOP));
}

fn end(signal: i32) {
    progress::clear();
    echo::break_off();
    plugsign::disk::write::remove_temporary_files();
    #[allow(clippy::exit)] // The other threads may be waiting for a key or a disk.
    std::process::exit(128 + signal);
}

/// The signals that the caller had this process ignore, one bit each.
struct Ignored(u64);

impl Ignored {
    fn has(&self, signal: i32) -> bool {
        u32::try_from(signal - 1).is_ok_and(|bit| self.0.checked_shr(bit).unwrap_or(0) & 1 == 1)
    }
}
