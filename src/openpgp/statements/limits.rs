//! The limits that a key's newest statements set.
//!
//! The newest self-signatures on each user ID, on the key itself and on each subkey say when it
//! ends and what it may do. All of them count together, at their narrowest, because another program
//! may use any one of them.

use std::time::{Duration, SystemTime};

use super::statement::{DIRECT_KEY, SIGN, SUBKEY_BINDING, Statement, Subject};
use crate::openpgp::policy::{ACCEPTED_HASHES, Policy};
use crate::openpgp::times::end_after;
use crate::openpgp::weakness::Weakness;

/// The limits of a key by its newest statements.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::openpgp) struct Limits {
    /// When it ends, if ever.
    pub(in crate::openpgp) end: Option<SystemTime>,
    /// The purposes left: the first octet of the key flags. All if no statement has flags.
    pub(in crate::openpgp) flags: u8,
    /// Why it cannot be used until its owner renews its self-signatures.
    pub(in crate::openpgp) flaw: Option<Weakness>,
}

impl Limits {
    pub(in crate::openpgp) const NONE: Limits = Limits { end: None, flags: 0xFF, flaw: None };

    /// Returns whether signing is among the purposes left (RFC 9580, section 5.2.3.29).
    pub(in crate::openpgp) fn may_sign(&self) -> bool {
        self.flags & SIGN != 0
    }

    fn end_by(&mut self, end: Option<SystemTime>) {
        self.end = self.end.into_iter().chain(end).min();
    }
}

/// The newest statements about one thing.
struct Newest<'a> {
    /// The statements that count. Never empty.
    statements: Vec<&'a Statement>,
    /// Whether an older one has a strong hash. Other programs would use that one.
    has_strong: bool,
}

impl<'a> Newest<'a> {
    /// Chooses the newest statements of the certificate, and the newest later ones of other copies.
    /// Statements from the future count beside the newest one that is not.
    fn of(
        own: &'a [Statement],
        elsewhere: &'a [Statement],
        counts: impl Fn(&&Statement) -> bool,
        now: SystemTime,
    ) -> Option<Newest<'a>> {
        let own: Vec<_> = own.iter().filter(&counts).collect();
        let has_strong = own.iter().any(|it| is_strong(it));
        let present = now + Policy::CLOCK_DIFFERENCE;
        let newest_of = |all: &[&'a Statement]| {
            all.iter().map(|it| it.created()).filter(|time| *time <= present).max()
        };
        let newest = newest_of(&own).unwrap_or(SystemTime::UNIX_EPOCH);
        let mut statements = own;
        statements.retain(|it| it.created() >= newest);
        let later = elsewhere.iter().filter(counts).filter(|it| it.created() > newest);
        let later: Vec<_> = later.collect();
        let newest = newest_of(&later).unwrap_or(SystemTime::UNIX_EPOCH);
        statements.extend(later.into_iter().filter(|it| it.created() >= newest));
        (!statements.is_empty()).then_some(Newest { statements, has_strong })
    }

    /// Returns when they say that a key ends that was made at `born`.
    fn key_end(&self, born: SystemTime) -> Option<SystemTime> {
        let lasts = self.statements.iter().filter_map(|it| it.says.key_lasts);
        lasts.map(|seconds| end_after(born, Duration::from_secs(u64::from(seconds)))).min()
    }

    /// Returns when the first of them expires.
    fn own_end(&self) -> Option<SystemTime> {
        let end = |it: &&Statement| {
            let lasts = it.says.lasts.map(|seconds| Duration::from_secs(u64::from(seconds)));
            lasts.map(|lasts| end_after(it.created(), lasts))
        };
        self.statements.iter().filter_map(end).min()
    }

    fn flags(&self) -> u8 {
        self.statements.iter().filter_map(|it| it.says.flags).fold(0xFF, |all, it| all & it)
    }

    /// Returns why they cannot be relied on.
    fn flaw(&self) -> Option<Weakness> {
        // What is not signed anybody can add. So a copy without it is enough.
        let unclear = self.statements.iter().any(|it| it.says.is_unclear)
            || self.statements.iter().all(|it| it.says.is_spoiled);
        if unclear {
            return Some(Weakness::Unbound("its newest self-signature is malformed".into()));
        }
        self.has_strong.then(|| weak_one(&self.statements))?
    }
}

/// Returns the limits of a primary key that was made at `born`, by its certificate and other
/// copies.
pub(in crate::openpgp) fn limits_of_primary(
    own: &[Statement],
    elsewhere: &[Statement],
    born: SystemTime,
    now: SystemTime,
) -> Limits {
    let mut subjects: Vec<&Subject> = Vec::new();
    for statement in own.iter().chain(elsewhere) {
        let is_known = subjects.contains(&&statement.subject);
        if !is_known && !matches!(statement.subject, Subject::Subkey(_)) {
            subjects.push(&statement.subject);
        }
    }
    let is_revoked = |subject: &Subject| {
        let mut all = own.iter().chain(elsewhere);
        all.any(|it| it.subject == *subject && it.is_revocation())
    };
    let mut limits = Limits::NONE;
    let mut ends_of_words: Vec<Option<SystemTime>> = Vec::new();
    let mut all: Vec<&Statement> = Vec::new();
    let mut on_pictures: Vec<&Statement> = Vec::new();
    for subject in subjects {
        if *subject != Subject::Key && is_revoked(subject) {
            continue;
        }
        let counts =
            |it: &&Statement| it.subject == *subject && matches!(it.kind, DIRECT_KEY | 0x10..=0x13);
        let Some(newest) = Newest::of(own, elsewhere, counts, now) else { continue };
        if matches!(subject, Subject::Attribute(_)) {
            on_pictures.extend(newest.statements);
            continue;
        }
        limits.end_by(newest.key_end(born));
        limits.flags &= newest.flags();
        limits.flaw = limits.flaw.or_else(|| newest.flaw());
        ends_of_words.push(newest.own_end());
        all.extend(&newest.statements);
    }
    // The key is valid until the last of these signatures expires.
    if !ends_of_words.is_empty() && !ends_of_words.contains(&None) {
        limits.end_by(ends_of_words.into_iter().flatten().max());
    }
    let newest = all.iter().map(|it| it.created()).max();
    let last: Vec<&Statement> = all.into_iter().filter(|it| Some(it.created()) == newest).collect();
    limits.flaw = limits.flaw.or_else(|| weak_one(&last));
    // gpg goes by what is newest of all, also if that is on a picture. It only narrows the key.
    on_pictures.retain(|it| Some(it.created()) >= newest);
    let on_pictures = Newest { statements: on_pictures, has_strong: false };
    limits.end_by(on_pictures.key_end(born));
    limits.flags &= on_pictures.flags();
    limits
}

/// Returns the limits of a subkey that was made at `born`.
pub(in crate::openpgp) fn limits_of_subkey(
    own: &[Statement],
    elsewhere: &[Statement],
    subkey: &[u8],
    born: SystemTime,
    now: SystemTime,
) -> Limits {
    let counts = |it: &&Statement| {
        it.kind == SUBKEY_BINDING
            && matches!(&it.subject, Subject::Subkey(body) if **body == *subkey)
    };
    let mut limits = Limits::NONE;
    if let Some(newest) = Newest::of(own, elsewhere, counts, now) {
        limits.end_by(newest.key_end(born));
        limits.end_by(newest.own_end());
        limits.flags = newest.flags();
        // Without a signature by the subkey, anybody could bind somebody else's (RFC 9580, section
        // 5.2.1.8). Programs that go by the newest binding look for it there alone.
        if !newest.statements.iter().any(|it| it.is_back_signed) {
            limits.flags &= !SIGN;
        }
        limits.flaw = newest.flaw().or_else(|| weak_one(&newest.statements));
    }
    limits
}

fn is_strong(statement: &Statement) -> bool {
    ACCEPTED_HASHES.iter().any(|hash| u8::from(*hash) == statement.says.hash)
}

/// Returns the weak hash that one of them uses.
fn weak_one(statements: &[&Statement]) -> Option<Weakness> {
    let weak = statements.iter().find(|it| !is_strong(it))?;
    let hash = sequoia_openpgp::types::HashAlgorithm::from(weak.says.hash);
    Some(Weakness::Hash(hash.to_string()))
}
