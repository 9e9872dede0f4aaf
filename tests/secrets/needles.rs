//! What is searched for, and how it is found in any order of bytes.

use std::fs::File;
use std::io::Read;

use sequoia_openpgp as openpgp;

use openpgp::Cert;
use openpgp::crypto::mpi::SecretKeyMaterial;
use openpgp::packet::key::SecretKeyMaterial as Kept;
use openpgp::parse::Parse;

/// Parts of secrets, each with the name of its secret.
#[derive(Clone, Default)]
pub struct Needles(Vec<(String, Vec<u8>)>);

impl Needles {
    /// The first eight bytes of a passphrase, and all of it.
    pub fn passphrase(mut self, name: &str, passphrase: &str) -> Needles {
        for part in [&passphrase.as_bytes()[..8], passphrase.as_bytes()] {
            self.0.push((name.into(), part.to_vec()));
        }
        self
    }

    /// Sixteen bytes from everywhere in d, p, q and u of every secret key of a certificate,
    /// written from the most significant byte on, as OpenPGP does, and from the least, as
    /// processors count.
    pub fn key(mut self, certificate: &[u8], passphrase: Option<&str>) -> Needles {
        let certificate = Cert::from_bytes(certificate).unwrap();
        let mut keys = 0;
        for key in certificate.keys().secret() {
            let key = key.key().clone();
            let key = match (key.secret().is_encrypted(), passphrase) {
                (true, Some(passphrase)) => key.decrypt_secret(&passphrase.into()).unwrap(),
                (true, None) => panic!("the key is locked"),
                (false, _) => key,
            };
            let Kept::Unencrypted(open) = key.secret() else { panic!("still locked") };
            open.map(|numbers| {
                let SecretKeyMaterial::RSA { d, p, q, u } = numbers else { panic!("not RSA") };
                for (name, number) in [("d", d), ("p", p), ("q", q), ("u", u)] {
                    self.number(name, number.value());
                }
            });
            keys += 1;
        }
        assert!(keys > 0, "no secret key to search for");
        self
    }

    fn number(&mut self, name: &str, big: &[u8]) {
        let little: Vec<u8> = big.iter().rev().copied().collect();
        for (order, bytes) in [("big", big), ("little", &little)] {
            for part in bytes.windows(16).step_by(8) {
                self.0.push((format!("{name} ({order}-endian)"), part.to_vec()));
            }
        }
    }

    /// Returns the names of those that are somewhere in these bytes, in order.
    pub fn found_in(&self, bytes: &[u8]) -> Vec<String> {
        let mut begins = vec![false; 1 << 16];
        let start = |bytes: &[u8]| usize::from(bytes[0]) << 8 | usize::from(bytes[1]);
        for (_, needle) in &self.0 {
            begins[start(needle)] = true;
        }
        let mut found: Vec<String> = Vec::new();
        for place in 0..bytes.len().saturating_sub(1) {
            let rest = &bytes[place..];
            if begins[start(rest)] {
                let here = self.0.iter().filter(|(_, needle)| rest.starts_with(needle));
                found.extend(here.map(|(name, _)| name.clone()));
            }
        }
        found.sort();
        found.dedup();
        found
    }
}

/// A passphrase that nothing else on the machine is.
pub fn passphrase() -> String {
    let mut random = [0; 16];
    File::open("/dev/urandom").unwrap().read_exact(&mut random).unwrap();
    random.iter().fold("XPASS-".to_owned(), |text, byte| format!("{text}{byte:02x}"))
}
