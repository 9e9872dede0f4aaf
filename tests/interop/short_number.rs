//! RSA values that begin with zero octets, which OpenPGP does not write.

use std::sync::LazyLock;
use std::time::{Duration, SystemTime};

use plugsign::openpgp::certificate::Certificate;
use plugsign::openpgp::keygen::{KeyKind, KeyPlan, generate};
use plugsign::openpgp::policy::{KeySizeBits, Policy};
use plugsign::openpgp::secret_key::SigningKey;
use plugsign::openpgp::sign::sign;
use plugsign::openpgp::signature::DetachedSignature;
use plugsign::openpgp::verify::{Verdict, verify};

use crate::interop::judges;
use crate::interop::packet::{packets, signature_fields};

/// An unprotected key of the library's own, some days old.
pub(crate) fn signing_key() -> &'static SigningKey {
    static KEY: LazyLock<SigningKey> = LazyLock::new(|| made(KeySizeBits::Rsa3072));
    &KEY
}

fn made(bits: KeySizeBits) -> SigningKey {
    let now = SystemTime::now();
    let plan = KeyPlan {
        kind: KeyKind::Sign,
        bits,
        user_id: "Acme Library <lib@acme.test>".into(),
        created: now - Duration::from_secs(4 * 86_400),
        validity: None,
    };
    let key = generate(&plan, None).unwrap();
    key.secret.unlock(None, None, &Policy::new(now)).unwrap()
}

/// Signs as of one second after the other until the value is short by so many octets.
fn short_signature(key: &SigningKey, data: &[u8], octets: usize) -> Vec<u8> {
    for second in 0..20_000 {
        let time = key.created() + Duration::from_secs(second);
        let bytes = sign(data, key, time).unwrap().to_bytes().unwrap();
        let packets = packets(&bytes);
        if signature_fields(packets[0].1).value.len() == 2 + octets {
            return bytes;
        }
    }
    panic!("no value of {octets} octets among 20,000");
}

#[test]
fn all_accept_a_signature_whose_number_begins_with_a_zero_octet() {
    for (key, octets) in [(signing_key(), 384), (&made(KeySizeBits::Rsa4096), 512)] {
        let certificate: &Certificate = key.certificate();
        let data = b"a release whose signature is short";
        let signature = short_signature(key, data, octets - 1);
        judges::all_accept(&certificate.to_bytes().unwrap(), &signature, data);
        assert_good(certificate, &signature, data);
    }
}

/// One in 65,536 signatures is as short as that: this one was sought for two minutes, and its key
/// thrown away.
#[test]
fn all_accept_a_signature_whose_number_begins_with_two_zero_octets() {
    let key = include_bytes!("../vectors/short-number/key.pgp");
    let data = include_bytes!("../vectors/short-number/release.tar.gz");
    let signature = include_bytes!("../vectors/short-number/release.tar.gz.sig");
    assert_eq!(signature_fields(packets(signature)[0].1).value.len(), 2 + 382);
    judges::all_accept(key, signature, data);
    assert_good(&Certificate::from_bytes(key).unwrap(), signature, data);
}

fn assert_good(certificate: &Certificate, signature: &[u8], data: &[u8]) {
    let read = DetachedSignature::read(signature).unwrap();
    let policy = Policy::new(SystemTime::now());
    let verdict = verify(data, &read, std::slice::from_ref(certificate), &policy).unwrap();
    assert!(matches!(verdict, Verdict::Good(_)), "{verdict:?}");
}
