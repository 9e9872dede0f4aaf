//! The differential test: what we say of a key file and a signature is what the library says that
//! the Mattermost server uses.
//!
//! A run takes a quarter of the cases that are composed, another one every second, and prints which.
//! `PLUGSIGN_PARITY_CASES` takes as many as it says, from the first one on. `PLUGSIGN_SEED` chooses
//! other cases.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::Path;
use std::time::Instant;
use std::{env, fs, io, thread};

use plugsign::mattermost::server::{Cause, KeyRing, ServerVerdict, check_signature_file};
use plugsign::openpgp::hash::Hasher;
use plugsign::publisher::parallel::{cores, each};

use crate::common::peers::{Oracle, Question, go_verdict};
use crate::common::random::turn;
use crate::parity::cases::{Case, composed, damaged, flipped, vectors};

const DEFAULT_SEED: u64 = 0x6d61_7474_6572_6d6f;
const COMPOSED: usize = 14_000;
const TURNS: usize = 4;

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
        Err(refusal) => ServerVerdict::Refuses(refusal),
    };
    match verdict {
        ServerVerdict::Accepts { key_id } => (format!("ACCEPT {key_id:016X}"), None),
        ServerVerdict::Refuses(refusal) => refuse("error while checking the signature", refusal),
    }
}

impl Tally {
    fn ask(&mut self, oracle: &Oracle, cases: &[Case]) {
        let questions = cases.iter().map(|case| Question {
            key: &case.key,
            signature: &case.signature,
            data: &case.data,
        });
        let (ours, theirs) = thread::scope(|scope| {
            let ours = scope.spawn(|| each(cases, cores(), ours));
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
            // What is said without the right key, or of a key alone, holds too.
            let name = &case.name;
            let file = check_signature_file(&case.signature);
            assert!(!accepted || file.is_ok(), "{name}: not refused by every server: {file:?}");
            let signers = KeyRing::read(&case.key).and_then(|ring| ring.check_signers());
            assert!(!accepted || signers.is_ok(), "{name}: some key signs: {signers:?}");
            return;
        }
        let said = format!("{}\n  we say:   {ours}\n  they say: {theirs}", case.name);
        // See "Known differences" in src/mattermost/server/mod.rs.
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

#[test]
fn our_verdict_is_the_servers() {
    let Some(oracle) = go_verdict() else { return };
    let started = Instant::now();
    let seed = setting("PLUGSIGN_SEED", DEFAULT_SEED);
    let mut tally = Tally::default();

    tally.ask(&oracle, &flipped(seed));
    let vectors = vectors();
    tally.ask(&oracle, &vectors);
    tally.ask(&oracle, &damaged(seed, &vectors, 25));
    let keys = crate::parity::gpg::pairs();
    tally.ask(&oracle, &keys);
    tally.ask(&oracle, &damaged(seed, &keys, 60));
    for numbers in numbers().chunks(4000) {
        let cases: Vec<Case> = each(numbers, cores(), |&number| composed(seed, number));
        tally.ask(&oracle, &cases);
    }
    report(&tally, seed, started);

    assert!(tally.accepted * 10 > tally.cases, "only {} were accepted", tally.accepted);
    assert!(tally.differences.is_empty(), "{} differences:\n{}", tally.differences.len(), {
        tally.differences.iter().take(20).cloned().collect::<Vec<_>>().join("\n")
    });
}

/// Returns the numbers of the composed cases that are taken.
fn numbers() -> Vec<usize> {
    let all = setting("PLUGSIGN_PARITY_CASES", 0);
    if all > 0 {
        return (0..all).collect();
    }
    let turn = turn(TURNS);
    let _ = writeln!(
        io::stderr(),
        "server parity: composed cases {turn}, {}, ...; PLUGSIGN_PARITY_CASES={COMPOSED} takes all",
        turn + TURNS
    );
    (turn..COMPOSED).step_by(TURNS).collect()
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
