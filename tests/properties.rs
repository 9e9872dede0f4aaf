//! What holds for all inputs, on inputs that chance made up.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::io::{self, Cursor, Read};
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::time::{Duration, SystemTime};

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::Index;
use sequoia_openpgp as openpgp;

use openpgp::types::KeyFlags;
use plugsign::disk::checksums::{Checksums, DigestKind};
use plugsign::judge::Judge;
use plugsign::mattermost::config::Config;
use plugsign::openpgp::cleartext::{Cleartext, Escaped};
use plugsign::openpgp::hash::{ContentHash, HashAlgorithm};
use plugsign::openpgp::key_file::{Key, read_keys};
use plugsign::openpgp::policy::Policy;
use plugsign::openpgp::secret_key::SigningKey;
use plugsign::openpgp::sign::{sign, sign_hashed_with};
use plugsign::openpgp::signature::DetachedSignature;
use plugsign::openpgp::token::{
    self, Incoming, KeyInToken, Link, Pin, Received, Token, TokenUri, Wait,
};
use plugsign::openpgp::verify::Verdict;
use plugsign::text::is_unsafe;

mod common;

use common::craft::*;

fn cases(cases: u32) -> ProptestConfig {
    ProptestConfig { cases, failure_persistence: None, ..ProptestConfig::default() }
}

fn now() -> SystemTime {
    common::craft::now()
}

/// Alice's key, unlocked once.
fn alices_signing_key() -> &'static SigningKey {
    static KEY: OnceLock<SigningKey> = OnceLock::new();
    KEY.get_or_init(|| match read_keys(&secret(alice())).unwrap().remove(0).unwrap() {
        Key::Secret(secret) => secret.unlock(None, None, &Policy::new(now())).unwrap(),
        _ => panic!("not a secret key"),
    })
}

fn judge() -> &'static Judge {
    static JUDGE: OnceLock<Judge> = OnceLock::new();
    JUDGE.get_or_init(|| {
        let certificate = alices_signing_key().certificate().clone();
        Judge::new(vec![certificate], Policy::new(now())).unwrap()
    })
}

fn is_good(signature: &[u8], data: impl Read) -> bool {
    matches!(judge().verify(signature, data).unwrap(), Verdict::Good(_))
}

/// Gives its bytes in pieces of these sizes, and is interrupted between them.
struct Pieces<'a> {
    rest: &'a [u8],
    sizes: std::iter::Cycle<std::slice::Iter<'a, usize>>,
    interrupted: bool,
}

impl Read for Pieces<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.interrupted = !self.interrupted;
        if self.interrupted {
            return Err(io::ErrorKind::Interrupted.into());
        }
        let size = self.sizes.next().map_or(1, |size| *size).min(self.rest.len()).min(buffer.len());
        let (piece, rest) = self.rest.split_at(size);
        buffer[..size].copy_from_slice(piece);
        self.rest = rest;
        Ok(size)
    }
}

fn in_pieces<'a>(data: &'a [u8], sizes: &'a [usize]) -> Pieces<'a> {
    Pieces { rest: data, sizes: sizes.iter().cycle(), interrupted: false }
}

proptest! {
    #![proptest_config(cases(96))]

    /// What is signed is good, however its bytes arrive, and nothing shorter or longer is.
    #[test]
    fn a_signature_is_good_however_the_data_is_read(
        data in vec(any::<u8>(), 0..20_000),
        sizes in vec(1usize..9_000, 1..8),
        cut in any::<Index>(),
        more in vec(any::<u8>(), 1..50),
        ago in 0u64..800_000,
    ) {
        let time = now() - Duration::from_secs(ago);
        let signature = sign(in_pieces(&data, &sizes), alices_signing_key(), time);
        let signature = signature.unwrap().to_bytes().unwrap();
        prop_assert!(is_good(&signature, &data[..]));
        prop_assert!(is_good(&signature, in_pieces(&data, &sizes)));
        prop_assert!(!is_good(&signature, &[&data[..], &more].concat()[..]));
        if !data.is_empty() {
            prop_assert!(!is_good(&signature, &data[..cut.index(data.len())]));
        }
        let again = DetachedSignature::read(&signature).unwrap();
        prop_assert_eq!(again.to_bytes().unwrap(), signature.clone());
        let armored = again.to_armored().unwrap();
        prop_assert!(is_good(&armored, &data[..]));
    }

    /// One changed byte, in the artifact or in what of the signature means anything, is not good.
    #[test]
    fn any_single_changed_byte_is_not_good(
        data in vec(any::<u8>(), 1..5_000),
        place in any::<Index>(),
        change in 1u8..,
    ) {
        let signature = sign(&data[..], alices_signing_key(), now()).unwrap();
        let signature = signature.to_bytes().unwrap();
        let mut other = data.clone();
        other[place.index(data.len())] ^= change;
        prop_assert!(!is_good(&signature, &other[..]));
        let mut other = signature.clone();
        let at = place.index(other.len());
        other[at] ^= change;
        // The same packet can be written with another header; then nothing of it has changed.
        let same = |bytes: &[u8]| DetachedSignature::read(bytes).map(|it| it.to_bytes().unwrap());
        if same(&other) != same(&signature) {
            prop_assert!(!is_good(&other, &data[..]), "byte {at} ^ {change:02x}");
        }
    }

    /// A certificate that was read is written and read again as the same.
    #[test]
    fn certificates_are_written_as_they_were_read(
        user_ids in vec(vec(any::<u8>(), 0..300), 1..4),
        flags in 1u8..64,
        days in proptest::option::of(1u64..4_000),
        subkey in any::<bool>(),
    ) {
        let mut recipe = Recipe::of(Material::b());
        recipe.user_ids = user_ids;
        recipe.flags = KeyFlags::new([flags]);
        recipe.validity = days.map(|days| Duration::from_secs(86_400 * days));
        let mut cert = recipe.build();
        if subkey {
            let flags = KeyFlags::empty().set_signing();
            let how = Binding { flags, back_signature: true };
            cert = with_subkey(cert, &mut recipe.signer(), Material::a(), &how);
        }
        for bytes in [public(&cert), secret(&cert)] {
            let certificate = |bytes: &[u8]| match read_keys(bytes).unwrap().remove(0).unwrap() {
                Key::Certificate(certificate) => certificate,
                Key::Secret(secret) => {
                    let written = secret.to_bytes().unwrap();
                    assert!(matches!(read_keys(&written).unwrap().remove(0), Ok(Key::Secret(_))));
                    secret.certificate().clone()
                }
                Key::Revocation(_) => panic!("no key"),
            };
            let first = certificate(&bytes);
            let second = certificate(&first.to_bytes().unwrap());
            let third = certificate(&first.to_armored().unwrap());
            prop_assert!(first.same_as(&second) && first.same_as(&third));
            prop_assert_eq!(first.user_ids(), second.user_ids());
            prop_assert!(first.proven().same_as(&first), "its own signatures are all true");
            prop_assert!(first.merge(&second).unwrap().same_as(&first));
        }
    }
}

/// Signs a text so that it carries its signature.
fn sign_cleartext(text: &[u8]) -> Option<Vec<u8>> {
    let escaped = Escaped::new(text, HashAlgorithm::Sha512).ok()?;
    let way = ContentHash { algorithm: HashAlgorithm::Sha512, text: true };
    let signature = sign_hashed_with(&escaped.content, way, alices_signing_key(), now()).unwrap();
    Some(escaped.with_signature(&signature.to_armored().unwrap()))
}

/// Returns the text of a file whose signatures are all good.
fn good_text(file: &[u8]) -> Option<Vec<u8>> {
    let cleartext = Cleartext::read(file).ok()?;
    let verdicts = judge().judge_cleartext(&cleartext);
    let is_good = verdicts.iter().all(|verdict| matches!(verdict, Verdict::Good(_)));
    (is_good && !verdicts.is_empty()).then(|| cleartext.text().to_vec())
}

/// A text as RFC 9580 signs it: no blanks at the ends of lines, and one kind of line end.
fn canonical(text: &[u8]) -> Vec<Vec<u8>> {
    let text = text.strip_suffix(b"\n").unwrap_or(text);
    let trim = |line: &[u8]| {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        let end = line.iter().rposition(|byte| !b" \t".contains(byte)).map_or(0, |end| end + 1);
        line[..end].to_vec()
    };
    text.split(|byte| *byte == b'\n').map(trim).collect()
}

proptest! {
    #![proptest_config(cases(200))]

    /// What is read of a signed text is what was signed, apart from blanks that nobody sees.
    #[test]
    fn a_signed_text_is_the_text_that_was_given(
        lines in vec("(-|- |From |-----BEGIN PGP SIGNATURE-----)?[ -~\t]{0,40}\r?", 0..20),
        is_ended in any::<bool>(),
    ) {
        let mut text = lines.join("\n");
        if is_ended {
            text.push('\n');
        }
        let file = sign_cleartext(text.as_bytes()).expect("a plain text can be signed");
        let read = good_text(&file).expect("what was signed is good");
        prop_assert_eq!(canonical(&read), canonical(text.as_bytes()));
        prop_assert!(Cleartext::read(&file).unwrap().is_of(text.as_bytes()));
    }

    /// A byte that is changed, put in or taken out leaves the text as it was, or nothing is good.
    #[test]
    fn a_changed_text_is_not_good(
        lines in vec("-?[ -~\t]{0,20}", 1..6),
        place in any::<Index>(),
        byte in any::<u8>(),
        how in 0..3,
    ) {
        let text = lines.join("\n");
        let file = sign_cleartext(text.as_bytes()).unwrap();
        let mut other = file.clone();
        let at = place.index(other.len());
        match how {
            0 => other[at] = byte,
            1 => other.insert(at, byte),
            _ => { other.remove(at); }
        }
        if let Some(read) = good_text(&other) {
            prop_assert_eq!(canonical(&read), canonical(text.as_bytes()), "{} {} {}", at, byte, how);
        }
    }
}

proptest! {
    #![proptest_config(cases(2_000))]

    /// No bytes make a reader panic, and only a key is read as a key.
    #[test]
    fn any_bytes_give_a_value_and_no_panic(bytes in vec(any::<u8>(), 0..600)) {
        let _ = read_keys(&bytes);
        let _ = DetachedSignature::read(&bytes);
        prop_assert!(Cleartext::read(&bytes).is_err());
        if let Some(file) = sign_cleartext(&bytes[..bytes.len().min(60)]) {
            prop_assert!(good_text(&file).is_some());
        }
        prop_assert!(!is_good(&bytes, DATA));
        let _ = (Checksums::read(&bytes, Path::new("SHA256SUMS")), Config::read(&bytes));
    }

    /// SHA256SUMS keeps every name, whatever bytes it has.
    #[test]
    fn checksums_are_read_as_they_were_written(
        names in vec(vec(1u8.., 1..60), 1..12),
        digest in any::<[u8; 32]>(),
    ) {
        use std::os::unix::ffi::OsStringExt;
        let mut kept = Vec::new();
        for name in names {
            // What leads out of the folder is not written in the first place.
            let name: Vec<u8> = name.into_iter().filter(|byte| *byte != b'/').collect();
            if !matches!(&name[..], b"" | b"." | b"..") {
                let path = PathBuf::from(std::ffi::OsString::from_vec(name));
                kept.push(path);
            }
        }
        prop_assume!(!kept.is_empty());
        let files = kept.iter().map(|name| (name.as_path(), &digest[..]));
        let sums = Checksums::new(DigestKind::Sha256, files);
        let text = sums.to_bytes().unwrap();
        let again = Checksums::read(&text, Path::new("SHA256SUMS")).unwrap();
        prop_assert_eq!(again.to_bytes().unwrap(), text);
        prop_assert!(kept.iter().all(|name| again.get(name) == sums.get(name)));
    }

    /// A key file that is added to a configuration and taken away leaves every byte as it was.
    #[test]
    fn add_and_remove_restore_any_configuration(
        settings in proptest::collection::btree_map("[A-Za-z]{1,9}", "[ -~\u{e9}\u{1f600}]{0,20}", 0..6),
        files in vec("[a-z]{1,8}\\.asc", 0..4),
        indent in "[ \t]{0,4}",
        end in "(\n|\r\n)",
    ) {
        let rows: Vec<String> =
            settings.iter().map(|(key, value)| format!("{indent}{indent}{:?}: {:?}", key, value.replace(['\\', '"'], ""))).collect();
        let files = serde_json::to_string(&files).unwrap();
        let list = format!("{indent}{indent}\"SignaturePublicKeyFiles\": {files}");
        let rows = [&rows[..], &[list]].concat().join(&format!(",{end}"));
        let text = format!("{{{end}{indent}\"PluginSettings\": {{{end}{rows}{end}{indent}}}{end}}}{end}");
        let Ok(config) = Config::read(text.as_bytes()) else { return Ok(()) };
        let with = config.with_key_file("zz-added.asc").unwrap();
        let without = Config::read(with.text().as_bytes()).unwrap();
        let without = without.without_key_file("zz-added.asc").unwrap();
        prop_assert_eq!(without.text(), &text);
    }
}

/// What the server of a token said in a session that made a key.
const SAID: &[u8] = include_bytes!("replay/seeds/token/keygen");

/// A stream from a server.
struct Said(Incoming<Cursor<Vec<u8>>>);

impl Link for Said {
    fn send(&mut self, _: &[u8]) -> token::Result<()> {
        Ok(())
    }

    fn receive(&mut self, _: Wait) -> token::Result<Received> {
        self.0.read()
    }
}

/// Has a token make a key, as far as it goes.
fn made_in_token(said: &[u8]) -> token::Result<KeyInToken> {
    let link = Box::new(Said(Incoming::new(Cursor::new(said.to_vec()))));
    let mut token = Token::find(link, &TokenUri::default(), true)?;
    token.login(Some(&Pin::new(b"1234".to_vec().into())))?;
    token.generate("two", b"2", 3072)
}

#[test]
fn a_recorded_session_with_a_token_makes_a_key() {
    let key = made_in_token(SAID).unwrap();
    assert_eq!((key.bits(), key.is_rsa, key.signs), (Some(3072), true, true));
}

proptest! {
    #![proptest_config(cases(2000))]

    #[test]
    fn a_server_that_says_anything_else_is_an_error_or_another_key(
        changes in vec((any::<Index>(), any::<u8>()), 1..4),
        end in any::<Index>(),
        is_cut in any::<bool>(),
        more in vec(any::<u8>(), 0..16),
    ) {
        let mut said = SAID.to_vec();
        for (place, byte) in &changes {
            let place = place.index(said.len());
            said[place] = *byte;
        }
        if is_cut {
            said.truncate(end.index(said.len()));
            said.extend(more);
        }
        match made_in_token(&said) {
            Ok(key) => prop_assert!(key.bits().is_none_or(|bits| bits <= 8 * 2048)),
            Err(error) => {
                let words = error.to_string();
                prop_assert!(!words.is_empty() && !words.contains(char::is_control), "{words}");
            }
        }
    }

    #[test]
    fn a_server_of_random_bytes_is_an_error(said in vec(any::<u8>(), 0..200)) {
        prop_assert!(made_in_token(&said).is_err());
    }

    #[test]
    fn a_uri_of_a_token_is_written_as_it_is_read(
        token in "[^\\p{C}\\p{Z}]{1,20}",
        object in "[ -~]{1,20}",
        id in vec(any::<u8>(), 0..20),
        slot in any::<u64>(),
    ) {
        prop_assume!(!token.chars().any(is_unsafe));
        let uri = TokenUri {
            token: Some(token),
            object: Some(object),
            id: Some(id),
            slot_id: Some(slot),
            ..TokenUri::default()
        };
        prop_assert_eq!(TokenUri::parse(&uri.to_string()), Ok(uri));
    }
}
