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
use std::sync::atomic::{AtomicU64, Ordering};

use zeroize::Zeroizing;

use super::framing::{
    self, BadFrame, PUBLIC_KEY, PUBLIC_SUBKEY, RawPacket, SECRET_KEY, SECRET_SUBKEY, SIGNATURE,
    USER_ATTRIBUTE, USER_ID, packets,
};
use super::raw_key::RawKey;
use super::raw_signature::Claim;
use super::weigh::{Component, Proofs, is_absurd, weigh};
use crate::openpgp::error::{Error, Result};

/// The most packets of one key that are walked, including those of others.
const MOST_PACKETS: usize = 5_000;

/// The most user IDs, subkeys and unknown packets of one key. A key that is rotated every month for
/// 20 years has 240.
const MOST_COMPONENTS: usize = 500;

/// The most signatures that one key made about itself.
const MOST_SIGNATURES: usize = 400;

/// The most bytes that are hashed if each of these signatures is tried on each component.
const MOST_HASHED: usize = 64 * 1024 * 1024;

/// What is hashed with every component: the primary key, and the signature's own part.
const HASHED_WITH_EACH: usize = 512;

/// The most subpackets in all signatures of one key. Signatures have about eight.
const MOST_SUBPACKETS: usize = 20_000;

/// What something costs.
#[derive(Clone, Copy, Default)]
pub(super) struct Cost {
    /// Microseconds of processor time on a machine of today.
    pub(super) work: u64,
    /// Bytes.
    pub(super) memory: u64,
}

/// A look at a key without reading it: its fingerprint, and where it is.
pub(super) const GLANCE: Cost = Cost { work: 2, memory: 120 };

/// An attempt to find out whether a key made a separate revocation.
pub(super) const ATTEMPT: Cost = Cost { work: 100, memory: 0 };

/// A packet that is read, and a key that is.
const PACKET: Cost = Cost { work: 10, memory: 1_500 };
const KEY: Cost = Cost { work: 100, memory: 12_000 };
const SUBPACKET: Cost = Cost { work: 1, memory: 600 };

/// A multiplication of two moduli of 4096 bits.
const COMPARISON: u64 = 8;

/// The most work that one key may be.
const MOST_WORK_OF_ONE: u64 = 500_000;

/// What one command may spend on everything that it reads from outside: keys, keyrings, databases.
///
/// A command makes one budget and passes it to every reader. So ten thousand files cost no more
/// than one.
pub struct Budget {
    work: AtomicU64,
    memory: AtomicU64,
}

impl Default for Budget {
    fn default() -> Budget {
        Budget::new()
    }
}

impl Budget {
    const WORK: u64 = 2_200_000;
    const MEMORY: u64 = 140 * 1024 * 1024;

    /// Makes a full budget: about a second of work, and half of the promised memory. The other half
    /// is for the files themselves and for what is made of the keys.
    pub fn new() -> Budget {
        Budget { work: AtomicU64::new(Self::WORK), memory: AtomicU64::new(Self::MEMORY) }
    }

    /// Pays for comparing a modulus with a number of others.
    pub(super) fn pay_for_comparing(&self, count: usize) -> bool {
        self.pay(Cost { work: COMPARISON * count as u64, memory: 0 })
    }

    /// Pays for something, if there is enough left.
    pub(super) fn pay(&self, cost: Cost) -> bool {
        let take = |purse: &AtomicU64, price: u64| {
            let left = |left: u64| left.checked_sub(price);
            purse.fetch_update(Ordering::Relaxed, Ordering::Relaxed, left).is_ok()
        };
        take(&self.work, cost.work) && take(&self.memory, cost.memory)
    }
}

/// The packets of one key.
pub(super) struct Own<'a> {
    /// The packets for sequoia to read.
    pub(super) packets: Zeroizing<Vec<u8>>,
    /// All packets, as they were given.
    pub(super) given: &'a [u8],
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
            let read = own_of(run, budget, proofs).map(|packets| Own { packets, given: run });
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
fn own_of(run: &[u8], budget: &Budget, proofs: &mut Proofs) -> Result<Zeroizing<Vec<u8>>> {
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
                let Some(claim) = Claim::read(packet.body) else { continue };
                let is_revokers = claim.is_revocation && claim.is_by_one_of(&revokers);
                if claim.may_be_by(reading.key_id.as_ref()) || is_revokers {
                    reading.add_signature(&packet, &claim, is_revokers)?;
                }
            }
            _ => reading.add_component(&packet)?,
        }
    }
    match budget.pay(reading.cost) {
        true => Ok(reading.own),
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
    key: Option<RawKey<'a>>,
    key_id: Option<[u8; 8]>,
    /// What the signatures that follow are about.
    component: Component<'a>,
    /// The state before that component, if it is a subkey.
    before: Option<(usize, Count, Cost)>,
    count: Count,
    cost: Cost,
    proofs: &'p mut Proofs,
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
                self.before = Some((self.own.len(), self.count, self.cost));
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
        self.keep(packet, 0)
    }

    /// Adds a signature that may be the key's own or a designated revoker's.
    fn add_signature(
        &mut self,
        packet: &RawPacket<'a>,
        claim: &Claim<'a>,
        is_revokers: bool,
    ) -> Result<()> {
        if matches!(self.component, Component::LeftOut) {
            return Ok(());
        }
        self.count.signatures += 1;
        self.count.subpackets += claim.subpackets;
        self.count.check()?;
        let weight = weigh(claim, self.key.as_ref(), &self.component, self.count.hashed);
        if let Some(proof) = weight.proof {
            self.proofs.add(proof, packet.body);
        }
        self.proofs.extend(weight.back_proofs);
        self.cost.work += weight.work;
        if weight.is_nobodys && !is_revokers {
            return Ok(());
        }
        self.keep(packet, claim.subpackets)
    }

    /// Takes a packet and pays for it. A subkey that costs too much is left out.
    fn keep(&mut self, packet: &RawPacket<'a>, subpackets: usize) -> Result<()> {
        let subpackets = subpackets as u64;
        self.cost.work += PACKET.work + SUBPACKET.work * subpackets + packet.body.len() as u64 / 64;
        self.cost.memory +=
            PACKET.memory + SUBPACKET.memory * subpackets + 4 * packet.body.len() as u64;
        if self.cost.work > MOST_WORK_OF_ONE {
            let Some((length, count, cost)) = self.before.take() else {
                let why = "it has more that must be verified than any publisher's key";
                return Err(Error::no_key(why));
            };
            self.own.truncate(length);
            (self.count, self.cost) = (count, cost);
            self.component = Component::LeftOut;
            return Ok(());
        }
        self.count.check()?;
        self.own.extend_from_slice(packet.whole);
        Ok(())
    }
}

impl Count {
    fn check(&self) -> Result<()> {
        for (count, most, what) in [
            (self.components, MOST_COMPONENTS, "user IDs and subkeys"),
            (self.signatures, MOST_SIGNATURES, "signatures by itself"),
            (self.subpackets, MOST_SUBPACKETS, "subpackets"),
        ] {
            if count > most {
                return Err(too_many(most, what));
            }
        }
        if self.signatures.saturating_mul(self.hashed) > MOST_HASHED {
            return Err(Error::no_key(
                "it has more signatures by itself on more user IDs and subkeys than can be tried",
            ));
        }
        Ok(())
    }
}

fn too_many(most: usize, what: &str) -> Error {
    Error::NoKey(format!("it has more than {most} {what}"))
}
