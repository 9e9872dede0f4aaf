//! gpg-agent's protection of private keys (GnuPG, agent/protect.c).
//!
//! `(protected METHOD ((sha1 SALT COUNT) IV) DATA)` replaces the secret numbers. OpenPGP's iterated
//! and salted S2K with SHA-1 makes the cipher's key. With CBC, a SHA-1 over the key's whole list
//! follows the numbers. OCB authenticates the list without the protected part.

use aes::{Aes128, Aes256};
use aws_lc_rs::digest;
use cbc::cipher::block_padding::NoPadding;
use cbc::cipher::{BlockDecryptMut, KeyIvInit};
use ocb3::aead::{AeadInPlace, KeyInit};
use ocb3::consts::U12;
use sequoia_openpgp::packet::Key;
use sequoia_openpgp::packet::key::{PublicParts, UnspecifiedRole};
use zeroize::Zeroizing;

use super::sexp::Sexp;
use crate::openpgp::budget::deriving_fast;
use crate::openpgp::error::{Error, Result};
use crate::openpgp::hash::sha1;
use crate::openpgp::ids::Fingerprint;
use crate::openpgp::secret_key::Passphrase;
use crate::openpgp::weakness::Weakness;

/// The most bytes that the key derivation may hash. gpg-agent takes what its machine hashes in a
/// tenth of a second: some hundred million.
const MAX_COUNT: u32 = 1 << 29;

const TAG: usize = 16;

/// The bytes of a SHA-1.
const HASH: usize = 20;

fn damaged() -> Error {
    Error::GnupgFile("its protection is damaged".into())
}

/// A protected key.
pub(super) struct Protected {
    key: Sexp,
    /// The place of the protected part in the list of the key's numbers.
    place: usize,
    cipher: Cipher,
    salt: [u8; 8],
    count: u32,
}

#[derive(Clone, Copy)]
enum Cipher {
    Cbc128,
    Cbc256,
    Ocb128,
}

impl Protected {
    /// Takes a `(protected-private-key (rsa ...))` whose second element is a list.
    pub(super) fn new(key: Sexp) -> Result<Protected> {
        let place = key.get(1).and_then(|part| part.place("protected")).ok_or_else(damaged)?;
        let (method, parameters, _) = elements(&key, place).ok_or_else(damaged)?;
        let cipher = match method {
            b"openpgp-s2k3-sha1-aes-cbc" => Cipher::Cbc128,
            b"openpgp-s2k3-sha1-aes256-cbc" => Cipher::Cbc256,
            b"openpgp-s2k3-ocb-aes" => Cipher::Ocb128,
            other => {
                let other = String::from_utf8_lossy(other).into_owned();
                return Err(Error::GnupgFile(format!("its protection is not known: {other}")));
            }
        };
        let (salt, count) = derivation(parameters).ok_or_else(damaged)?;
        Ok(Protected { cipher, salt, count, place, key })
    }

    fn key_length(&self) -> usize {
        match self.cipher {
            Cipher::Cbc128 | Cipher::Ocb128 => 16,
            Cipher::Cbc256 => 32,
        }
    }

    /// Returns what it costs to unlock it.
    pub(super) fn work(&self) -> u64 {
        let hashings = self.key_length().div_ceil(HASH) as u64;
        deriving_fast(u64::from(self.count.min(MAX_COUNT)) * hashings)
    }

    /// Unlocks the secret numbers and returns the list that they are in.
    /// Fails with [`Error::WrongPassphrase`], [`Error::GnupgFile`], and [`Error::Refused`] for a
    /// derivation that costs too much.
    pub(super) fn unlock(
        &self,
        passphrase: &Passphrase,
        owner: &Key<PublicParts, UnspecifiedRole>,
    ) -> Result<Sexp> {
        if self.count > MAX_COUNT {
            let weakness = Weakness::CostlyPassphrase(format!("{} bytes of SHA-1", self.count));
            return Err(Error::refused(Fingerprint::of(owner), weakness));
        }
        let (_, parameters, data) = elements(&self.key, self.place).ok_or_else(damaged)?;
        let iv = parameters.get(1).and_then(Sexp::atom).ok_or_else(damaged)?;
        let key = derive(passphrase, &self.salt, self.count, self.key_length());
        let mut clear = Zeroizing::new(data.to_vec());
        let opened = match self.cipher {
            Cipher::Cbc128 => decrypt_cbc::<cbc::Decryptor<Aes128>>(&key, iv, &mut clear),
            Cipher::Cbc256 => decrypt_cbc::<cbc::Decryptor<Aes256>>(&key, iv, &mut clear),
            Cipher::Ocb128 => decrypt_ocb(&key, iv, &self.around(&[]), &mut clear),
        };
        // A cipher cannot distinguish a wrong passphrase from damaged data.
        let wrong = || Error::WrongPassphrase(Fingerprint::of(owner));
        opened.ok_or_else(wrong)?;
        let secret = Sexp::read_first(&clear).ok_or_else(wrong)?;
        let numbers = secret.get(0).ok_or_else(wrong)?;
        if !matches!(self.cipher, Cipher::Ocb128) {
            let hash = secret.find("hash").and_then(|hash| hash.get(2)).and_then(Sexp::atom);
            let whole = self.around(numbers.list().ok_or_else(wrong)?);
            if hash != Some(&sha1(&[&whole])?[..]) {
                return Err(wrong());
            }
        }
        match secret {
            Sexp::List(mut list) => Ok(list.swap_remove(0)),
            Sexp::Atom(_) => Err(wrong()),
        }
    }

    /// Writes the list of the key's numbers with other elements in place of the protected part.
    fn around(&self, instead: &[Sexp]) -> Zeroizing<Vec<u8>> {
        let mut out = Zeroizing::new(Vec::with_capacity(8 * 1024));
        let part = self.key.get(1).and_then(Sexp::list);
        out.push(b'(');
        for (place, element) in part.unwrap_or_default().iter().enumerate() {
            match place == self.place {
                true => instead.iter().for_each(|element| element.write(&mut out)),
                false => element.write(&mut out),
            }
        }
        out.push(b')');
        out
    }
}

/// Returns the method, the parameters and the data of the protected part.
fn elements(key: &Sexp, place: usize) -> Option<(&[u8], &[Sexp], &[u8])> {
    match key.get(1)?.get(place)?.list()? {
        [_, Sexp::Atom(method), Sexp::List(parameters), Sexp::Atom(data)] => {
            Some((method, parameters, data))
        }
        // A method with other parameters. Only its name is returned.
        [_, Sexp::Atom(method), ..] => Some((method, &[], &[])),
        _ => None,
    }
}

/// Reads `((sha1 SALT COUNT) IV)`. Counts below 256 are OpenPGP's octet (RFC 9580, section
/// 3.7.1.3), as old versions of gpg-agent wrote them.
fn derivation(parameters: &[Sexp]) -> Option<([u8; 8], u32)> {
    let [Sexp::List(derivation), Sexp::Atom(_)] = parameters else { return None };
    let [Sexp::Atom(hash), Sexp::Atom(salt), Sexp::Atom(count)] = &derivation[..] else {
        return None;
    };
    if hash.as_slice() != b"sha1" {
        return None;
    }
    let count: u32 = std::str::from_utf8(count).ok()?.parse().ok()?;
    let count = u8::try_from(count).map_or(count, count_of);
    Some((salt.as_slice().try_into().ok()?, count))
}

/// Returns the count that OpenPGP writes as one octet (RFC 9580, section 3.7.1.3).
pub(super) fn count_of(octet: u8) -> u32 {
    (16 + u32::from(octet & 15)) << ((octet >> 4) + 6)
}

/// Derives a key as OpenPGP's iterated and salted S2K does with SHA-1 (RFC 9580, section 3.7.1.3).
/// sequoia's SHA-1 looks for collisions, which do not matter here, and takes five times as long.
fn derive(passphrase: &Passphrase, salt: &[u8], count: u32, length: usize) -> Zeroizing<Vec<u8>> {
    const PIECE: usize = 64 * 1024;
    let unit = passphrase.password().map(|bytes| Zeroizing::new([salt, bytes].concat()));
    let whole = unit.len().max(count as usize);
    let piece = Zeroizing::new(unit.repeat((PIECE / unit.len().max(1)).max(1)));
    let mut key = Zeroizing::new(Vec::with_capacity(length + HASH));
    // Each further hash has one more zero in front.
    for zeros in 0..length.div_ceil(HASH) {
        let mut hash = digest::Context::new(&digest::SHA1_FOR_LEGACY_USE_ONLY);
        hash.update(&vec![0; zeros]);
        let mut left = whole;
        while left > 0 {
            let some = piece.get(..left).unwrap_or(&piece);
            hash.update(some);
            left -= some.len();
        }
        key.extend_from_slice(hash.finish().as_ref());
    }
    key.truncate(length);
    key
}

fn decrypt_cbc<D: KeyIvInit + BlockDecryptMut>(
    key: &[u8],
    iv: &[u8],
    data: &mut Zeroizing<Vec<u8>>,
) -> Option<()> {
    let cipher = D::new_from_slices(key, iv).ok()?;
    cipher.decrypt_padded_mut::<NoPadding>(data).ok().map(drop)
}

/// Decrypts and removes the tag.
fn decrypt_ocb(
    key: &[u8],
    nonce: &[u8],
    associated: &[u8],
    data: &mut Zeroizing<Vec<u8>>,
) -> Option<()> {
    let cipher = ocb3::Ocb3::<Aes128, U12>::new_from_slice(key).ok()?;
    let nonce: [u8; 12] = nonce.try_into().ok()?;
    let length = data.len().checked_sub(TAG)?;
    let tag: [u8; TAG] = data.get(length..)?.try_into().ok()?;
    data.truncate(length);
    cipher.decrypt_in_place_detached(&nonce.into(), associated, data, &tag.into()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use sequoia_openpgp::crypto::S2K;
    use sequoia_openpgp::types::HashAlgorithm;

    #[test]
    fn keys_are_derived_as_sequoia_derives_them() {
        let salt = *b"8 octets";
        for (words, count) in [("a", 1), ("a", 1024), ("secret words", 65_536), ("xyz", 200_003)] {
            for length in [16, 32] {
                let passphrase = Passphrase::new(Zeroizing::new(words.into()));
                let s2k = S2K::Iterated { hash: HashAlgorithm::SHA1, salt, hash_bytes: count };
                let expected = s2k.derive_key(passphrase.password(), length).unwrap();
                assert_eq!(derive(&passphrase, &salt, count, length)[..], expected[..], "{words}");
            }
        }
    }
}
