//! A CI with one secret: PLUGSIGN_KEY signs through gpg's command lines without any home, and the
//! key is written nowhere.

use std::fs;

use crate::common::peers::peer;
use crate::common::sandbox::{PASSPHRASE, Sandbox};
use crate::gpg::twins::StatusLines;

/// A key with a passphrase as a CI has it, its certificate, and its fingerprint.
fn key() -> (String, Vec<u8>, String) {
    let maker = Sandbox::with_passphrase();
    let key = maker.keygen("--name Acme --email r@acme.test");
    let secret = maker.run(&format!("export --secret -a {key}")).exits(0).out();
    let certificate = maker.run(&format!("export {key}")).exits(0).stdout;
    (secret, certificate, key)
}

/// Where there is neither a home nor a place for one.
const NOWHERE: &str = "unset GNUPGHOME HOME XDG_DATA_HOME PLUGSIGN_HOME; set -eu";

/// Signs with a script in a place without a home, and asserts that nothing but its results is
/// written. Returns the desk, where the certificate is in `certificate`.
#[track_caller]
fn signs(script: &str, results: &[&str]) -> (Sandbox, String) {
    let (secret, certificate, key) = key();
    let desk = Sandbox::in_place_of_gpg();
    let script = format!("{NOWHERE}; export KEY={key}; {script}");
    let variables = [("PLUGSIGN_KEY", &*secret), ("PLUGSIGN_PASSPHRASE", PASSPHRASE)];
    let said = desk.sh_with(&script, &variables);
    assert_eq!(said.exit(), 0, "{}", said.shown());
    let mut written = desk.names(".");
    written.retain(|name| !results.contains(&name.as_str()));
    assert_eq!(written, [] as [&str; 0]);
    for folder in ["home", "g"] {
        let left: Vec<_> = fs::read_dir(desk.at(folder)).unwrap().collect();
        assert!(left.is_empty(), "{folder}: {left:?}");
    }
    let body = secret.lines().find(|line| line.len() == 64).unwrap();
    let found = desk.program("grep").args(["-rlF", body, ".."]).run();
    assert_eq!(found.exit(), 1, "{}", found.shown());
    desk.write("certificate", certificate);
    (desk, key)
}

/// Verifies at the desk, whose home has nothing but the certificate.
#[track_caller]
fn verifies(desk: &Sandbox, line: &str, key: &str) {
    let said = desk.must(&format!("gpg --batch --import certificate 2>/dev/null; {line}"));
    assert_eq!(said.fields("VALIDSIG")[1], key, "{}", said.shown());
}

#[test]
fn goreleasers_lines_sign_with_the_key_of_the_environment() {
    let script = r#"echo sums > SUMS; artifact=SUMS
        gpg --output default.sig --detach-sig $artifact
        gpg --batch -u "$KEY" --output named.sig --detach-sign $artifact"#;
    let (desk, key) = signs(script, &["SUMS", "default.sig", "named.sig"]);
    for signature in ["default.sig", "named.sig"] {
        verifies(&desk, &format!("gpg --status-fd 1 --verify {signature} SUMS"), &key);
    }
}

/// twine/package.py: `gpg --detach-sign [--local-user ID] -a FILE`.
#[test]
fn twines_line_signs_with_the_key_of_the_environment() {
    let script = "echo wheel > a.whl; gpg --detach-sign --local-user r@acme.test -a a.whl
        echo sdist > a.tar.gz; gpg --detach-sign -a a.tar.gz";
    let results = ["a.whl", "a.whl.asc", "a.tar.gz", "a.tar.gz.asc"];
    let (desk, key) = signs(script, &results);
    verifies(&desk, "gpg --status-fd 1 --verify a.whl.asc", &key);
    verifies(&desk, "gpg --status-fd 1 --verify a.tar.gz.asc", &key);
}

#[test]
fn git_signs_commits_and_tags_with_the_key_of_the_environment() {
    if peer("git").is_none() {
        return;
    }
    let script = "mkdir repository; cd repository; git init -q .
        git config user.name Acme; git config user.email r@acme.test
        git commit -q -S --allow-empty -m one
        git config user.signingkey $KEY; git commit -q -S --allow-empty -m two; git tag -s v1 -m v1";
    let (desk, key) = signs(script, &["repository"]);
    for what in ["verify-commit --raw HEAD", "verify-commit --raw HEAD~1", "verify-tag --raw v1"] {
        verifies(&desk, &format!("git -C repository {what}"), &key);
    }
}

#[test]
fn rpmsign_signs_with_the_key_of_the_environment() {
    for program in ["rpmbuild", "rpmsign", "rpmkeys"] {
        if peer(program).is_none() {
            return;
        }
    }
    let script = r#"printf 'Name: acme\nVersion: 1\nRelease: 1\nSummary: A test\nLicense: MIT\nBuildArch: noarch\n%%description\nA test\n%%files\n' > acme.spec
        rpmbuild --quiet --define "_topdir $PWD/top" -bb acme.spec
        cp top/RPMS/noarch/acme-1-1.noarch.rpm acme.rpm
        rpmsign --define "__gpg $(command -v gpg)" --define "_gpg_name $KEY" --addsign acme.rpm"#;
    let (desk, key) = signs(script, &["acme.spec", "acme.rpm", "top"]);
    let said = desk.must("gpg --batch --import certificate; gpg --armor --export > key.asc && mkdir db && rpmkeys --dbpath $PWD/db --import key.asc && rpmkeys --dbpath $PWD/db --checksig --verbose acme.rpm");
    let id = key[32..].to_lowercase();
    let is_good = |line: &str| line.contains(&id) && line.trim_end().ends_with("OK");
    assert!(said.out().lines().any(is_good), "{}", said.shown());
}

#[test]
fn checksum_lists_are_signed_with_the_key_of_the_environment() {
    let script = "echo a > a; sha256sum a | gpg --clearsign > SHA256SUMS.asc";
    let (desk, key) = signs(script, &["a", "SHA256SUMS.asc"]);
    verifies(&desk, "gpg --status-fd 1 --verify SHA256SUMS.asc", &key);
}

#[test]
fn without_the_passphrase_or_with_another_name_nothing_is_signed() {
    let (secret, _, _) = key();
    let desk = Sandbox::in_place_of_gpg();
    desk.write("data", "data");
    let run = |line: &str, passphrase: &str| {
        let variables = [("PLUGSIGN_KEY", &*secret), ("PLUGSIGN_PASSPHRASE", passphrase)];
        desk.sh_with(&format!("{NOWHERE}; {line}"), &variables).exits(2)
    };
    run("gpg --batch --status-fd 2 -b data", "wrong").says("BAD_PASSPHRASE");
    run("gpg --batch --status-fd 2 -u somebody@else.test -b data", PASSPHRASE).says("INV_SGNR 9");
    run("PLUGSIGN_KEY= gpg --batch -b data", PASSPHRASE).says("PLUGSIGN_KEY is empty");
    assert!(!desk.has("data.sig"));
}

#[test]
fn the_key_of_the_environment_is_listed_where_there_is_no_home() {
    let script = r#"gpg --batch -K "$KEY"; gpg --batch --with-colons -K > secret
        gpg --batch --with-colons -k "$KEY" > public; gpg --batch --armor --export "$KEY" > key.asc"#;
    let (desk, key) = signs(script, &["secret", "public", "key.asc"]);
    let listed = |name: &str| String::from_utf8(desk.read(name)).unwrap();
    assert!(listed("secret").starts_with("sec:u:3072:1:"), "{}", listed("secret"));
    assert!(listed("public").contains("\npub:u:3072:1:"), "{}", listed("public"));
    assert!(listed("secret").contains(&key) && listed("public").contains(&key));
    assert_eq!(desk.read("key.asc").first(), Some(&b'-'));
}

#[test]
fn who_has_keys_in_gpg_alone_is_told_how_to_take_them_over() {
    let mut desk = Sandbox::in_place_of_gpg();
    desk.write("data", "data");
    let said = desk.sh("gpg --batch -b data").exits(2);
    assert!(!said.err().contains("--from-gnupg"), "{}", said.shown());
    // Nobody reads the key before it is taken over.
    let grip = "0123456789ABCDEF0123456789ABCDEF01234567";
    desk.must(&format!("mkdir -p \"$GNUPGHOME/private-keys-v1.d\"; touch \"$GNUPGHOME/private-keys-v1.d/{grip}.key\""));
    let taking = format!("import --from-gnupg {}", desk.at("g").display());
    for (line, code) in [
        ("gpg --batch -b data", 2),
        ("plugsign gpg --batch -b data", 2),
        ("plugsign sign data", 3),
        ("plugsign list", 0),
    ] {
        desk.sh(line).exits(code).says(&taking);
    }
    let inside = desk.at("g/plugsign").display().to_string();
    desk.sh("gpg --batch -b data").says(&format!("plugsign --home {inside} {taking}"));
    desk.sh("gpg --batch -u x -b data").says("are: gpg --list-secret-keys");
    let hint = format!("are: plugsign --home {inside} gpg --list-secret-keys");
    desk.sh("plugsign gpg --batch -u x -b data").says(&hint);
    // The home's name is a word of the commands, too.
    let odd = desk.at("g h");
    desk.set("GNUPGHOME", &odd);
    desk.must("mkdir -m 700 \"$GNUPGHOME\"");
    let hint =
        format!("plugsign --home '{}' gpg --list-secret-keys", odd.join("plugsign").display());
    desk.sh("plugsign gpg --batch -u x -b data").says(&hint);
}
