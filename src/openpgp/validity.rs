//! Validities and times as people write them.

use std::time::{Duration, SystemTime};

use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;
use jiff::{Span, Timestamp};

use crate::openpgp::error::{Error, Result};
use crate::text::Safe;

/// Reads a validity: `0` or `never`, `N` or `Nd` days, `Nw` weeks, `Nm` calendar months, `Ny`
/// calendar years, or `YYYY-MM-DD`, its last day. Returns its length from `now`, or nothing if it
/// has no end.
///
/// # Errors
///
/// [`Error::Malformed`] for anything else, a day that is past, and an end that OpenPGP's 32 bits of
/// seconds cannot hold.
pub fn parse_validity(text: &str, now: SystemTime) -> Result<Option<Duration>> {
    let text = text.trim();
    if text == "0" || text.eq_ignore_ascii_case("never") {
        return Ok(None);
    }
    let malformed = || {
        Error::Malformed(format!(
            "\"{}\" is no validity: say 0, or a number of days, or one with w, m or y behind it, or YYYY-MM-DD",
            Safe::text(text)
        ))
    };
    let start = Timestamp::try_from(now).map_err(|_| malformed())?.to_zoned(TimeZone::UTC);
    let end = match text.parse::<Date>() {
        Ok(date) if text.len() == 10 => {
            date.at(23, 59, 59, 0).to_zoned(TimeZone::UTC).map_err(|_| malformed())?
        }
        _ => start.checked_add(parse_span(text).ok_or_else(malformed)?).map_err(|_| too_long())?,
    };
    let end = SystemTime::from(end.timestamp());
    match end.duration_since(now) {
        Ok(validity) if validity.as_secs() == 0 => Err(malformed()),
        Ok(validity) => {
            let validity = Duration::from_secs(validity.as_secs());
            check_end(now, validity).map(|()| Some(validity))
        }
        Err(_) => Err(Error::Malformed(format!("{} is in the past", Safe::text(text)))),
    }
}

/// Reads a validity in seconds, or 0 for one without an end.
/// Fails with [`Error::Malformed`] for anything else, and for more than OpenPGP can say.
pub fn parse_seconds(text: &str) -> Result<Option<Duration>> {
    let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if !is_number {
        return Err(Error::Malformed(format!("\"{}\" is no number of seconds", Safe::text(text))));
    }
    // What is no u32 has too many digits.
    let seconds: u32 = text.parse().map_err(|_| too_long())?;
    Ok(Some(Duration::from_secs(seconds.into())).filter(|validity| !validity.is_zero()))
}

/// Checks the end of a key that was made at `created` and lasts so long. OpenPGP's times have 32 bits
/// (RFC 9580, section 3.5). gpg counts on from zero there, so a later end would be over already.
/// Fails with [`Error::Malformed`] for that, and for a key that would end when it is made.
pub(super) fn check_end(created: SystemTime, lasts: Duration) -> Result<()> {
    let born = created.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    if lasts.is_zero() {
        return Err(Error::malformed("the key would end when it is made"));
    }
    match born.as_secs().saturating_add(lasts.as_secs()) <= u64::from(u32::MAX) {
        true => Ok(()),
        false => Err(too_long()),
    }
}

fn parse_span(text: &str) -> Option<Span> {
    let (number, unit) = match text.find(|c: char| !c.is_ascii_digit()) {
        Some(end) => text.split_at(end),
        None => (text, "d"),
    };
    let number: i64 = number.parse().ok().filter(|number| *number > 0)?;
    let span = Span::new();
    match unit {
        "d" => span.try_days(number).ok(),
        "w" => span.try_weeks(number).ok(),
        "m" => span.try_months(number).ok(),
        "y" => span.try_years(number).ok(),
        _ => None,
    }
}

fn too_long() -> Error {
    Error::malformed(
        "a key can be valid until 2106-02-07 at most, where OpenPGP's times end: say an earlier day, or 0 for no end",
    )
}

/// Reads a time: ISO 8601 (`2026-11-22T20:00:00Z`, `2026-11-22`), or seconds since 1970 as
/// `SOURCE_DATE_EPOCH` has them. A time without a zone is UTC. A day means its first second.
/// Fails with [`Error::Malformed`] for anything else, and for times that OpenPGP's 32 bits cannot
/// hold.
pub fn parse_time(text: &str) -> Result<SystemTime> {
    let written = text.trim();
    let seconds = written.parse::<i64>().ok();
    let seconds = seconds
        .or_else(|| written.parse::<Timestamp>().ok().map(Timestamp::as_second))
        .or_else(|| utc_time(written));
    let seconds = seconds.and_then(|seconds| u32::try_from(seconds).ok()).ok_or_else(|| {
        Error::Malformed(format!(
            "\"{}\" is no time: say 2026-11-22T20:00:00Z, 2026-11-22, or seconds since 1970",
            Safe::text(text)
        ))
    })?;
    Ok(SystemTime::UNIX_EPOCH + Duration::from_secs(u64::from(seconds)))
}

/// Reads a day, or a day with a time, without a zone. jiff would ignore a zone here, so a text with
/// a zone is refused.
fn utc_time(text: &str) -> Option<i64> {
    let parts = text.split_once(['T', 't', ' ']);
    let (day, time) = parts.map_or((text, None), |(day, time)| (day, Some(time)));
    let is_made_of = |text: &str, more: &str| {
        text.chars().all(|character| character.is_ascii_digit() || more.contains(character))
    };
    if !is_made_of(day, "-") || !time.is_none_or(|time| is_made_of(time, ":.,")) {
        return None;
    }
    let start = match time {
        Some(_) => text.parse::<DateTime>().ok()?,
        None => text.parse::<Date>().ok()?.at(0, 0, 0, 0),
    };
    Some(start.to_zoned(TimeZone::UTC).ok()?.timestamp().as_second())
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: u64 = 24 * 60 * 60;

    fn days(text: &str) -> Option<u64> {
        // 2027-01-31, noon: a day that shows what a calendar month is.
        let now = parse_time("2027-01-31T12:00:00Z").unwrap();
        parse_validity(text, now).unwrap().map(|validity| validity.as_secs() / DAY)
    }

    #[test]
    fn the_units_are_days_weeks_calendar_months_and_years() {
        assert_eq!(days("0"), None);
        assert_eq!(days("never"), None);
        assert_eq!(days("10"), Some(10));
        assert_eq!(days("10d"), Some(10));
        assert_eq!(days("2w"), Some(14));
        assert_eq!(days("1m"), Some(28)); // to 28 February
        assert_eq!(days("2y"), Some(731)); // 2028 is a leap year
        assert_eq!(days("2027-02-10"), Some(10));
    }

    #[test]
    fn what_is_no_validity_is_refused() {
        let now = parse_time("2027-01-31").unwrap();
        for text in [
            "",
            "-1",
            "1x",
            "1 d",
            "0d",
            "d",
            "2027-01-30",
            "2027-02-30",
            "80y",
            "137y",
            "2106-02-07",
            "99999999999999999999",
            "9999y",
            "1e3",
        ] {
            assert!(parse_validity(text, now).is_err(), "{text}");
        }
    }

    #[test]
    fn the_last_end_is_the_last_time_that_openpgp_has() {
        let now = parse_time("2027-01-31").unwrap();
        assert!(parse_validity("2106-02-06", now).unwrap().is_some());
        let left = Duration::from_secs(u64::from(u32::MAX))
            - (now.duration_since(SystemTime::UNIX_EPOCH).unwrap());
        assert!(check_end(now, left).is_ok());
        assert!(check_end(now, left + Duration::from_secs(1)).is_err());
        assert!(check_end(now, Duration::MAX).is_err());
        assert!(check_end(now, Duration::ZERO).is_err());
    }

    #[test]
    fn seconds_are_what_openpgp_can_say() {
        assert_eq!(parse_seconds("0").unwrap(), None);
        assert_eq!(parse_seconds("4294967295").unwrap(), Some(Duration::from_secs(4294967295)));
        for text in [
            "",
            "-1",
            "+1",
            "1 ",
            "1d",
            "4294967296",
            "18446744073709551615",
            "9".repeat(30).as_str(),
        ] {
            assert!(matches!(parse_seconds(text), Err(Error::Malformed(_))), "{text}");
        }
    }

    #[test]
    fn times_are_iso_8601_or_seconds() {
        let seconds = |text| {
            parse_time(text).unwrap().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs()
        };
        assert_eq!(seconds("1700000000"), 1_700_000_000);
        assert_eq!(seconds("2023-11-14T22:13:20Z"), 1_700_000_000);
        assert_eq!(seconds("2023-11-14T23:13:20+01:00"), 1_700_000_000);
        assert_eq!(seconds("1970-01-02"), DAY);
        for text in [
            "",
            "yesterday",
            "-1",
            "4294967296",
            "2107-01-01",
            "2107-01-01T00:00:00",
            "2023-11-14T",
            "2023-11-14T25:00",
            "2023-11-14T22:13:20X",
            "2023-11-14T22:13:20[Europe/Berlin]",
            "2023-11-14[Europe/Berlin]",
            "2023-11-14Z",
            "2023-11-14+01:00",
            "2023-11-14T22:13:20 +01:00",
            "22:13:20",
            "T22:13:20",
        ] {
            assert!(parse_time(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_time_without_a_zone_is_utc_and_no_part_of_it_is_dropped() {
        let same = |text: &str, zoned: &str| {
            assert_eq!(parse_time(text).unwrap(), parse_time(zoned).unwrap(), "{text}");
        };
        for text in [
            "2023-11-14T22:13:20",
            "2023-11-14 22:13:20",
            "2023-11-14t22:13:20",
            "20231114T221320",
            " 2023-11-14T22:13:20 ",
            "2023-11-14T22:13:20.75",
            "2023-11-14T22:13:20,75",
        ] {
            same(text, "2023-11-14T22:13:20Z");
        }
        same("2023-11-14T22:13", "2023-11-14T22:13:00Z");
        same("20231114T2213", "2023-11-14T22:13:00Z");
        same("2023-11-14T22", "2023-11-14T22:00:00Z");
        same("2023-11-14", "2023-11-14T00:00:00Z");
    }
}
