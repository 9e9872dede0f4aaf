//! The differential test: what we say of a key file and a signature is what the library says that
//! the Mattermost server uses.
//!
//! `PLUGSIGN_SEED` chooses other cases, `PLUGSIGN_PARITY_CASES` how many are composed.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, unreachable_pub)]

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::Path;
use std::time::Instant;
use std::{env, fs, io, thread};

use plugsign::mattermost::server::{Cause, KeyRing, Verdict};
use plugsign::openpgp::hash::Hasher;
use rayon::prelude::*;

#[path = "parity/certificate.rs"]
mod certificate;
mod common;
#[path = "parity/compose.rs"]
mod compose;
#[path = "parity/gpg.rs"]
mod gpg;
#[path = "parity/keys.rs"]
mod keys;
#[path = "parity/mutate.rs"]
mod mutate;
#[path = "parity/packets.rs"]
mod packets;
#[path = "parity/random.rs"]
mod random;
#[path = "parity/signer.rs"]
mod signer;

use common::peers::{GoVerdict, Question, go_verdict};
use random::Random;

const DEFAULT_SEED: u64 = 0x6d61_7474_6572_6d6f;
const DEFAULT_COMPOSED: usize = 14_000;

/// Two files and the data, and where they come from.
pub struct Case {
    name: String,
    key: Vec<u8>,
    signature: Vec<u8>,
    data: Vec<u8>,
    /// Whether there is a key in it that newer Go refuses, see "Known differences" in
    /// src/mattermost/server.rs: what follows it may be read in another way.
    weak: bool,
}

fn setting<T: std::str::FromStr>(name: &str, default: T) -> T {
    env::var(name).ok().and_then(|value| value.parse().ok()).unwrap_or(default)
}

/// What the cases came to.
#[derive(Default)]
struct Tally {
    cases: usize,
    accepted: usize,
    /// Documented differences, by cause.
    excused: BTreeMap<String, usize>,
    /// The same verdict in other words.
    words: Vec<String>,
    /// The same words that were said, without their numbers.
    kinds: BTreeMap<String, usize>,
    differences: Vec<String>,
}

fn ours(case: &Case) -> (String, Option<Cause>) {
    let refuse = |place: &str, refusal: plugsign::mattermost::server::Refusal| {
        assert!(!refusal.words.is_empty() && refusal.advice.ends_with('.'), "{refusal:?}");
        let word = if refusal.cause == Cause::Panics {
            refusal.words.replace("panic: ", "PANIC ")
        } else {
            format!("REFUSE {place}: {}", refusal.words)
        };
        (word, Some(refusal.cause))
    };
    let ring = match KeyRing::read(&case.key) {
        Ok(ring) => ring,
        Err(refusal) => return refuse("can't read public key", refusal),
    };
    let verdict = match ring.choose(&case.signature) {
        Ok(pending) => {
            let hasher = Hasher::new([pending.content_hash()]);
            pending.finish(&hasher.read(case.data.as_slice()).unwrap())
        }
        Err(refusal) => Verdict::Refuses(refusal),
    };
    match verdict {
        Verdict::Accepts { key_id } => (format!("ACCEPT {key_id:016X}"), None),
        Verdict::Refuses(refusal) => refuse("error while checking the signature", refusal),
    }
}

impl Tally {
    fn ask(&mut self, oracle: &GoVerdict, cases: &[Case]) {
        let questions = cases.iter().map(|case| Question {
            key: &case.key,
            signature: &case.signature,
            data: &case.data,
        });
        let (ours, theirs) = thread::scope(|scope| {
            let ours = scope.spawn(|| cases.par_iter().map(ours).collect::<Vec<_>>());
            let theirs = oracle.ask_all(questions);
            (ours.join().expect("no case panics"), theirs)
        });
        for ((case, (ours, cause)), theirs) in cases.iter().zip(ours).zip(theirs) {
            self.count(case, &ours, cause, &theirs);
        }
    }

    fn count(&mut self, case: &Case, ours: &str, cause: Option<Cause>, theirs: &str) {
        self.cases += 1;
        let accepted = theirs.starts_with("ACCEPT ");
        self.accepted += usize::from(accepted);
        let kind: String = theirs.chars().filter(|it| !it.is_ascii_digit()).collect();
        let kind = kind.split(" ACCEPT").next().unwrap_or_default();
        let kind = if accepted { "ACCEPT" } else { kind };
        *self.kinds.entry(kind.into()).or_default() += 1;
        if ours == theirs {
            return;
        }
        let said = format!("{}\n  we say:   {ours}\n  they say: {theirs}", case.name);
        // See "Known differences" in src/mattermost/server.rs.
        let excuse = match cause {
            Some(Cause::WeakKey | Cause::Undecided | Cause::Excessive) => cause,
            _ if case.weak => Some(Cause::WeakKey),
            _ => None,
        };
        if let Some(excuse) = excuse {
            *self.excused.entry(format!("{excuse:?}")).or_default() += 1;
        } else if ours.starts_with("ACCEPT") || accepted {
            save(case, self.differences.len());
            self.differences.push(said);
        } else {
            self.words.push(said);
        }
    }
}

/// Keeps what differed, for a look at it.
fn save(case: &Case, number: usize) {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("parity/{number}"));
    fs::create_dir_all(&folder).unwrap();
    fs::write(folder.join("key"), &case.key).unwrap();
    fs::write(folder.join("signature"), &case.signature).unwrap();
    fs::write(folder.join("data"), &case.data).unwrap();
}

/// Composes one case; afterwards it may be damaged, and armored.
fn composed(seed: u64, number: usize) -> Case {
    let mut random = Random::of_case(seed, number as u64);
    let random = &mut random;
    let (mut key, signers) = compose::key_file(random);
    let mut signature = compose::signature_file(random, &signers);
    let mut data = compose::DATA.to_vec();
    if random.permille(100) {
        mutate::bytes(random, &mut key);
    }
    if random.permille(60) {
        mutate::bytes(random, &mut signature);
    }
    if random.permille(10) {
        mutate::bytes(random, &mut data);
    }
    if random.permille(150) {
        key = mutate::armor(random, &key, "PUBLIC KEY BLOCK");
    }
    if random.permille(150) {
        signature = mutate::armor(random, &signature, "SIGNATURE");
    }
    let weak = signers.iter().any(|(key, _)| *key == signer::Key::Small);
    Case { name: format!("composed {number} of seed {seed}"), key, signature, data, weak }
}

/// Flips something in every byte of a plain key and of a plain signature, binary and armored.
fn flipped(seed: u64) -> Vec<Case> {
    let (key, signature) = compose::plain();
    let mut random = Random::of_case(seed, u64::MAX);
    let data = compose::DATA;
    let mut cases = Vec::new();
    let mut random_again = random.clone();
    let armored_key = tidy_armor(&key);
    for (name, file, is_key) in [
        ("key", &key, true),
        ("armored key", &armored_key, true),
        ("signature", &signature, false),
        ("armored signature", &tidy_armor(&signature), false),
    ] {
        for at in 0..file.len() {
            for mask in [1 << random.below(8), random.byte().max(1)] {
                let mut damaged = file.clone();
                damaged[at] ^= mask;
                let name = format!("{name}: byte {at} ^ {mask:#04x}");
                let (key, signature) =
                    if is_key { (damaged, signature.clone()) } else { (key.clone(), damaged) };
                cases.push(Case { name, key, signature, data: data.to_vec(), weak: false });
            }
        }
    }
    let cut = |file: &[u8], random: &mut Random| file[..random.below(file.len())].to_vec();
    for _ in 0..100 {
        let name = "truncated".to_owned();
        let key_cut = cut(&key, &mut random_again);
        let (signature, data) = (signature.clone(), data.to_vec());
        cases.push(Case { name, key: key_cut, signature, data, weak: false });
    }
    cases
}

fn tidy_armor(file: &[u8]) -> Vec<u8> {
    use base64::Engine;
    let digits = base64::engine::general_purpose::STANDARD.encode(file).into_bytes();
    let lines: Vec<&[u8]> = digits.chunks(64).collect();
    let head = b"-----BEGIN PGP DATA-----\nVersion: 1\n\n";
    [head, lines.join(&b'\n').as_slice(), b"\n-----END PGP DATA-----\n"].concat()
}

/// Damages pairs of key and signature that were made elsewhere.
fn damaged(seed: u64, pairs: &[Case], each: usize) -> Vec<Case> {
    let mut cases = Vec::new();
    for (number, pair) in pairs.iter().enumerate() {
        let (key, signature) = (mutate::dearmor(&pair.key), mutate::dearmor(&pair.signature));
        for i in 0..each {
            let random = &mut Random::of_case(seed, (1 << 40 | number << 20 | i) as u64);
            let other = &pairs[random.below(pairs.len())];
            let (mut key, mut signature) = (key.clone(), signature.clone());
            match random.below(10) {
                0..=3 => key = mutate::packets(random, &key, &mutate::dearmor(&other.key)),
                4..=5 => {
                    let foreign = mutate::dearmor(&other.signature);
                    signature = mutate::packets(random, &signature, &foreign);
                }
                6 => mutate::bytes(random, &mut key),
                7 => mutate::bytes(random, &mut signature),
                8 => key = mutate::armor(random, &key, "PUBLIC KEY BLOCK"),
                _ => signature = mutate::armor(random, &signature, "SIGNATURE"),
            }
            let name = format!("{}, damaged {i}", pair.name);
            cases.push(Case { name, key, signature, data: pair.data.clone(), weak: false });
        }
    }
    cases
}

/// The given key files and signatures (see tests/vectors.rs), and the same with little data.
fn vectors() -> Vec<Case> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/vectors/server-verdicts");
    let table = fs::read_to_string(folder.join("verdicts.tsv")).unwrap();
    let file = |name: &str| fs::read(folder.join("files").join(name)).unwrap();
    let data = file("message.tar.gz");
    let cases = table.lines().skip(1).map(|line| {
        let mut columns = line.split('\t');
        let mut column = || columns.next().unwrap();
        let (name, key, signature) = (column(), column(), column());
        Case {
            name: name.into(),
            key: file(key),
            signature: file(signature),
            data: data.clone(),
            weak: false,
        }
    });
    cases.filter(|case| !case.key.is_empty() && !case.signature.is_empty()).collect()
}

#[test]
fn we_say_what_the_server_says() {
    let Some(oracle) = go_verdict() else { return };
    let started = Instant::now();
    let seed = setting("PLUGSIGN_SEED", DEFAULT_SEED);
    let composed_cases = setting("PLUGSIGN_PARITY_CASES", DEFAULT_COMPOSED);
    let mut tally = Tally::default();

    tally.ask(&oracle, &flipped(seed));
    let vectors = vectors();
    tally.ask(&oracle, &vectors);
    tally.ask(&oracle, &damaged(seed, &vectors, 25));
    let keys = gpg::pairs();
    tally.ask(&oracle, &keys);
    tally.ask(&oracle, &damaged(seed, &keys, 60));
    for start in (0..composed_cases).step_by(4000) {
        let numbers = start..composed_cases.min(start + 4000);
        let cases: Vec<Case> =
            numbers.into_par_iter().map(|number| composed(seed, number)).collect();
        tally.ask(&oracle, &cases);
    }
    report(&tally, seed, started);

    assert!(tally.accepted * 10 > tally.cases, "only {} were accepted", tally.accepted);
    assert!(tally.differences.is_empty(), "{} differences:\n{}", tally.differences.len(), {
        tally.differences.iter().take(20).cloned().collect::<Vec<_>>().join("\n")
    });
}

/// Says what came out, past the test harness.
fn report(tally: &Tally, seed: u64, started: Instant) {
    let mut stderr = io::stderr();
    if env::var_os("PLUGSIGN_PARITY_KINDS").is_some() {
        for (kind, number) in &tally.kinds {
            let _ = writeln!(stderr, "{number:7} {kind}");
        }
    }
    for said in tally.words.iter().take(20) {
        let _ = writeln!(stderr, "other words: {said}");
    }
    let _ = writeln!(
        stderr,
        "server parity: {} cases of seed {seed} in {:.0?}: {} accepted, {} differences, {} with \
         other words, {} kinds of answers, documented differences {:?}",
        tally.cases,
        started.elapsed(),
        tally.accepted,
        tally.differences.len(),
        tally.words.len(),
        tally.kinds.len(),
        tally.excused,
    );
}
