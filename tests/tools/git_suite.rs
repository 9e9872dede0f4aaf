//! git's own tests of signed commits, tags and merges, on plugsign and on gpg.

use std::path::Path;
use std::thread;

use crate::common::fetched::fetched;
use crate::common::sandbox::Done;
use crate::tools::workshop::Workshop;

/// The keys that git_suite.sh puts in the place of the suite's, made by gpg.
const KEYS: &str = r#"set -e; mkdir keys
    call() { gpg --batch --pinentry-mode loopback --passphrase '' "$@"; }
    call --quick-generate-key 'C O Mitter <committer@example.com>' rsa3072 sign,cert never
    call --quick-generate-key 'Eris Discordia <discord@example.net>' rsa3072 sign,cert never
    prints() { gpg --with-colons --list-keys "$1" | sed -n 's/^fpr:*\([^:]*\):$/\1/p'; }
    prints committer@ > keys/committer.fpr; prints discord@ > keys/eris.fpr
    call --quick-add-key "$(cat keys/eris.fpr)" rsa3072 sign never
    prints discord@ | tail -n 1 > keys/subkey.fpr
    gpg --armor --export discord@ > keys/eris.public
    call --armor --export-secret-keys committer@ > keys/committer
    call --armor --export-secret-keys discord@ > keys/eris"#;

fn run(shop: &Workshop, source: &Path) -> Done {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/tools/git_suite.sh");
    shop.desk.must(&format!("sh {} {} keys", script.display(), source.display()))
}

/// Returns what came of each test, in order.
fn verdicts(said: &Done) -> Vec<String> {
    let text = said.out();
    let is_verdict = |line: &&str| line.starts_with("ok ") || line.starts_with("not ok ");
    text.lines().filter(is_verdict).map(str::to_string).collect()
}

#[test]
fn gits_tests_of_signatures_end_as_with_gpg() {
    let Some(source) = fetched("git") else { return };
    let Some(shops) = Workshop::both(&["gpg", "git"]) else { return };
    let [ours, theirs] = &shops;
    theirs.desk.must(KEYS);
    ours.desk.must("mkdir keys");
    for name in theirs.desk.names("keys") {
        ours.desk.write(format!("keys/{name}"), theirs.desk.read(format!("keys/{name}")));
    }
    let (by_plugsign, by_gpg) = thread::scope(|scope| {
        let by_gpg = scope.spawn(|| run(theirs, &source));
        (run(ours, &source), by_gpg.join().unwrap())
    });
    let theirs = verdicts(&by_gpg);
    assert_eq!(theirs.len(), 56, "{by_gpg:?}");
    let failed = theirs.iter().filter(|line| line.starts_with("not ok")).collect::<Vec<_>>();
    assert!(failed.is_empty(), "{failed:#?}\n{}", by_gpg.out());
    // Those that its tests of X.509 skip are skipped at both.
    assert_eq!(verdicts(&by_plugsign), theirs, "{}", by_plugsign.out());
}
