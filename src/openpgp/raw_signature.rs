//! Signature packets as they are: what they claim, and what they sign.

use sequoia_openpgp::types::HashAlgorithm;

use super::framing::{area, integer, issuer_in, subpackets};

/// How deep signatures may be embedded in signatures. A signing subkey needs one level.
const MOST_DEPTH: usize = 4;

/// What a signature claims in its subpackets (RFC 9580, section 5.2.3.7).
#[derive(Default)]
pub(super) struct Claim<'a> {
    pub(super) issuers: Vec<[u8; 8]>,
    /// The key IDs of designated revokers that it names.
    pub(super) revokers: Vec<[u8; 8]>,
    /// Whether it revokes a key or a subkey.
    pub(super) is_revocation: bool,
    /// How many subpackets there are, including those of embedded signatures.
    pub(super) subpackets: usize,
    /// The bodies of the signatures that are embedded directly in it.
    pub(super) embedded: Vec<&'a [u8]>,
    /// Whether signatures are embedded too deep in it.
    is_too_deep: bool,
    /// Its parts, if it is of version 4 and sound.
    pub(super) parts: Option<RawSignature<'a>>,
}

/// A signature packet's body taken apart without judging it. A strict parser rejects malformed
/// signatures, and could lose a revocation.
pub(super) struct RawSignature<'a> {
    /// The creation time and issuer of a version 3 signature.
    fixed: Option<(u32, [u8; 8])>,
    pub(super) kind: u8,
    pub(super) hash: u8,
    /// What is hashed after the signed content. From version 4 on, it goes from the version to the
    /// end of the hashed subpackets.
    head: &'a [u8],
    hashed: &'a [u8],
    /// Empty if its length is wrong. Nothing in it is signed.
    unhashed: &'a [u8],
    /// The first two octets of the digest and the numbers, if the lengths in front are right.
    end: Option<(&'a [u8; 2], &'a [u8])>,
    body: &'a [u8],
}

impl<'a> RawSignature<'a> {
    /// Reads a body of version 4 or 3 (RFC 9580, sections 5.2.2 and 5.2.3), or of version 5, which
    /// gpg 2.4 makes and verifies with keys of version 4 too.
    pub(super) fn read(body: &'a [u8]) -> Option<RawSignature<'a>> {
        match *body.first()? {
            2 | 3 => RawSignature::version_3(body),
            _ => RawSignature::version_4_or_5(body),
        }
    }

    fn version_3(body: &'a [u8]) -> Option<RawSignature<'a>> {
        // The second octet says how much is hashed. gpg ignores it: it is always the same.
        let [_, _, kind, a, b, c, d, ref rest @ ..] = *body else { return None };
        let (issuer, rest) = rest.split_first_chunk::<8>()?;
        let &[_, hash, ref rest @ ..] = rest else { return None };
        let fixed = Some((u32::from_be_bytes([a, b, c, d]), *issuer));
        let (head, end) = (body.get(2..7)?, Some(rest.split_first_chunk()?));
        Some(RawSignature { fixed, kind, hash, head, hashed: &[], unhashed: &[], end, body })
    }

    fn version_4_or_5(body: &'a [u8]) -> Option<RawSignature<'a>> {
        let &[4 | 5, kind, _, hash, ref rest @ ..] = body else { return None };
        let (hashed, after) = area(rest)?;
        let head = body.get(..6 + hashed.len())?;
        let (unhashed, end) = match area(after) {
            Some((unhashed, rest)) => (unhashed, rest.split_first_chunk()),
            None => (&[][..], None),
        };
        Some(RawSignature { fixed: None, kind, hash, head, hashed, unhashed, end, body })
    }

    /// Reads a version 4 signature whose lengths are right.
    pub(super) fn read_sound(body: &'a [u8]) -> Option<RawSignature<'a>> {
        let raw = RawSignature::version_4_or_5(body).filter(|_| body.first() == Some(&4));
        raw.filter(|raw| raw.end().is_some())
    }

    /// Returns what is hashed after the signed content.
    pub(super) fn trailer(&self) -> Vec<u8> {
        match self.body.first() {
            Some(2 | 3) => self.head.to_vec(),
            // Version 5 writes the length in twice as many octets.
            Some(5) => {
                [self.head, &[5, 0xFF], &(self.head.len() as u64).to_be_bytes()[..]].concat()
            }
            _ => closed(self.head),
        }
    }

    /// Returns the digest over what is signed.
    pub(super) fn digest(&self, signed: &[&[u8]]) -> Option<Vec<u8>> {
        let mut context = HashAlgorithm::from(self.hash).context().ok()?.for_digest();
        signed.iter().for_each(|part| context.update(part));
        context.update(&self.trailer());
        context.into_digest().ok()
    }

    /// Returns the first two octets of the digest, and the first number, which is all of an RSA
    /// signature.
    pub(super) fn end(&self) -> Option<(&'a [u8; 2], &'a [u8])> {
        let (prefix, numbers) = self.end?;
        Some((prefix, integer(numbers)?.0))
    }

    /// Returns what may be the RSA number of a key with a modulus of `octets` octets. It may be the
    /// number by its length, or the last octets of the packet.
    pub(super) fn numbers(&self, octets: usize) -> Vec<&'a [u8]> {
        let declared = self.end().map(|(_, number)| number);
        let last = self.body.len().checked_sub(octets).and_then(|start| self.body.get(start..));
        declared.into_iter().chain(last.filter(|last| declared != Some(*last))).collect()
    }

    /// Returns the key IDs that it claims to be made by.
    pub(super) fn issuers(&self) -> Vec<[u8; 8]> {
        let named = subpackets(self.hashed).chain(subpackets(self.unhashed));
        let named = named.filter_map(|(tag, value)| issuer_in(tag, value));
        self.fixed.iter().map(|(_, issuer)| *issuer).chain(named).collect()
    }

    /// Returns whether it may say something about this key. Who made a revocation is only shown by
    /// verifying it.
    pub(super) fn may_concern(&self, key: &[u8; 8]) -> bool {
        let issuers = self.issuers();
        self.is_revocation() || issuers.is_empty() || issuers.contains(key)
    }

    /// Returns whether it revokes a key, a subkey or what stands for a user.
    pub(super) fn is_revocation(&self) -> bool {
        matches!(self.kind, 0x20 | 0x28 | 0x30)
    }

    /// Returns the creation time of a version 3 signature.
    pub(super) fn fixed_time(&self) -> Option<u32> {
        self.fixed.map(|(created, _)| created)
    }

    pub(super) fn hashed_area(&self) -> &'a [u8] {
        self.hashed
    }

    pub(super) fn unhashed_area(&self) -> &'a [u8] {
        self.unhashed
    }

    /// Returns the bodies of the first signatures that are embedded in it.
    pub(super) fn embedded(&self) -> impl Iterator<Item = &'a [u8]> {
        const MOST: usize = 4;
        let all = subpackets(self.hashed).chain(subpackets(self.unhashed));
        all.filter(|(tag, _)| tag & 0x7F == 32).map(|(_, value)| value).take(MOST)
    }
}

impl<'a> Claim<'a> {
    /// Reads a signature's body. Version 4 keys make signatures of version 4, and formerly of
    /// version 3. Other versions are by other keys.
    pub(super) fn read(body: &'a [u8]) -> Option<Claim<'a>> {
        let mut claim = Claim::default();
        match body.first()? {
            3 => claim.issuers.extend(body.get(7..15)?.first_chunk::<8>()),
            4 => {
                claim.is_revocation = matches!(body.get(1)?, 0x20 | 0x28);
                claim.add(body, 0)?;
                claim.parts = RawSignature::read_sound(body);
                if claim.is_too_deep {
                    return None;
                }
            }
            _ => return None,
        }
        Some(claim)
    }

    /// Adds the subpackets of both areas and of embedded signatures. The parser judges what is cut
    /// short.
    fn add(&mut self, body: &'a [u8], depth: usize) -> Option<()> {
        if depth > MOST_DEPTH {
            self.is_too_deep = true;
            return None;
        }
        let (hashed, after) = area(body.get(4..)?)?;
        let (unhashed, _) = area(after)?;
        for area in [hashed, unhashed] {
            for (tag, value) in subpackets(area) {
                self.subpackets += 1;
                match tag & 0x7F {
                    12 if depth == 0 => self.revokers.extend(value.last_chunk::<8>()),
                    16 if depth == 0 => self.issuers.extend(issuer_in(tag, value)),
                    // A fingerprint of another version is somebody else's.
                    33 if depth == 0 => self.issuers.push(issuer_in(tag, value).unwrap_or([0; 8])),
                    32 => {
                        if depth == 0 {
                            self.embedded.push(value);
                        }
                        // A damaged embedded signature does not matter for the outer one.
                        let _ = self.add(value, depth + 1);
                    }
                    _ => {}
                }
            }
        }
        Some(())
    }

    /// Returns whether it names this key or no key.
    pub(super) fn may_be_by(&self, key: Option<&[u8; 8]>) -> bool {
        match key {
            Some(key) => self.issuers.is_empty() || self.issuers.contains(key),
            None => true,
        }
    }

    pub(super) fn is_by_one_of(&self, keys: &[[u8; 8]]) -> bool {
        self.issuers.iter().any(|issuer| keys.contains(issuer))
    }
}

/// Builds a version 4 trailer from version, type, algorithms and hashed subpackets. An area has
/// at most 65,535 octets, so the lengths fit.
pub(super) fn trailer(head: [u8; 4], hashed_area: &[u8]) -> Vec<u8> {
    closed(&[&head[..], &(hashed_area.len() as u16).to_be_bytes(), hashed_area].concat())
}

fn closed(head: &[u8]) -> Vec<u8> {
    [head, &[4, 0xFF], &(head.len() as u32).to_be_bytes()].concat()
}
