//! Certificates written with every statement in its place.
//!
//! Readers disagree about a signature that is missing or stands behind something else: what one
//! takes for a revocation, another passes over.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use super::kept::{Statements, subject_in};
use super::statement::{Statement, Subject};
use crate::openpgp::framing::{self, SIGNATURE, USER_ID};
use crate::openpgp::raw_signature::RawSignature;

impl Statements {
    /// Returns the packets of a certificate with the statements that are missing or misplaced:
    /// those that a parser left out, rewrote, or put at the end. Returns nothing if all are in
    /// their places.
    ///
    /// `by_other` says which revocations by others count. `elsewhere` has the statements of other
    /// copies. Of these only revocations are added, and what makes a revocation by another count.
    pub(in crate::openpgp) fn restored(
        &self,
        packets: &[u8],
        by_other: impl Fn(&[[u8; 8]]) -> bool,
        elsewhere: &[Statement],
    ) -> Option<Vec<u8>> {
        let there: HashSet<(Subject, &[u8])> = placed(packets).collect();
        let has_revocation = elsewhere.iter().any(Statement::is_revocation);
        let is_there = |subject: &Subject, body| there.contains(&(subject.clone(), body));
        if !has_revocation && self.placed().all(|(place, body)| is_there(place, body)) {
            return None;
        }
        let others = self.by_others().iter().filter(|(_, issuers)| by_other(issuers));
        let by_others: Vec<&Statement> = others.map(|(statement, _)| statement).collect();
        let is_by_other = |it: &Statement| {
            it.is_revocation()
                && RawSignature::read(&it.body).is_some_and(|raw| by_other(&raw.issuers()))
        };
        // It would not count without the statement that names its maker.
        let needs_names = !by_others.is_empty() || elsewhere.iter().any(is_by_other);
        let narrows =
            |it: &&Statement| it.is_revocation() || needs_names && !it.named_revokers().is_empty();
        let all = self.own().iter().chain(by_others).chain(elsewhere.iter().filter(narrows));
        let mut missing: HashMap<&Subject, Vec<&Arc<[u8]>>> = HashMap::new();
        for statement in all.filter(|it| !is_there(&it.subject, &it.body)) {
            let bodies = missing.entry(&statement.subject).or_default();
            if !bodies.contains(&&statement.body) {
                bodies.push(&statement.body);
            }
        }
        let named = elsewhere.iter().filter(|it| needs_names && !it.named_revokers().is_empty());
        let user_ids: Vec<&Subject> = named.map(|it| &it.subject).collect();
        (!missing.is_empty()).then(|| insert(packets, &missing, &user_ids))
    }
}

/// Returns the bodies of the signature packets, each with what it stands behind.
fn placed(packets: &[u8]) -> impl Iterator<Item = (Subject, &[u8])> {
    let mut place = None;
    framing::packets(packets).flatten().filter_map(move |packet| {
        if packet.tag == SIGNATURE {
            return place.clone().map(|place| (place, packet.body));
        }
        place = subject_in(&packet);
        None
    })
}

/// Inserts signatures after what they are about, and removes them from where they stand. Some user
/// IDs are added if they are not there.
fn insert(
    packets: &[u8],
    missing: &HashMap<&Subject, Vec<&Arc<[u8]>>>,
    user_ids: &[&Subject],
) -> Vec<u8> {
    let moved: HashSet<&[u8]> = missing.values().flatten().map(|body| &***body).collect();
    let mut done: HashSet<Subject> = HashSet::new();
    let mut all = Vec::with_capacity(packets.len());
    let mut walked = 0;
    for packet in framing::packets(packets).flatten() {
        walked += packet.whole.len();
        if packet.tag == SIGNATURE && moved.contains(packet.body) {
            continue;
        }
        all.extend_from_slice(packet.whole);
        if let Some(subject) = subject_in(&packet)
            && let Some(bodies) = missing.get(&subject)
            && done.insert(subject)
        {
            bodies.iter().for_each(|body| append(&mut all, SIGNATURE, body));
        }
    }
    all.extend_from_slice(packets.get(walked..).unwrap_or_default());
    for subject in user_ids {
        if let (Subject::UserId(id), Some(bodies)) = (subject, missing.get(subject))
            && done.insert((*subject).clone())
        {
            append(&mut all, USER_ID, id);
            bodies.iter().for_each(|body| append(&mut all, SIGNATURE, body));
        }
    }
    all
}

/// Appends a packet, with its header (RFC 9580, section 4.2.1).
fn append(all: &mut Vec<u8>, tag: u8, body: &[u8]) {
    all.push(0xC0 | tag);
    match body.len() {
        length @ 0..=191 => all.push(length as u8),
        length @ 192..=8383 => {
            all.extend(((length - 192 + (192 << 8)) as u16).to_be_bytes());
        }
        length => {
            all.push(255);
            all.extend((length as u32).to_be_bytes());
        }
    }
    all.extend_from_slice(body);
}
