//! The files of `private-keys-v1.d`, as gpg-agent writes them (GnuPG, agent/keyformat.txt).
//!
//! A file has one key as an S-expression: canonical and bare (gpg 2.1 and 2.2), or advanced after
//! `Key:` (2.2 and later). Its name is the keygrip, a hash of the public part.

use sequoia_openpgp::crypto::S2K;
use sequoia_openpgp::crypto::mpi::{self, ProtectedMPI, SecretKeyChecksum};
use sequoia_openpgp::packet::key::{Encrypted, SecretKeyMaterial, Unencrypted};
use sequoia_openpgp::types::{HashAlgorithm, SymmetricAlgorithm};
use zeroize::Zeroizing;

use super::protection::{Protected, count_of};
use super::sexp::Sexp;
use crate::openpgp::error::{Error, Result};
use crate::openpgp::hash::sha1;
use crate::openpgp::ids::hex;
use crate::openpgp::rsa_public::without_zeros;

/// The most bytes of a private key file. One of RSA-4096 has 7 KiB.
pub const MAX_PRIVATE_KEY: u64 = 256 * 1024;

/// A private key file that was read and not unlocked. It has neither Debug nor Clone.
pub struct PrivateKeyFile {
    /// What the key has in common with its certificate: n, q or y, without leading zeros.
    pub(super) public: Vec<u8>,
    pub(super) secret: SecretPart,
}

/// Where the secret part is.
pub(super) enum SecretPart {
    /// Here, as in an OpenPGP packet: unprotected, or with the packet's protection. gpg keeps an
    /// imported key in that form until its first use.
    Here(SecretKeyMaterial),
    /// Behind gpg-agent's protection.
    Protected(Protected),
    /// On a smart card or the like.
    Elsewhere,
    /// Of an algorithm that is not read.
    Other,
}

impl PrivateKeyFile {
    /// Reads a file whose name is `keygrip` and `.key`.
    /// Fails with [`Error::GnupgFile`], which says what is wrong with it.
    pub fn read(keygrip: &str, bytes: &[u8]) -> Result<PrivateKeyFile> {
        let key = match bytes.first() {
            Some(b'(') => Sexp::read(bytes),
            _ => key_entry(bytes).and_then(|text| Sexp::read(&text)),
        };
        let key = key.ok_or_else(|| bad("it is no S-expression of a key"))?;
        let (kind, part) = key.name().zip(key.get(1)).ok_or_else(|| bad("it has no key"))?;
        let algorithm = part.name().unwrap_or_default();
        if !matches!(algorithm, b"rsa" | b"openpgp-rsa") {
            let public = ["q", "y"].iter().find_map(|name| part.value(name)).unwrap_or_default();
            let public = without_zeros(public).to_vec();
            return Ok(PrivateKeyFile { public, secret: SecretPart::Other });
        }
        let n = part.value("n").ok_or_else(|| bad("it has no modulus"))?;
        let public = without_zeros(n).to_vec();
        if !grip(&public)?.eq_ignore_ascii_case(keygrip) {
            return Err(bad("it has another key than it is named for"));
        }
        let secret = match kind {
            b"private-key" => SecretPart::Here(numbers(part)?.into()),
            b"shadowed-private-key" => SecretPart::Elsewhere,
            b"protected-private-key" => protected(key)?,
            _ => return Err(bad("it is no private key")),
        };
        Ok(PrivateKeyFile { public, secret })
    }
}

fn bad(why: &str) -> Error {
    Error::GnupgFile(why.into())
}

/// Reads which of gpg-agent's protections a key has.
fn protected(key: Sexp) -> Result<SecretPart> {
    let protection = key.get(1).and_then(|part| part.find("protected"));
    let element = |place| protection.and_then(|protection| protection.get(place));
    if element(1).and_then(Sexp::atom) == Some(b"openpgp-native") {
        let native = element(2).and_then(native);
        return native.map(SecretPart::Here).ok_or_else(|| bad("its protection is damaged"));
    }
    Protected::new(key).map(SecretPart::Protected)
}

/// Reads d, p, q and u, which libgcrypt has as OpenPGP has them: u is p^-1 mod q.
pub(super) fn numbers(list: &Sexp) -> Result<Unencrypted> {
    let number = |name| list.value(name).ok_or_else(|| bad("it has not all numbers of a key"));
    Ok(unencrypted([number("d")?, number("p")?, number("q")?, number("u")?]))
}

fn unencrypted(numbers: [&[u8]; 4]) -> Unencrypted {
    let [d, p, q, u] = numbers.map(ProtectedMPI::from);
    Unencrypted::from(mpi::SecretKeyMaterial::RSA { d, p, q, u })
}

/// Reads `(openpgp-private-key ... (skey _ n _ e e DATA) ... (protection sha1 CIPHER IV 3 HASH SALT
/// COUNT))`, or `(skey _ n _ e _ d _ p _ q _ u) ... (protection none)`.
fn native(packet: &Sexp) -> Option<SecretKeyMaterial> {
    let atoms = |name| -> Option<Vec<&[u8]>> {
        packet.find(name)?.list()?.iter().map(Sexp::atom).collect()
    };
    let (skey, protection) = (atoms("skey")?, atoms("protection")?);
    match (&skey[..], &protection[..]) {
        ([_, _, _, _, _, b"_", d, b"_", p, b"_", q, b"_", u], [_, b"none"]) => {
            Some(unencrypted([d, p, q, u]).into())
        }
        ([_, b"_", _, b"_", _, b"e", data], [_, checksum, cipher, iv, b"3", hash, salt, count]) => {
            encrypted(data, checksum, cipher, iv, hash, salt, count).map(Into::into)
        }
        _ => None,
    }
}

/// Puts the secret part of an OpenPGP packet together (RFC 9580, section 5.5.3).
fn encrypted(
    data: &[u8],
    checksum: &[u8],
    cipher: &[u8],
    iv: &[u8],
    hash: &[u8],
    salt: &[u8],
    count: &[u8],
) -> Option<Encrypted> {
    let checksum = match checksum {
        b"sha1" => SecretKeyChecksum::SHA1,
        _ => SecretKeyChecksum::Sum16,
    };
    let name = |name: &[u8]| std::str::from_utf8(name).ok().map(str::to_ascii_uppercase);
    #[allow(deprecated)] // What old keys are protected with; they are protected anew.
    let cipher = match name(cipher)?.as_str() {
        "AES" | "AES128" => SymmetricAlgorithm::AES128,
        "AES192" => SymmetricAlgorithm::AES192,
        "AES256" => SymmetricAlgorithm::AES256,
        "3DES" => SymmetricAlgorithm::TripleDES,
        "CAST5" => SymmetricAlgorithm::CAST5,
        "TWOFISH" => SymmetricAlgorithm::Twofish,
        _ => return None,
    };
    let hash = match name(hash)?.as_str() {
        "SHA1" => HashAlgorithm::SHA1,
        "SHA256" => HashAlgorithm::SHA256,
        "SHA384" => HashAlgorithm::SHA384,
        "SHA512" => HashAlgorithm::SHA512,
        _ => return None,
    };
    let hash_bytes = count_of(std::str::from_utf8(count).ok()?.parse().ok()?);
    let s2k = S2K::Iterated { hash, salt: salt.try_into().ok()?, hash_bytes };
    Some(Encrypted::new(s2k, cipher, Some(checksum), [iv, data].concat().into()))
}

/// Returns the value of the entry `Key:` of the name-value form. A line that begins with a blank
/// continues the line before. An empty one is a line end (GnuPG, common/name-value.c).
fn key_entry(bytes: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
    const NAME: &[u8] = b"key:";
    let mut lines = bytes.split(|byte| *byte == b'\n');
    let first = lines
        .find(|line| line.get(..NAME.len()).is_some_and(|name| name.eq_ignore_ascii_case(NAME)))?;
    let mut value = Zeroizing::new(Vec::with_capacity(bytes.len()));
    value.extend(first.get(NAME.len()..)?.trim_ascii());
    for line in lines.take_while(|line| line.first().is_some_and(u8::is_ascii_whitespace)) {
        match line.get(1..).map(<[u8]>::trim_ascii_end) {
            Some([]) | None => value.push(b'\n'),
            Some(more) => value.extend(more),
        }
    }
    Some(value)
}

/// Returns the keygrip of an RSA key: SHA-1 over n as libgcrypt writes it, with a zero in front if
/// its first bit is set (libgcrypt, cipher/rsa.c, compute_keygrip).
pub(in crate::openpgp) fn grip(n: &[u8]) -> Result<String> {
    let sign: &[u8] = if n.first().is_some_and(|byte| byte & 0x80 != 0) { &[0] } else { &[] };
    Ok(hex(&sha1(&[sign, n])?))
}
