//! Keys that somebody made badly, or on purpose.

use crate::common::craft::*;
use crate::common::sandbox::Sandbox;
use crate::hostile::bounded::bounded;

/// Two keys with a prime in common, as devices made them that had no randomness yet.
fn twins() -> [&'static Material; 2] {
    let ([p, q], [r, _]) = (Material::a().primes(), Material::b().primes());
    [(&p, &q), (&p, &r)].map(|(one, other)| {
        let made = Material::of_primes(one, other, 65_537).expect("65537 divides neither");
        &*Box::leak(Box::new(made))
    })
}

/// expect: refused; why: anybody can divide; source: factorable.net (2012).
#[test]
fn two_keys_that_share_a_prime_are_not_kept_in_one_home() {
    let [one, other] = twins().map(Recipe::of);
    let (one, other) = (one.user_id("One").build(), other.user_id("Other").build());
    let sandbox = Sandbox::new();
    sandbox.write("a.tar.gz", DATA);
    sandbox.import(&secret(&one));
    sandbox.write("other", public(&other));
    sandbox.write("other.secret", secret(&other));
    let before = sandbox.snapshot();
    let words = format!("shares a prime with that of {}", one.fingerprint());
    for line in ["import other", "import --no-passphrase other.secret"] {
        let done = bounded(&sandbox, line, "shared prime").exits(4);
        assert!(done.out().contains(&words), "{done:?}");
        assert_eq!(before, sandbox.snapshot(), "{line}");
    }
    sandbox.write("one", public(&one));
    sandbox.run("trust add one").exits(0);
    let done = sandbox.run("trust add other").exits(4);
    assert!(done.out().contains(&words), "{done:?}");
    assert_eq!(sandbox.names("home/trusted").len(), 1);
    // A key that came in before this was looked for.
    sandbox.run("doctor").exits(0);
    sandbox.write(format!("home/certificates/{}.pgp", other.fingerprint()), public(&other));
    let done = sandbox.run("doctor").exits(1);
    let words = format!("shares a prime with that of {}", other.fingerprint());
    assert!(done.out().contains(&words) && done.out().contains("FAIL  strength"), "{done:?}");
}

/// expect: accepted; why: two certificates of one key share the whole modulus, which tells
/// nobody its factors.
#[test]
fn the_same_key_in_two_certificates_is_no_shared_prime() {
    let sandbox = Sandbox::new();
    let mut later = Recipe::of(Material::a()).user_id("Later");
    later.created = ago(5);
    later.bound = ago(5);
    sandbox.import(&public(alice()));
    sandbox.import(&public(&later.build()));
    assert_eq!(sandbox.names("home/certificates").len(), 2);
}

/// expect: refused; why: the moduli of a broken generator can be factored; source: CVE-2017-15361.
/// A number of that form need not be a product to be told by it.
#[test]
fn a_modulus_with_the_mark_of_roca_is_refused() {
    use crypto_bigint::{BoxedUint, ConcatenatingMul};
    // 65537^192 has 3073 bits: it is a power of 65537 modulo every prime.
    let base = BoxedUint::from(65_537u64);
    let power = (1..192).fold(base.clone(), |power, _| power.concatenating_mul(&base));
    let bytes = power.to_be_bytes();
    let zeros = bytes.iter().take_while(|octet| **octet == 0).count();
    let modulus = &bytes[zeros..];
    let sandbox = Sandbox::new();
    sandbox.write("key", bare_key(4, 1, &[modulus, &[1, 0, 1]], None));
    let before = sandbox.snapshot();
    for (line, why) in lines_that_take_a_key("ROCA") {
        let done = bounded(&sandbox, line, "ROCA").exits(4);
        let said = [done.out(), done.err()].concat();
        assert!(said.contains(why), "{line}: {done:?}");
        assert_eq!(before, sandbox.snapshot());
    }
    // An even modulus is told in the same words.
    let mut even = odd(3072);
    *even.last_mut().unwrap() &= 0xFE;
    sandbox.write("key", bare_key(4, 1, &[&even, &[1, 0, 1]], None));
    bounded(&sandbox, "import key", "even modulus").exits(4).prints("even");
}

/// expect: refused; why: below 65537 forgeries are near, even exponents have no inverse, and the
/// server reads no more than 24 bits; source: policy of this program, x/crypto public_key.go.
#[test]
fn exponents_other_than_odd_ones_from_65537_to_24_bits_are_refused() {
    let sandbox = Sandbox::new();
    for exponent in
        [&[1][..], &[3], &[17], &[1, 1], &[0xFF, 0xFF], &[1, 0, 2], &[1, 0, 0, 1], &odd(3072)]
    {
        sandbox.write("key", bare_key(4, 1, &[&odd(3072), exponent], None));
        for (line, why) in lines_that_take_a_key("exponent") {
            let done = bounded(&sandbox, line, "exponent").exits(4);
            let said = [done.out(), done.err()].concat();
            assert!(
                said.contains(why) || said.contains("exponent"),
                "{exponent:?}: {line}: {done:?}"
            );
        }
    }
    assert!(!sandbox.has("home/certificates"));
}

/// Command lines, and why they refuse a key that nothing binds and that is bad for this reason:
/// what the server could not read is not even looked at for trust.
fn lines_that_take_a_key(why: &'static str) -> [(&'static str, &'static str); 2] {
    [("import key", why), ("trust add key", "entity without any identities")]
}
