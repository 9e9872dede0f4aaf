//! The same work for many files at once.

use std::fs;
use std::num::NonZero;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread::{self, Builder};
use std::time::Duration;

use super::watch::Watch;
use crate::disk::artifact::Artifact;

/// The most files at once, however many are asked for: more threads only get into each other's way.
pub const MOST_THREADS: usize = 64;

const PULSE: Duration = Duration::from_millis(100);

/// Returns how many threads can compute at once.
pub fn cores() -> NonZero<usize> {
    thread::available_parallelism().unwrap_or(NonZero::<usize>::MIN)
}

/// Returns how many threads keep the cores busy while some of them wait for the disk.
pub fn threads_that_write() -> NonZero<usize> {
    const MOST_WAITING: usize = 8;
    cores().saturating_add((2 * cores().get()).min(MOST_WAITING))
}

/// Does `work` for every artifact, on so many threads, and returns the results in the artifacts'
/// order. The longest files come first, so that none of them is left for the end. `work` counts
/// the bytes that it has read.
pub fn for_each<T: Send + Sync>(
    artifacts: &[Artifact],
    threads: NonZero<usize>,
    watch: &dyn Watch,
    work: impl Fn(&Artifact, &AtomicU64) -> T + Sync,
) -> Vec<T> {
    let read = AtomicU64::new(0);
    let size = |it: &Artifact| fs::metadata(&it.path).map_or(0, |metadata| metadata.len());
    let sizes: Vec<u64> = artifacts.iter().map(size).collect();
    let mut order: Vec<usize> = (0..artifacts.len()).collect();
    order.sort_by_key(|&place| std::cmp::Reverse(sizes.get(place)));
    let is_watched = watch.begin(artifacts.len(), sizes.iter().sum());
    let report = |done: usize| watch.advance(done, read.load(Ordering::Relaxed));
    let report: Option<&dyn Fn(usize)> = if is_watched { Some(&report) } else { None };
    let results = spread(artifacts, &order, threads, report, |artifact| work(artifact, &read));
    watch.end();
    results
}

/// Does `work` for every item, on so many threads, and returns the results in the items' order.
pub fn each<T: Sync, R: Send + Sync>(
    items: &[T],
    threads: NonZero<usize>,
    work: impl Fn(&T) -> R + Sync,
) -> Vec<R> {
    let order: Vec<usize> = (0..items.len()).collect();
    spread(items, &order, threads, None, work)
}

fn spread<T: Sync, R: Send + Sync>(
    items: &[T],
    order: &[usize],
    threads: NonZero<usize>,
    report: Option<&dyn Fn(usize)>,
    work: impl Fn(&T) -> R + Sync,
) -> Vec<R> {
    let (next, done) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let results: Vec<OnceLock<R>> = items.iter().map(|_| OnceLock::new()).collect();
    // Nothing is sent. All workers have ended when all senders are gone.
    let (sender, receiver) = mpsc::channel::<()>();
    let take = |_: mpsc::Sender<()>| {
        while let Some(&place) = order.get(next.fetch_add(1, Ordering::Relaxed)) {
            let (Some(item), Some(result)) = (items.get(place), results.get(place)) else {
                continue;
            };
            let _ = result.set(work(item));
            done.fetch_add(1, Ordering::Relaxed);
        }
    };
    let threads = threads.get().min(MOST_THREADS).min(items.len());
    thread::scope(|scope| {
        // This thread works too, unless it reports.
        let others = threads.saturating_sub(usize::from(report.is_none()));
        let start = |_: &usize| {
            let (sender, take) = (sender.clone(), &take);
            Builder::new().spawn_scoped(scope, move || take(sender)).is_ok()
        };
        // Where the system starts no more threads, fewer do the work.
        let started = (0..others).take_while(start).count();
        if report.is_none() || started == 0 {
            take(sender.clone());
        }
        drop(sender);
        if let Some(report) = report {
            while let Err(RecvTimeoutError::Timeout) = receiver.recv_timeout(PULSE) {
                report(done.load(Ordering::Relaxed));
            }
            report(done.load(Ordering::Relaxed));
        }
    });
    results.into_iter().filter_map(OnceLock::into_inner).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_stand_in_the_order_of_their_items() {
        let items: Vec<usize> = (0..1000).collect();
        for threads in [1, 2, 200] {
            let doubled = each(&items, NonZero::new(threads).unwrap(), |item| item * 2);
            assert_eq!(doubled, items.iter().map(|item| item * 2).collect::<Vec<_>>());
        }
        assert!(each(&[0; 0], cores(), |item: &u8| *item).is_empty());
    }
}
