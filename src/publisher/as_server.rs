//! What the server alone would say, whatever the publisher's policy says.

use std::num::NonZero;
use std::sync::atomic::AtomicU64;

use super::Publisher;
use super::failure::Result;
use super::parallel::for_each;
use super::server_keys::{KeysWord, ServerFile, ServerKeys, ServersAnswer, read_key_file};
use super::verified::{Answer, By, Line, ServersSigner};
use crate::disk;
use crate::disk::artifact::{Artifact, SignatureFile};
use crate::disk::release::Release;
use crate::disk::still::Counted;
use crate::judge::{ask_server, refused};
use crate::mattermost::server::ServerVerdict;
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
        let asked = match server {
            AskedServer::WithKeyFiles => {
                Asked::Files(keys.iter().map(|name| read_key_file(name)).collect::<Result<_>>()?)
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
    let signature = match artifact.read_signature_for_server()? {
        SignatureFile::Read(signature) => signature,
        SignatureFile::Bad(bad) => {
            artifact.open()?;
            let words = format!("{}: {}", bad.reason(), bad.detail());
            return Ok((Bad::new(Reason::ServerRefuses, words).into(), Vec::new()));
        }
    };
    let said = artifact.read_once(|file| {
        let content = Counted { reader: file, count: read };
        match asked {
            Asked::Server(keys) => keys.ask(&signature, content),
            Asked::Files(files) => Ok(ServersAnswer {
                words: Vec::new(),
                verdict: ask_server(files, &signature, content)?,
            }),
        }
    })?;
    let with = said.accepted_by();
    let answer = match said.verdict {
        ServerVerdict::Accepts { key_id } => {
            let key_id = format!("{key_id:016X}");
            Answer::Good {
                signer: By::Server(Box::new(ServersSigner { key_id, with })),
                also: Box::default(),
            }
        }
        ServerVerdict::Refuses(refusal) => refused(&refusal).into(),
    };
    Ok((answer, said.words))
}
