//! Texts that carry their signatures.

use arbitrary::{Result, Unstructured};
use plugsign::openpgp::cleartext::{Cleartext, Escaped};
use plugsign::openpgp::hash::{ContentHash, HashAlgorithm};
use plugsign::openpgp::sign::sign_hashed_with;
use plugsign::openpgp::verify::Verdict;

use super::{alices_signing_key, judge, now};
use crate::common::property::{holds, line, several};

/// Signs a text so that it carries its signature.
pub fn sign_cleartext(text: &[u8]) -> Option<Vec<u8>> {
    let escaped = Escaped::new(text, HashAlgorithm::Sha512).ok()?;
    let way = ContentHash { algorithm: HashAlgorithm::Sha512, text: true };
    let signature = sign_hashed_with(&escaped.content, way, alices_signing_key(), now()).unwrap();
    Some(escaped.with_signature(&signature.to_armored().unwrap()))
}

/// Returns the text of a file whose signatures are all good.
pub fn good_text(file: &[u8]) -> Option<Vec<u8>> {
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
