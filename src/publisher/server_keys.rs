//! The keys that one server tries for a signature, in its order, and what each of them says.

use std::io::{self, Read};
use std::path::Path;

use serde::Serialize;

use super::Publisher;
use super::accepted::{Accepted, OfHome};
use super::failure::{Failure, Result, one_line};
use super::trust::check_environment;
use crate::disk::file::read_small;
use crate::disk::server_config::{KeyBytes, ListedKeyFile, ServerConfig};
use crate::judge::{Judge, ask_each, first_accepting};
use crate::mattermost::built_in::{BuiltIn, MFI_FLAG};
use crate::mattermost::config::Config;
use crate::mattermost::server::{
    Cause, KeyRing, Refusal, ServerVerdict, check_signature_file, refusal_without_numbers,
};
use crate::openpgp::ids::Fingerprint;
use crate::openpgp::key_file::{MAX_KEY_FILE, read_certificates};
use crate::text::Safe;

/// A server's configuration file.
#[derive(Clone, Copy)]
pub struct ServerFile<'a> {
    /// Where it is.
    pub config: &'a Path,
    /// The `MM_CONFIG` of the server's environment.
    pub environment: &'a str,
}

/// The keys of one server.
pub(super) struct ServerKeys {
    pub(super) config: Config,
    tried: Vec<Tried>,
    /// Its own key files, as they are.
    files: Vec<Vec<u8>>,
}

/// A key that the server tries.
struct Tried {
    name: String,
    key: Key,
}

enum Key {
    /// What the server reads of its file.
    Read(Result<KeyRing, Refusal>),
    /// It is built into the server, and its numbers are not here.
    NotHere(BuiltIn),
    /// The server passes over it.
    PassedOver(String),
}

/// What one key of a server says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct KeysWord {
    /// The key: its entry in the configuration, or what to call the built-in one.
    pub name: String,
    /// `accepts`, `refuses`, `unreadable` or `unknown`.
    pub verdict: &'static str,
    /// Why, in the server's words or ours.
    pub words: String,
}

/// What a server says to a signature.
pub(super) struct ServersAnswer {
    /// What each key says, up to the one that accepts.
    pub(super) words: Vec<KeysWord>,
    /// What comes of it.
    pub(super) verdict: ServerVerdict,
}

impl ServersAnswer {
    /// Returns what the key that accepts is called, if a server with a configuration was asked: the
    /// last one that was tried.
    pub(super) fn accepted_by(&self) -> Option<String> {
        match self.verdict {
            ServerVerdict::Accepts { .. } => Some(self.words.last()?.name.clone()),
            ServerVerdict::Refuses(_) => None,
        }
    }
}

impl Publisher<'_> {
    /// Reads the keys that a server tries. Key files that are `given` have the numbers of keys that
    /// are built into it. Fails if the configuration cannot be read, or if a file is none of these.
    pub(super) fn server_keys(
        &self,
        server: ServerFile<'_>,
        given: &[String],
    ) -> Result<ServerKeys> {
        check_environment(server.environment)?;
        let file = ServerConfig::open(server.config)?;
        let listed: Vec<ListedKeyFile> = file.keys().collect();
        let mut built_in = self.built_in(file.config(), given)?;
        let files = built_in.iter_mut().map(|it| it.bytes.take());
        let files = files.chain(listed.iter().map(|key| match &key.file {
            Ok(KeyBytes::New(bytes)) if key.is_readable => Some(bytes.clone()),
            _ => None,
        }));
        let files: Vec<Option<Vec<u8>>> = files.collect();
        let bytes: Vec<Vec<u8>> = files.iter().flatten().cloned().collect();
        let mut rings = KeyRing::read_all(&bytes).into_iter();
        let mut ring = |file: &Option<Vec<u8>>| file.as_ref().and_then(|_| rings.next());
        let (own, others) = files.split_at(built_in.len());
        let built_in = built_in.into_iter().zip(own).map(|(it, file)| Tried {
            name: it.name,
            key: ring(file).map_or(Key::NotHere(it.key), Key::Read),
        });
        let mut tried: Vec<Tried> = built_in.collect();
        tried.extend(listed.into_iter().zip(others).map(|(listed, file)| Tried {
            key: ring(file).map_or_else(|| Key::PassedOver(why_not(&listed)), Key::Read),
            name: listed.name,
        }));
        let files = others.iter().flatten().cloned().collect();
        Ok(ServerKeys { config: file.config().clone(), tried, files })
    }

    /// Returns the judge that accepts signatures by a server's own key files, if it can read any. What
    /// the home knows narrows them. Fails if the home says of one what cannot be read.
    pub(super) fn judge_of_server(&self, server: &ServerKeys) -> Result<Option<Judge>> {
        let read = server.files.iter().map(|file| read_certificates(file, self.budget));
        let certificates = read.flatten().flatten().flatten().collect();
        let accepted = self.signers(certificates, &[], &OfHome::Nobody)?;
        match (Accepted { files: server.files.clone(), ..accepted }).judge(self.policy()) {
            Err(Failure::NobodyTrusted) => Ok(None),
            judge => judge.map(Some),
        }
    }

    /// Returns the keys that are built into a server, with the files that were given for them.
    fn built_in(&self, config: &Config, given: &[String]) -> Result<Vec<OwnKey>> {
        let mut keys = vec![OwnKey::new(BuiltIn::Mattermost)];
        if config.feature_flag(MFI_FLAG).unwrap_or(true) {
            keys.push(OwnKey::new(BuiltIn::Mfi));
        }
        for name in given {
            let (fingerprint, bytes) = self.one_certificate(name)?;
            let is_known = |key: &OwnKey| {
                key.key.fingerprint().is_some_and(|known| fingerprint.to_string() == known)
            };
            let place = match keys.iter().position(is_known) {
                Some(place) => place,
                None => keys.iter().position(|key| key.key == BuiltIn::Mfi).unwrap_or(keys.len()),
            };
            let Some(key) = keys.get_mut(place).filter(|key| key.bytes.is_none()) else {
                return Err(Failure::Usage(format!(
                    "with --config, --key takes the file of a key that is built into the server, and {} is none that this server has",
                    Safe::text(name)
                )));
            };
            if key.key.fingerprint().is_none() {
                key.name = format!("{}, taken from {}", key.name, Safe::text(name));
            }
            key.bytes = Some(bytes);
        }
        Ok(keys)
    }

    /// Reads a key file with one certificate in it: a server's own key is no keyring.
    fn one_certificate(&self, name: &str) -> Result<(Fingerprint, Vec<u8>)> {
        let bytes = read_key_file(name)?;
        match &read_certificates(&bytes, self.budget)?[..] {
            [Ok(certificate)] => Ok((certificate.fingerprint(), bytes)),
            _ => Err(Failure::Usage(format!(
                "with --config, --key takes a file with one certificate, and {} is none",
                Safe::text(name)
            ))),
        }
    }
}

/// Reads a key file that was named for a server, as the server reads it.
/// Fails with [`Failure::NoKeyFile`] if it is not there.
pub(super) fn read_key_file(name: &str) -> Result<Vec<u8>> {
    match read_small(Path::new(name), "a key file", MAX_KEY_FILE) {
        Err(error) if error.is_not_found() => Err(Failure::NoKeyFile(name.into())),
        bytes => Ok(bytes?.to_vec()),
    }
}

/// A key that is built into the server.
struct OwnKey {
    key: BuiltIn,
    name: String,
    bytes: Option<Vec<u8>>,
}

impl OwnKey {
    fn new(key: BuiltIn) -> OwnKey {
        OwnKey { key, name: key.name().to_owned(), bytes: None }
    }
}

fn why_not(listed: &ListedKeyFile) -> String {
    match &listed.file {
        Ok(KeyBytes::Repeated) => "an entry before leads to the same file".into(),
        Ok(KeyBytes::New(_)) => "the server may not read it".into(),
        Err(error) => one_line(error),
    }
}

impl ServerKeys {
    /// Asks one key after the other, up to the first that accepts. Errors are the reader's.
    pub(super) fn ask(&self, signature: &[u8], artifact: impl Read) -> io::Result<ServersAnswer> {
        let rings = self.tried.iter().filter_map(|tried| match &tried.key {
            Key::Read(ring) => Some(ring),
            _ => None,
        });
        let mut answers = ask_each(rings, signature, artifact)?.into_iter();
        let (mut words, mut verdicts, mut unknown) = (Vec::new(), Vec::new(), Vec::new());
        for Tried { name, key } in &self.tried {
            let (verdict, said, answer) = match key {
                Key::Read(ring) => match answers.next() {
                    Some(accepts @ ServerVerdict::Accepts { key_id }) => {
                        ("accepts", format!("by {key_id:016X}"), Some(accepts))
                    }
                    Some(ServerVerdict::Refuses(refusal)) => {
                        let word = if ring.is_ok() { "refuses" } else { "unreadable" };
                        (word, refusal.words.clone(), Some(ServerVerdict::Refuses(refusal)))
                    }
                    None => break,
                },
                Key::NotHere(key) => match without_numbers(*key, signature) {
                    Some(refusal) => {
                        let said = refusal.words.clone();
                        ("refuses", said, Some(ServerVerdict::Refuses(refusal)))
                    }
                    None => {
                        unknown.push(name.as_str());
                        ("unknown", NOT_HERE.into(), None)
                    }
                },
                Key::PassedOver(why) => ("unreadable", why.clone(), None),
            };
            let is_last = verdict == "accepts";
            words.push(KeysWord { name: name.clone(), verdict, words: said });
            verdicts.extend(answer);
            if is_last {
                break;
            }
        }
        let mut verdict = first_accepting(verdicts);
        if let ServerVerdict::Refuses(refusal) = &mut verdict
            && refusal.cause == Cause::UnknownIssuer
            && !unknown.is_empty()
        {
            let keys = unknown.join(" and of ");
            refusal.words.push_str(&format!(" (the answer of {keys} is unknown)"));
        }
        Ok(ServersAnswer { words, verdict })
    }
}

const NOT_HERE: &str = "plugsign does not have this key. If you have its file, give it with --key";

/// Returns why a key that is not here refuses a signature, if that does not depend on its numbers.
fn without_numbers(key: BuiltIn, signature: &[u8]) -> Option<Refusal> {
    match key.signing_key() {
        Some(id) => refusal_without_numbers(signature, id),
        None => check_signature_file(signature).err(),
    }
}
