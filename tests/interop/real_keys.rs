//! Keys that are in use, where the folder with them is there.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};

use crate::common::peers::skipped;
use crate::common::sandbox::Sandbox;
use crate::interop::gpg::Gpg;

fn real_keys() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/vectors/keys");
    let Ok(entries) = fs::read_dir(&folder) else {
        skipped(&format!("keys of others, in {}", folder.display()));
        return Vec::new();
    };
    let mut keys: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    keys.retain(|path| path.extension() == Some(OsStr::new("asc")));
    keys.sort();
    assert!(!keys.is_empty(), "{} has no keys", folder.display());
    keys
}

#[test]
fn real_keys_are_imported_listed_and_trusted_under_gpgs_fingerprint() {
    for file in real_keys() {
        let Some(gpg) = Gpg::new() else { return };
        let shown = gpg.text(&["--with-colons", "--show-keys", file.to_str().unwrap()]);
        let field = |record: &str, number: usize| {
            let line = shown.lines().find(|line| line.starts_with(record)).unwrap();
            line.split(':').nth(number).unwrap().to_string()
        };
        let (bits, algorithm) = (field("pub:", 2), field("pub:", 3));
        let fingerprint = field("fpr:", 9);
        let sound = algorithm == "1" && bits.parse::<usize>().unwrap() >= 3072;

        let plugsign = Sandbox::with_passphrase();
        let imported = plugsign.call([OsStr::new("import"), file.as_os_str()]).run();
        let trusted =
            plugsign.call([OsStr::new("trust"), OsStr::new("add"), file.as_os_str()]).run();
        if !sound {
            assert_eq!(imported.code(), Some(4), "{imported:?}");
            assert_eq!(trusted.code(), Some(4), "{trusted:?}");
            assert!(trusted.out().starts_with("refused "), "{trusted:?}");
            continue;
        }
        assert_eq!(
            imported.out().split_whitespace().take(2).collect::<Vec<_>>(),
            ["new", &fingerprint]
        );
        let listed = plugsign.call(["list", &fingerprint]).run().exits(0);
        assert!(listed.out().starts_with(&fingerprint), "{listed:?}");
        assert!(listed.out().contains(&format!("RSA-{bits}, certify+sign")), "{listed:?}");
        assert_eq!(trusted.code(), Some(0), "{trusted:?}");
        let name = file.file_name().unwrap().to_str().unwrap();
        assert!(
            trusted.out().starts_with(&format!("added  {name}  {fingerprint}  ")),
            "{trusted:?}"
        );
        assert!(trusted.err().contains("Compare the fingerprint"), "{trusted:?}");
        let names = plugsign.call(["trust", "list"]).run().exits(0);
        assert!(names.out().contains(name) && names.out().contains(&fingerprint), "{names:?}");
    }
}

#[test]
fn a_real_key_goes_back_to_gpg_as_it_came() {
    for file in real_keys() {
        let Some(gpg) = Gpg::new() else { return };
        let plugsign = Sandbox::with_passphrase();
        let fingerprint = plugsign.import_with(&fs::read(&file).unwrap(), &[]);
        gpg.import(&plugsign.certificate(&fingerprint));
        let checked = gpg.text(&["--with-colons", "--check-signatures"]);
        assert!(!checked.lines().any(|line| line.starts_with("sig:-:")), "{checked}");
        assert_eq!(gpg.fingerprint(), fingerprint);
        let shown = gpg.text(&["--with-colons", "--show-keys", file.to_str().unwrap()]);
        let count = |text: &str| text.lines().filter(|line| line.starts_with("sub:")).count();
        assert_eq!(count(&checked), count(&shown), "no subkey is lost");
    }
}
