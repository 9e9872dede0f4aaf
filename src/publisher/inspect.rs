//! What files are, without believing any of them.

use std::path::{Path, PathBuf};

use serde::Serialize;

use super::Publisher;
use super::accepted::Known;
use super::claims::claims_of;
pub use super::claims::{Claims, KnownAs};
use super::failure::{EXIT_COULD_NOT, Failure, Result};
use super::outcome::{Outcome, as_path};
use super::show::CertificateView;
use crate::disk;
use crate::disk::bundle::BundleFile;
use crate::disk::checksums::{Checksums, is_list};
use crate::disk::file::{Links, read_small};
use crate::openpgp::cleartext::{Cleartext, is_cleartext};
use crate::openpgp::key_file::{Key, MAX_KEYRING, read_keys_within, revoked_by_file};
use crate::openpgp::signature::{DetachedSignature, Texts};
use crate::openpgp::verdict::Bad;

/// What the files are.
#[derive(Serialize)]
pub struct Inspected {
    /// Each file, in the order of the command line.
    pub files: Vec<InspectedFile>,
}

/// What one file is.
#[derive(Serialize)]
pub struct InspectedFile {
    /// The file.
    #[serde(serialize_with = "as_path")]
    pub path: PathBuf,
    /// Whether it is armored, or text.
    pub armored: bool,
    /// What it is.
    #[serde(flatten)]
    pub content: Content,
}

/// What a file has.
#[derive(Serialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Content {
    /// Detached signatures: one, if it is for a release.
    Signature {
        /// Each signature.
        signatures: Vec<InspectedSignature>,
    },
    /// A text that carries its signatures.
    Cleartext {
        /// Each signature.
        signatures: Vec<InspectedSignature>,
        /// How many lines the text has.
        lines: usize,
    },
    /// Certificates and secret keys.
    Keys {
        /// Each certificate.
        certificates: Vec<InspectedKey>,
        /// What cannot be read or is refused, and why.
        refused: Vec<String>,
    },
    /// A list of checksums.
    List {
        /// How many files it names.
        names: usize,
    },
    /// A plugin.
    Bundle {
        /// Its ID. Foreign text.
        id: String,
        /// Its version. Foreign text.
        version: String,
    },
    /// Nothing that plugsign knows.
    Unknown,
    /// It could not be read.
    Unreadable {
        /// Why.
        error: Failure,
    },
}

/// What a signature says of itself. Nothing of it is verified.
#[derive(Serialize)]
#[serde(untagged)]
pub enum InspectedSignature {
    /// It can be read.
    Read(Claims),
    /// It cannot.
    Bad(Bad),
}

/// A certificate or secret key in a file.
#[derive(Serialize)]
pub struct InspectedKey {
    /// As `list` shows it.
    #[serde(flatten)]
    pub certificate: CertificateView,
    /// Whether the file has its secret part.
    pub has_secret: bool,
}

impl Outcome for Inspected {
    fn exit(&self) -> u8 {
        let is_unread = |file: &InspectedFile| matches!(file.content, Content::Unreadable { .. });
        if self.files.iter().any(is_unread) { EXIT_COULD_NOT } else { 0 }
    }
}

impl Publisher<'_> {
    /// Says what files are. The home is asked for names only.
    pub fn inspect(&self, paths: &[PathBuf]) -> Result<Inspected> {
        let known = self.or_unasked(self.known());
        let inspect = |path: &PathBuf| {
            let content = self.content(path, &known);
            let (content, armored) = content
                .unwrap_or_else(|error| (Content::Unreadable { error: error.into() }, false));
            InspectedFile { path: path.clone(), armored, content }
        };
        Ok(Inspected { files: paths.iter().map(inspect).collect() })
    }

    fn content(&self, path: &Path, known: &Known) -> disk::Result<(Content, bool)> {
        let bytes = match read_small(path, "a file to inspect", MAX_KEYRING) {
            Ok(bytes) => bytes,
            // What is larger may be a bundle.
            Err(disk::Error::TooLarge { .. }) => return Ok((bundle(path), false)),
            Err(error) => return Err(error),
        };
        let armored = bytes.trim_ascii_start().starts_with(b"-----BEGIN PGP ");
        if is_cleartext(&bytes) {
            return Ok((cleartext(&bytes, known), true));
        }
        if is_list(path)
            && let Ok(list) = Checksums::read(&bytes, path)
        {
            return Ok((Content::List { names: list.names().count() }, false));
        }
        if let Ok(signatures) = DetachedSignature::read_each(&bytes, Texts::Taken)
            && !signatures.is_empty()
        {
            return Ok((Content::Signature { signatures: claims(signatures, known) }, armored));
        }
        let Ok(keys) = read_keys_within(&bytes, self.budget) else {
            return Ok((bundle(path), armored));
        };
        let (mut certificates, mut refused) = (Vec::new(), Vec::new());
        for key in revoked_by_file(keys, self.budget) {
            match key {
                Ok(key) => {
                    let has_secret = matches!(key, Key::Secret(_));
                    if let Some(certificate) = key.into_certificate() {
                        let certificate = CertificateView::new(&certificate, &self.policy());
                        certificates.push(InspectedKey { certificate, has_secret });
                    }
                }
                Err(error) => refused.push(error.to_string()),
            }
        }
        match certificates.is_empty() && refused.is_empty() {
            true => Ok((bundle(path), armored)),
            false => Ok((Content::Keys { certificates, refused }, armored)),
        }
    }
}

fn cleartext(bytes: &[u8], known: &Known) -> Content {
    match Cleartext::read(bytes) {
        Ok(read) => Content::Cleartext {
            signatures: claims(read.signatures().to_vec(), known),
            lines: read.text().split_inclusive(|byte| *byte == b'\n').count(),
        },
        Err(bad) => Content::Cleartext { signatures: vec![InspectedSignature::Bad(bad)], lines: 0 },
    }
}

fn bundle(path: &Path) -> Content {
    let bundle = BundleFile::open(path, Links::Follow).and_then(|mut file| file.inspect());
    match bundle.ok().and_then(|bundle| bundle.manifest) {
        Some(manifest) => Content::Bundle { id: manifest.id, version: manifest.version },
        None => Content::Unknown,
    }
}

fn claims(
    signatures: Vec<Result<DetachedSignature, Bad>>,
    known: &Known,
) -> Vec<InspectedSignature> {
    let claims = |signature: Result<DetachedSignature, Bad>| match signature {
        Ok(signature) => InspectedSignature::Read(claims_of(&signature, known)),
        Err(bad) => InspectedSignature::Bad(bad),
    };
    signatures.into_iter().map(claims).collect()
}
