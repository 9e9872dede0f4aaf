//! Folders as release scripts really name them: twice, one in another, with lists and plugins in
//! them.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use crate::common::peers::peer;
use crate::release_day::{Release, VERIFY, assert_exit, may_mount};

/// Makes a key that is in no home, and prepares a call that signs with it.
const STRANGER_SIGNS: &str = "plugsign --home h keygen --name Stranger --no-passphrase > stranger
    unset PLUGSIGN_KEY; plugsign --home h sign";

#[test]
fn the_server_is_asked_about_a_folder_with_a_signed_list() {
    let release = Release::new();
    release.sign();
    let said = release.run(&format!("{VERIFY} --as-server dist"));
    assert_exit(&said, 0);
    assert!(said.out().contains("good  dist/SHA256SUMS"), "{}", said.shown());
}

#[test]
fn files_that_are_named_twice_are_signed_and_judged_once() {
    let release = Release::new();
    let paths = "dist ./dist dist/a-1.0.0.tar.gz ./dist/b-1.0.0.zip dist/";
    let said = release.run(&format!("plugsign sign {paths}"));
    assert_exit(&said, 0);
    assert_eq!(said.out(), "dist/a-1.0.0.tar.gz.sig\ndist/b-1.0.0.zip.sig\n");
    assert!(said.err().contains("2 signed, 0 up to date, 2 passed over"), "{}", said.shown());
    release.write("dist/c.zip.sig", "");
    let said = release.run(&format!("{VERIFY} {paths} ./dist/c.zip.sig"));
    assert_exit(&said, 1);
    assert_eq!(said.out().lines().count(), 3, "{}", said.shown());
}

#[test]
fn lists_are_written_for_a_folder_in_another_and_for_one_that_is_named_twice() {
    for paths in ["dist/sub dist", "dist dist", "./dist/sub dist ./dist/sub"] {
        let release = Release::new();
        release.write("dist/sub/c-1.0.0.zip", "content");
        let said = release.run(&format!("plugsign sign --checksums {paths}"));
        assert_exit(&said, 0);
        let list = release.run("cat dist/SHA256SUMS").out();
        assert!(list.contains("  sub/c-1.0.0.zip"), "{paths}: {list}");
        assert_exit(&release.verify(), 0);
        assert_exit(&release.run(&format!("plugsign sign --checksums {paths}")), 0);
    }
}

#[test]
fn a_list_in_a_subfolder_covers_that_subfolder() {
    let release = Release::new();
    release.write("dist/sub/c-1.0.0.zip", "content");
    assert_exit(&release.run("plugsign sign dist && plugsign sign --checksums dist/sub"), 0);
    assert_exit(&release.verify(), 0);
    release.run("cd dist/sub; mv c-1.0.0.zip c-2.0.0.zip; mv c-1.0.0.zip.sig c-2.0.0.zip.sig");
    let said = release.verify();
    assert_exit(&said, 1);
    assert!(
        said.out().contains("BAD   dist/sub/c-2.0.0.zip  checksum-mismatch"),
        "{}",
        said.shown()
    );
}

#[test]
fn a_list_that_lost_its_signature_is_signed_by_the_next_run() {
    let release = Release::new();
    release.sign();
    release.run("rm dist/SHA256SUMS.sig");
    assert_exit(&release.run("plugsign sign --checksums dist"), 0);
    assert_exit(&release.verify(), 0);
}

#[test]
fn a_list_of_other_files_is_replaced_only_by_force_and_a_warning_says_so() {
    let release = Release::new();
    release.sign();
    release.write("dist/c-1.0.0.zip", "content");
    let said = release.run("plugsign sign dist");
    assert_exit(&said, 0);
    let words = "warning: dist/SHA256SUMS does not list the files as they are now";
    assert!(said.err().contains(words), "{}", said.shown());
    let before = release.run("cat dist/SHA256SUMS dist/SHA256SUMS.sig | sha256sum").out();
    let said = release.run("plugsign sign --checksums dist");
    assert_exit(&said, 3);
    assert!(said.err().contains("remove it and its signature first"), "{}", said.shown());
    assert_eq!(release.run("cat dist/SHA256SUMS dist/SHA256SUMS.sig | sha256sum").out(), before);
    assert_exit(&release.run("plugsign sign --checksums --force dist"), 0);
    assert_exit(&release.verify(), 0);
    let said = release.run("plugsign sign dist");
    assert!(!said.err().contains("warning"), "{}", said.shown());
}

#[test]
fn an_unpacked_plugin_and_hidden_folders_are_passed_over_and_the_root_is_not() {
    for manifest in ["plugin.json", "plugin.yaml", "plugin.yml"] {
        let release = Release::new();
        release.write(&format!("dist/com.example.other/{manifest}"), "");
        release.write("dist/com.example.other/assets/data.zip", "content");
        release.write("dist/.cache/h.zip", "content");
        release.write(&format!("dist/{manifest}"), "");
        let said = release.run("plugsign sign dist");
        assert_exit(&said, 0);
        assert_eq!(said.out(), "dist/a-1.0.0.tar.gz.sig\ndist/b-1.0.0.zip.sig\n");
        assert!(said.err().contains("5 passed over"), "{}", said.shown());
        let said = release.verify();
        assert_exit(&said, 0);
        assert!(said.err().contains("2 good, 0 bad, 5 passed over"), "{}", said.shown());
        let said = release.run("plugsign sign dist dist/com.example.other");
        assert_eq!(said.out(), "dist/com.example.other/assets/data.zip.sig\n");
    }
}

#[test]
fn a_second_signature_of_a_file_is_judged_too() {
    let release = Release::new();
    assert_exit(&release.run("plugsign sign dist && plugsign sign -a dist"), 0);
    let said = release.verify();
    assert_exit(&said, 0);
    assert!(said.out().contains("good  dist/b-1.0.0.zip.asc  "), "{}", said.shown());
    for (break_it, reason) in [
        (": > dist/b-1.0.0.zip.asc", "malformed"),
        ("cp dist/a-1.0.0.tar.gz.asc dist/b-1.0.0.zip.asc", "bad-signature"),
    ] {
        release.run(break_it);
        let said = release.verify();
        assert_exit(&said, 1);
        let line = format!("BAD   dist/b-1.0.0.zip.asc  {reason}");
        assert!(said.out().contains(&line), "{}", said.shown());
        assert!(said.out().contains("good  dist/b-1.0.0.zip  "), "{}", said.shown());
    }
    release.run("rm dist/*.asc && cp release-key.asc dist/b-1.0.0.zip.asc");
    assert_exit(&release.verify(), 0);
}

#[test]
fn a_malformed_further_signature_is_bad_and_a_strangers_does_not_count() {
    let release = Release::new();
    assert_exit(&release.run("plugsign sign dist"), 0);
    let further = "dist/b-1.0.0.zip.0123456789ABCDEF.sig";
    release.run(&format!("{STRANGER_SIGNS} -o {further} dist/b-1.0.0.zip"));
    assert!(release.path(further).exists());
    assert_exit(&release.verify(), 0);
    for content in ["", "junk"] {
        release.write(further, content);
        let said = release.verify();
        assert_exit(&said, 1);
        assert!(said.out().contains(&format!("BAD   {further}  ")), "{}", said.shown());
    }
}

#[test]
fn a_signature_of_a_signature_brings_a_warning_and_one_verdict() {
    let release = Release::new();
    assert_exit(&release.run("plugsign sign dist"), 0);
    let said = release.run("plugsign sign dist/*.*");
    assert_exit(&said, 0);
    let words = "warning: 2 files are signatures themselves:\n";
    assert!(said.err().contains(words), "{}", said.shown());
    assert!(said.err().contains("  dist/b-1.0.0.zip.sig\n"), "{}", said.shown());
    assert!(!said.err().contains("  dist/b-1.0.0.zip\n"), "{}", said.shown());
    for paths in ["dist", "dist/*.sig", "dist/*.sig.sig"] {
        let said = release.run(&format!("{VERIFY} {paths}"));
        assert_exit(&said, 0);
        assert!(said.out().contains("good  dist/b-1.0.0.zip.sig  "), "{}", said.shown());
    }
}

#[test]
fn an_unreadable_signature_file_is_reported() {
    let release = Release::new();
    assert_exit(&release.run("plugsign sign dist"), 0);
    let sign = "code=0; plugsign sign dist || code=$?; exit $code";
    let said = if rustix::process::geteuid().is_root() {
        if peer("strace").is_none() {
            return;
        }
        let path = "-P dist/b-1.0.0.zip.sig -e inject=openat:error=EACCES";
        release.run(&format!("strace -f -o /dev/null {path} plugsign sign dist"))
    } else {
        let closed = fs::Permissions::from_mode(0o000);
        fs::set_permissions(release.path("dist/b-1.0.0.zip.sig"), closed).unwrap();
        release.run(sign)
    };
    assert_exit(&said, 3);
    let words = "cannot read dist/b-1.0.0.zip.sig: Permission denied";
    assert!(said.err().contains(words), "{}", said.shown());
}

#[test]
fn failures_are_named_even_if_standard_output_is_closed() {
    let release = Release::new();
    release.write("dist/b-1.0.0.zip.sig", "in the way");
    let said = release.run(
        "mkfifo reader; true < reader & exec 3> reader; wait
         code=0; plugsign sign dist >&3 || code=$?; exit $code",
    );
    assert_exit(&said, 3);
    assert!(said.err().contains("failed: dist/b-1.0.0.zip: "), "{}", said.shown());
    assert!(said.err().contains("standard output"), "{}", said.shown());
    assert!(!said.err().contains("1 signed"), "{}", said.shown());
}

#[test]
fn errors_name_the_output_and_never_a_temporary_file() {
    let release = Release::new();
    release.write("file", "");
    for command in [
        "plugsign sign -o nodir/x dist/b-1.0.0.zip",
        "plugsign --home h import release-key.asc; plugsign --home h export example -o nodir/x",
    ] {
        let said = release.run(command);
        assert_exit(&said, 3);
        assert!(said.err().contains("cannot write nodir/x: No such file"), "{}", said.shown());
        assert!(!said.err().contains(".tmp"), "{}", said.shown());
    }
    let said = release.run("plugsign man --out file");
    assert_exit(&said, 3);
    assert!(said.err().contains("cannot create file: File exists"), "{}", said.shown());
}

#[test]
fn names_that_are_not_utf_8_stay_different_in_json() {
    let release = Release::new();
    release.run("touch \"dist/$(printf 'n-\\351.zip')\" \"dist/$(printf 'n-\\350.zip')\"");
    let said = release.run("plugsign --json sign dist");
    assert_exit(&said, 0);
    let json = said.json();
    let paths: Vec<&str> =
        json["files"].as_array().unwrap().iter().map(|it| it["path"].as_str().unwrap()).collect();
    assert_eq!(paths[2..], ["dist/n-\\xe8.zip", "dist/n-\\xe9.zip"], "{}", said.shown());
}

#[test]
fn another_signers_signature_in_a_folder_is_not_good_and_not_replaced() {
    let release = Release::new();
    assert_exit(&release.run("plugsign sign dist"), 0);
    assert_exit(&release.run(&format!("{STRANGER_SIGNS} --force dist/b-1.0.0.zip")), 0);
    let said = release.verify();
    assert_exit(&said, 1);
    assert!(said.out().contains("BAD   dist/b-1.0.0.zip  unknown-signer"), "{}", said.shown());
    let said = release.run("plugsign sign dist");
    assert_exit(&said, 3);
    assert!(said.err().contains("dist/b-1.0.0.zip.sig exists already"), "{}", said.shown());
}

#[test]
fn sign_needs_only_a_writable_folder() {
    let release = Release::new();
    if !may_mount(&release) {
        return;
    }
    let said = release.run(
        "export PLUGSIGN_KEY PLUGSIGN_PASSPHRASE; unshare -m sh -euc '
            mount --bind dist dist
            cut -d\" \" -f2 /proc/self/mounts | while read -r place; do
                case $place in */dist) ;; *) mount -o remount,bind,ro \"$place\" || : ;; esac
            done
            if touch probe; then exit 9; fi
            plugsign sign --checksums dist; plugsign verify --key release-key.asc dist'",
    );
    assert_exit(&said, 0);
    assert!(said.out().contains("good  dist/SHA256SUMS"), "{}", said.shown());
}

/// A file whose path can just be said, so that its signature's cannot (PATH_MAX, 4096).
const LONG: &str = "folder=dist; while [ ${#folder} -lt 3870 ]; do
        folder=$folder/dddddddddddddddddddddddddddddddddddddddddddddddd; done
    while [ ${#folder} -lt 4082 ]; do folder=$folder/d; done
    file=${folder%?????????????}/a-1.0.0.zip; folder=${file%/*}
    while [ ${#file} -lt 4093 ]; do folder=${folder}e; file=$folder/a-1.0.0.zip; done
    mkdir -p \"$folder\"; echo a > \"$file\"";

#[test]
fn a_signature_whose_path_is_too_long_is_never_taken_for_missing() {
    let release = Release::new();
    let run = |line: &str| release.run(&format!("{LONG}\n{line}"));
    assert_exit(&release.run("plugsign --home h keygen -q --name A --no-passphrase"), 0);
    for line in ["sign \"$file\"", "sign dist", "--home h gpg --batch --detach-sign \"$file\""] {
        let said =
            run(&format!("code=0; plugsign {line} || code=$?; ls -A \"$folder\"; exit $code"));
        let code = if line.contains("gpg") { 2 } else { 3 };
        assert_eq!(said.code(), Some(code), "{line}: {}", said.shown());
        assert!(said.err().contains("File name too long"), "{line}: {}", said.shown());
        assert!(said.out().ends_with("a-1.0.0.zip\n"), "{line}: {}", said.shown());
    }
    assert_exit(&run("find dist/d* -name 'a-*.zip' -execdir plugsign sign {} +"), 0);
    for path in ["\"$file\"", "dist"] {
        let said = run(&format!("{VERIFY} {path}"));
        assert_exit(&said, 3);
        assert!(!said.out().contains("missing-signature"), "{}", said.shown());
    }
}
