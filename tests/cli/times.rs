//! Times as people write them: whatever names no zone is UTC, and no part of it is dropped.

use std::time::{Duration, SystemTime};

use crate::common::craft::*;
use crate::common::sandbox::Sandbox;

/// Writes a time as `2026-11-22T20:00:00`, with no zone behind it.
fn without_zone(time: SystemTime) -> String {
    let written = jiff::Timestamp::try_from(time).unwrap().to_string();
    written.trim_end_matches('Z').to_string()
}

/// A time within a key's life, other than midnight.
fn noon() -> SystemTime {
    let midnight = u64::from(seconds(ago(3))) / 86_400 * 86_400;
    SystemTime::UNIX_EPOCH + Duration::from_secs(midnight + 12 * 60 * 60 + 34 * 60 + 56)
}

#[test]
fn the_time_of_a_signature_is_utc_without_a_zone_through_every_door() {
    let sandbox = Sandbox::new();
    sandbox.import(&secret(alice()));
    sandbox.write("a.tar.gz", DATA);
    let plain = without_zone(noon());
    let compact = plain.replace(['-', ':'], "");
    // A good signature of another time would be left alone.
    let signature = || {
        let bytes = sandbox.read("s");
        std::fs::remove_file(sandbox.path("s")).unwrap();
        bytes
    };
    let sign = |line: &str| {
        sandbox.run(line).exits(0);
        signature()
    };
    let wanted = sign(&format!("sign -o s --time {plain}Z a.tar.gz"));
    for time in [&plain, &compact] {
        let native = sign(&format!("sign -o s --time {time} a.tar.gz"));
        assert_eq!(native, wanted, "--time {time}");
        let gpg = format!("gpg --batch --yes --faked-system-time {time} -o s -b a.tar.gz");
        assert_eq!(sign(&gpg), wanted, "--faked-system-time {time}");
        let dated = sandbox.call(["sign", "-o", "s", "a.tar.gz"]);
        dated.env("SOURCE_DATE_EPOCH", time).run().exits(0);
        assert_eq!(signature(), wanted, "SOURCE_DATE_EPOCH={time}");
    }
}

#[test]
fn verify_at_takes_a_time_of_day() {
    let sandbox = Sandbox::new();
    sandbox.import(&secret(alice()));
    sandbox.write("a.tar.gz", DATA);
    let made = noon();
    sandbox.run(&format!("sign --time {}Z a.tar.gz", without_zone(made))).exits(0);
    let verify =
        |at: SystemTime| sandbox.run(&format!("verify --at {} a.tar.gz", without_zone(at)));
    verify(made + Duration::from_secs(60)).exits(0).prints("good");
    verify(made - Duration::from_secs(60 * 60)).exits(1).prints("future-signature");
}

#[test]
fn a_time_with_trailing_text_is_refused() {
    let sandbox = Sandbox::new();
    sandbox.import(&secret(alice()));
    sandbox.write("a.tar.gz", DATA);
    let plain = without_zone(noon());
    for time in
        [format!("{plain}[Europe/Berlin]"), format!("{plain}X"), format!("{}T", &plain[..10])]
    {
        sandbox.run(&format!("sign --time {time} a.tar.gz")).exits(2).says("is no time");
        sandbox.run(&format!("verify --at {time} a.tar.gz")).exits(2).says("is no time");
        let gpg = format!("gpg --batch --faked-system-time {time} -b a.tar.gz");
        sandbox.run(&gpg).exits(2).says("is no time");
    }
    sandbox.run("sign --help").exits(0).prints("UTC");
    sandbox.run("verify --help").exits(0).prints("UTC");
}
