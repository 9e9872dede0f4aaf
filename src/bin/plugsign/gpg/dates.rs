//! Times as gpg shows and reads them, always in UTC.

use std::time::SystemTime;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use plugsign::openpgp::validity::parse_time;

/// `2026-11-22`
pub fn day(time: SystemTime) -> String {
    formatted(time, "%Y-%m-%d")
}

/// `Sun Nov 22 23:40:55 2026 UTC`
pub fn long_date(time: SystemTime) -> String {
    formatted(time, "%a %b %e %H:%M:%S %Y UTC")
}

/// `2027-01-15 08:00:00`
pub fn day_and_time(time: SystemTime) -> String {
    formatted(time, "%Y-%m-%d %H:%M:%S")
}

fn formatted(time: SystemTime, format: &str) -> String {
    match Timestamp::try_from(time) {
        Ok(time) => time.to_zoned(TimeZone::UTC).strftime(format).to_string(),
        Err(_) => "?".into(),
    }
}

/// Returns a time as OpenPGP and gpg write it: seconds since 1970.
pub fn seconds(time: SystemTime) -> u64 {
    time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs()
}

/// Reads a time in every form that plugsign and gpg know: seconds, `20261122T120000` and others.
pub fn faked_time(text: &str) -> Result<SystemTime, String> {
    // A frozen time ends in `!`. That changes nothing here: plugsign reads the clock once.
    let text = text.strip_suffix('!').unwrap_or(text);
    parse_time(text).map_err(|error| format!("--faked-system-time: {error}"))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn times_look_as_gpgs_do() {
        let time = SystemTime::UNIX_EPOCH + Duration::from_secs(1_795_390_855);
        assert_eq!(day(time), "2026-11-22");
        assert_eq!(long_date(time), "Sun Nov 22 23:40:55 2026 UTC");
        assert_eq!(day_and_time(time), "2026-11-22 23:40:55");
        let early = SystemTime::UNIX_EPOCH + Duration::from_secs(1_767_312_000);
        assert_eq!(long_date(early), "Fri Jan  2 00:00:00 2026 UTC");
    }

    #[test]
    fn gpgs_forms_of_a_time_are_read_frozen_or_not() {
        let time = SystemTime::UNIX_EPOCH + Duration::from_secs(1_795_390_855);
        for text in ["1795390855", "20261122T234055", "20261122T234055!", "2026-11-22T23:40:55"] {
            assert_eq!(faked_time(text), Ok(time), "{text}");
        }
    }
}
