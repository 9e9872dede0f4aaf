//! The packets of a key's statements, as they came.

use std::collections::HashSet;
use std::hash::Hash;
use std::sync::{Arc, OnceLock};

use sequoia_openpgp::Packet;
use sequoia_openpgp::parse::Parse;
use sequoia_openpgp::serialize::MarshalInto;

use super::statement::{
    BACK_SIGNATURE, CERTIFICATION_REVOCATION, DIRECT_KEY, KEY_REVOCATION, SUBKEY_BINDING,
    SUBKEY_REVOCATION, Says, Statement, Subject,
};
use crate::openpgp::bounds::Said;
use crate::openpgp::framing::{
    self, PUBLIC_KEY, PUBLIC_SUBKEY, RawPacket, SECRET_KEY, SECRET_SUBKEY, SIGNATURE,
    USER_ATTRIBUTE, USER_ID, hashed_key, hashed_user,
};
use crate::openpgp::ids::Fingerprint;
use crate::openpgp::raw_key::RawKey;
use crate::openpgp::raw_signature::RawSignature;
use crate::openpgp::rsa_public::Recovering;

/// The packets of one certificate's own statements. Cloning it is cheap.
#[derive(Clone, Debug, Default)]
pub(in crate::openpgp) struct Statements(Arc<Kept>);

/// A signature packet's body, with the component before it.
type Placed = (Subject, Arc<[u8]>);

#[derive(Debug, Default)]
struct Kept {
    /// The primary key's body.
    primary: Arc<[u8]>,
    /// The other components: subkeys, user IDs, user attributes.
    subjects: Vec<Subject>,
    signatures: Vec<Placed>,
    /// The signatures that the primary key is known to have made about the component before them.
    proven: HashSet<Placed>,
    verified: OnceLock<Attributed>,
}

#[derive(Debug, Default)]
struct Attributed {
    own: Vec<Statement>,
    /// The revocations that the primary key did not make, each with its claimed issuers.
    by_others: Vec<(Statement, Vec<[u8; 8]>)>,
}

impl Statements {
    /// Takes the statements of one certificate from its packets. Also returns its fingerprint. What
    /// is proven is not verified again.
    ///
    /// Signatures that claim to be by others are left out. Revocations are kept, because only
    /// verifying shows who made them.
    pub(in crate::openpgp) fn of_said(said: &[Said<'_>]) -> Option<(Fingerprint, Statements)> {
        let (first, rest) = said.split_first()?;
        let (fingerprint, mut walk) = Walk::new(&first.packet)?;
        rest.iter().for_each(|said| walk.take(said));
        Some((fingerprint, Statements(Arc::new(walk.kept))))
    }

    /// Takes the statements of one certificate from its packets.
    pub(in crate::openpgp) fn of(packets: &[u8]) -> Statements {
        let packets = framing::packets(packets).flatten();
        let said: Vec<_> = packets.map(|packet| Said { packet, is_proven: false }).collect();
        Statements::of_said(&said).map(|(_, statements)| statements).unwrap_or_default()
    }

    /// Returns the statements with those of another copy.
    pub(in crate::openpgp) fn and(&self, other: &Statements) -> Statements {
        if Arc::ptr_eq(&self.0, &other.0) || other.0.signatures.is_empty() {
            return self.clone();
        }
        if self.0.signatures.is_empty() && self.0.subjects.is_empty() {
            return other.clone();
        }
        let subjects = union(&self.0.subjects, &other.0.subjects);
        let signatures = union(&self.0.signatures, &other.0.signatures);
        if (signatures.len(), subjects.len()) == (self.0.signatures.len(), self.0.subjects.len()) {
            return self.clone();
        }
        let proven = self.0.proven.union(&other.0.proven).cloned().collect();
        self.of_same_key(subjects, signatures, proven)
    }

    fn of_same_key(
        &self,
        subjects: Vec<Subject>,
        signatures: Vec<Placed>,
        proven: HashSet<Placed>,
    ) -> Statements {
        let (primary, verified) = (self.0.primary.clone(), OnceLock::new());
        Statements(Arc::new(Kept { primary, subjects, signatures, proven, verified }))
    }

    /// Returns the statements with a separate one, such as a revocation certificate.
    pub(in crate::openpgp) fn with(&self, body: &[u8]) -> Statements {
        let subject = self.subject_of(body).cloned();
        let proven = subject.iter().map(|subject| (subject.clone(), body.into())).collect();
        let signatures = vec![(subject.unwrap_or(Subject::Key), body.into())];
        self.and(&self.of_same_key(Vec::new(), signatures, proven))
    }

    /// Returns what a separate signature is about, if the primary key made it.
    pub(in crate::openpgp) fn subject_of(&self, body: &[u8]) -> Option<&Subject> {
        let raw = RawSignature::read(body)?;
        subject_of(&raw, &Subject::Key, &self.0, &Recovering::of_key_body(&self.0.primary)?)
    }

    /// Returns the statements that `wants` accepts. What does not verify stays, because it counts
    /// for nothing.
    pub(in crate::openpgp) fn filtered(&self, wants: impl Fn(&Statement) -> bool) -> Statements {
        let gone: HashSet<&Arc<[u8]>> =
            self.own().iter().filter(|it| !wants(it)).map(|it| &it.body).collect();
        if gone.is_empty() {
            return self.clone();
        }
        let kept = self.0.signatures.iter().filter(|(_, body)| !gone.contains(body));
        let (subjects, proven) = (self.0.subjects.clone(), self.0.proven.clone());
        self.of_same_key(subjects, kept.cloned().collect(), proven)
    }

    /// Returns the user IDs, attributes and subkeys in the order of the packets.
    pub(in crate::openpgp) fn subjects(&self) -> &[Subject] {
        &self.0.subjects
    }

    /// Returns the statements of the primary key: every one whose numbers verify.
    pub(in crate::openpgp) fn own(&self) -> &[Statement] {
        &self.verified().own
    }

    /// Returns the revocations by others, each with the key IDs of its claimed issuers. They are
    /// not verified.
    pub(in crate::openpgp) fn by_others(&self) -> &[(Statement, Vec<[u8; 8]>)] {
        &self.verified().by_others
    }

    fn verified(&self) -> &Attributed {
        self.0.verified.get_or_init(|| verify(&self.0))
    }

    /// Returns the signatures as they came, each with what it stood behind.
    pub(super) fn placed(&self) -> impl Iterator<Item = (&Subject, &[u8])> {
        self.0.signatures.iter().map(|(place, body)| (place, &**body))
    }
}

/// The walk through one certificate.
struct Walk {
    kept: Kept,
    key_id: [u8; 8],
    place: Subject,
}

impl Walk {
    fn new(packet: &RawPacket<'_>) -> Option<(Fingerprint, Walk)> {
        let fingerprint = match packet.tag {
            PUBLIC_KEY => RawKey::read(packet.body)?.fingerprint()?,
            _ => match Packet::from_bytes(packet.whole).ok()? {
                Packet::SecretKey(key) => Fingerprint::of(&key),
                _ => return None,
            },
        };
        let key_id = fingerprint.key_id_octets()?;
        let kept = Kept { primary: public_body(packet)?.into(), ..Kept::default() };
        Some((fingerprint, Walk { kept, key_id, place: Subject::Key }))
    }

    fn take(&mut self, said: &Said<'_>) {
        if said.packet.tag == SIGNATURE {
            return self.take_signature(said.packet.body, said.is_proven);
        }
        // A second primary key would begin another certificate, which is ignored here.
        let Some(subject) = subject_in(&said.packet).filter(|it| *it != Subject::Key) else {
            return;
        };
        self.place = subject.clone();
        if !self.kept.subjects.contains(&subject) {
            self.kept.subjects.push(subject);
        }
    }

    fn take_signature(&mut self, body: &[u8], is_proven: bool) {
        if RawSignature::read(body).is_some_and(|raw| raw.may_concern(&self.key_id)) {
            let signature: Placed = (self.place.clone(), body.into());
            if is_proven {
                self.kept.proven.insert(signature.clone());
            }
            self.kept.signatures.push(signature);
        }
    }
}

/// Returns what the signatures after a packet are about.
pub(super) fn subject_in(packet: &RawPacket<'_>) -> Option<Subject> {
    match packet.tag {
        PUBLIC_KEY | SECRET_KEY => Some(Subject::Key),
        USER_ID => Some(Subject::UserId(packet.body.into())),
        USER_ATTRIBUTE => Some(Subject::Attribute(packet.body.into())),
        PUBLIC_SUBKEY | SECRET_SUBKEY => {
            public_body(packet).map(|body| Subject::Subkey(body.into()))
        }
        _ => None,
    }
}

/// Returns a key packet's body without its secret part.
fn public_body(packet: &RawPacket<'_>) -> Option<Vec<u8>> {
    if matches!(packet.tag, PUBLIC_KEY | PUBLIC_SUBKEY) {
        return Some(packet.body.to_vec());
    }
    let public = match Packet::from_bytes(packet.whole).ok()? {
        Packet::SecretKey(key) => Packet::from(key.take_secret().0),
        Packet::SecretSubkey(key) => Packet::from(key.take_secret().0),
        _ => return None,
    };
    Some(framing::split(&public.to_vec().ok()?).ok()?.body.to_vec())
}

/// Finds out which signatures the primary key made, and about what.
fn verify(kept: &Kept) -> Attributed {
    let mut verified = Attributed::default();
    let Some(key) = Recovering::of_key_body(&kept.primary) else { return verified };
    for signature @ (place, body) in &kept.signatures {
        let Some(raw) = RawSignature::read(body) else { continue };
        let statement = |subject: &Subject| {
            let says = Says::of(&raw);
            let is_back_signed = says.may_sign() && is_back_signed(&raw, &kept.primary, subject);
            let (subject, body, kind) = (subject.clone(), body.clone(), raw.kind);
            Statement { subject, body, kind, says, is_back_signed }
        };
        let proven = kept.proven.contains(signature).then_some(place);
        match proven.or_else(|| subject_of(&raw, place, kept, &key)) {
            Some(subject) => verified.own.push(statement(subject)),
            None if raw.is_revocation() => {
                verified.by_others.push((statement(place), raw.issuers()));
            }
            None => {}
        }
    }
    verified
}

/// The number of a hash algorithm that nobody trusts, not even for what is old.
const MD5: u8 = 1;

/// Returns whether a binding has a signature by the subkey that it binds (RFC 9580, section 5.2.1.9),
/// and none by another key: gpg looks at the first. It grants trust, so nothing about it may be odd.
fn is_back_signed(raw: &RawSignature<'_>, primary: &[u8], subject: &Subject) -> bool {
    let (SUBKEY_BINDING, Subject::Subkey(subkey)) = (raw.kind, subject) else { return false };
    let Some(key) = Recovering::of_key_body(subkey) else { return false };
    let born = subkey.get(1..5).and_then(|time| Some(u32::from_be_bytes(time.try_into().ok()?)));
    let mut embedded = raw.embedded().peekable();
    embedded.peek().is_some()
        && embedded.map(RawSignature::read).all(|back| {
            let Some(back) = back.filter(|back| back.kind == BACK_SIGNATURE) else { return false };
            let digest = digest_over(&back, primary, subject).filter(|_| back.hash != MD5);
            let signed = |number: &[u8]| key.recover(back.hash.into(), number);
            let says = Says::of(&back);
            says.created >= born
                && !says.is_unclear
                && !says.is_spoiled
                && digest.is_some()
                && back.numbers(key.octets()).into_iter().any(|it| signed(it) == digest)
        })
}

/// Returns what a signature is about, if the primary key made it. Most follow what they are about.
/// The others are tried on every component of the right kind.
fn subject_of<'a>(
    raw: &RawSignature<'_>,
    place: &'a Subject,
    kept: &'a Kept,
    key: &Recovering,
) -> Option<&'a Subject> {
    let numbers = raw.numbers(key.octets()).into_iter();
    let digests: Vec<Vec<u8>> =
        numbers.filter_map(|number| key.recover(raw.hash.into(), number)).collect();
    if digests.is_empty() {
        return None;
    }
    let fits = |subject: &Subject| {
        matches!(
            (raw.kind, subject),
            (KEY_REVOCATION | DIRECT_KEY, Subject::Key)
                | (SUBKEY_REVOCATION | SUBKEY_BINDING, Subject::Subkey(_))
                | (
                    0x10..=0x13 | CERTIFICATION_REVOCATION,
                    Subject::UserId(_) | Subject::Attribute(_)
                )
        )
    };
    let elsewhere = kept.subjects.iter().chain([&Subject::Key]).filter(|it| *it != place);
    std::iter::once(place).chain(elsewhere).filter(|it| fits(it)).find(|subject| {
        digest_over(raw, &kept.primary, subject).is_some_and(|digest| digests.contains(&digest))
    })
}

/// Hashes what a signature about the subject signs (RFC 9580, section 5.2.4).
fn digest_over(raw: &RawSignature<'_>, primary: &[u8], subject: &Subject) -> Option<Vec<u8>> {
    let subject = match subject {
        Subject::Key => Vec::new(),
        Subject::Subkey(body) => hashed_key(body),
        Subject::UserId(body) => hashed_user(USER_ID, body),
        Subject::Attribute(body) => hashed_user(USER_ATTRIBUTE, body),
    };
    raw.digest(&[&hashed_key(primary), &subject])
}

/// Returns the first with what only the second has.
fn union<T: Clone + Eq + Hash>(first: &[T], second: &[T]) -> Vec<T> {
    let known: HashSet<&T> = first.iter().collect();
    first.iter().chain(second.iter().filter(|it| !known.contains(it))).cloned().collect()
}
