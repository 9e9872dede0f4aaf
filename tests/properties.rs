//! What holds for all inputs, on inputs that chance made up.

use std::collections::BTreeMap;
use std::io::{self, Cursor, Read};
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::time::{Duration, SystemTime};

use arbitrary::{Error, Result, Unstructured};
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

use crate::common::craft::*;
use crate::common::property::{bytes, holds, line, several, text};

fn now() -> SystemTime {
    crate::common::craft::now()
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

#[test]
#[should_panic(expected = "too long")]
fn what_does_not_hold_is_found() {
    holds(96, 6_000, |chance| {
        assert!(bytes(chance, 0..5_000)?.len() < 2_000, "too long");
        Ok(())
    });
}

/// What is signed is good, however its bytes arrive, and nothing shorter or longer is.
#[test]
fn a_signature_is_good_however_the_data_is_read() {
    holds(96, 24_000, |chance| {
        let sizes = several(chance, 1..8, |chance| chance.int_in_range(1..=8_999))?;
        let more = bytes(chance, 1..50)?;
        let time = now() - Duration::from_secs(chance.int_in_range(0..=799_999)?);
        let data = bytes(chance, 0..20_000)?;
        let signature = sign(in_pieces(&data, &sizes), alices_signing_key(), time);
        let signature = signature.unwrap().to_bytes().unwrap();
        assert!(is_good(&signature, &data[..]));
        assert!(is_good(&signature, in_pieces(&data, &sizes)));
        assert!(!is_good(&signature, &[&data[..], &more].concat()[..]));
        if !data.is_empty() {
            assert!(!is_good(&signature, &data[..chance.choose_index(data.len())?]));
        }
        let again = DetachedSignature::read(&signature).unwrap();
        assert_eq!(again.to_bytes().unwrap(), signature);
        let armored = again.to_armored().unwrap();
        assert!(is_good(&armored, &data[..]));
        Ok(())
    });
}

/// One changed byte, in the artifact or in what of the signature means anything, is not good.
#[test]
fn any_single_changed_byte_is_not_good() {
    holds(96, 6_000, |chance| {
        let change = chance.int_in_range(1..=u8::MAX)?;
        let data = bytes(chance, 1..5_000)?;
        let signature = sign(&data[..], alices_signing_key(), now()).unwrap();
        let signature = signature.to_bytes().unwrap();
        let mut other = data.clone();
        other[chance.choose_index(data.len())?] ^= change;
        assert!(!is_good(&signature, &other[..]));
        let mut other = signature.clone();
        let at = chance.choose_index(other.len())?;
        other[at] ^= change;
        // The same packet can be written with another header; then nothing of it has changed.
        let same = |bytes: &[u8]| DetachedSignature::read(bytes).map(|it| it.to_bytes().unwrap());
        if same(&other) != same(&signature) {
            assert!(!is_good(&other, &data[..]), "byte {at} ^ {change:02x}");
        }
        Ok(())
    });
}

/// A certificate that was read is written and read again as the same.
#[test]
fn certificates_are_written_as_they_were_read() {
    holds(96, 2_000, |chance| {
        let mut recipe = Recipe::of(Material::b());
        recipe.user_ids = several(chance, 1..4, |chance| bytes(chance, 0..300))?;
        recipe.flags = KeyFlags::new([chance.int_in_range(1..=63)?]);
        if chance.arbitrary()? {
            let days = chance.int_in_range(1..=3_999)?;
            recipe.validity = Some(Duration::from_secs(86_400 * days));
        }
        let mut cert = recipe.build();
        if chance.arbitrary()? {
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
            assert!(first.same_as(&second) && first.same_as(&third));
            assert_eq!(first.user_ids(), second.user_ids());
            assert!(first.proven().same_as(&first), "its own signatures are all true");
            assert!(first.merge(&second).unwrap().same_as(&first));
        }
        Ok(())
    });
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

/// Makes a line of a text, with what would be something else in a signed text.
fn line_to_sign(chance: &mut Unstructured<'_>) -> Result<String> {
    let starts = ["", "", "", "", "-", "- ", "From ", "-----BEGIN PGP SIGNATURE-----"];
    let (start, end) = (chance.choose(&starts)?, chance.choose(&["", "\r"])?);
    Ok(format!("{start}{}{end}", line(chance, "\t", 0..41)?))
}

/// What is read of a signed text is what was signed, apart from blanks that nobody sees.
#[test]
fn a_signed_text_is_the_text_that_was_given() {
    holds(200, 4_000, |chance| {
        let mut text = several(chance, 0..20, line_to_sign)?.join("\n");
        if chance.arbitrary()? {
            text.push('\n');
        }
        let file = sign_cleartext(text.as_bytes()).expect("a plain text can be signed");
        let read = good_text(&file).expect("what was signed is good");
        assert_eq!(canonical(&read), canonical(text.as_bytes()));
        assert!(Cleartext::read(&file).unwrap().is_of(text.as_bytes()));
        Ok(())
    });
}

/// A byte that is changed, put in or taken out leaves the text as it was, or nothing is good.
#[test]
fn a_changed_text_is_not_good() {
    holds(200, 1_000, |chance| {
        let lines = several(chance, 1..6, |chance| {
            let start = chance.choose(&["", "-"])?;
            Ok(format!("{start}{}", line(chance, "\t", 0..21)?))
        })?;
        let (byte, how) = (chance.arbitrary()?, chance.int_in_range(0..=2)?);
        let text = lines.join("\n");
        let file = sign_cleartext(text.as_bytes()).unwrap();
        let mut other = file.clone();
        let at = chance.choose_index(other.len())?;
        match how {
            0 => other[at] = byte,
            1 => other.insert(at, byte),
            _ => {
                other.remove(at);
            }
        }
        if let Some(read) = good_text(&other) {
            assert_eq!(canonical(&read), canonical(text.as_bytes()), "{at} {byte} {how}");
        }
        Ok(())
    });
}

/// No bytes make a reader panic, and only a key is read as a key.
#[test]
fn any_bytes_give_a_value_and_no_panic() {
    holds(2_000, 700, |chance| {
        let bytes = bytes(chance, 0..600)?;
        let _ = read_keys(&bytes);
        let _ = DetachedSignature::read(&bytes);
        assert!(Cleartext::read(&bytes).is_err());
        if let Some(file) = sign_cleartext(&bytes[..bytes.len().min(60)]) {
            assert!(good_text(&file).is_some());
        }
        assert!(!is_good(&bytes, DATA));
        let _ = (Checksums::read(&bytes, Path::new("SHA256SUMS")), Config::read(&bytes));
        Ok(())
    });
}

/// SHA256SUMS keeps every name, whatever bytes it has.
#[test]
fn checksums_are_read_as_they_were_written() {
    use std::os::unix::ffi::OsStringExt;
    holds(2_000, 1_000, |chance| {
        let digest: [u8; 32] = chance.arbitrary()?;
        let mut kept = Vec::new();
        let name = |chance: &mut Unstructured<'_>| {
            several(chance, 1..60, |chance| chance.int_in_range(1..=u8::MAX))
        };
        for name in several(chance, 1..12, name)? {
            // What leads out of the folder is not written in the first place.
            let name: Vec<u8> = name.into_iter().filter(|byte| *byte != b'/').collect();
            if !matches!(&name[..], b"" | b"." | b"..") {
                let path = PathBuf::from(std::ffi::OsString::from_vec(name));
                kept.push(path);
            }
        }
        if kept.is_empty() {
            return Err(Error::IncorrectFormat);
        }
        let files = kept.iter().map(|name| (name.as_path(), &digest[..]));
        let sums = Checksums::new(DigestKind::Sha256, files);
        let text = sums.to_bytes().unwrap();
        let again = Checksums::read(&text, Path::new("SHA256SUMS")).unwrap();
        assert_eq!(again.to_bytes().unwrap(), text);
        assert!(kept.iter().all(|name| again.get(name) == sums.get(name)));
        Ok(())
    });
}

/// A key file that is added to a configuration and taken away leaves every byte as it was.
#[test]
fn add_and_remove_restore_any_configuration() {
    let small: Vec<char> = ('a'..='z').collect();
    let letters: Vec<char> = ('A'..='Z').chain('a'..='z').collect();
    holds(2_000, 1_500, |chance| {
        let settings = several(chance, 0..6, |chance| {
            Ok((text(chance, &letters, 1..10)?, line(chance, "\u{e9}\u{1f600}", 0..21)?))
        })?;
        // A name stands once.
        let settings: BTreeMap<String, String> = settings.into_iter().collect();
        let files = several(chance, 0..4, |chance| Ok(text(chance, &small, 1..9)? + ".asc"))?;
        let indent = text(chance, &[' ', '\t'], 0..5)?;
        let end = *chance.choose(&["\n", "\r\n"])?;
        let row = |(key, value): (&String, &String)| {
            format!("{indent}{indent}{key:?}: {:?}", value.replace(['\\', '"'], ""))
        };
        let mut rows: Vec<String> = settings.iter().map(row).collect();
        let files = serde_json::to_string(&files).unwrap();
        rows.push(format!("{indent}{indent}\"SignaturePublicKeyFiles\": {files}"));
        let rows = rows.join(&format!(",{end}"));
        let text =
            format!("{{{end}{indent}\"PluginSettings\": {{{end}{rows}{end}{indent}}}{end}}}{end}");
        let Ok(config) = Config::read(text.as_bytes()) else { return Ok(()) };
        let with = config.with_key_file("zz-added.asc").unwrap();
        let without = Config::read(with.text().as_bytes()).unwrap();
        let without = without.without_key_file("zz-added.asc").unwrap();
        assert_eq!(without.text(), text);
        Ok(())
    });
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

#[test]
fn a_server_that_says_anything_else_is_an_error_or_another_key() {
    holds(2_000, 100, |chance| {
        let mut said = SAID.to_vec();
        for _ in 0..chance.int_in_range(1..=3)? {
            let place = chance.choose_index(said.len())?;
            said[place] = chance.arbitrary()?;
        }
        if chance.arbitrary()? {
            said.truncate(chance.choose_index(said.len())?);
            said.extend(bytes(chance, 0..16)?);
        }
        match made_in_token(&said) {
            Ok(key) => assert!(key.bits().is_none_or(|bits| bits <= 8 * 2048)),
            Err(error) => {
                let words = error.to_string();
                assert!(!words.is_empty() && !words.contains(char::is_control), "{words}");
            }
        }
        Ok(())
    });
}

#[test]
fn a_server_of_random_bytes_is_an_error() {
    holds(2_000, 300, |chance| {
        assert!(made_in_token(&bytes(chance, 0..200)?).is_err());
        Ok(())
    });
}

#[test]
fn a_uri_of_a_token_is_written_as_it_is_read() {
    // Half of them ASCII, the rest anything that can be seen.
    let character = |chance: &mut Unstructured<'_>| match chance.arbitrary()? {
        true => Ok(chance.int_in_range(b'!'..=b'~')?.into()),
        false => chance.arbitrary::<char>(),
    };
    holds(2_000, 300, |chance| {
        let token: String = several(chance, 1..21, character)?.into_iter().collect();
        if token.chars().any(|it| is_unsafe(it) || it.is_whitespace()) {
            return Err(Error::IncorrectFormat);
        }
        let uri = TokenUri {
            token: Some(token),
            object: Some(line(chance, "", 1..21)?),
            id: Some(bytes(chance, 0..20)?),
            slot_id: Some(chance.arbitrary()?),
            ..TokenUri::default()
        };
        assert_eq!(TokenUri::parse(&uri.to_string()), Ok(uri));
        Ok(())
    });
}
