//! How far the work is, drawn on the terminal.

use std::sync::{Mutex, MutexGuard, PoisonError};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// What is drawn now, and of how many files.
static SHOWN: Mutex<Option<(ProgressBar, usize)>> = Mutex::new(None);

fn shown() -> MutexGuard<'static, Option<(ProgressBar, usize)>> {
    SHOWN.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Draws the progress of so many files of so many bytes.
pub fn draw(files: usize, bytes: u64) {
    let bar = ProgressBar::with_draw_target(Some(bytes), ProgressDrawTarget::stderr_with_hz(10));
    let template = "{msg} files  {wide_bar}  {bytes}/{total_bytes}  {bytes_per_sec}  {eta} left";
    if let Ok(style) = ProgressStyle::with_template(template) {
        bar.set_style(style);
    }
    bar.set_message(format!("0/{files}"));
    *shown() = Some((bar, files));
}

/// Draws how many files are done, and how many bytes were read.
pub fn advance(done: usize, bytes: u64) {
    if let Some((bar, files)) = &*shown() {
        bar.set_message(format!("{done}/{files}"));
        bar.set_position(bytes);
    }
}

/// Takes the progress off the terminal for good. Also called by the signal thread.
pub fn clear() {
    if let Some((bar, _)) = shown().take() {
        bar.finish_and_clear();
        bar.set_draw_target(ProgressDrawTarget::hidden());
    }
}
