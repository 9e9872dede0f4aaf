//! Crafts OpenPGP data, good and hostile, with sequoia's builders where they let us and byte by
//! byte where they do not.

use std::sync::OnceLock;
use std::time::{Duration, SystemTime};

use crypto_bigint::modular::{BoxedMontyForm, BoxedMontyParams};
use crypto_bigint::{BoxedUint, NonZero, Odd, Resize};
use sequoia_openpgp as openpgp;

use openpgp::cert::CertBuilder;
use openpgp::crypto::Signer as _;
use openpgp::crypto::mpi::{self, ProtectedMPI};
use openpgp::packet::key::{
    Key4, KeyParts, KeyRole, PrimaryRole, SecretKeyMaterial, SecretParts, SubordinateRole,
    UnspecifiedRole,
};
use openpgp::packet::signature::SignatureBuilder;
use openpgp::packet::{Key, UserID};
use openpgp::parse::Parse;
use openpgp::serialize::MarshalInto;
use openpgp::types::{
    HashAlgorithm, KeyFlags, PublicKeyAlgorithm, ReasonForRevocation, SignatureType,
};
use openpgp::{Cert, Packet, Profile};

use plugsign::openpgp::keygen::{KeyKind, KeyPlan, generate};
use plugsign::openpgp::policy::KeySizeBits;

pub use super::pair::Pair;

pub const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// An artifact's bytes.
pub const DATA: &[u8] = b"\x1f\x8b\x08 release archive, not really: any bytes do";

/// The time that everything in this process is dated by, so that the same recipe gives the same
/// key.
pub fn now() -> SystemTime {
    static NOW: OnceLock<SystemTime> = OnceLock::new();
    *NOW.get_or_init(SystemTime::now)
}

/// So many days ago.
pub fn ago(days: u32) -> SystemTime {
    now() - DAY * days
}

pub fn seconds(time: SystemTime) -> u32 {
    time.duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs().try_into().unwrap()
}

/// The numbers of an RSA key, from which keys of any age and kind are made.
#[derive(Clone)]
pub struct Material {
    public: mpi::PublicKey,
    secret: mpi::SecretKeyMaterial,
}

impl Material {
    fn of(cert: &Cert) -> Material {
        let key = cert.primary_key().key().clone().parts_into_secret().unwrap();
        Material::of_key(key.role_into_unspecified())
    }

    fn of_key(key: Key<SecretParts, UnspecifiedRole>) -> Material {
        let SecretKeyMaterial::Unencrypted(open) = key.secret() else { panic!("it is locked") };
        Material { public: key.mpis().clone(), secret: open.map(Clone::clone) }
    }

    /// The signer's: 3072 bits.
    pub fn a() -> &'static Material {
        static KEY: OnceLock<Material> = OnceLock::new();
        KEY.get_or_init(|| Material::of(&made(KeySizeBits::Rsa3072)))
    }

    /// Somebody else's: 3072 bits.
    pub fn b() -> &'static Material {
        static KEY: OnceLock<Material> = OnceLock::new();
        KEY.get_or_init(|| Material::of(&made(KeySizeBits::Rsa3072)))
    }

    /// 4096 bits.
    pub fn strong() -> &'static Material {
        static KEY: OnceLock<Material> = OnceLock::new();
        KEY.get_or_init(|| Material::of(&made(KeySizeBits::Rsa4096)))
    }

    /// 2048 bits.
    pub fn weak() -> &'static Material {
        static KEY: OnceLock<Material> = OnceLock::new();
        KEY.get_or_init(|| {
            let key: Key<SecretParts, UnspecifiedRole> =
                Key4::<SecretParts, UnspecifiedRole>::generate_rsa(2048).unwrap().into();
            Material::of_key(key)
        })
    }

    /// Makes a key of these numbers.
    pub fn key<R: KeyRole>(&self, created: SystemTime) -> Key<SecretParts, R>
    where
        Key<SecretParts, R>: From<Key4<SecretParts, R>>,
    {
        Key4::<SecretParts, R>::with_secret(
            created,
            PublicKeyAlgorithm::RSAEncryptSign,
            self.public.clone(),
            self.secret.clone().into(),
        )
        .unwrap()
        .into()
    }

    pub fn signer(&self, created: SystemTime) -> Pair {
        self.key::<UnspecifiedRole>(created).into_keypair().unwrap().into()
    }

    /// Makes a key of two primes; an RSA key works with any exponent that has an inverse.
    pub fn of_primes(p: &BoxedUint, q: &BoxedUint, e: u32) -> Option<Material> {
        let minus_one = |prime: &BoxedUint| prime.wrapping_sub(BoxedUint::one());
        let bits = 2 * p.bits_precision();
        let wide = |number: &BoxedUint| number.clone().resize(bits);
        let n = wide(p).wrapping_mul(wide(q));
        let order = wide(&minus_one(p)).wrapping_mul(wide(&minus_one(q)));
        let exponent = BoxedUint::from(e).resize(bits);
        let order = Option::<NonZero<BoxedUint>>::from(NonZero::new(order))?;
        let d: BoxedUint = Option::from(exponent.invert_mod(&order))?;
        // As OpenPGP has it, p is the smaller one, and u its inverse modulo q.
        let (p, q) = if p < q { (p, q) } else { (q, p) };
        let q_ = Option::<NonZero<BoxedUint>>::from(NonZero::new(q.clone()))?;
        let u: BoxedUint = Option::from(p.clone().resize(q.bits_precision()).invert_mod(&q_))?;
        let mpi = |number: &BoxedUint| mpi::MPI::new(&number.to_be_bytes());
        let secret = |number: &BoxedUint| ProtectedMPI::from(number.to_be_bytes().to_vec());
        Some(Material {
            public: mpi::PublicKey::RSA { e: mpi::MPI::new(&e.to_be_bytes()), n: mpi(&n) },
            secret: mpi::SecretKeyMaterial::RSA {
                d: secret(&d),
                p: secret(p),
                q: secret(q),
                u: secret(&u),
            },
        })
    }

    /// The primes.
    pub fn primes(&self) -> [BoxedUint; 2] {
        let [_, p, q] = &self.secrets()[..] else { panic!("not RSA") };
        [p, q].map(|prime| BoxedUint::from_be_slice_vartime(prime))
    }

    /// The modulus, as bytes.
    pub fn modulus(&self) -> Vec<u8> {
        let mpi::PublicKey::RSA { n, .. } = &self.public else { panic!("not RSA") };
        n.value().to_vec()
    }

    /// Raises a number to the private exponent: what signing is, once the number is padded.
    pub fn raise(&self, number: &[u8]) -> Vec<u8> {
        let n: Odd<BoxedUint> =
            Option::from(Odd::new(BoxedUint::from_be_slice_vartime(&self.modulus()))).unwrap();
        let bits = n.bits_precision();
        let base = BoxedUint::from_be_slice_vartime(number).resize(bits);
        let base = base.rem_vartime(n.as_nz_ref());
        let d = BoxedUint::from_be_slice_vartime(&self.secrets()[0]).resize(bits);
        let form = BoxedMontyForm::new(base, &BoxedMontyParams::new_vartime(n));
        let raised = form.pow(&d).retrieve().to_be_bytes().to_vec();
        raised[raised.len() - self.modulus().len()..].to_vec()
    }

    /// d, p and q, as bytes.
    pub fn secrets(&self) -> Vec<Vec<u8>> {
        let mpi::SecretKeyMaterial::RSA { d, p, q, .. } = &self.secret else { panic!("not RSA") };
        [d, p, q].iter().map(|number| ProtectedMPI::value(number).to_vec()).collect()
    }
}

/// A new key of 3072 bits, for tests that need primes of their own.
pub fn fresh() -> Material {
    Material::of(&made(KeySizeBits::Rsa3072))
}

fn made(bits: KeySizeBits) -> Cert {
    let plan = KeyPlan {
        kind: KeyKind::Sign,
        bits,
        user_id: "Material".into(),
        created: ago(10),
        validity: None,
    };
    let key = generate(&plan, None).unwrap();
    Cert::from_bytes(&*key.secret.to_bytes().unwrap()).unwrap()
}

/// A certificate to be made.
#[derive(Clone)]
pub struct Recipe {
    pub material: &'static Material,
    pub created: SystemTime,
    /// When the self-signatures are made.
    pub bound: SystemTime,
    pub validity: Option<Duration>,
    pub flags: KeyFlags,
    pub hash: HashAlgorithm,
    pub user_ids: Vec<Vec<u8>>,
}

pub fn certify_and_sign() -> KeyFlags {
    KeyFlags::empty().set_certification().set_signing()
}

impl Recipe {
    /// A good one, ten days old.
    pub fn of(material: &'static Material) -> Recipe {
        Recipe {
            material,
            created: ago(10),
            bound: ago(10),
            validity: None,
            flags: certify_and_sign(),
            hash: HashAlgorithm::SHA256,
            user_ids: vec![b"Release <release@example.org>".to_vec()],
        }
    }

    pub fn user_id(mut self, user_id: impl AsRef<[u8]>) -> Recipe {
        self.user_ids = vec![user_id.as_ref().to_vec()];
        self
    }

    pub fn signer(&self) -> Pair {
        self.material.signer(self.created)
    }

    pub fn build(&self) -> Cert {
        let primary = self.material.key::<PrimaryRole>(self.created);
        let mut signer = self.signer();
        let mut packets: Vec<Packet> = vec![primary.clone().into()];
        for user_id in &self.user_ids {
            let user_id = UserID::from(user_id.as_slice());
            let binding = SignatureBuilder::new(SignatureType::PositiveCertification)
                .set_hash_algo(self.hash)
                .set_signature_creation_time(self.bound)
                .unwrap()
                .set_key_validity_period(self.validity)
                .unwrap()
                .set_key_flags(self.flags.clone())
                .unwrap()
                .sign_userid_binding(&mut signer, primary.parts_as_public(), &user_id)
                .unwrap();
            packets.extend([Packet::from(user_id), binding.into()]);
        }
        Cert::from_packets(packets.into_iter()).unwrap()
    }
}

/// The signer's certificate with its secret key: good in every way.
pub fn alice() -> &'static Cert {
    static CERT: OnceLock<Cert> = OnceLock::new();
    CERT.get_or_init(|| Recipe::of(Material::a()).user_id("Alice <alice@example.org>").build())
}

/// Somebody else's.
pub fn bob() -> &'static Cert {
    static CERT: OnceLock<Cert> = OnceLock::new();
    CERT.get_or_init(|| Recipe::of(Material::b()).user_id("Bob <bob@example.org>").build())
}

/// How a subkey is bound.
pub struct Binding {
    pub flags: KeyFlags,
    pub back_signature: bool,
}

/// Adds a subkey to a certificate whose primary key is `primary`'s.
pub fn with_subkey(cert: Cert, primary: &mut Pair, material: &Material, how: &Binding) -> Cert {
    let subkey = material.key::<SubordinateRole>(ago(9));
    let mut builder = SignatureBuilder::new(SignatureType::SubkeyBinding)
        .set_hash_algo(HashAlgorithm::SHA256)
        .set_signature_creation_time(ago(9))
        .unwrap()
        .set_key_flags(how.flags.clone())
        .unwrap();
    if how.back_signature {
        let back = SignatureBuilder::new(SignatureType::PrimaryKeyBinding)
            .set_hash_algo(HashAlgorithm::SHA256)
            .set_signature_creation_time(ago(9))
            .unwrap()
            .sign_primary_key_binding(
                &mut material.signer(ago(9)),
                cert.primary_key().key(),
                subkey.parts_as_public(),
            )
            .unwrap();
        builder = builder.set_embedded_signature(back).unwrap();
    }
    let binding = builder
        .sign_subkey_binding(primary, cert.primary_key().key(), subkey.parts_as_public())
        .unwrap();
    cert.insert_packets([Packet::from(subkey), binding.into()]).unwrap().0
}

/// Revokes a certificate.
pub fn revoked(cert: Cert, signer: &mut Pair, reason: ReasonForRevocation) -> Cert {
    let revocation = SignatureBuilder::new(SignatureType::KeyRevocation)
        .set_hash_algo(HashAlgorithm::SHA256)
        .set_signature_creation_time(ago(1))
        .unwrap()
        .set_reason_for_revocation(reason, b"")
        .unwrap()
        .sign_direct_key(signer, cert.primary_key().key())
        .unwrap();
    cert.insert_packets(Some(Packet::from(revocation))).unwrap().0
}

/// What is public of it.
pub fn public(cert: &Cert) -> Vec<u8> {
    cert.clone().strip_secret_key_material().to_vec().unwrap()
}

/// With its secret parts.
pub fn secret(cert: &Cert) -> Vec<u8> {
    cert.as_tsk().to_vec().unwrap()
}

/// Armors packets as gpg does.
pub fn armor(kind: openpgp::armor::Kind, packets: &[u8]) -> Vec<u8> {
    let mut writer = openpgp::armor::Writer::new(Vec::new(), kind).unwrap();
    std::io::Write::write_all(&mut writer, packets).unwrap();
    writer.finalize().unwrap()
}

/// A certificate of another kind, with secret parts.
pub fn other(suite: openpgp::cert::CipherSuite, profile: Profile) -> Cert {
    CertBuilder::general_purpose(Some("Other <other@example.org>"))
        .set_profile(profile)
        .unwrap()
        .set_cipher_suite(suite)
        .set_creation_time(ago(10))
        .generate()
        .unwrap()
        .0
}

/// Writes a packet with a new-format header.
pub fn packet(tag: u8, body: &[u8]) -> Vec<u8> {
    let mut packet = vec![0xC0 | tag, 255];
    packet.extend(u32::try_from(body.len()).unwrap().to_be_bytes());
    packet.extend(body);
    packet
}

/// Writes a number as OpenPGP does.
pub fn number(bytes: &[u8]) -> Vec<u8> {
    // One in 256 numbers of a fixed length begins with a zero, which is not written.
    let zeros = bytes.iter().take_while(|byte| **byte == 0).count();
    let bytes = &bytes[zeros.min(bytes.len() - 1)..];
    let bits = 8 * bytes.len() - bytes[0].leading_zeros() as usize;
    let mut number = u16::try_from(bits).unwrap().to_be_bytes().to_vec();
    number.extend(bytes);
    number
}

/// A signature's number with the modulus added: the same number to a program that takes the rest.
pub fn above_modulus(value: &[u8], material: &Material) -> Vec<u8> {
    let bits = 8 * value.len() as u32 + 64;
    let [value, modulus] = [value, &material.modulus()]
        .map(|number| BoxedUint::from_be_slice_vartime(number).resize(bits));
    number(&value.wrapping_add(&modulus).to_be_bytes())
}

/// Writes a key of any version and algorithm from its numbers, without any self-signature: the
/// rules about algorithms come before those about signatures. With a secret number, it is a
/// secret key.
pub fn bare_key(version: u8, algorithm: u8, numbers: &[&[u8]], secret: Option<&[u8]>) -> Vec<u8> {
    let mut body = vec![version];
    body.extend(seconds(ago(10)).to_be_bytes());
    if version == 3 {
        body.extend([0, 0]);
    }
    body.push(algorithm);
    for value in numbers {
        body.extend(number(value));
    }
    let tag = match secret {
        None => 6,
        Some(secret) => {
            let secret = number(secret);
            let sum = secret.iter().fold(0u16, |sum, byte| sum.wrapping_add(u16::from(*byte)));
            body.push(0);
            body.extend(secret);
            body.extend(sum.to_be_bytes());
            5
        }
    };
    let mut key = packet(tag, &body);
    key.extend(packet(13, b"Bare <bare@example.org>"));
    key
}

/// An odd number of so many bits, which is no product of known primes.
pub fn odd(bits: usize) -> Vec<u8> {
    let mut bytes = vec![0xA5; bits / 8];
    *bytes.last_mut().unwrap() = 0x97;
    bytes
}

/// Writes a subpacket.
pub fn subpacket(tag: u8, body: &[u8]) -> Vec<u8> {
    let mut subpacket = vec![u8::try_from(body.len() + 1).unwrap(), tag];
    subpacket.extend(body);
    subpacket
}

pub const CREATED: u8 = 2;
pub const EXPIRES: u8 = 3;
pub const ISSUER: u8 = 16;
pub const NOTATION: u8 = 20;
pub const FINGERPRINT: u8 = 33;

/// A detached signature to be made, every octet of it as one likes.
#[derive(Clone)]
pub struct Forge {
    /// 4, or 5 as gpg 2.4 has it.
    pub version: u8,
    pub kind: u8,
    pub algorithm: u8,
    pub hash: HashAlgorithm,
    pub hashed: Vec<Vec<u8>>,
    pub unhashed: Vec<Vec<u8>>,
}

impl Forge {
    /// What plugsign itself would make, an hour ago.
    pub fn by(key: &Pair) -> Forge {
        Forge::at(key, now() - Duration::from_secs(3600))
    }

    pub fn at(key: &Pair, time: SystemTime) -> Forge {
        Forge {
            version: 4,
            kind: 0,
            algorithm: 1,
            hash: HashAlgorithm::SHA256,
            hashed: vec![created(time), issuer_fingerprint(key), issuer(key)],
            unhashed: Vec::new(),
        }
    }

    /// Signs, and returns the packet.
    pub fn sign(&self, key: &mut Pair, data: &[u8]) -> Vec<u8> {
        self.finish(data, |digest| value(key, self.hash, digest))
    }

    /// Signs with the modulus added to the number.
    pub fn sign_above(&self, material: &Material, key: &mut Pair, data: &[u8]) -> Vec<u8> {
        let mut value = |digest: &[u8]| value(key, self.hash, digest).split_off(2);
        self.finish(data, |digest| above_modulus(&value(digest), material))
    }

    /// Returns the packet with this number, as OpenPGP writes it, for the digest.
    pub fn finish(&self, data: &[u8], number: impl FnOnce(&[u8]) -> Vec<u8>) -> Vec<u8> {
        let mut head = vec![self.version, self.kind, self.algorithm, u8::from(self.hash)];
        let hashed = self.hashed.concat();
        head.extend(u16::try_from(hashed.len()).unwrap().to_be_bytes());
        head.extend(&hashed);
        let mut trailer = head.clone();
        trailer.extend([self.version, 0xFF]);
        match self.version {
            5 => trailer.extend((head.len() as u64).to_be_bytes()),
            _ => trailer.extend(u32::try_from(head.len()).unwrap().to_be_bytes()),
        }
        let digest = digest(self.hash, &[data, &trailer]);
        let mut body = head;
        let unhashed = self.unhashed.concat();
        body.extend(u16::try_from(unhashed.len()).unwrap().to_be_bytes());
        body.extend(unhashed);
        body.extend(&digest[..2]);
        body.extend(number(&digest));
        packet(2, &body)
    }
}

/// Makes a version 3 signature.
pub fn version_3(key: &mut Pair, data: &[u8]) -> Vec<u8> {
    version_3_of(0, key, data)
}

/// Makes a version 3 signature of a type.
pub fn version_3_of(kind: u8, key: &mut Pair, data: &[u8]) -> Vec<u8> {
    let mut hashed = vec![kind];
    hashed.extend(seconds(now()).to_be_bytes());
    let digest = digest(HashAlgorithm::SHA256, &[data, &hashed]);
    let mut body = vec![3, 5];
    body.extend(hashed);
    body.extend(key.public().keyid().as_bytes());
    body.extend([1, 8]);
    body.extend(&digest[..2]);
    body.extend(value(key, HashAlgorithm::SHA256, &digest));
    packet(2, &body)
}

fn digest(hash: HashAlgorithm, parts: &[&[u8]]) -> Vec<u8> {
    let mut context = hash.context().unwrap().for_digest();
    for part in parts {
        context.update(part);
    }
    context.into_digest().unwrap()
}

fn value(key: &mut Pair, hash: HashAlgorithm, digest: &[u8]) -> Vec<u8> {
    match key.sign(hash, digest).unwrap() {
        mpi::Signature::RSA { s } => number(s.value()),
        _ => panic!("not an RSA key"),
    }
}

pub fn created(time: SystemTime) -> Vec<u8> {
    subpacket(CREATED, &seconds(time).to_be_bytes())
}

pub fn issuer(key: &Pair) -> Vec<u8> {
    subpacket(ISSUER, key.public().keyid().as_bytes())
}

pub fn issuer_fingerprint(key: &Pair) -> Vec<u8> {
    let mut body = vec![4];
    body.extend(key.public().fingerprint().as_bytes());
    subpacket(FINGERPRINT, &body)
}

/// A certificate's packets with more behind so many of them, or behind all.
pub fn with_packet(cert: &Cert, more: &[u8], place: usize) -> Vec<u8> {
    let packets = cert.clone().strip_secret_key_material().into_packets();
    let mut packets: Vec<Vec<u8>> = packets.map(|packet| packet.to_vec().unwrap()).collect();
    packets.insert(place.min(packets.len()), more.to_vec());
    packets.concat()
}

/// What signatures about a key hash of it: the octet 0x99, its length and its public packet's body.
pub fn about<P: KeyParts, R: KeyRole>(key: &Key<P, R>) -> Vec<u8> {
    let body = key.parts_as_public().to_vec().unwrap();
    [&[0x99][..], &u16::try_from(body.len()).unwrap().to_be_bytes(), &body].concat()
}

/// What signatures about a user ID hash of it.
pub fn about_user_id(user_id: &[u8]) -> Vec<u8> {
    [&[0xB4][..], &u32::try_from(user_id.len()).unwrap().to_be_bytes(), user_id].concat()
}

/// A good signature over [`DATA`] by a certificate's primary key.
pub fn signature(recipe: &Recipe) -> Vec<u8> {
    let mut key = recipe.signer();
    Forge::by(&key).sign(&mut key, DATA)
}

/// Alice's signer.
pub fn alices_key() -> Pair {
    signer_of(alice())
}

pub fn bobs_key() -> Pair {
    signer_of(bob())
}

pub fn signer_of(cert: &Cert) -> Pair {
    let key = cert.primary_key().key().clone().parts_into_secret().unwrap();
    key.role_into_unspecified().into_keypair().unwrap().into()
}
