//! The signature packet, byte by byte.

use std::time::{SystemTime, UNIX_EPOCH};

use sequoia_openpgp::types::HashAlgorithm;

use crate::common::sandbox::Sandbox;
use crate::interop::gpg::Gpg;

/// Takes packets apart: new format with definite lengths, which is all that is written here.
pub(crate) fn packets(mut bytes: &[u8]) -> Vec<(u8, &[u8])> {
    let mut packets = Vec::new();
    while let [head, rest @ ..] = bytes {
        assert_eq!(head & 0xC0, 0xC0, "not in the new format: {head:#x}");
        let (length, rest) = match *rest {
            [one @ ..=191, ref rest @ ..] => (usize::from(one), rest),
            [one @ 192..=223, two, ref rest @ ..] => {
                ((usize::from(one) - 192) * 256 + usize::from(two) + 192, rest)
            }
            _ => panic!("a length of more than 8,383 octets, or none: {rest:02x?}"),
        };
        let (body, rest) = rest.split_at(length);
        packets.push((head & 0x3F, body));
        bytes = rest;
    }
    packets
}

pub(crate) struct Subpacket<'a> {
    pub(crate) kind: u8,
    pub(crate) critical: bool,
    pub(crate) body: &'a [u8],
}

/// The fields of a version 4 signature.
pub(crate) struct Fields<'a> {
    pub(crate) version: u8,
    pub(crate) kind: u8,
    pub(crate) algorithm: u8,
    pub(crate) hash: u8,
    pub(crate) hashed: Vec<Subpacket<'a>>,
    pub(crate) unhashed: Vec<Subpacket<'a>>,
    pub(crate) prefix: [u8; 2],
    /// All that is hashed behind the data.
    pub(crate) trailer: Vec<u8>,
    /// What follows the digest prefix.
    pub(crate) value: &'a [u8],
}

fn subpackets(mut area: &[u8]) -> Vec<Subpacket<'_>> {
    let mut found = Vec::new();
    while let [length, rest @ ..] = area {
        assert!(*length < 192 && *length > 0, "short subpackets alone");
        let (subpacket, rest) = rest.split_at(usize::from(*length));
        found.push(Subpacket {
            kind: subpacket[0] & 0x7F,
            critical: subpacket[0] & 0x80 != 0,
            body: &subpacket[1..],
        });
        area = rest;
    }
    found
}

pub(crate) fn signature_fields(body: &[u8]) -> Fields<'_> {
    let area = |bytes: &'_ [u8]| usize::from(u16::from_be_bytes([bytes[0], bytes[1]]));
    let hashed = area(&body[4..]);
    let after = &body[6 + hashed..];
    let unhashed = area(after);
    let mut trailer = body[..6 + hashed].to_vec();
    let length = u32::try_from(trailer.len()).unwrap();
    trailer.extend([4, 0xFF]);
    trailer.extend(length.to_be_bytes());
    let last = &after[2 + unhashed..];
    Fields {
        version: body[0],
        kind: body[1],
        algorithm: body[2],
        hash: body[3],
        hashed: subpackets(&body[6..6 + hashed]),
        unhashed: subpackets(&after[2..2 + unhashed]),
        prefix: [last[0], last[1]],
        trailer,
        value: &last[2..],
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02X}")).collect()
}

/// SHA-256 as RustCrypto computes it. Signing hashes with AWS-LC.
fn sha256(parts: [&[u8]; 2]) -> Vec<u8> {
    let mut hash = HashAlgorithm::SHA256.context().unwrap().for_digest();
    parts.iter().for_each(|part| hash.update(part));
    hash.into_digest().unwrap()
}

#[test]
fn a_signature_is_one_packet_with_the_fields_that_the_server_needs_and_no_other() {
    for (bits, kind) in [("3072", "sign"), ("4096", "rsa-rsa")] {
        let plugsign = Sandbox::with_passphrase();
        let fingerprint = plugsign.acme_key(&["--no-passphrase", "--bits", bits, "--kind", kind]);
        let data = b"what the release holds";
        let before = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
        let signature = plugsign.sign(&plugsign.write("release.tar", data));
        let after = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();

        let packets = packets(&signature);
        let [(2, body)] = packets[..] else { panic!("one signature packet: {packets:?}") };
        let fields = signature_fields(body);
        assert_eq!((fields.version, fields.kind), (4, 0x00));
        assert_eq!((fields.algorithm, fields.hash), (1, 8), "RSA, SHA-256");
        assert!(fields.unhashed.is_empty(), "all is vouched for");
        assert!(fields.hashed.iter().all(|subpacket| !subpacket.critical));
        let mut kinds: Vec<u8> = fields.hashed.iter().map(|subpacket| subpacket.kind).collect();
        kinds.sort_unstable();
        assert_eq!(kinds, [2, 16, 33], "creation time, issuer, issuer fingerprint");
        for Subpacket { kind, body, .. } in &fields.hashed {
            match kind {
                2 => {
                    let time = u32::from_be_bytes((*body).try_into().unwrap());
                    assert!((before..=after).contains(&u64::from(time)), "{time}");
                }
                16 => assert_eq!(hex(body), fingerprint[24..]),
                _ => {
                    assert_eq!(body[0], 4);
                    assert_eq!(hex(&body[1..]), fingerprint);
                }
            }
        }
        assert_eq!(fields.prefix, sha256([data, &fields.trailer])[..2]);
        let number_bits = usize::from(u16::from_be_bytes([fields.value[0], fields.value[1]]));
        assert_eq!(fields.value.len(), 2 + number_bits.div_ceil(8), "one number to the very end");
        assert!(number_bits <= bits.parse().unwrap());
        let first = fields.value[2];
        assert_eq!(first.leading_zeros() as usize, (8 - number_bits % 8) % 8, "the exact length");
    }
}

#[test]
fn gpg_lists_the_packet_as_it_should_be() {
    let Some(gpg) = Gpg::new() else { return };
    let plugsign = Sandbox::with_passphrase();
    let fingerprint = plugsign.acme_key(&["--no-passphrase"]);
    plugsign.sign(&plugsign.write("release.tar", b"data"));
    let signature = plugsign.path("release.tar.sig");
    let listing = gpg.text(&["--list-packets", signature.to_str().unwrap()]);
    assert_eq!(listing.matches("# off=").count(), 1, "{listing}");
    assert!(listing.contains(":signature packet: algo 1, keyid"), "{listing}");
    assert!(listing.contains("version 4, "), "{listing}");
    assert!(listing.contains("sigclass 0x00"), "{listing}");
    assert!(listing.contains("digest algo 8, begin of digest"), "{listing}");
    assert!(listing.contains(&format!("hashed subpkt 33 len 21 (issuer fpr v4 {fingerprint})")));
    assert!(
        listing.contains(&format!("hashed subpkt 16 len 8 (issuer key ID {})", &fingerprint[24..]))
    );
    assert!(listing.contains("hashed subpkt 2 len 4 (sig created "), "{listing}");
    assert!(!listing.contains("critical"), "{listing}");
    assert_eq!(listing.matches("subpkt").count(), 3, "{listing}");
}

#[test]
fn the_same_key_file_and_time_give_the_same_bytes() {
    let plugsign = Sandbox::with_passphrase();
    plugsign.acme_key(&["--no-passphrase"]);
    let file = plugsign.write("release.tar", b"data");
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs() + 2;
    let sign = |seconds: u64| {
        let call = plugsign.call(["sign", "--force", "-o", "-"]).arg(&file);
        call.env("SOURCE_DATE_EPOCH", seconds.to_string()).run().exits(0).stdout
    };
    assert_eq!(sign(now), sign(now));
    assert_ne!(sign(now), sign(now + 1));
}
