//! The certificates of Debian's keyring packages, listed beside gpg.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use crate::common::peers::missing;
use crate::common::sandbox::Sandbox;
use crate::gpg::twins::Twins;

const FOLDER: &str = "/usr/share/keyrings";

/// As many as one command line reads within its budget.
const AT_ONCE: usize = 12;

/// Splits a keyring into its certificates.
fn certificates(ring: &[u8]) -> Vec<&[u8]> {
    let mut starts = Vec::new();
    let mut place = 0;
    while let Some(&head) = ring.get(place) {
        let at = |offset: usize| usize::from(ring[place + offset]);
        let (tag, start, length) = match head & 0x40 != 0 {
            true => match at(1) {
                short @ 0..=191 => (head & 0x3F, 2, short),
                long @ 192..=223 => (head & 0x3F, 3, ((long - 192) << 8) + at(2) + 192),
                _ => (head & 0x3F, 6, (2..6).fold(0, |sum, it| sum << 8 | at(it))),
            },
            false => {
                let octets = 1 << (head & 3);
                let length = (1..=octets).fold(0, |sum, it| sum << 8 | at(it));
                ((head >> 2) & 15, 1 + octets, length)
            }
        };
        if tag == 6 {
            starts.push(place);
        }
        place += start + length;
    }
    let ends = starts.iter().skip(1).copied().chain([ring.len()]);
    starts.iter().zip(ends).map(|(start, end)| &ring[*start..end]).collect()
}

/// Returns the certificates of the packages, each once.
fn all() -> Vec<Vec<u8>> {
    let names = ["debian-keyring.gpg", "debian-maintainers.gpg", "debian-archive-keyring.gpg"];
    let more = ["debian-nonupload.gpg", "debian-role-keys.gpg", "debian-archive-removed-keys.gpg"];
    let mut all = BTreeSet::new();
    for name in names.into_iter().chain(more) {
        let Ok(ring) = fs::read(Path::new(FOLDER).join(name)) else {
            missing(&format!("{FOLDER}/{name} (debian-keyring, debian-archive-keyring)"));
            return Vec::new();
        };
        all.extend(certificates(&ring).into_iter().map(<[u8]>::to_vec));
    }
    all.into_iter().collect()
}

/// The records of each certificate.
fn listings(text: &[u8]) -> BTreeMap<String, Vec<String>> {
    let mut all: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let mut key = String::new();
    for line in String::from_utf8_lossy(text).lines() {
        if line.starts_with("pub:") {
            key = line.split(':').nth(4).unwrap().to_string();
        }
        all.entry(key.clone()).or_default().push(line.to_string());
    }
    all
}

/// Makes sure that two records say the same, or that ours is narrower: not bound, ended earlier, fewer
/// purposes.
fn assert_narrower(ours: &str, theirs: &str) {
    let [a, b]: [Vec<&str>; 2] = [ours, theirs].map(|record| record.split(':').collect());
    assert_eq!(a.len(), b.len(), "{ours}\n{theirs}");
    let a_is = |value: &str, place: usize| ours.split(':').nth(place) == Some(value);
    for (place, (a, b)) in a.iter().zip(&b).enumerate() {
        let is_key = ours.starts_with("pub:") || ours.starts_with("sub:");
        let fine = match place {
            1 => ["i", "e", "r"].contains(a),
            5 if ours.starts_with('u') => true,
            // What nothing binds has no end of its own.
            6 if is_key && a.is_empty() => a_is("i", 1) || a_is("", 11),
            6 if is_key => b.is_empty() || a.parse::<u64>().ok() < b.parse::<u64>().ok(),
            9 if ours.starts_with("uid:") => b.contains('\u{fffd}'),
            11 if is_key => {
                a.chars().all(|use_| b.to_lowercase().contains(use_.to_ascii_lowercase()))
            }
            _ => false,
        };
        assert!(a == b || fine, "field {}: {ours}\n{theirs}", place + 1);
    }
}

#[test]
fn listings_of_real_certificates_differ_from_gpgs_only_where_they_are_narrower() {
    let certificates = all();
    let Some(theirs) = Sandbox::of_gpg().filter(|_| !certificates.is_empty()) else { return };
    let twins = Twins { ours: Sandbox::in_place_of_gpg(), theirs, fingerprint: String::new() };
    let (mut count, mut equal) = (0, 0);
    for some in certificates.chunks(AT_ONCE) {
        let names: Vec<String> = (0..some.len()).map(|number| format!("c{number}")).collect();
        for (name, certificate) in names.iter().zip(some) {
            twins.write(name, certificate);
        }
        let line = format!("gpg --show-keys --with-colons {}", names.join(" "));
        let (ours, theirs) = twins.sh(&line);
        let (ours, theirs) = (listings(&ours.stdout), listings(&theirs.stdout));
        assert!(ours.keys().eq(theirs.keys()), "{:?}\n{:?}", ours.keys(), theirs.keys());
        for (ours, theirs) in ours.values().zip(theirs.values()) {
            count += 1;
            if ours == theirs {
                equal += 1;
                continue;
            }
            // The user ID that names the key goes first, and a weak signature does not name it.
            let sorted = |records: &[String]| {
                let field = |record: &str, place: usize| {
                    record.split(':').nth(place).unwrap_or_default().to_string()
                };
                let name = |it: &String| (field(it, 0), field(it, 4), field(it, 7), field(it, 9));
                let mut records = records.to_vec();
                records.sort_by_key(name);
                records
            };
            assert_eq!(ours.len(), theirs.len(), "{ours:#?}\n{theirs:#?}");
            for (ours, theirs) in sorted(ours).iter().zip(sorted(theirs).iter()) {
                assert_narrower(ours, theirs);
            }
        }
    }
    assert!(count > 1_000 && equal * 100 >= count * 75, "{equal} of {count} are equal");
}

#[test]
fn packets_of_real_certificates_are_listed_as_by_gpg() {
    let certificates = all();
    let Some(theirs) = Sandbox::of_gpg().filter(|_| !certificates.is_empty()) else { return };
    let twins = Twins { ours: Sandbox::in_place_of_gpg(), theirs, fingerprint: String::new() };
    // Every tenth: the listings are long.
    for certificate in certificates.iter().step_by(10) {
        twins.write("certificate", certificate);
        let (ours, theirs) = twins.sh("gpg --list-packets certificate");
        assert!(ours.stdout == theirs.stdout, "{}", ours.out().lines().take(6).collect::<String>());
    }
}
