//! Files that are read, changed and written: lists of checksums, a server's configuration.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use arbitrary::{Error, Unstructured};
use plugsign::disk::checksums::{Checksums, DigestKind};
use plugsign::mattermost::config::Config;

use crate::common::property::{holds, line, several, text};

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
