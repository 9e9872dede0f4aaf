//! What the server alone would say, whatever the publisher's policy says.

use std::num::NonZero;
use std::path::Path;
use std::sync::atomic::AtomicU64;

use super::Publisher;
use super::failure::{Failure, Result};
use super::parallel::for_each;
use super::server_keys::{KeysWord, ServerFile, ServerKeys, ServersAnswer};
use super::verified::{Answer, By, Line, ServersSigner};
use crate::disk;
use crate::disk::artifact::{Artifact, SignatureFile};
use crate::disk::file::read_small;
use crate::disk::release::Release;
use crate::disk::still::Counted;
use crate::judge::{ask_server, refused};
use crate::mattermost::server::ServerVerdict;
use crate::openpgp::key_file::MAX_KEY_FILE;
use crate::openpgp::verdict::{Bad, Reason};

/// Which server is asked.
#[derive(Clone, Copy)]
pub enum AskedServer<'a> {
    /// One that has exactly the named key files.
    WithKeyFiles,
    /// One that has this configuration, and its built-in keys.
    Configured(ServerFile<'a>),
}

enum Asked {
    Files(Vec<Vec<u8>>),
    Server(ServerKeys),
}

impl Publisher<'_> {
    /// Asks a server alone about the artifacts of a release. Fails if its keys cannot be read.
    pub(super) fn ask_server(
        &self,
        server: AskedServer<'_>,
        keys: &[String],
        release: &Release,
        threads: NonZero<usize>,
    ) -> Result<Vec<Line>> {
        let read = |name: &String| match read_small(Path::new(name), "a key file", MAX_KEY_FILE) {
            Err(error) if error.is_not_found() => Err(Failure::NoKeyFile(name.clone())),
            other => Ok(other?.to_vec()),
        };
        let asked = match server {
            AskedServer::WithKeyFiles => {
                Asked::Files(keys.iter().map(read).collect::<Result<Vec<_>, _>>()?)
            }
            AskedServer::Configured(file) => Asked::Server(self.server_keys(file, keys)?),
        };
        Ok(for_each(&release.artifacts, threads, self.watch, |artifact, read| {
            match answer(artifact, &asked, read) {
                Ok((answer, server_keys)) => {
                    Line { server_keys: server_keys.into(), ..Line::new(&artifact.path, answer) }
                }
                Err(error) => Line::new(&artifact.path, error),
            }
        }))
    }
}

/// The answer, and what each key said.
type Said = (Answer, Vec<KeysWord>);

fn answer(artifact: &Artifact, asked: &Asked, read: &AtomicU64) -> disk::Result<Said> {
    let signature = match artifact.read_signature()? {
        SignatureFile::Read(signature) => signature,
        SignatureFile::Bad(bad) => {
            artifact.open()?;
            let words = format!("{}: {}", bad.reason(), bad.detail());
            return Ok((Bad::new(Reason::ServerRefuses, words).into(), Vec::new()));
        }
    };
    let ServersAnswer { words, verdict } = artifact.read_once(|file| {
        let content = Counted { reader: file, count: read };
        match asked {
            Asked::Server(keys) => keys.ask(&signature, content),
            Asked::Files(files) => Ok(ServersAnswer {
                words: Vec::new(),
                verdict: ask_server(files, &signature, content)?,
            }),
        }
    })?;
    let answer = match verdict {
        ServerVerdict::Accepts { key_id } => {
            let key_id = format!("{key_id:016X}");
            let with = words.last().map(|word| word.name.clone());
            Answer::Good {
                signer: By::Server(Box::new(ServersSigner { key_id, with })),
                also: Box::default(),
            }
        }
        ServerVerdict::Refuses(refusal) => refused(&refusal).into(),
    };
    Ok((answer, words))
}
