//! One function for each kind of input, given to the fuzzers and, with what they found worth
//! keeping, to tests/replay.
//!
//! None may panic, whatever the bytes; what is read can be written and read again as the same; what
//! is good for one judge is good for the other.

use std::ffi::OsString;
use std::io::Cursor;
use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::time::{Duration, SystemTime};

use plugsign::disk::checksums::Checksums;
use plugsign::judge::{Judge, ask_server};
use plugsign::mattermost::bundle;
use plugsign::mattermost::config::Config;
use plugsign::mattermost::marketplace::{self, Database};
use plugsign::mattermost::server::{KeyRing, ServerVerdict as Said};
use plugsign::mattermost::server_copy::ServerCopy;
use plugsign::mattermost::shape::shape;
use plugsign::openpgp::bounds::Budget;
use plugsign::openpgp::certificate::Certificate;
use plugsign::openpgp::cleartext::Cleartext;
use plugsign::openpgp::facts::{certificate_facts, signature_facts};
use plugsign::openpgp::gnupg::PrivateKeyFile;
use plugsign::openpgp::gnupg::{WantedKeys, read_keybox, read_keyring};
use plugsign::openpgp::hash::Hasher;
use plugsign::openpgp::key_file::{Key, count_armor, read_keys, unguarded};
use plugsign::openpgp::policy::Policy;
use plugsign::openpgp::secret_key::SecretKey;
use plugsign::openpgp::sign::sign;
use plugsign::openpgp::signature::{DetachedSignature, Texts};
use plugsign::openpgp::token::{
    Error as TokenError, Incoming, Link, Pin, Pool, Received, Result as TokenResult, Token,
    TokenUri, Wait,
};
use plugsign::openpgp::verdict::Reason;
use plugsign::openpgp::verify::Verdict;

use super::argv::parse;
use super::parameters;
use super::table::{GPG, GPGV};

/// The signer of the seeds, see keys-example/.
const SIGNER: &[u8] = include_bytes!("../../keys-example/organisation.asc");

/// What the seeds are over.
pub const CONTENT: &[u8] = b"a release archive, as far as fuzzers are concerned\n";

/// When everything is judged: 1 January 2027.
fn now() -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(1_798_761_600)
}

fn policy() -> Policy {
    Policy::new(now())
}

/// A text that carries its signature. What is good has the text that a plain reading of RFC 9580,
/// section 7, finds: every line between the headers and the armor, unescaped.
pub fn cleartext(input: &[u8]) {
    let Ok(read) = Cleartext::read(input) else { return };
    let lines = |text: &[u8]| -> Vec<Vec<u8>> {
        let text = text.strip_suffix(b"\n").unwrap_or(text);
        let lines = text.split(|byte| *byte == b'\n');
        lines.map(|line| line.trim_ascii_end().to_vec()).collect()
    };
    let body = input.split(|byte| *byte == b'\n');
    let body = body.skip_while(|line| !line.trim_ascii_end().is_empty()).skip(1);
    let is_text = |line: &&[u8]| line.trim_ascii_end() != b"-----BEGIN PGP SIGNATURE-----";
    let unescaped =
        |line: &[u8]| line.strip_prefix(b"- ").unwrap_or(line).trim_ascii_end().to_vec();
    let body: Vec<Vec<u8>> = body.take_while(is_text).map(unescaped).collect();
    assert!(body.iter().all(|line| !line.contains(&0)));
    assert_eq!(lines(read.text()), if body.is_empty() { vec![vec![]] } else { body });
    assert!(read.is_of(read.text()));
    let judge = Judge::new(vec![signer().clone()], policy()).expect("one certificate");
    let verdicts = judge.judge_cleartext(&read);
    assert!(!verdicts.is_empty());
    if verdicts.iter().all(|verdict| matches!(verdict, Verdict::Good(_))) {
        assert!(
            matches!(DetachedSignature::read(input), Err(bad) if bad.reason() == Reason::NotDetached)
        );
    }
}

/// A file of certificates, binary.
pub fn certificate(input: &[u8]) {
    for key in read_keys(input).into_iter().flatten().flatten() {
        match key {
            Key::Certificate(certificate) => look_at(&certificate),
            Key::Secret(secret) => look_at(secret.certificate()),
            Key::Revocation(revocation) => {
                let _ = (revocation.issuer(), revocation.is_by(signer()));
            }
        }
    }
    let _ = KeyRing::read(input);
}

fn look_at(certificate: &Certificate) {
    let policy = policy();
    let description = certificate.describe(&policy);
    assert!(!description.keys.is_empty());
    let _ = (description.can_sign(), description.weakness(), description.signs_until());
    let _ = (certificate.check_signer(&policy), certificate.revoked());
    let _ = certificate_facts(certificate, &policy);
    let _ = certificate.newest_self_signature();
    let bytes = certificate.to_bytes().expect("what was read can be written");
    let again = Certificate::from_bytes(&bytes).expect("what was written can be read");
    assert_eq!(again.fingerprint(), certificate.fingerprint());
    // sequoia drops copies of a signature that belongs to nothing when it reads for the second time.
    let twice = again.to_bytes().expect("and written");
    assert!(twice.len() <= bytes.len(), "writing adds nothing");
    let third = Certificate::from_bytes(&twice).expect("and read");
    assert_eq!(third.to_bytes().expect("and written"), twice, "writing is stable");
    certificate.to_armored().expect("it can be armored");
    let proven = certificate.proven();
    assert_eq!(proven.check_signer(&policy).is_ok(), certificate.check_signer(&policy).is_ok());
    assert!(proven.same_as(&proven.proven()));
    let merged = certificate.merge(&again).expect("a copy can be merged");
    assert_eq!(merged.fingerprint(), certificate.fingerprint());
    if let Ok(copy) = ServerCopy::of(certificate) {
        let bytes = copy.certificate.to_bytes().expect("a part of it can be written");
        assert!(KeyRing::read(&bytes).is_ok(), "the server reads what was made for it");
    }
    let _ = certificate.as_of(now() - Duration::from_secs(1 << 25));
}

fn signer() -> &'static Certificate {
    static SIGNER_CERTIFICATE: OnceLock<Certificate> = OnceLock::new();
    SIGNER_CERTIFICATE.get_or_init(|| match read_keys(SIGNER).map(|mut keys| keys.remove(0)) {
        Ok(Ok(Key::Certificate(certificate))) => certificate,
        _ => panic!("keys-example/organisation.asc is no certificate"),
    })
}

/// A file with a secret key in the open. Protected ones cost seconds to unlock.
pub fn secret_key(input: &[u8]) {
    for key in read_keys(input).into_iter().flatten().flatten() {
        let Key::Secret(secret) = key else { continue };
        let _ = (secret.protection(), secret.elsewhere(), secret.secret_fingerprints());
        let bytes = secret.to_bytes().expect("what was read can be written");
        assert_eq!(one_secret(&bytes).fingerprint(), secret.fingerprint());
        let _ = secret.check(None);
        look_at(secret.certificate());
        if let Ok(key) = secret.unlock(None, None, &policy()) {
            let Ok(signature) = sign(CONTENT, &key, now()) else { continue };
            let signature = signature.to_bytes().expect("it can be written");
            let judge =
                Judge::new(vec![secret.certificate().clone()], policy()).expect("it can be judged");
            let verdict = judge.verify(&signature, CONTENT).expect("memory can be read");
            let is_good = matches!(verdict, Verdict::Good(_));
            let servers =
                matches!(&verdict, Verdict::Bad(bad) if bad.reason().name() == "server-refuses");
            assert!(is_good || servers, "a signature made here is not good: {verdict:?}");
        }
    }
}

fn one_secret(bytes: &[u8]) -> SecretKey {
    match read_keys(bytes).map(|mut keys| keys.remove(0)) {
        Ok(Ok(Key::Secret(secret))) => secret,
        _ => panic!("what was written cannot be read"),
    }
}

/// A signature file, binary.
pub fn signature(input: &[u8]) {
    let one = DetachedSignature::read(input);
    let each = DetachedSignature::read_each(input, Texts::Refused);
    if let Ok(signature) = &one {
        let bytes = signature.to_bytes().expect("what was read can be written");
        let again = DetachedSignature::read(&bytes).expect("what was written can be read");
        assert_eq!(again.to_bytes().expect("and written"), bytes);
        assert_eq!(again.created(), signature.created());
        let armored = signature.to_armored().expect("it can be armored");
        let again = DetachedSignature::read(&armored).expect("armor can be read");
        assert_eq!(again.to_bytes().expect("and written"), bytes);
        let _ = (signature_facts(signature), signature.content_hash(), signature.claimed_issuers());
        let each = each.expect("one is also some");
        assert!(each.len() == 1 && each.iter().all(Result::is_ok));
    }
    let _ = shape(input);
    if let Ok(Key::Revocation(revocation)) =
        read_keys(&unguarded(input)).and_then(|mut keys| keys.remove(0))
    {
        let _ = revocation.is_by(signer());
    }
}

/// Text with armor in it, for keys and signatures.
pub fn armor(input: &[u8]) {
    let _ = count_armor(input);
    signature(input);
    if input.first().is_none_or(|byte| byte & 0x80 == 0) {
        certificate(input);
    }
}

/// A signature over what is known: good for the publisher means good for the server. With a zero
/// in front, a key file of its own precedes the signature.
pub fn verify(input: &[u8]) {
    if let Some((0, rest)) = input.split_first().map(|(first, rest)| (*first, rest)) {
        let Some((length, rest)) = rest.split_first_chunk::<2>() else { return };
        let length = usize::from(u16::from_be_bytes(*length));
        let Some((key_file, signature)) = rest.split_at_checked(length) else { return };
        let files = [key_file.to_vec()];
        let asked = ask_server(&files, signature, CONTENT).expect("memory can be read");
        let accepts = matches!(asked, Said::Accepts { .. });
        assert_eq!(accepts, server_accepts(key_file, signature), "{asked:?}");
        return;
    }
    let judge = Judge::new(vec![signer().clone()], policy()).expect("the signer can be judged");
    let verdict = judge.verify(input, CONTENT).expect("memory can be read");
    if let Verdict::Good(good) = &verdict {
        assert_eq!(good.signer().certificate, signer().fingerprint());
        assert!(server_accepts(SIGNER, input), "good here, and not for the server");
        let other = judge.verify(input, &b"something else"[..]).expect("memory can be read");
        assert!(matches!(other, Verdict::Bad(_)), "good over anything");
    }
}

fn server_accepts(key_file: &[u8], signature: &[u8]) -> bool {
    let Ok(ring) = KeyRing::read(key_file) else { return false };
    let Ok(pending) = ring.choose(signature) else { return false };
    let content = Hasher::new([pending.content_hash()]).read(CONTENT).expect("memory can be read");
    matches!(pending.finish(&content), Said::Accepts { .. })
}

/// A plugin bundle, as it is or uncompressed.
pub fn bundle(input: &[u8]) {
    let looked_at =
        bundle::inspect(input, "com.example.plugin-1.2.0.tar.gz").expect("memory can be read");
    let _ = looked_at.findings.iter().count();
    let _ = bundle::read_file(input, "plugin.json", 64 * 1024);
    if !input.starts_with(&[0x1F, 0x8B]) {
        let packed = stored(input);
        let _ = bundle::inspect(&packed[..], "com.example.plugin-1.2.0-linux-amd64.tar.gz");
    }
}

/// Wraps bytes as gzip without compressing them, so that a fuzzer gets at the tar in it.
fn stored(bytes: &[u8]) -> Vec<u8> {
    let mut packed = vec![0x1F, 0x8B, 8, 0, 0, 0, 0, 0, 0, 255];
    let mut chunks = bytes.chunks(0xFFFF).peekable();
    while let Some(chunk) = chunks.next() {
        packed.push(u8::from(chunks.peek().is_none()));
        let length = chunk.len() as u16;
        packed.extend(length.to_le_bytes());
        packed.extend((!length).to_le_bytes());
        packed.extend(chunk);
    }
    packed.extend([0; 8]);
    packed
}

/// A server's config.json: what is added and taken away again leaves no trace.
pub fn config(input: &[u8]) {
    let Ok(config) = Config::read(input) else { return };
    assert_eq!(config.text().as_bytes(), input);
    let _ = (config.settings(), config.saml_files());
    const NAME: &str = "a-key.asc";
    if config.key_files().contains(&NAME) {
        return;
    }
    if let Ok(with) = config.with_key_file(NAME) {
        assert!(with.key_files().contains(&NAME));
        let again = Config::read(with.text().as_bytes()).expect("what was written can be read");
        let without = again.without_key_file(NAME).expect("what was added can go");
        assert!(!without.key_files().contains(&NAME));
        assert_eq!(without.key_files(), config.key_files());
    }
}

/// gpg's command lines and parameter files, and what GnuPG keeps on disk.
pub fn gpg(input: &[u8]) {
    let Some((&kind, rest)) = input.split_first() else { return };
    let words = || rest.split(|byte| *byte == 0).map(|word| OsString::from_vec(word.to_vec()));
    match kind % 6 {
        0 => drop(parse(GPG, words())),
        1 => drop(parse(GPGV, words())),
        2 => drop(parameters::read(rest)),
        3 => {
            for certificate in
                read_keybox(rest, WantedKeys::All, &Budget::new()).into_iter().flatten()
            {
                look_at(&certificate);
            }
        }
        4 => {
            for certificate in
                read_keyring(rest, WantedKeys::All, &Budget::new()).into_iter().flatten()
            {
                look_at(&certificate);
            }
        }
        _ => drop(PrivateKeyFile::read("0123456789ABCDEF0123456789ABCDEF01234567", rest)),
    }
}

/// A marketplace's plugins.json, the signatures and addresses in it, and SHA256SUMS.
pub fn marketplace(input: &[u8]) {
    if let Ok(database) = Database::read(input) {
        let problems = |database: &Database| {
            let mut problems = Vec::new();
            database.problems(|place, problem| problems.push((place, problem)));
            problems
        };
        let sorted = database.clone().into_text().expect("what was read can be written");
        let again = Database::read(sorted.as_bytes()).expect("what was written can be read");
        assert_eq!(problems(&again).len(), problems(&database).len());
        assert_eq!(again.into_text().expect("and written"), sorted);
        for entry in database.entries() {
            let _ = marketplace::identity(entry);
            for (_, url, signature) in marketplace::downloads(entry) {
                let _ = marketplace::file_of_url(url);
                let _ = marketplace::decode_signature(signature);
            }
        }
    }
    if let Ok(checksums) = Checksums::read(input, Path::new("SHA256SUMS")) {
        let text = checksums.to_bytes().expect("what was read can be written");
        let again =
            Checksums::read(&text, Path::new("SHA256SUMS")).expect("what was written can be read");
        assert_eq!(again.to_bytes().expect("and written"), text);
        let names: Vec<PathBuf> = checksums.names().map(PathBuf::from).collect();
        assert!(names.iter().all(|name| again.get(name) == checksums.get(name)));
    }
}

/// What a token's server says, whatever is asked.
struct Says(Incoming<Cursor<Vec<u8>>>);

impl Link for Says {
    fn send(&mut self, _: &[u8]) -> TokenResult<()> {
        Ok(())
    }

    fn receive(&mut self, _: Wait) -> TokenResult<Received> {
        self.0.read()
    }
}

/// All that the server of a token says in a session. Also a URI that names a token's key: it is
/// written as it was read.
pub fn token(input: &[u8]) {
    let text = String::from_utf8_lossy(input);
    if let Ok(uri) = TokenUri::parse(&text) {
        let path = TokenUri { pin_file: None, module_path: None, module_name: None, ..uri };
        assert_eq!(TokenUri::parse(&path.to_string()), Ok(path));
    }
    let uri = TokenUri::default();
    let link = || Box::new(Says(Incoming::new(Cursor::new(input.to_vec()))));
    let _ = Token::names(link(), &uri);
    for may_write in [false, true] {
        let Ok(mut token) = Token::find(link(), &uri, may_write) else { continue };
        let pin = Pin::new(b"1234".to_vec().into());
        if token.login(Some(&pin)).is_err() {
            continue;
        }
        match may_write {
            true => drop(token.generate("two", b"2", 3072)),
            false => {
                let none = Box::new(|| Err(TokenError::Lost(String::new())));
                let keys = Pool::new(token, uri.clone(), Some(pin), 1, none);
                let keys = keys.map(|(_, keys)| keys).unwrap_or_default();
                assert!(keys.iter().all(|key| key.bits().is_none_or(|bits| bits <= 8 * 65536)));
            }
        }
    }
}
