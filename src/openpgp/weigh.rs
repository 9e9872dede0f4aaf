//! What a signature of a key costs to verify, and which of them AWS-LC has verified already.
//!
//! sequoia verifies on its own backend, which takes ten times as long as AWS-LC. It verifies a bad
//! signature again whenever it assembles a key. So RSA signatures are verified here, in their
//! place. sequoia learns about the good ones through its cache. The bad ones are dropped. Other
//! signatures are weighed by the kind and size of their key.

use std::sync::mpsc;

use aws_lc_rs::digest;
use sequoia_openpgp::packet::signature::cache::SignatureVerificationCache;

use super::framing::{RawPacket, USER_ATTRIBUTE, USER_ID, hashed_user};
use super::hash::{HashAlgorithm, digest_of};
use super::raw_key::{DSA, ECDSA, EDDSA, RSA, RawKey};
use super::raw_signature::{Claim, RawSignature};
use super::rsa_public::{self, PublicNumbers, without_zeros};

/// How often sequoia may verify a bad signature in one command. It forgets the result whenever
/// certificates are merged, filtered or written.
const REPEATS: u64 = 6;

/// How many bytes are hashed in a microsecond, and how often in one command. SHA-1 with its check
/// for collisions takes four times as long.
const HASHED_PER_WORK: u64 = 400;
const HASHINGS: u64 = 4;

/// What a verification by AWS-LC costs with 4096 bits.
const FAST_RSA: u64 = 70;

/// How often one command may try what may be a key's own signature, and what taking the digest out of
/// such a number costs with 4096 bits.
const TRIED: u64 = 2;
const RECOVERING: u64 = 100;

/// The longest numbers of keys, in bits. DSA's have 1024 to 3072 (FIPS 186-4), and the cost of
/// verifying grows with the cube.
const MOST_BITS: usize = 16_384;
const MOST_DSA_BITS: usize = 3_072;
const MOST_DSA_ORDER_BITS: usize = 256;
const MOST_CURVE_BITS: usize = 1_100;

/// What a signature is about.
pub(super) enum Component<'a> {
    Primary,
    UserId(&'a [u8]),
    Attribute(&'a [u8]),
    Subkey(Option<RawKey<'a>>),
    /// A subkey that is left out, with what belongs to it.
    LeftOut,
    Other,
}

/// What a signature costs, and what was found out about it.
#[derive(Default)]
pub(super) struct Weight {
    pub(super) work: u64,
    /// The proof for sequoia that it is good.
    pub(super) proof: Option<Vec<u8>>,
    /// The proofs of embedded signatures.
    pub(super) back_proofs: Vec<Vec<u8>>,
    /// Whether its digest fits what it follows, but its numbers are wrong.
    pub(super) is_nobodys: bool,
}

/// What sequoia need not verify again.
#[derive(Default)]
pub(super) struct Proofs(Vec<Vec<u8>>);

impl Proofs {
    pub(super) fn extend(&mut self, proofs: impl IntoIterator<Item = Vec<u8>>) {
        self.0.extend(proofs);
    }

    /// Tells sequoia what AWS-LC verified. To verify again would take it longer than starting a
    /// thread.
    pub(super) fn tell(&mut self) {
        let proofs = std::mem::take(&mut self.0);
        if proofs.is_empty() {
            return;
        }
        let (done, told) = mpsc::sync_channel(1);
        SignatureVerificationCache::restore(proofs.into_iter(), move || {
            let _ = done.send(());
        });
        // If that failed, sequoia verifies by itself.
        let _ = told.recv();
    }
}

/// Returns whether a key has absurdly long numbers, or is of another version whose cost is unknown.
pub(super) fn is_absurd(packet: &RawPacket<'_>) -> bool {
    let Some(key) = RawKey::read(packet.body) else {
        // sequoia reads version 6, whose algorithm stands at the same place.
        return packet.body.first() == Some(&6) && packet.body.get(5) == Some(&DSA);
    };
    let most = match key.algorithm {
        DSA if key.numbers.get(1).is_some_and(|q| 8 * q.len() > MOST_DSA_ORDER_BITS) => 0,
        DSA => MOST_DSA_BITS,
        18..=22 => MOST_CURVE_BITS,
        _ => MOST_BITS,
    };
    key.bits() > most
}

/// Weighs a signature by a primary key about a component, and verifies it if that is cheap.
/// `hashed` is the size of all components together.
pub(super) fn weigh(
    claim: &Claim<'_>,
    primary: Option<&RawKey<'_>>,
    component: &Component<'_>,
    hashed: usize,
) -> Weight {
    let mut weight = Weight::default();
    let Some(primary) = primary else {
        // The primary key is missing or of another version, so the cost is unknown.
        weight.work = REPEATS * UNKNOWN;
        return weight;
    };
    let about = claim.parts.as_ref().and_then(|parts| statement(parts, primary, component));
    let about_bytes = about.as_ref().map_or(0, Vec::len) as u64;
    let slowness = if claim.parts.as_ref().is_some_and(|parts| parts.hash == 2) { 4 } else { 1 };
    let hashing = |bytes: u64| HASHINGS * slowness * bytes / HASHED_PER_WORK;
    weight.work += hashing(about_bytes);
    let judged = match (&claim.parts, &about) {
        (Some(parts), Some(about)) => judge(parts, primary, about),
        _ => Judgement::Elsewhere,
    };
    match judged {
        Judgement::Good(proof) => {
            weight.work += fast(primary);
            weight.proof = Some(proof);
        }
        Judgement::Bad => {
            weight.work += fast(primary);
            weight.is_nobodys = true;
            return weight;
        }
        Judgement::Unknown => weight.work += REPEATS * price(primary),
        // sequoia tries it on every component, and verifies it where its digest seems to fit.
        Judgement::Elsewhere => {
            weight.work += hashing(hashed as u64) / 2 + 2 * price(primary);
        }
    }
    if let Component::Subkey(subkey) = component {
        weigh_back(&mut weight, claim, primary, subkey.as_ref(), component);
    }
    weight
}

/// Returns what it costs to find out whether a primary key made a signature, and about what. `hashed`
/// is the size of all components that it may be about.
pub(super) fn trying(raw: &RawSignature<'_>, primary: &RawKey<'_>, hashed: usize) -> u64 {
    if !RSA.contains(&primary.algorithm) {
        return 0;
    }
    let bits = primary.bits() as u64;
    let slowness = if raw.hash == 2 { 4 } else { 1 };
    let numbers = raw.numbers(primary.bits() / 8).len() as u64;
    let recovering = numbers * RECOVERING * bits * bits / (4_096 * 4_096);
    TRIED * (recovering + slowness * hashed as u64 / HASHED_PER_WORK)
}

/// Weighs the signatures by the subkey in its binding.
fn weigh_back(
    weight: &mut Weight,
    claim: &Claim<'_>,
    primary: &RawKey<'_>,
    subkey: Option<&RawKey<'_>>,
    component: &Component<'_>,
) {
    for embedded in &claim.embedded {
        let Some(subkey) = subkey else {
            weight.work += REPEATS * UNKNOWN;
            continue;
        };
        let parts = RawSignature::read_sound(embedded);
        let about = parts.as_ref().and_then(|parts| statement(parts, primary, component));
        match parts.zip(about).map(|(parts, about)| judge(&parts, subkey, &about)) {
            Some(Judgement::Good(proof)) => {
                weight.work += fast(subkey);
                weight.back_proofs.push(proof);
            }
            _ => weight.work += REPEATS * price(subkey),
        }
    }
}

/// Returns what a signature of this type hashes of the keys and the component (RFC 9580, section
/// 5.2.4). Returns nothing if it cannot be about this component.
fn statement(
    parts: &RawSignature<'_>,
    primary: &RawKey<'_>,
    component: &Component<'_>,
) -> Option<Vec<u8>> {
    let component = match (parts.kind, component) {
        (0x1F | 0x20, Component::Primary) => Vec::new(),
        (0x10..=0x13 | 0x30, Component::UserId(body)) => hashed_user(USER_ID, body),
        (0x10..=0x13 | 0x30, Component::Attribute(body)) => hashed_user(USER_ATTRIBUTE, body),
        (0x18 | 0x19 | 0x28, Component::Subkey(Some(subkey))) => subkey.hashed(),
        _ => return None,
    };
    Some([primary.hashed(), component].concat())
}

enum Judgement {
    Good(Vec<u8>),
    Bad,
    /// Its digest does not begin as it says. It may belong to another component.
    Elsewhere,
    /// Not RSA, or an RSA that AWS-LC does not know.
    Unknown,
}

fn judge(parts: &RawSignature<'_>, key: &RawKey<'_>, about: &[u8]) -> Judgement {
    let (true, [n, e]) = (RSA.contains(&key.algorithm), &key.numbers[..]) else {
        return Judgement::Unknown;
    };
    let (Some(algorithm), Some((prefix, number))) =
        (HashAlgorithm::from_id(parts.hash), parts.end())
    else {
        return Judgement::Elsewhere;
    };
    let Some(digest) = digest_of(algorithm, &[about, &parts.trailer()]) else {
        return Judgement::Unknown;
    };
    if !digest.starts_with(prefix) {
        return Judgement::Elsewhere;
    }
    if !rsa_public::is_known(n, algorithm) {
        return Judgement::Unknown;
    }
    let number = without_zeros(number);
    match rsa_public::verifies(PublicNumbers { n, e }, algorithm, &digest, number) {
        true => Judgement::Good(proof(number, parts.hash, &digest, [n, e])),
        false => Judgement::Bad,
    }
}

/// Returns the value by which sequoia's cache knows a good RSA signature (sequoia-openpgp,
/// packet/signature/cache.rs). It covers everything that was verified. With another value sequoia
/// would verify again. A test checks that it is right.
fn proof(number: &[u8], hash: u8, digest: &[u8], [n, e]: [&[u8]; 2]) -> Vec<u8> {
    let number = mpi(number);
    let mut context = digest::Context::new(&digest::SHA512);
    context.update(&[0]);
    context.update(&(number.len() as u32).to_le_bytes());
    context.update(&number);
    context.update(&[hash]);
    context.update(digest);
    context.update(&mpi(n));
    context.update(&mpi(e));
    context.finish().as_ref().get(..32).unwrap_or_default().to_vec()
}

/// Writes a number as OpenPGP has it.
fn mpi(number: &[u8]) -> Vec<u8> {
    let number = without_zeros(number);
    let spare = number.first().map_or(0, |first| first.leading_zeros() as usize);
    let bits = (8 * number.len() - spare) as u16;
    [&bits.to_be_bytes()[..], number].concat()
}

const UNKNOWN: u64 = 3_000;

/// Returns what sequoia needs to verify a signature by this key.
fn price(key: &RawKey<'_>) -> u64 {
    let bits = key.bits() as u64;
    match key.algorithm {
        // sequoia refuses longer ones.
        1..=3 if bits > 4_104 => 20,
        1..=3 => 60 + 900 * bits * bits / (4_096 * 4_096),
        DSA => 100 + 9_000 * bits * bits / (3_072 * 3_072),
        EDDSA | 27 if bits <= 8 * 33 => 150,
        ECDSA if bits <= 8 * 65 => 600,
        // Algorithms that never sign.
        16 | 18 | 20 | 25 | 26 => 10,
        _ => UNKNOWN,
    }
}

/// Returns what AWS-LC needs.
fn fast(key: &RawKey<'_>) -> u64 {
    let bits = key.bits() as u64;
    10 + FAST_RSA * bits * bits / (4_096 * 4_096)
}

#[cfg(test)]
mod tests {
    use super::super::framing::{SIGNATURE, packets};
    use super::super::keygen::test_certificate;
    use super::*;
    use sequoia_openpgp::parse::Parse;

    #[test]
    fn a_proof_is_what_sequoia_looks_for() {
        let bytes = test_certificate().to_bytes().unwrap();
        let all: Vec<RawPacket<'_>> = packets(&bytes).flatten().collect();
        let key = RawKey::read(all[0].body).unwrap();
        let signature = all.iter().find(|packet| packet.tag == SIGNATURE).unwrap();
        let claim = Claim::read(signature.body).unwrap();
        let proof = weigh(&claim, Some(&key), &Component::UserId(b"Test"), 4).proof.unwrap();
        // sequoia verifies it, and knows it afterwards by the same value.
        let cert = sequoia_openpgp::Cert::from_bytes(&bytes).unwrap();
        assert_eq!(cert.userids().next().unwrap().self_signatures().count(), 1);
        let known = SignatureVerificationCache::dump().into_iter();
        assert!(known.into_iter().any(|entry| entry.value() == proof));
    }
}
