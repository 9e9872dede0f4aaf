//! What a key may cost to read, and what of it nobody needs to read.
//!
//! A key of 4 MiB can hold so much that sequoia needs minutes and gigabytes to put it in order. It
//! tries every signature that claims to be the key's own on every user ID and subkey. Every
//! subpacket becomes an object (CVE-2019-13050, CVE-2025-30258). So the packets are walked first.
//! Certifications by others are skipped unread, because plugsign does not use them. Revocations by
//! a designated revoker are kept. A key with more than any publisher's key has is refused. A subkey
//! that would cost too much is left out, and the rest of the key stays.
//!
//! One [`Budget`] pays for everything that a command reads from outside.

use std::cell::LazyCell;
use std::collections::HashSet;

use zeroize::Zeroizing;

pub use super::budget::Budget;
use super::budget::{Cost, GLANCE};
use super::framing::{
    self, BadFrame, PUBLIC_KEY, PUBLIC_SUBKEY, RawPacket, SECRET_KEY, SECRET_SUBKEY, SIGNATURE,
    USER_ATTRIBUTE, USER_ID, packets,
};
use super::raw_key::RawKey;
use super::raw_signature::{Claim, RawSignature};
use super::weigh::{Component, Proofs, is_absurd, trying, weigh};
use crate::openpgp::error::{Error, Result};

/// The most packets of one key that are walked, including those of others.
const MOST_PACKETS: usize = 5_000;

/// The most user IDs, subkeys and unknown packets of one key. A key that is rotated every month for
/// 20 years has 240.
const MOST_COMPONENTS: usize = 500;

/// The most signatures that one key made about itself, and the most that it may have made: a
/// revocation may claim any issuer.
const MOST_SIGNATURES: usize = 400;

/// The most bytes that are hashed if each of these signatures is tried on each component.
const MOST_HASHED: usize = 64 * 1024 * 1024;

/// What is hashed with every component: the primary key, and the signature's own part.
const HASHED_WITH_EACH: usize = 512;

/// The most subpackets in all signatures of one key. Signatures have about eight.
const MOST_SUBPACKETS: usize = 20_000;

/// A packet that is read, and a key that is.
const PACKET: Cost = Cost { work: 10, memory: 1_500 };
const KEY: Cost = Cost { work: 100, memory: 12_000 };
const SUBPACKET: Cost = Cost { work: 1, memory: 600 };

/// The most work that one key may be for sequoia, and the most to find its own signatures.
const MOST_WORK_OF_ONE: u64 = 500_000;

/// The packets of one key.
pub(super) struct Own<'a> {
    /// The packets for sequoia to read.
    pub(super) packets: Zeroizing<Vec<u8>>,
    /// The components and whatever signature may be about them, as they came.
    pub(super) said: Vec<Said<'a>>,
}

/// A packet as it came.
#[derive(Clone, Copy)]
pub(super) struct Said<'a> {
    pub(super) packet: RawPacket<'a>,
    /// Whether it is a signature that the primary key made about the component before it.
    pub(super) is_proven: bool,
}

/// Returns the packets of each key, without what others certified. A key with too much of anything
/// gives an error and hides no other key.
///
/// Walking the headers costs nothing, whatever lengths they claim.
/// Fails with [`Error::NoKey`] for packets that are no packets.
pub(super) fn own_packets<'a>(
    bytes: &'a [u8],
    budget: &Budget,
    proofs: &mut Proofs,
) -> Result<Vec<Result<Own<'a>>>> {
    /// How many unread keys are named.
    const NAMED: usize = 100;
    for packet in packets(bytes) {
        packet.map_err(|bad| match bad {
            BadFrame::CutShort => Error::no_key("it is cut short"),
            _ => Error::no_key("it is damaged, or no OpenPGP at all"),
        })?;
    }
    let mut own = Vec::new();
    let mut unread = 0;
    for run in runs(bytes) {
        if unread == 0 && budget.pay(GLANCE) {
            let read = own_of(run, budget, proofs);
            unread += usize::from(matches!(read, Err(Error::NotRead(_))));
            own.push(read);
        } else {
            unread += 1;
            if unread <= NAMED {
                own.push(Err(Error::NotRead(name(run))));
            }
        }
    }
    if let Some(more @ 1..) = unread.checked_sub(NAMED) {
        let words = if own.len() == NAMED { "keys" } else { "more keys" };
        own.push(Err(Error::NotRead(format!("{more} {words}"))));
    }
    Ok(own)
}

/// Returns what to call a key that is not read.
fn name(run: &[u8]) -> String {
    let primary = framing::split(run).ok().and_then(|frame| RawKey::read(frame.body));
    let fingerprint = primary.and_then(|primary| primary.fingerprint());
    fingerprint.map_or_else(|| "a key".into(), |fingerprint| fingerprint.to_string())
}

/// Splits packets before each primary key.
pub(super) fn runs(bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = bytes;
    std::iter::from_fn(move || {
        let mut length = 0;
        for packet in packets(rest).map_while(std::result::Result::ok) {
            if length > 0 && matches!(packet.tag, SECRET_KEY | PUBLIC_KEY) {
                break;
            }
            length += packet.whole.len();
        }
        let (run, after) = rest.split_at(length);
        rest = after;
        (!run.is_empty()).then_some(run)
    })
}

/// Checks that packets which are to be kept can be read again.
/// Fails as [`own_packets`] does, and with [`Error::NoKey`] for too much of anything.
pub(crate) fn check_bounds(packets: &[u8]) -> Result<()> {
    let (budget, mut proofs) = (Budget::new(), Proofs::default());
    own_packets(packets, &budget, &mut proofs)?.into_iter().try_for_each(|own| own.map(drop))
}

/// Returns the packets of one key.
fn own_of<'a>(run: &'a [u8], budget: &Budget, proofs: &mut Proofs) -> Result<Own<'a>> {
    let mut reading = Reading::new(run, proofs);
    // Few keys have a revocation by another key. Only then a second walk finds the revokers.
    let revokers = LazyCell::new(|| named_revokers(run));
    for (walked, packet) in packets(run).flatten().enumerate() {
        if walked >= MOST_PACKETS {
            return Err(too_many(MOST_PACKETS, "packets"));
        }
        match packet.tag {
            // Markers, another program's trust packets, and padding say nothing about the key.
            10 | 12 | 21 => {}
            SIGNATURE => {
                let mut is_proven = false;
                if let Some(claim) = Claim::read(packet.body) {
                    let is_revokers = claim.is_revocation && claim.is_by_one_of(&revokers);
                    if claim.may_be_by(reading.key_id.as_ref()) || is_revokers {
                        is_proven = reading.add_signature(&packet, &claim, is_revokers)?;
                    }
                } else if reading.key.is_none() {
                    reading.keep_alone(&packet)?;
                }
                reading.hear(packet, is_proven);
            }
            _ => reading.add_component(&packet)?,
        }
    }
    reading.weigh_said()?;
    match budget.pay(reading.cost) {
        true => Ok(Own { packets: reading.own, said: reading.said }),
        false => Err(Error::NotRead(name(run))),
    }
}

/// Returns the key IDs of a key's designated revokers (RFC 9580, section 5.2.3.23).
fn named_revokers(run: &[u8]) -> Vec<[u8; 8]> {
    let signatures = packets(run).flatten().filter(|packet| packet.tag == SIGNATURE);
    let claims = signatures.take(MOST_PACKETS).filter_map(|packet| Claim::read(packet.body));
    claims.flat_map(|claim| claim.revokers).collect()
}

/// One key, as far as it has been walked.
struct Reading<'a, 'p> {
    own: Zeroizing<Vec<u8>>,
    said: Vec<Said<'a>>,
    /// The signatures in there that may not be the key's own.
    heard: HashSet<&'a [u8]>,
    key: Option<RawKey<'a>>,
    key_id: Option<[u8; 8]>,
    /// What the signatures that follow are about.
    component: Component<'a>,
    /// The state before that component, if it is a subkey.
    before: Option<Before>,
    count: Count,
    cost: Cost,
    proofs: &'p mut Proofs,
}

/// What there was before a subkey.
#[derive(Clone, Copy)]
struct Before {
    own: usize,
    said: usize,
    count: Count,
    cost: Cost,
}

/// How much one key has so far.
#[derive(Clone, Copy, Default)]
struct Count {
    components: usize,
    /// What one signature that is tried on all components hashes.
    hashed: usize,
    signatures: usize,
    subpackets: usize,
}

impl<'a, 'p> Reading<'a, 'p> {
    fn new(run: &'a [u8], proofs: &'p mut Proofs) -> Reading<'a, 'p> {
        Reading {
            own: Zeroizing::new(Vec::with_capacity(run.len())),
            said: Vec::new(),
            heard: HashSet::new(),
            key: None,
            key_id: None,
            component: Component::Other,
            before: None,
            count: Count::default(),
            cost: KEY,
            proofs,
        }
    }

    /// Adds a packet that signatures may follow: a key, a user ID, or an unknown packet.
    fn add_component(&mut self, packet: &RawPacket<'a>) -> Result<()> {
        self.before = None;
        self.component = match packet.tag {
            SECRET_KEY | PUBLIC_KEY => {
                self.key = RawKey::read(packet.body);
                self.key_id = self.key.as_ref().and_then(RawKey::key_id);
                if is_absurd(packet) {
                    return Err(Error::no_key("its numbers are longer than any key's"));
                }
                Component::Primary
            }
            SECRET_SUBKEY | PUBLIC_SUBKEY if is_absurd(packet) => Component::LeftOut,
            SECRET_SUBKEY | PUBLIC_SUBKEY => {
                let (own, said) = (self.own.len(), self.said.len());
                self.before = Some(Before { own, said, count: self.count, cost: self.cost });
                Component::Subkey(RawKey::read(packet.body))
            }
            USER_ID => Component::UserId(packet.body),
            USER_ATTRIBUTE => Component::Attribute(packet.body),
            _ => Component::Other,
        };
        match self.component {
            Component::LeftOut => return Ok(()),
            Component::Primary => {}
            _ => {
                self.count.components += 1;
                self.count.hashed += packet.body.len() + HASHED_WITH_EACH;
            }
        }
        self.said.push(Said { packet: *packet, is_proven: false });
        self.keep(packet, 0)
    }

    /// Adds a signature that may be the key's own or a designated revoker's. Returns whether the key
    /// made it about what it follows.
    fn add_signature(
        &mut self,
        packet: &RawPacket<'a>,
        claim: &Claim<'a>,
        is_revokers: bool,
    ) -> Result<bool> {
        if matches!(self.component, Component::LeftOut) {
            return Ok(false);
        }
        self.count.signatures += 1;
        self.count.subpackets += claim.subpackets;
        self.count.check()?;
        let weight = weigh(claim, self.key.as_ref(), &self.component, self.count.hashed);
        let is_proven = weight.proof.is_some();
        self.proofs.extend(weight.proof.into_iter().chain(weight.back_proofs));
        self.cost.work += weight.work;
        if !weight.is_nobodys || is_revokers {
            self.keep(packet, claim.subpackets)?;
        }
        Ok(is_proven && !matches!(self.component, Component::LeftOut))
    }

    /// Keeps an odd signature without a key in front of it, if it revokes something.
    fn keep_alone(&mut self, packet: &RawPacket<'a>) -> Result<()> {
        if !RawSignature::read(packet.body).is_some_and(|raw| raw.is_revocation()) {
            return Ok(());
        }
        self.count.signatures += 1;
        self.keep(packet, 0)
    }

    /// Keeps a signature as it came, if it may be about the key. The same one again says no more.
    fn hear(&mut self, packet: RawPacket<'a>, is_proven: bool) {
        let raw = RawSignature::read(packet.body).zip(self.key_id);
        let concerns = raw.is_some_and(|(raw, key)| raw.may_concern(&key));
        if is_proven || concerns && self.heard.insert(packet.body) {
            self.said.push(Said { packet, is_proven });
        }
    }

    /// Charges for trying every signature whose maker is not known on each component.
    fn weigh_said(&mut self) -> Result<()> {
        let Some(key) = &self.key else { return Ok(()) };
        let size = |is_subkey: bool| {
            let components = self.said.iter().map(|said| &said.packet);
            let of_kind = components.filter(|it| it.tag != SIGNATURE && it.is_key() == is_subkey);
            of_kind.map(|it| it.body.len() + HASHED_WITH_EACH).sum::<usize>()
        };
        let (users, subkeys) = (size(false), size(true));
        let tried = self.said.iter().filter(|it| it.packet.tag == SIGNATURE && !it.is_proven);
        let (mut count, mut work) = (Count::default(), 0);
        for raw in tried.filter_map(|said| RawSignature::read(said.packet.body)) {
            let hashed = match raw.kind {
                0x10..=0x13 | 0x30 => users,
                0x18 | 0x28 => subkeys,
                _ => HASHED_WITH_EACH,
            };
            count.signatures += 1;
            count.hashed = count.hashed.saturating_add(hashed);
            work += trying(&raw, key, hashed);
        }
        if count.hashed > MOST_HASHED || work > MOST_WORK_OF_ONE {
            return Err(too_much());
        }
        self.cost.work += work;
        count.check_numbers()
    }

    /// Takes a packet and pays for it. A subkey that costs too much is left out.
    fn keep(&mut self, packet: &RawPacket<'a>, subpackets: usize) -> Result<()> {
        let subpackets = subpackets as u64;
        self.cost.work += PACKET.work + SUBPACKET.work * subpackets + packet.body.len() as u64 / 64;
        self.cost.memory +=
            PACKET.memory + SUBPACKET.memory * subpackets + 4 * packet.body.len() as u64;
        if self.cost.work > MOST_WORK_OF_ONE {
            let Some(before) = self.before.take() else { return Err(too_much()) };
            self.own.truncate(before.own);
            (self.count, self.cost) = (before.count, before.cost);
            self.component = Component::LeftOut;
            // What stands behind the subkey may be about the key all the same.
            let more = self.said.split_off(before.said).into_iter().skip(1);
            self.said.extend(more.map(|said| Said { is_proven: false, ..said }));
            return Ok(());
        }
        self.count.check()?;
        self.own.extend_from_slice(packet.whole);
        Ok(())
    }
}

impl Count {
    fn check(&self) -> Result<()> {
        self.check_numbers()?;
        if self.signatures.saturating_mul(self.hashed) > MOST_HASHED {
            return Err(Error::no_key(
                "it has more signatures by itself on more user IDs and subkeys than can be tried",
            ));
        }
        Ok(())
    }

    fn check_numbers(&self) -> Result<()> {
        for (count, most, what) in [
            (self.components, MOST_COMPONENTS, "user IDs and subkeys"),
            (self.signatures, MOST_SIGNATURES, "signatures by itself, or revocations"),
            (self.subpackets, MOST_SUBPACKETS, "subpackets"),
        ] {
            if count > most {
                return Err(too_many(most, what));
            }
        }
        Ok(())
    }
}

fn too_much() -> Error {
    Error::no_key("it has more that must be verified than any publisher's key")
}

fn too_many(most: usize, what: &str) -> Error {
    Error::NoKey(format!("it has more than {most} {what}"))
}
