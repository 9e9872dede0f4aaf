//! The same work for many files, in parallel, with progress.

use std::fs;
use std::num::NonZero;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use plugsign::disk::artifact::Artifact;
use rayon::ThreadPool;
use rayon::iter::{IntoParallelRefIterator, ParallelBridge, ParallelIterator};

use crate::failure::Failure;
use crate::terminal::Terminal;

/// The most files at once, however many are asked for: more threads only get into each other's way.
pub const MOST_THREADS: usize = 64;

/// Returns how many threads can compute at once.
pub fn cores() -> NonZero<usize> {
    std::thread::available_parallelism().unwrap_or(NonZero::<usize>::MIN)
}

/// Returns how many threads keep the cores busy while some of them wait for the disk, which gains
/// nothing from more at once.
pub fn threads_that_write() -> NonZero<usize> {
    const MOST_WAITING: usize = 8;
    cores().saturating_add((2 * cores().get()).min(MOST_WAITING))
}

/// Does `work` for every artifact, on so many threads, and returns the results in the artifacts'
/// order. The longest files come first, so that none of them is left for the end.
pub fn for_each<T: Send>(
    artifacts: &[Artifact],
    threads: NonZero<usize>,
    terminal: &Terminal,
    work: impl Fn(&Artifact, &AtomicU64) -> T + Sync,
) -> Result<Vec<T>, Failure> {
    let read = AtomicU64::new(0);
    let sizes: Vec<u64> = artifacts
        .iter()
        .map(|artifact| fs::metadata(&artifact.path).map_or(0, |metadata| metadata.len()))
        .collect();
    let mut order: Vec<usize> = (0..artifacts.len()).collect();
    order.sort_by_key(|&place| std::cmp::Reverse(sizes[place]));
    let threads = threads.get().min(MOST_THREADS).min(artifacts.len());
    let bar = progress_bar(terminal, sizes.iter().sum(), artifacts.len());
    let mut results: Vec<Option<T>> = artifacts.iter().map(|_| None).collect();
    if threads <= 1 && bar.is_hidden() {
        for place in order {
            results[place] = Some(work(&artifacts[place], &read));
        }
    } else {
        let pool = pool(threads)?;
        let (sender, receiver) = mpsc::channel();
        let (read, work) = (&read, &work);
        let run = move || {
            pool.install(|| {
                order.into_iter().par_bridge().for_each_with(sender, |sender, place| {
                    let _ = sender.send((place, work(&artifacts[place], read)));
                });
            });
        };
        std::thread::scope(|scope| {
            // With nothing to draw, nobody has to be woken for each result.
            if bar.is_hidden() {
                run();
            } else {
                scope.spawn(run);
            }
            let mut done = 0;
            loop {
                match receiver.recv_timeout(Duration::from_millis(100)) {
                    Ok((place, result)) => {
                        results[place] = Some(result);
                        done += 1;
                        bar.set_message(format!("{done}/{}", artifacts.len()));
                    }
                    Err(RecvTimeoutError::Timeout) => {}
                    Err(RecvTimeoutError::Disconnected) => break,
                }
                bar.set_position(read.load(Ordering::Relaxed));
            }
        });
    }
    clear_progress();
    Ok(results.into_iter().flatten().collect())
}

/// Does `work` for every item, on so many threads, and returns the results in the items' order.
pub fn each<T: Sync, R: Send>(
    items: &[T],
    threads: NonZero<usize>,
    work: impl Fn(&T) -> R + Send + Sync,
) -> Result<Vec<R>, Failure> {
    let threads = threads.get().min(MOST_THREADS).min(items.len());
    if threads <= 1 {
        return Ok(items.iter().map(work).collect());
    }
    Ok(pool(threads)?.install(|| items.par_iter().map(work).collect()))
}

fn pool(threads: usize) -> Result<ThreadPool, Failure> {
    rayon::ThreadPoolBuilder::new()
        .num_threads(threads)
        .build()
        .map_err(|error| Failure::Stream("start threads", std::io::Error::other(error)))
}

fn progress_bar(terminal: &Terminal, bytes: u64, files: usize) -> ProgressBar {
    if !terminal.draws_progress() || bytes == 0 {
        return ProgressBar::hidden();
    }
    let bar = ProgressBar::with_draw_target(Some(bytes), ProgressDrawTarget::stderr_with_hz(10));
    let template = "{msg} files  {wide_bar}  {bytes}/{total_bytes}  {bytes_per_sec}  {eta} left";
    if let Ok(style) = ProgressStyle::with_template(template) {
        bar.set_style(style);
    }
    bar.set_message(format!("0/{files}"));
    *shown() = Some(bar.clone());
    bar
}

/// What is drawn now, for [`clear_progress`].
static SHOWN: Mutex<Option<ProgressBar>> = Mutex::new(None);

fn shown() -> MutexGuard<'static, Option<ProgressBar>> {
    SHOWN.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Takes the progress off the terminal for good. Also called by the signal thread.
pub fn clear_progress() {
    if let Some(bar) = shown().take() {
        bar.finish_and_clear();
        bar.set_draw_target(ProgressDrawTarget::hidden());
    }
}
