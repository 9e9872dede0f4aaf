//! A plugin bundle on disk. If it changes while it is read, that is an error.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

use super::file::{Links, Stamp, is_there, open_regular, read_small, with_ending};
use crate::disk::error::{Error, Result};
use crate::judge::{Judge, consequence, policy_words};
use crate::mattermost::bundle::{self, Bundle};
use crate::mattermost::server;
use crate::openpgp::signature::MAX_SIGNATURE_FILE;
use crate::openpgp::verdict::Bad;
use crate::openpgp::verify::{Good, Verdict};

/// An open bundle. Every pass reads the same file from its start.
pub struct BundleFile {
    path: PathBuf,
    file: File,
    before: Stamp,
    size: u64,
}

/// Both verdicts on a signature over a bundle.
pub enum BundleVerdict {
    /// Both accept it.
    Good(Box<Good>),
    /// It is not good.
    Bad {
        /// The publisher's verdict.
        policy: Bad,
        /// The server's.
        server: server::ServerVerdict,
    },
}

impl BundleVerdict {
    /// Returns what is wrong with it: what the policy says, and what the server does.
    pub fn problem(&self) -> Option<(String, String)> {
        let BundleVerdict::Bad { policy, server } = self else { return None };
        Some((policy_words(policy), consequence(server)))
    }
}

/// The signature beside a bundle.
pub enum Beside {
    /// `BUNDLE.sig`, as the server wants it.
    Signature(Zeroizing<Vec<u8>>),
    /// Only `BUNDLE.asc`, which the server never looks at.
    OnlyArmored,
    /// None.
    Nothing,
}

impl BundleFile {
    /// Opens a bundle.
    pub fn open(path: &Path, links: Links) -> Result<BundleFile> {
        let (file, metadata) = open_regular(path, links)?;
        let (before, size) = (Stamp::from(&metadata), metadata.len());
        Ok(BundleFile { path: path.to_owned(), file, before, size })
    }

    /// Returns its size in bytes.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Returns its base name.
    pub fn name(&self) -> String {
        self.path.file_name().unwrap_or_default().to_string_lossy().into_owned()
    }

    /// Looks at it as the server does.
    pub fn inspect(&mut self) -> Result<Bundle> {
        let name = self.name();
        self.pass(|file| bundle::inspect(file, &name))
    }

    /// Reads a file in it.
    pub fn read_file(&mut self, path: &str, limit: u64) -> Result<Option<Vec<u8>>> {
        self.pass(|file| bundle::read_file(file, path, limit))
    }

    /// Judges a signature over it.
    pub fn verify(&mut self, signature: &[u8], judge: &Judge) -> Result<Verdict> {
        self.pass(|file| judge.verify(signature, file))
    }

    /// Judges a signature over it. If the publisher's policy refuses it, also asks what a server
    /// with the same keys does.
    pub fn verify_and_ask(&mut self, signature: &[u8], judge: &Judge) -> Result<BundleVerdict> {
        match self.verify(signature, judge)? {
            Verdict::Good(good) => Ok(BundleVerdict::Good(good)),
            Verdict::Bad(policy) => {
                let server = self.pass(|file| judge.ask_server(signature, file))?;
                Ok(BundleVerdict::Bad { policy, server })
            }
        }
    }

    /// Reads the signature beside it.
    pub fn signature(&self) -> Result<Beside> {
        let signature = with_ending(&self.path, ".sig");
        if is_there(&signature)? {
            return read_small(&signature, "a signature", MAX_SIGNATURE_FILE)
                .map(Beside::Signature);
        }
        match is_there(&with_ending(&self.path, ".asc"))? {
            true => Ok(Beside::OnlyArmored),
            false => Ok(Beside::Nothing),
        }
    }

    /// Reads it once, from its start. Fails if it changes meanwhile.
    pub(crate) fn pass<T>(
        &mut self,
        read: impl FnOnce(&mut dyn Read) -> io::Result<T>,
    ) -> Result<T> {
        self.file.seek(SeekFrom::Start(0)).map_err(Error::io("read", &self.path))?;
        let value = read(&mut self.file).map_err(Error::io("read", &self.path))?;
        let after = self.file.metadata().map_err(Error::io("read", &self.path))?;
        if self.before != Stamp::from(&after) {
            return Err(Error::Changed(self.path.clone()));
        }
        Ok(value)
    }
}
