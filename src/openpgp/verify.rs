//! The publisher's verdict on a detached signature.

use std::collections::HashMap;
use std::io::{self, Read};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use sequoia_openpgp::crypto::mpi;
use sequoia_openpgp::packet::Key;
use sequoia_openpgp::packet::key::{PublicParts, UnspecifiedRole};
use sequoia_openpgp::policy::{HashAlgoSecurity, Policy as _};

use super::certificate::Certificate;
use super::hash::{Hashed, Hasher};
use super::ids::Fingerprint;
use super::policy::{Policy, check_key, modulus};
use super::rsa_public::{self, PublicNumbers};
use super::signature::DetachedSignature;
use super::times::{end_after, show_time};
use super::verdict::{Bad, Reason, SignerKey};
use super::weakness::Weakness;
use super::words;

/// A good signature and its signer.
#[derive(Clone, Debug)]
pub struct Good {
    maker: Arc<Maker>,
    created: SystemTime,
}

/// The key that made good signatures.
#[derive(Debug)]
struct Maker {
    signer: SignerKey,
    user_id: Option<Vec<u8>>,
    /// Its modulus, and that of its certificate's primary key.
    modulus: Vec<u8>,
    primary: Vec<u8>,
}

impl Maker {
    fn new(certificate: &Certificate, key: &Key<PublicParts, UnspecifiedRole>) -> Maker {
        let primary = certificate.cert().primary_key().key();
        Maker {
            signer: SignerKey { certificate: certificate.fingerprint(), key: Fingerprint::of(key) },
            user_id: certificate.name(),
            modulus: modulus(key).unwrap_or_default().to_vec(),
            primary: modulus(primary).unwrap_or_default().to_vec(),
        }
    }
}

impl Good {
    /// Returns who made it.
    pub fn signer(&self) -> &SignerKey {
        &self.maker.signer
    }

    /// Returns the user ID that names the signer's certificate. Not safe to show.
    pub fn user_id(&self) -> Option<&[u8]> {
        self.maker.user_id.as_deref()
    }

    /// Returns when it was made.
    pub fn created(&self) -> SystemTime {
        self.created
    }

    /// Returns whether the key that made it has the numbers of the other's.
    pub fn is_by_key_of(&self, other: &Good) -> bool {
        self.maker.modulus == other.maker.modulus
    }
}

/// Chooses signatures by different keys of different certificates, as many as there can be.
///
/// Keys are compared by their numbers. A subkey of two certificates is one key. So is a key that
/// two certificates have with different creation times.
pub fn distinct_signers(signatures: &[Good]) -> Vec<&Good> {
    let mut taken: Vec<&Good> = Vec::new();
    for good in signatures {
        if taken.iter().all(|it| it.maker.modulus != good.maker.modulus) {
            join(&good.maker.modulus, signatures, &mut taken, &mut Vec::new());
        }
    }
    signatures.iter().filter(|good| taken.iter().any(|it| std::ptr::eq(*it, *good))).collect()
}

/// Finds a certificate for the key. If another key has it already, that key gets another
/// certificate (Kuhn's algorithm). A signature connects a key with a certificate.
fn join<'a>(
    key: &[u8],
    signatures: &'a [Good],
    taken: &mut Vec<&'a Good>,
    tried: &mut Vec<&'a [u8]>,
) -> bool {
    for good in signatures.iter().filter(|good| good.maker.modulus == key) {
        if tried.contains(&&good.maker.primary[..]) {
            continue;
        }
        tried.push(&good.maker.primary);
        let holder = taken.iter().find(|it| it.maker.primary == good.maker.primary).copied();
        if holder.is_none_or(|other| join(&other.maker.modulus, signatures, taken, tried)) {
            taken.retain(|it| it.maker.primary != good.maker.primary && it.maker.modulus != key);
            taken.push(good);
            return true;
        }
    }
    false
}

/// What the publisher's policy says of a signature.
#[derive(Clone, Debug)]
pub enum Verdict {
    /// It is good.
    Good(Box<Good>),
    /// It is not.
    Bad(Bad),
}

/// Judges a signature over everything that the reader yields, by the publisher's policy alone.
/// See [`Judge`](crate::judge::Judge) for the server's verdict beside it.
/// Fails only if the reader does.
pub fn verify(
    artifact: impl Read,
    signature: &DetachedSignature,
    accepted: &[Certificate],
    policy: &Policy,
) -> io::Result<Verdict> {
    let content = Hasher::new(signature.content_hash().ok()).read(artifact)?;
    Ok(verify_hashed(&content, signature, accepted, policy))
}

/// Judges a signature over content that was hashed as the signature wants.
pub fn verify_hashed(
    content: &Hashed,
    signature: &DetachedSignature,
    accepted: &[Certificate],
    policy: &Policy,
) -> Verdict {
    verify_remembering(content, signature, accepted, policy, &Remembered::default())
}

/// What was found out about keys: which were valid when, and what is said of their signatures. The
/// files of a release were mostly signed by one key at one time.
#[derive(Default)]
pub(crate) struct Remembered {
    validities: Mutex<HashMap<KeyAtTime, Result<(), Weakness>>>,
    makers: Mutex<HashMap<(usize, Fingerprint), Arc<Maker>>>,
}

/// The place of a certificate, one of its keys, and a time.
type KeyAtTime = (usize, Fingerprint, SystemTime);

impl Remembered {
    fn valid(
        &self,
        question: KeyAtTime,
        find_out: impl FnOnce() -> Result<(), Weakness>,
    ) -> Result<(), Weakness> {
        // Anybody can claim any time.
        const MOST: usize = 4096;
        let known = || self.validities.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(answer) = known().get(&question) {
            return answer.clone();
        }
        let answer = find_out();
        let mut known = known();
        if known.len() >= MOST {
            known.clear();
        }
        known.insert(question, answer.clone());
        answer
    }

    fn maker(&self, key: (usize, Fingerprint), make: impl FnOnce() -> Maker) -> Arc<Maker> {
        let mut makers = self.makers.lock().unwrap_or_else(PoisonError::into_inner);
        makers.entry(key).or_insert_with(|| Arc::new(make())).clone()
    }
}

/// As [`verify_hashed`], with what is known of the same certificates by the same policy.
pub(crate) fn verify_remembering(
    content: &Hashed,
    signature: &DetachedSignature,
    accepted: &[Certificate],
    policy: &Policy,
    remembered: &Remembered,
) -> Verdict {
    let issuers = signature.packet().get_issuers();
    let mut worst: Option<Bad> = None;
    for (place, certificate) in accepted.iter().enumerate() {
        for component in certificate.cert().keys() {
            let key = component.key();
            if !issuers.iter().any(|issuer| issuer.aliases(key.key_handle())) {
                continue;
            }
            let signer =
                || SignerKey { certificate: certificate.fingerprint(), key: Fingerprint::of(key) };
            let fingerprint = Fingerprint::of(key);
            let valid = |time| {
                let find_out = || certificate.valid_key(&fingerprint, policy, time).map(drop);
                remembered.valid((place, fingerprint.clone(), time), find_out)
            };
            match judge_by_key(content, signature, key, policy, valid) {
                Ok(()) => {
                    let maker =
                        remembered.maker((place, fingerprint), || Maker::new(certificate, key));
                    return Verdict::Good(Box::new(Good { maker, created: signature.created() }));
                }
                // Key IDs collide, and a hostile certificate may adopt a subkey of another one. The
                // reason about the key that really made the signature says more than "bad
                // signature".
                Err(bad) => match &worst {
                    Some(seen) if seen.reason() != Reason::BadSignature => {}
                    _ => worst = Some(bad.by(signer())),
                },
            }
        }
    }
    Verdict::Bad(worst.unwrap_or_else(|| unknown_signer(signature, accepted)))
}

fn unknown_signer(signature: &DetachedSignature, accepted: &[Certificate]) -> Bad {
    let detail = match signature.claimed_signer() {
        None => "it does not say which key made it".into(),
        Some(claimed) => format!(
            "made by {claimed}, which is none of the accepted keys{}",
            may_be_newer(signature, accepted)
        ),
    };
    Bad::new(Reason::UnknownSigner, detail)
}

/// Adds a remark if the signature is newer than all self-signatures of an accepted certificate. The
/// certificate may lack a newer subkey then.
fn may_be_newer(signature: &DetachedSignature, accepted: &[Certificate]) -> String {
    let is_older = |certificate: &&Certificate| {
        certificate.newest_self_signature().is_some_and(|newest| newest <= signature.created())
    };
    let mut older = accepted.iter().filter(is_older).map(Certificate::fingerprint);
    let whose = match (older.next(), older.next()) {
        (None, _) => return String::new(),
        (Some(one), None) => format!("the certificate {one} may lack a newer subkey"),
        (Some(_), Some(_)) => "one of the accepted certificates may lack a newer subkey".into(),
    };
    format!("; {whose}: ask the publisher for the current certificate")
}

fn judge_by_key(
    content: &Hashed,
    signature: &DetachedSignature,
    key: &Key<PublicParts, UnspecifiedRole>,
    policy: &Policy,
    valid_at: impl Fn(SystemTime) -> Result<(), Weakness>,
) -> Result<(), Bad> {
    check_key(key).map_err(|weakness| Bad::new(Reason::WeakKey, weakness.to_string()))?;
    check_digest(content, signature, key)?;
    let packet = signature.packet();
    policy.rules().signature(packet, HashAlgoSecurity::CollisionResistance).map_err(|error| {
        Bad::new(Reason::Malformed, format!("its subpackets: {}", words::of(error.as_ref())))
    })?;
    signature.check_subpackets()?;
    signature.check_issuers(&key.key_handle())?;
    check_signature_times(signature, policy)?;
    if signature.created() < key.creation_time() {
        return Err(Bad::new(Reason::BadSignature, "it claims to be older than its key"));
    }
    // A slightly slow clock must not make a new key "not valid yet".
    let valid = |time: SystemTime| valid_at(time.max(key.creation_time()));
    valid(signature.created()).map_err(|weakness| because(&weakness, key, ", at that time"))?;
    // OpenPGP counts whole seconds, so nothing ends within one.
    let age = policy.now().duration_since(signature.created());
    if age.is_ok_and(|age| age < Duration::from_secs(1)) {
        return Ok(());
    }
    valid(policy.now()).map_err(|weakness| match weakness {
        Weakness::Expired(_) => because(&weakness, key, "").while_valid(format!(
            "made while valid, by the key {}: {weakness}",
            Fingerprint::of(key)
        )),
        _ => because(&weakness, key, ""),
    })
}

/// Verifies the signature's numbers, and the two octets of the digest that it carries in clear.
/// sequoia ignores these octets, the server checks them.
fn check_digest(
    content: &Hashed,
    signature: &DetachedSignature,
    key: &Key<PublicParts, UnspecifiedRole>,
) -> Result<(), Bad> {
    let way = signature.content_hash()?;
    let packet = signature.packet();
    let digest = signature.trailer().ok().and_then(|trailer| content.digest(way, &trailer));
    let digest =
        digest.ok_or_else(|| Bad::new(Reason::Malformed, "its digest cannot be computed"))?;
    if !digest.starts_with(packet.digest_prefix()) {
        return Err(bad_signature());
    }
    let (mpi::PublicKey::RSA { e, n }, mpi::Signature::RSA { s }) = (key.mpis(), packet.mpis())
    else {
        return Err(bad_signature());
    };
    let key = PublicNumbers { n: n.value(), e: e.value() };
    match rsa_public::verifies(key, way.algorithm, &digest, s.value()) {
        true => Ok(()),
        false => Err(bad_signature()),
    }
}

fn bad_signature() -> Bad {
    let why = "the file or the signature was changed, or they do not belong together";
    Bad::new(Reason::BadSignature, why)
}

fn check_signature_times(signature: &DetachedSignature, policy: &Policy) -> Result<(), Bad> {
    let created = signature.created();
    if created > policy.now() + Policy::CLOCK_DIFFERENCE {
        let why = format!("it claims to be made on {}", show_time(created));
        return Err(Bad::new(Reason::FutureSignature, why));
    }
    match signature.packet().signature_validity_period() {
        Some(validity) if validity > Duration::ZERO => match end_after(created, validity) {
            end if end <= policy.now() => {
                let why = format!("it was valid until {}", show_time(end));
                Err(Bad::new(Reason::ExpiredSignature, why))
            }
            _ => Ok(()),
        },
        _ => Ok(()),
    }
}

fn because(weakness: &Weakness, key: &Key<PublicParts, UnspecifiedRole>, when: &str) -> Bad {
    let reason = match weakness {
        Weakness::Revoked(_) => Reason::RevokedKey,
        Weakness::Expired(_) => Reason::ExpiredKey,
        Weakness::Algorithm(_)
        | Weakness::Version(_)
        | Weakness::TooShort(_)
        | Weakness::Unsupported(_)
        | Weakness::Exponent
        | Weakness::Modulus => Reason::WeakKey,
        Weakness::Hash(_) => Reason::WeakHash,
        _ => Reason::NotASigningKey,
    };
    Bad::new(reason, format!("made by the key {}{when}: {weakness}", Fingerprint::of(key)))
}
