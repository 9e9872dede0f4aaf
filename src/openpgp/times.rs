//! Times as people read them, and as OpenPGP counts them.

use std::time::{Duration, SystemTime};

/// Writes a time as ISO 8601, in UTC.
pub fn show_time(time: SystemTime) -> String {
    match jiff::Timestamp::try_from(time) {
        Ok(time) => format!("{time:.0}"),
        Err(_) => "a time out of range".into(),
    }
}

/// Returns when something ends that lasts so long. OpenPGP's times have 32 bits. gpg counts on from
/// zero, so what ends after them has ended.
pub(super) fn end_after(start: SystemTime, lasts: Duration) -> SystemTime {
    const LAST: Duration = Duration::from_secs(u32::MAX as u64);
    match start + lasts {
        end if end > SystemTime::UNIX_EPOCH + LAST => end - LAST - Duration::from_secs(1),
        end => end,
    }
}
