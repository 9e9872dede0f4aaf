//! Signing by hand: numbers in, numbers out, so that any packet can be signed validly.

use std::sync::LazyLock;

use crypto_bigint::modular::{BoxedMontyForm, BoxedMontyParams};
use crypto_bigint::{BoxedUint, ConcatenatingMul, NonZero, Odd, Resize};
use p256::ecdsa::signature::hazmat::PrehashSigner;

use super::keys;
use super::packets::mpi;

pub struct RsaKey {
    pub n: &'static str,
    pub d: &'static str,
    pub p: &'static str,
    pub q: &'static str,
}

pub struct DsaKey {
    pub p: &'static str,
    pub q: &'static str,
    pub g: &'static str,
    pub y: &'static str,
    pub x: &'static str,
}

/// A key that signs, or at least is one.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Key {
    /// Two RSA keys of 1024 bits and one of 1027, as "RSA" and as "RSA sign only".
    Primary,
    PrimarySignOnly,
    Subkey,
    Stranger,
    /// An RSA key of 512 bits.
    Small,
    Dsa,
    P256,
    P384,
    /// Keys that sign nothing.
    RsaEncrypt,
    ElGamal,
    Ecdh,
    Ed25519,
    Cv25519,
}

impl Key {
    pub fn algorithm(self) -> u8 {
        match self {
            Key::Primary | Key::Subkey | Key::Stranger | Key::Small => 1,
            Key::RsaEncrypt => 2,
            Key::PrimarySignOnly => 3,
            Key::ElGamal => 16,
            Key::Dsa => 17,
            Key::Ecdh | Key::Cv25519 => 18,
            Key::P256 | Key::P384 => 19,
            Key::Ed25519 => 22,
        }
    }

    fn rsa(self) -> Option<&'static RsaKey> {
        match self {
            Key::Primary | Key::PrimarySignOnly => Some(&keys::PRIMARY),
            Key::Subkey | Key::RsaEncrypt => Some(&keys::SUBKEY),
            Key::Stranger => Some(&keys::STRANGER),
            Key::Small => Some(&keys::SMALL),
            _ => None,
        }
    }

    /// Returns the key's public fields behind the algorithm.
    pub fn public_fields(self) -> Vec<u8> {
        const P256: &[u8] = b"\x08\x2a\x86\x48\xce\x3d\x03\x01\x07";
        const P384: &[u8] = b"\x05\x2b\x81\x04\x00\x22";
        let dsa = &keys::DSA;
        let with = |oid: &[u8], point: &[u8]| [oid, &mpi(point)].concat();
        match self {
            Key::Dsa => [dsa.p, dsa.q, dsa.g, dsa.y].map(|it| mpi(&unhex(it))).concat(),
            Key::ElGamal => [dsa.p, dsa.g, dsa.y].map(|it| mpi(&unhex(it))).concat(),
            Key::P256 => with(P256, p256_key().verifying_key().to_encoded_point(false).as_bytes()),
            Key::P384 => with(P384, p384_key().verifying_key().to_encoded_point(false).as_bytes()),
            Key::Ecdh => [Key::P256.public_fields().as_slice(), &[3, 1, 8, 7]].concat(),
            Key::Ed25519 => with(b"\x09\x2b\x06\x01\x04\x01\xda\x47\x0f\x01", &[0x40; 33]),
            Key::Cv25519 => {
                let oid = b"\x0a\x2b\x06\x01\x04\x01\x97\x55\x01\x05\x01";
                [with(oid, &[0x40; 33]).as_slice(), &[3, 1, 8, 7]].concat()
            }
            _ => [mpi(&unhex(self.rsa().unwrap().n)), mpi(&[1, 0, 1])].concat(),
        }
    }

    /// Returns the fields of the unprotected secret key.
    pub fn secret_fields(self) -> Vec<u8> {
        match self.rsa() {
            Some(rsa) => [rsa.d, rsa.p, rsa.q, rsa.q].map(|it| mpi(&unhex(it))).concat(),
            None => mpi(&unhex(keys::DSA.x)),
        }
    }

    /// Signs a digest.
    pub fn sign(self, hash: u8, digest: &[u8]) -> Vec<Vec<u8>> {
        let halves = |both: &[u8]| {
            let (r, s) = both.split_at(both.len() / 2);
            vec![r.to_vec(), s.to_vec()]
        };
        match self {
            Key::Dsa => sign_dsa(digest),
            Key::P256 => {
                let signature: p256::ecdsa::Signature =
                    p256_key().sign_prehash(&padded(digest, 32)).unwrap();
                halves(&signature.to_bytes())
            }
            Key::P384 => {
                let signature: p384::ecdsa::Signature =
                    p384_key().sign_prehash(&padded(digest, 48)).unwrap();
                halves(&signature.to_bytes())
            }
            _ => match self.rsa() {
                Some(rsa) => vec![sign_rsa(rsa, hash, digest)],
                None => vec![digest.to_vec(), digest.to_vec()],
            },
        }
    }
}

fn p256_key() -> p256::ecdsa::SigningKey {
    p256::ecdsa::SigningKey::from_slice(&[7; 32]).unwrap()
}

fn p384_key() -> p384::ecdsa::SigningKey {
    p384::ecdsa::SigningKey::from_slice(&[7; 48]).unwrap()
}

fn padded(digest: &[u8], length: usize) -> Vec<u8> {
    let missing = length.saturating_sub(digest.len());
    [&vec![0; missing], &digest[..digest.len().min(length)]].concat()
}

fn sign_rsa(key: &RsaKey, hash: u8, digest: &[u8]) -> Vec<u8> {
    let n = unhex(key.n);
    let info = match hash {
        1 => "3020300c06082a864886f70d020505000410",
        2 => "3021300906052b0e03021a05000414",
        8 => "3031300d060960864801650304020105000420",
        9 => "3041300d060960864801650304020205000430",
        10 => "3051300d060960864801650304020305000440",
        11 => "302d300d06096086480165030402040500041c",
        _ => "",
    };
    let info = [unhex(info).as_slice(), digest].concat();
    // The key is too short, so the result is no signature.
    let padding = vec![0xff; n.len().saturating_sub(info.len() + 3)];
    let mut encoded = [&[0, 1], padding.as_slice(), &[0], &info].concat();
    encoded.truncate(n.len());
    power_with_primes(key, &encoded)
}

/// What raising to the power of d modulo p and q takes, which is four times faster than modulo n.
struct Halves {
    n: &'static str,
    /// Of p and of q: the modulus, its parameters, and d modulo one less.
    primes: [(NonZero<BoxedUint>, BoxedMontyParams, BoxedUint); 2],
    /// q^-1 modulo p.
    inverse: BoxedUint,
}

impl Halves {
    fn new(key: &'static RsaKey) -> Halves {
        let [p, q, d] = [key.p, key.q, key.d].map(|it| number(&unhex(it)));
        let modulus = Odd::new(p.clone()).unwrap();
        let inverse = q.rem_vartime(modulus.as_nz_ref()).invert_odd_mod_vartime(&modulus).unwrap();
        let primes = [p, q].map(|prime| {
            let less_one = NonZero::new(prime.wrapping_sub(BoxedUint::one())).unwrap();
            let parameters = BoxedMontyParams::new_vartime(Odd::new(prime.clone()).unwrap());
            (NonZero::new(prime).unwrap(), parameters, d.rem_vartime(&less_one))
        });
        Halves { n: key.n, primes, inverse }
    }
}

fn power_with_primes(key: &RsaKey, base: &[u8]) -> Vec<u8> {
    static HALVES: LazyLock<Vec<Halves>> = LazyLock::new(|| {
        [&keys::PRIMARY, &keys::SUBKEY, &keys::STRANGER, &keys::SMALL].map(Halves::new).into()
    });
    let Halves { primes, inverse, .. } = HALVES.iter().find(|it| it.n == key.n).unwrap();
    let base = number(base);
    let [m1, m2] = primes.each_ref().map(|(prime, parameters, d)| {
        BoxedMontyForm::new(base.rem_vartime(prime), parameters).pow(d).retrieve()
    });
    let [(p, ..), (q, ..)] = primes;
    // Not negative: m1 + (p - m2 mod p).
    let difference = m1.concatenating_mul(BoxedUint::one()) + &p.wrapping_sub(m2.rem_vartime(p));
    let h = inverse.concatenating_mul(&difference.rem_vartime(p)).rem_vartime(p);
    (q.concatenating_mul(&h) + &m2).to_be_bytes_trimmed_vartime().into_vec()
}

fn sign_dsa(digest: &[u8]) -> Vec<Vec<u8>> {
    /// r and k^-1, for a k that is no secret.
    static R_AND_INVERSE: LazyLock<[BoxedUint; 2]> = LazyLock::new(|| {
        let q = Odd::new(number(&unhex(keys::DSA.q))).unwrap();
        let k = number(&[0x11; 20]).resize(q.bits_precision());
        let r = number(&power(&unhex(keys::DSA.g), &k.to_be_bytes(), &unhex(keys::DSA.p)));
        [r.rem_vartime(q.as_nz_ref()), k.invert_odd_mod_vartime(&q).unwrap()]
    });
    let [r, inverse] = &*R_AND_INVERSE;
    let q = NonZero::new(number(&unhex(keys::DSA.q))).unwrap();
    let z = number(&digest[..digest.len().min(28)]);
    let sum = number(&unhex(keys::DSA.x)).concatenating_mul(r) + &z;
    let s = inverse.concatenating_mul(&sum.rem_vartime(&q)).rem_vartime(&q);
    [r, &s].map(|it| it.to_be_bytes_trimmed_vartime().into_vec()).into()
}

fn number(octets: &[u8]) -> BoxedUint {
    BoxedUint::from_be_slice_vartime(octets)
}

fn power(base: &[u8], exponent: &[u8], modulus: &[u8]) -> Vec<u8> {
    let parameters = BoxedMontyParams::new_vartime(Odd::new(number(modulus)).unwrap());
    let base = BoxedUint::from_be_slice_truncated(base, parameters.bits_precision());
    let result = BoxedMontyForm::new(base, &parameters).pow(&number(exponent)).retrieve();
    result.to_be_bytes_trimmed_vartime().into_vec()
}

pub fn unhex(hex: &str) -> Vec<u8> {
    hex.as_bytes()
        .chunks(2)
        .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap())
        .collect()
}
