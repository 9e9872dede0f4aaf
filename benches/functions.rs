//! What the parts cost: `cargo bench --bench functions`.
//!
//! Prints the median of the rounds and their range. The start of a name behind `--`, such as
//! "sign", has only those timed.

#![allow(clippy::unwrap_used, clippy::print_stdout)]

use std::hint::black_box;
use std::time::{Duration, Instant, SystemTime};

use plugsign::judge::Judge;
use plugsign::openpgp::hash::{ContentHash, Hasher};
use plugsign::openpgp::key_file::{Key, read_keys};
use plugsign::openpgp::keygen::{self, KeyKind, KeyPlan};
use plugsign::openpgp::policy::{KeySizeBits, Policy};
use plugsign::openpgp::secret_key::Passphrase;
use plugsign::openpgp::sign::sign_hashed;

const ROUNDS: usize = 51;
/// Long beside what it takes to read the clock.
const ROUND: Duration = Duration::from_millis(50);

fn main() {
    // `cargo test --benches` builds and runs benches too; this one is no test.
    if !std::env::args().any(|argument| argument == "--bench") {
        println!("not run: say cargo bench --bench functions");
        return;
    }
    let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_795_000_000);
    let plan = KeyPlan {
        kind: KeyKind::Sign,
        bits: KeySizeBits::Rsa3072,
        user_id: "Example <example@example.org>".into(),
        created: now,
        validity: None,
    };
    let passphrase = Passphrase::new(b"a passphrase".to_vec().into());
    let secret = keygen::generate(&plan, Some(&passphrase)).unwrap().secret;
    let stored = secret.to_bytes().unwrap();
    let key = secret.unlock(Some(&passphrase), None, &Policy::new(now)).unwrap();
    let judge = Judge::new(vec![secret.certificate().clone()], Policy::new(now)).unwrap();
    let content = || {
        let mut hasher = Hasher::new([ContentHash::SHA256]);
        hasher.update(&[7; 4096]);
        hasher.finish()
    };
    let hashed = content();
    let signature = sign_hashed(&hashed, &key, now).unwrap().to_bytes().unwrap();

    time("sign a digest, RSA-3072", || sign_hashed(black_box(&hashed), &key, now).unwrap());
    time("judge a signature, both judges", || judge.verify_content(black_box(&signature), &hashed));
    time("load a protected key", || {
        let mut keys = read_keys(black_box(&stored)).unwrap();
        let Ok(Key::Secret(secret)) = keys.remove(0) else { unreachable!() };
        secret.unlock(Some(&passphrase), None, &Policy::new(now)).unwrap()
    });
    let megabyte = vec![7; 1 << 20];
    let median = time("hash: SHA-256, 1 MiB", || {
        let mut hasher = Hasher::new([ContentHash::SHA256]);
        hasher.update(black_box(&megabyte));
        hasher.finish().digest(ContentHash::SHA256, b"")
    });
    if let Some(median) = median {
        println!("{:38} {:9.0} MiB/s", "", 1.0 / median.as_secs_f64());
    }
}

/// Times a function, unless it is not wanted, and returns the median of what a call takes.
fn time<T>(name: &str, mut function: impl FnMut() -> T) -> Option<Duration> {
    let wanted = std::env::args().skip(1).find(|argument| !argument.starts_with('-'));
    if wanted.is_some_and(|wanted| !name.starts_with(&wanted)) {
        return None;
    }
    // The first calls fill caches, and say how many make a round.
    let (start, mut calls) = (Instant::now(), 0);
    while start.elapsed() < ROUND {
        black_box(function());
        calls += 1;
    }
    let mut rounds: Vec<Duration> = (0..ROUNDS)
        .map(|_| {
            let start = Instant::now();
            (0..calls).for_each(|_| drop(black_box(function())));
            start.elapsed() / calls
        })
        .collect();
    rounds.sort();
    let micros = |round: Duration| round.as_secs_f64() * 1e6;
    let (median, least, most) = (rounds[ROUNDS / 2], rounds[0], rounds[ROUNDS - 1]);
    println!("{name:38} {:9.1} us  ({:.1} to {:.1})", micros(median), micros(least), micros(most));
    Some(median)
}
