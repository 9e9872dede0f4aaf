//! The terminal while a question waits for its answer. While a passphrase is typed, it has no echo.
//! It is given back whenever the shell gets it in between.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError};

use rustix::process::getpgrp;
use rustix::termios::{
    LocalModes, OptionalActions, SpecialCodeIndex, Termios, tcdrain, tcgetattr, tcgetpgrp,
    tcsetattr,
};

/// A terminal without echo, and how it was before.
struct Taken {
    terminal: File,
    before: Termios,
    quiet: Termios,
    question: String,
}

/// What the signal thread has to give back.
static TAKEN: Mutex<Option<Taken>> = Mutex::new(None);

/// Whether the question was asked anew since a byte was read.
static ASKED_ANEW: AtomicBool = AtomicBool::new(false);

/// Whether a passphrase is waited for while the terminal is somebody else's.
static IS_AWAY: LazyLock<Arc<AtomicBool>> = LazyLock::new(Arc::default);

/// Whether a question waits for its answer.
static IS_ASKED: AtomicBool = AtomicBool::new(false);

/// Returns the mark of a prompt in the background: there is nothing to give back then.
pub fn is_away() -> Arc<AtomicBool> {
    Arc::clone(&IS_AWAY)
}

fn taken() -> MutexGuard<'static, Option<Taken>> {
    TAKEN.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Taken {
    fn set(&self, settings: &Termios, when: OptionalActions) -> io::Result<()> {
        Ok(tcsetattr(&self.terminal, when, settings)?)
    }

    fn give_back(&self) {
        if is_ours(&self.terminal) {
            let _ = self.set(&self.before, OptionalActions::Now);
        }
    }
}

/// Returns whether the terminal is ours: a job in the background that changes it is stopped.
fn is_ours(terminal: &File) -> bool {
    tcgetpgrp(terminal).is_ok_and(|group| group == getpgrp())
}

/// No echo and no line editing by the terminal, until dropped. Signal keys stay.
pub struct Quiet(());

impl Quiet {
    /// Takes the terminal. The question is asked anew whenever it is taken again.
    pub fn begin(terminal: &File, question: &str) -> io::Result<Quiet> {
        // A job in the background stops here, before it looks at settings that are the shell's.
        IS_AWAY.store(true, Ordering::SeqCst);
        let drained = tcdrain(terminal);
        IS_AWAY.store(false, Ordering::SeqCst);
        drained?;
        let before = tcgetattr(terminal)?;
        let mut quiet = before.clone();
        quiet.local_modes &= !(LocalModes::ECHO | LocalModes::ECHONL | LocalModes::ICANON);
        quiet.special_codes[SpecialCodeIndex::VMIN] = 1;
        quiet.special_codes[SpecialCodeIndex::VTIME] = 0;
        let terminal = terminal.try_clone()?;
        ASKED_ANEW.store(false, Ordering::SeqCst);
        let mut place = taken();
        let taken = place.insert(Taken { terminal, before, quiet, question: question.to_string() });
        taken.set(&taken.quiet, OptionalActions::Flush)?;
        Ok(Quiet(()))
    }
}

impl Drop for Quiet {
    fn drop(&mut self) {
        restore();
    }
}

/// Gives the terminal back, if it was taken.
fn restore() {
    IS_AWAY.store(false, Ordering::SeqCst);
    if let Some(taken) = taken().take() {
        taken.give_back();
    }
}

/// Asks a question and waits for its answer.
pub fn awaiting<T>(ask: impl FnOnce() -> T) -> T {
    IS_ASKED.store(true, Ordering::SeqCst);
    let answer = ask();
    IS_ASKED.store(false, Ordering::SeqCst);
    answer
}

/// Gives the terminal back for good: nobody takes it until the process ends. What comes next does not
/// stand behind a question that nobody answered.
pub fn break_off() {
    IS_AWAY.store(false, Ordering::SeqCst);
    let mut place = taken();
    if let Some(taken) = place.take() {
        taken.give_back();
    }
    std::mem::forget(place);
    let terminal = OpenOptions::new().read(true).write(true).open("/dev/tty");
    if let Ok(mut terminal) = terminal
        && IS_ASKED.load(Ordering::SeqCst)
        && is_ours(&terminal)
    {
        let _ = terminal.write_all(b"\n");
    }
}

/// Gives the terminal back while this process is stopped, which `stop` does.
pub fn lend(stop: impl FnOnce()) {
    // Held until the process goes on: nobody takes the terminal in between.
    let taken = taken();
    if let Some(taken) = &*taken {
        taken.give_back();
        IS_AWAY.store(true, Ordering::SeqCst);
    }
    stop();
}

/// Takes the terminal again after this process was stopped. Forgets what was typed before, because
/// nobody sees how far it went.
pub fn take_again() {
    if let Some(taken) = &*taken()
        && is_ours(&taken.terminal)
        && taken.set(&taken.quiet, OptionalActions::Flush).is_ok()
    {
        IS_AWAY.store(false, Ordering::SeqCst);
        ASKED_ANEW.store(true, Ordering::SeqCst);
        let _ = (&taken.terminal).write_all(taken.question.as_bytes());
    }
}

/// Returns, once, whether the question was asked anew since this was last called.
pub fn was_asked_anew() -> bool {
    ASKED_ANEW.swap(false, Ordering::SeqCst)
}
