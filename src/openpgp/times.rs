//! Times as people read them.

use std::time::SystemTime;

/// Writes a time as ISO 8601, in UTC.
pub fn show_time(time: SystemTime) -> String {
    match jiff::Timestamp::try_from(time) {
        Ok(time) => format!("{time:.0}"),
        Err(_) => "a time out of range".into(),
    }
}
