//! What must not pass for a whole release: skipped archives, unsigned lists
//! or that list nothing, older signatures beside new ones.

use std::fs;
use std::os::unix::fs::symlink;

use crate::common::peers::peer;
use crate::common::sandbox::Done;
use crate::release_day::{KEY, Release, VERIFY, assert_exit};

#[track_caller]
fn assert_says(said: &Done, words: &str) {
    assert!(said.err().contains(words), "{words}\n{}", said.shown());
}

#[test]
fn a_folder_that_is_made_to_look_like_an_unpacked_plugin_hides_nothing_that_was_signed() {
    let release = Release::new();
    release.write("dist/sub/c-1.0.0.zip", "content");
    release.sign();
    release.run("rm dist/SHA256SUMS*");
    release.write("dist/sub/plugin.json", "{}");
    assert_exit(&release.verify(), 0);
    release.write("dist/sub/c-1.0.0.zip", "evil");
    release.write("dist/sub/d-1.0.0.zip", "evil");
    let said = release.verify();
    assert_exit(&said, 1);
    assert!(said.out().contains("BAD   dist/sub/c-1.0.0.zip  bad-signature"), "{}", said.shown());
    assert_says(&said, "dist/sub/d-1.0.0.zip is passed over: it is in an unpacked plugin");
}

#[test]
fn a_signed_link_is_judged_and_an_unsigned_link_is_reported() {
    let release = Release::new();
    symlink("b-1.0.0.zip", release.path("dist/latest.zip")).unwrap();
    let said = release.run("plugsign sign dist");
    assert_exit(&said, 0);
    assert_says(&said, "dist/latest.zip is passed over: it is a link");
    assert_says(&release.verify(), "dist/latest.zip is passed over: it is a link");

    assert_exit(&release.run("plugsign sign dist/latest.zip"), 0);
    let said = release.verify();
    assert_exit(&said, 0);
    assert!(said.out().contains("good  dist/latest.zip"), "{}", said.shown());
    release.run("ln -sf a-1.0.0.tar.gz dist/latest.zip");
    let said = release.verify();
    assert_exit(&said, 1);
    assert!(said.out().contains("BAD   dist/latest.zip  bad-signature"), "{}", said.shown());
    // Nothing is read that lies outside.
    release.run("ln -sf ../release-key.asc dist/latest.zip");
    let said = release.verify();
    assert_exit(&said, 3);
    assert_says(&said, "dist/latest.zip");
}

#[test]
fn a_link_in_the_place_of_a_listed_file_is_called_a_link() {
    let release = Release::new();
    release.sign();
    release.run("mv dist/b-1.0.0.zip dist/c; ln -s c dist/b-1.0.0.zip; rm dist/b-1.0.0.zip.sig");
    let said = release.verify();
    assert_exit(&said, 3);
    assert_says(&said, "dist/b-1.0.0.zip is a link");
}

#[test]
fn an_unsigned_list_brings_a_warning() {
    let release = Release::new();
    release.sign();
    assert!(!release.verify().err().contains("not signed"));
    fs::remove_file(release.path("dist/SHA256SUMS.sig")).unwrap();
    assert_says(&release.verify(), "dist/SHA256SUMS is not signed, so nothing covers the names");
}

#[test]
fn an_empty_folder_gets_no_list_and_an_empty_list_is_not_good() {
    let release = Release::new();
    fs::create_dir(release.path("empty")).unwrap();
    let said = release.run("plugsign sign --checksums empty");
    assert_exit(&said, 3);
    assert_exit(&release.run("plugsign sign --checksums --exclude '*' dist"), 3);
    assert!(
        !release.path("empty/SHA256SUMS").exists() && !release.path("dist/SHA256SUMS").exists()
    );
    release.write("empty/SHA256SUMS", "");
    assert_exit(&release.run("plugsign sign empty/SHA256SUMS"), 0);
    let said = release.run(&format!("{VERIFY} empty"));
    assert_exit(&said, 1);
    assert!(said.out().contains("checksum-mismatch: it lists no file"), "{}", said.shown());
}

#[test]
fn checksums_of_standard_input_are_refused() {
    let release = Release::new();
    let said = release.run("plugsign sign --checksums -o sig - < dist/b-1.0.0.zip");
    assert_exit(&said, 2);
    assert_says(&said, "--checksums goes with folders");
}

#[test]
fn a_list_that_is_replaced_loses_all_signatures_of_the_old_one() {
    let release = Release::new();
    assert_exit(&release.run("plugsign sign -a --checksums dist"), 0);
    release.run("cp dist/SHA256SUMS.asc dist/SHA256SUMS.0123456789ABCDEF.asc");
    release.write("dist/c-1.0.0.zip", "one more");
    assert_exit(&release.run("plugsign sign --checksums --force dist"), 0);
    let left = release.run("ls dist").out();
    let left: Vec<&str> = left.lines().filter(|name| name.starts_with("SHA256")).collect();
    assert_eq!(left, ["SHA256SUMS", "SHA256SUMS.sig"]);
    assert_exit(&release.verify(), 0);
}

#[test]
fn a_new_list_does_not_appear_beside_an_older_signature() {
    if peer("strace").is_none() {
        return;
    }
    let release = Release::new();
    release.sign();
    release.write("dist/c-1.0.0.zip", "one more");
    assert_exit(&release.run("plugsign sign dist; rm dist/SHA256SUMS"), 0);
    // Killed between the list and its signature.
    release.run(
        "strace -f -o trace -e trace=renameat -e inject=renameat:signal=KILL:when=2 \\
             plugsign sign -j 1 --checksums --force dist || true",
    );
    assert!(release.path("dist/SHA256SUMS").exists());
    assert!(!release.path("dist/SHA256SUMS.sig").exists());
}

#[test]
fn an_older_signature_in_the_other_form_is_named() {
    let release = Release::new();
    assert_exit(&release.run("plugsign sign dist"), 0);
    let said = release.run("plugsign sign -a dist");
    assert!(!said.err().contains("older signature"), "{}", said.shown());
    release.write("dist/b-1.0.0.zip", "built again");
    let said = release.run("plugsign sign -a --force dist");
    assert_exit(&said, 0);
    assert_says(&said, "dist/b-1.0.0.zip.sig is an older signature, no good any more: remove it");
    assert!(!said.err().contains("a-1.0.0"), "{}", said.shown());
}

#[test]
fn a_name_in_dev_fd_is_not_replaced() {
    let release = Release::new();
    symlink("/proc/self/fd/1", release.path("stdout")).unwrap();
    let said = release.run(
        "code=0; plugsign sign --force -o stdout dist/b-1.0.0.zip > redirected || code=$?
         test -L stdout; exit $code",
    );
    assert_exit(&said, 3);
    assert_says(&said, "a name for an open file");
}

#[test]
fn a_pattern_that_no_name_can_match_is_wrong_usage() {
    let release = Release::new();
    for pattern in ["--exclude 'internal/*'", "--include 'sub/*'"] {
        let said = release.run(&format!("plugsign sign {pattern} dist"));
        assert_exit(&said, 2);
        assert_says(&said, "without their folders");
    }
}

#[test]
fn two_keys_without_a_line_end_between_them_are_two_keys() {
    let release = Release::new();
    let other = release.run(
        "plugsign --home h keygen -q --name Other --no-passphrase > /dev/null
         plugsign --home h export --secret --unprotected Other -a",
    );
    assert_exit(&other, 0);
    for glued in
        [format!("{}{}", KEY.trim_end(), other.out()), format!("{}{}", other.out().trim_end(), KEY)]
    {
        let said = release.run_with("plugsign sign dist", &[("PLUGSIGN_KEY", &glued)]);
        assert_exit(&said, 3);
        assert_says(&said, "2 secret keys");
    }
}

#[test]
fn without_a_key_the_hint_says_how_to_give_one() {
    let release = Release::new();
    for home in ["unset HOME", "export HOME=$PWD/nobody"] {
        let said = release.run(&format!("unset PLUGSIGN_KEY; {home}; plugsign sign dist"));
        assert_exit(&said, 3);
        assert_says(&said, "there is no secret key here");
        assert_says(&said, "give one in PLUGSIGN_KEY");
    }
}

#[test]
fn files_of_an_earlier_run_are_made_durable_too() {
    if peer("strace").is_none() {
        return;
    }
    let release = Release::new();
    release.run("plugsign sign dist");
    let said = release.run("strace -f -o trace -e trace=fsync plugsign sign dist; cat trace");
    assert_says(&said, "0 signed, 2 up to date");
    assert!(said.out().contains("fsync("), "{}", said.shown());
}
