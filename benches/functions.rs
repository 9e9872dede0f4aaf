//! What the parts cost: `cargo bench --bench functions`.

#![allow(clippy::unwrap_used)]

use std::hint::black_box;
use std::time::{Duration, SystemTime};

use criterion::{Criterion, Throughput};
use plugsign::judge::Judge;
use plugsign::openpgp::hash::{ContentHash, Hasher};
use plugsign::openpgp::key_file::{Key, read_keys};
use plugsign::openpgp::keygen::{self, KeyKind, KeyPlan};
use plugsign::openpgp::policy::{KeySizeBits, Policy};
use plugsign::openpgp::secret_key::Passphrase;
use plugsign::openpgp::sign::sign_hashed;

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
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

    criterion.bench_function("sign a digest, RSA-3072", |bencher| {
        bencher.iter(|| sign_hashed(black_box(&hashed), &key, now).unwrap());
    });
    criterion.bench_function("judge a signature, both judges", |bencher| {
        bencher.iter(|| judge.verify_content(black_box(&signature), &hashed));
    });
    criterion.bench_function("load a protected key", |bencher| {
        bencher.iter(|| {
            let mut keys = read_keys(black_box(&stored)).unwrap();
            let Ok(Key::Secret(secret)) = keys.remove(0) else { unreachable!() };
            secret.unlock(Some(&passphrase), None, &Policy::new(now)).unwrap()
        });
    });
    let mut group = criterion.benchmark_group("hash");
    let megabyte = vec![7; 1 << 20];
    group.throughput(Throughput::Bytes(megabyte.len() as u64));
    group.bench_function("SHA-256, 1 MiB", |bencher| {
        bencher.iter(|| {
            let mut hasher = Hasher::new([ContentHash::SHA256]);
            hasher.update(black_box(&megabyte));
            hasher.finish().digest(ContentHash::SHA256, b"")
        });
    });
    group.finish();
    criterion.final_summary();
}
