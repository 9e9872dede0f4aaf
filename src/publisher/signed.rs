//! What comes of signing: a line about each signature.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::Serialize;

use super::failure::{EXIT_COULD_NOT, EXIT_REFUSED, Failure};
use super::outcome::{Outcome, Unread, as_path, as_path_if, as_paths};
use crate::disk;
use crate::openpgp;
use crate::openpgp::ids::Fingerprint;

/// What became of each file.
#[derive(Serialize)]
pub struct Signed {
    /// The first signer: servers read its signatures.
    #[serde(flatten)]
    pub first: Option<SignedBy>,
    /// All signers, the first one among them.
    pub signers: Vec<SignedBy>,
    /// The time of every signature, in ISO 8601.
    pub created: String,
    /// The files, and the lists of checksums behind them.
    pub files: Vec<SignedFile>,
    /// What could not be looked at.
    pub unreadable: Vec<Unread>,
    /// How many files of folders were passed over.
    pub passed_over: usize,
    /// Which ones.
    #[serde(serialize_with = "as_paths")]
    pub passed_over_files: Vec<PathBuf>,
    /// How many files were only listed.
    pub listed: usize,
    /// Whether nothing was written.
    #[serde(skip)]
    pub dry_run: bool,
}

/// Who signed.
#[derive(Clone, Serialize)]
pub struct SignedBy {
    /// The key or subkey that signed.
    pub key: Fingerprint,
    /// The certificate that it belongs to.
    pub certificate: Fingerprint,
    /// When the key ends, in ISO 8601.
    pub expires: Option<String>,
    /// Whether that is soon.
    pub expires_soon: bool,
    /// The user ID that names the certificate, made safe.
    #[serde(skip)]
    pub user_id: String,
}

/// What became of one file, for one signer.
#[derive(Serialize)]
pub struct SignedFile {
    /// The file. A stream is `-`.
    #[serde(serialize_with = "as_path")]
    pub path: Arc<Path>,
    /// Where the signature is, unless it is returned.
    #[serde(serialize_with = "as_path_if")]
    pub signature: Option<Box<Path>>,
    /// What became of it.
    pub state: State,
    /// Why it failed.
    pub error: Option<Box<Failure>>,
    /// The signature, if it was to be returned.
    #[serde(skip)]
    pub bytes: Option<Box<[u8]>>,
    /// The file's digest, from the same pass over its bytes, if it was signed where it is.
    #[serde(skip)]
    pub(super) digest: Option<Box<[u8]>>,
    /// The signature in the other form beside the new one, `.asc` beside `.sig`, if it is the
    /// signer's own and not good any more: verifying will say so.
    #[serde(skip)]
    pub(super) stale: Option<Box<Path>>,
}

/// What became of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum State {
    /// The signature is new.
    Signed,
    /// The signature would be new, and nothing was to be written.
    WouldSign,
    /// A good signature by this signer was there.
    UpToDate,
    /// It was only hashed for a list.
    Listed,
    /// There is no signature.
    Failed,
}

/// What became of a file, for all signers. A thread that signs very many keeps nothing of each: what
/// lies among what it frees again could not be given back.
pub(super) enum Brief {
    /// One signature is where it belongs, and that is all.
    One(State),
    /// It was hashed for a list of SHA-256 digests.
    Listed([u8; 32]),
    /// There is more to say.
    All(Vec<SignedFile>),
}

impl Brief {
    pub fn of(files: Vec<SignedFile>) -> Brief {
        match &files[..] {
            [SignedFile { state, error: None, bytes: None, digest: None, stale: None, .. }] => {
                Brief::One(*state)
            }
            _ => Brief::All(files),
        }
    }

    pub fn of_listed(file: SignedFile) -> Brief {
        match file.digest.as_deref().map(<[u8; 32]>::try_from) {
            Some(Ok(digest)) if file.error.is_none() => Brief::Listed(digest),
            _ => Brief::All(vec![file]),
        }
    }

    /// Returns the whole again. `output` is where the signature is.
    pub fn whole(
        self,
        path: &Arc<Path>,
        output: impl FnOnce() -> Option<PathBuf>,
    ) -> Vec<SignedFile> {
        match self {
            Brief::One(state) => vec![SignedFile::new(path, output(), Ok(state))],
            Brief::Listed(digest) => {
                let listed = SignedFile::new(path, None, Ok(State::Listed));
                vec![SignedFile { digest: Some(Box::new(digest)), ..listed }]
            }
            Brief::All(files) => files,
        }
    }
}

impl SignedFile {
    pub(super) fn new(
        path: &Arc<Path>,
        signature: Option<PathBuf>,
        state: disk::Result<State>,
    ) -> SignedFile {
        let (state, error) = match state {
            Ok(state) => (state, None),
            Err(error) => (State::Failed, Some(Box::new(error.into()))),
        };
        let (path, signature) = (path.clone(), signature.map(PathBuf::into_boxed_path));
        SignedFile { path, signature, state, error, bytes: None, digest: None, stale: None }
    }

    /// Returns what became of a file whose signature is returned.
    pub(super) fn returned(
        path: &Arc<Path>,
        signature: openpgp::Result<Vec<u8>>,
        dry_run: bool,
    ) -> SignedFile {
        let state = if dry_run { State::WouldSign } else { State::Signed };
        match signature {
            Ok(bytes) => {
                SignedFile { bytes: Some(bytes.into()), ..SignedFile::new(path, None, Ok(state)) }
            }
            Err(error) => SignedFile::new(path, None, Err(error.into())),
        }
    }

    /// Returns whether the signature is new, or would be.
    pub fn is_new(&self) -> bool {
        matches!(self.state, State::Signed | State::WouldSign)
    }
}

impl Signed {
    /// Returns what failed, and why.
    pub fn failures(&self) -> impl Iterator<Item = (&Path, &Failure)> {
        let files = self.files.iter();
        let files = files.filter_map(|file| Some((&*file.path, file.error.as_deref()?)));
        files.chain(self.unreadable.iter().map(|it| (it.path.as_path(), &it.error)))
    }

    /// Returns whether there was nothing to sign.
    pub fn is_empty(&self) -> bool {
        self.files.is_empty() && self.unreadable.is_empty()
    }
}

impl Outcome for Signed {
    fn exit(&self) -> u8 {
        let codes = || self.failures().map(|(_, failure)| failure.exit());
        match codes().next() {
            Some(_) if codes().all(|code| code == EXIT_REFUSED) => EXIT_REFUSED,
            Some(_) => EXIT_COULD_NOT,
            None if self.is_empty() => EXIT_COULD_NOT,
            None => 0,
        }
    }
}
