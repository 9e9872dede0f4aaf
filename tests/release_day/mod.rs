//! A whole dist/ at once, as release scripts and CI jobs sign it.

mod folders;
mod incomplete;
mod lists;
mod midway;

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::PathBuf;

use crate::common::peers::{peer, skipped};
use crate::common::sandbox::{Done, PASSPHRASE, Sandbox};
use crate::common::systems::is_linux;

const KEY: &str = include_str!("../../keys-example/organisation.secret.asc");

/// A dist/ with two archives, an unpacked plugin and a stray file, signed in an environment that
/// has nothing but the key.
struct Release {
    sandbox: Sandbox,
}

impl Release {
    fn new() -> Release {
        let sandbox = Sandbox::for_scripts();
        sandbox.copy("keys-example/organisation.asc", "release-key.asc");
        sandbox.copy("keys-example/dist/com.example.plugin-1.2.0.tar.gz", "dist/a-1.0.0.tar.gz");
        let release = Release { sandbox };
        release.write("dist/b-1.0.0.zip", "another archive");
        release.write("dist/com.example.plugin/plugin.json", "{}");
        release.write("dist/notes.txt", "not an archive");
        release
    }

    fn path(&self, name: &str) -> PathBuf {
        self.sandbox.path(name)
    }

    fn write(&self, name: &str, content: &str) {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }

    fn run(&self, command: &str) -> Done {
        self.run_with(command, &[])
    }

    fn run_with(&self, command: &str, more: &[(&str, &str)]) -> Done {
        let mut variables = vec![("PLUGSIGN_KEY", KEY), ("PLUGSIGN_PASSPHRASE", PASSPHRASE)];
        variables.extend(more);
        self.sandbox.sh_with(&format!("unset HOME; {command}"), &variables)
    }

    fn verify(&self) -> Done {
        self.run("plugsign verify --key release-key.asc dist")
    }

    fn sign(&self) {
        let said = self.run("plugsign sign --checksums dist");
        assert!(said.is_ok(), "{}", said.shown());
    }
}

const VERIFY: &str = "plugsign verify --key release-key.asc";

#[track_caller]
fn assert_exit(said: &Done, code: i32) {
    assert_eq!(said.code(), Some(code), "{}", said.shown());
}

/// Returns whether a script may mount file systems, and says so if it may not.
fn may_mount(release: &Release) -> bool {
    let may = release.run("unshare -m true").is_ok();
    if !may {
        skipped("the right to mount a file system");
    }
    may
}

#[test]
fn the_archives_of_a_dist_are_signed_and_nothing_else() {
    let release = Release::new();
    let said = release.run("plugsign sign dist");
    assert!(said.is_ok(), "{}", said.shown());
    assert_eq!(said.out(), "dist/a-1.0.0.tar.gz.sig\ndist/b-1.0.0.zip.sig\n");
    assert!(said.err().contains("2 signed, 0 up to date, 2 passed over"), "{}", said.err());
    let again = release.run("plugsign sign dist");
    assert_eq!(again.out(), "");
    assert!(again.err().contains("0 signed, 2 up to date"), "{}", again.err());
}

#[test]
fn a_stale_signature_is_named_and_kept() {
    let release = Release::new();
    release.sign();
    let old = fs::read(release.path("dist/b-1.0.0.zip.sig")).unwrap();
    release.write("dist/b-1.0.0.zip", "built again");
    let said = release.run("plugsign sign dist");
    assert_eq!(said.code(), Some(3), "{}", said.shown());
    assert!(said.err().contains("dist/b-1.0.0.zip.sig exists already"), "{}", said.err());
    assert_eq!(fs::read(release.path("dist/b-1.0.0.zip.sig")).unwrap(), old);
    let forced = release.run("plugsign sign --force dist");
    assert_eq!(forced.out(), "dist/b-1.0.0.zip.sig\n", "{}", forced.shown());
}

#[test]
fn verify_fails_on_missing_orphaned_empty_and_foreign_signatures() {
    let release = Release::new();
    release.run("plugsign sign dist");
    assert!(release.verify().is_ok());
    let good = fs::read(release.path("dist/a-1.0.0.tar.gz.sig")).unwrap();
    for (break_it, reason) in [
        ("rm dist/a-1.0.0.tar.gz.sig", "missing-signature"),
        (": > dist/a-1.0.0.tar.gz.sig", "malformed"),
        ("cp dist/b-1.0.0.zip.sig dist/a-1.0.0.tar.gz.sig", "bad-signature"),
        ("mv dist/a-1.0.0.tar.gz dist/gone", "orphan-signature"),
    ] {
        fs::write(release.path("dist/a-1.0.0.tar.gz.sig"), &good).unwrap();
        release.run(break_it);
        let said = release.verify();
        assert_eq!(said.code(), Some(1), "{break_it}\n{}", said.shown());
        assert!(said.out().contains(reason), "{break_it}\n{}", said.shown());
        assert!(said.out().contains("good  dist/b-1.0.0.zip"), "{break_it}\n{}", said.shown());
    }
}

#[test]
fn checksums_are_what_coreutils_writes_and_cover_the_names() {
    let release = Release::new();
    release.sign();
    let list = release.run("cat dist/SHA256SUMS");
    let expected = release.run("cd dist && sha256sum a-1.0.0.tar.gz b-1.0.0.zip");
    assert_eq!(list.out(), expected.out());
    assert!(release.run("cd dist && sha256sum --strict -c SHA256SUMS").is_ok());
    let good = release.verify();
    assert!(good.is_ok(), "{}", good.shown());
    assert!(good.out().contains("good  dist/SHA256SUMS"), "{}", good.shown());

    // An old, genuine archive under the new version's name.
    release.run(
        "cp dist/b-1.0.0.zip dist/b-2.0.0.zip && cp dist/b-1.0.0.zip.sig dist/b-2.0.0.zip.sig",
    );
    let renamed = release.verify();
    assert_eq!(renamed.code(), Some(1), "{}", renamed.shown());
    assert!(
        renamed.out().contains("BAD   dist/b-2.0.0.zip  checksum-mismatch"),
        "{}",
        renamed.shown()
    );
    release.run("rm dist/b-2.0.0.zip* && mv dist/b-1.0.0.zip dist/a-1.0.0.tar.gz");
    release.run("mv dist/b-1.0.0.zip.sig dist/a-1.0.0.tar.gz.sig");
    let swapped = release.verify();
    assert!(
        swapped.out().contains("BAD   dist/a-1.0.0.tar.gz  checksum-mismatch")
            && swapped.out().contains("BAD   dist/b-1.0.0.zip  checksum-mismatch"),
        "{}",
        swapped.shown()
    );
}

#[test]
fn a_changed_list_is_not_believed() {
    let release = Release::new();
    release.sign();
    release.run("sed -i 's/a-1.0.0/c-1.0.0/' dist/SHA256SUMS");
    let said = release.verify();
    assert_eq!(said.code(), Some(1), "{}", said.shown());
    assert!(said.out().contains("BAD   dist/SHA256SUMS  bad-signature"), "{}", said.shown());
}

#[test]
fn a_list_is_not_written_if_a_file_failed() {
    let release = Release::new();
    fs::create_dir(release.path("dist/b-1.0.0.zip.sig")).unwrap();
    let said = release.run("plugsign sign --checksums dist");
    assert_eq!(said.code(), Some(3), "{}", said.shown());
    assert_eq!(said.out(), "dist/a-1.0.0.tar.gz.sig\n");
    assert!(!release.path("dist/SHA256SUMS").exists());
}

#[test]
fn gpg_accepts_the_list() {
    if peer("gpgv").is_none() || peer("gpg").is_none() {
        return;
    }
    let release = Release::new();
    release.sign();
    let said = release.run(
        "export GNUPGHOME=\"$PWD/g\"; mkdir -m 700 g && gpg -q --dearmor < release-key.asc > ring.gpg \
         && gpgv --keyring ./ring.gpg dist/SHA256SUMS.sig dist/SHA256SUMS",
    );
    assert!(said.is_ok(), "{}", said.shown());
}

#[test]
fn a_fixed_time_makes_every_file_the_same_on_every_run() {
    let sign = |how: &str, variables: &[(&str, &str)]| {
        let release = Release::new();
        let said = release.run_with(&format!("plugsign sign --checksums {how} dist"), variables);
        assert!(said.is_ok(), "{}", said.shown());
        ["a-1.0.0.tar.gz.sig", "b-1.0.0.zip.sig", "SHA256SUMS", "SHA256SUMS.sig"]
            .map(|file| fs::read(release.path("dist").join(file)).unwrap())
    };
    let by_variable = sign("-j 1", &[("SOURCE_DATE_EPOCH", "1795382400")]);
    let by_option = sign("-j 8 --time 2026-11-22T21:20:00Z", &[]);
    assert_eq!(by_variable, by_option);
}

#[test]
fn a_nonsense_time_exits_2() {
    let release = Release::new();
    for (how, variables) in [
        ("", &[("SOURCE_DATE_EPOCH", "soon")][..]),
        ("--time yesterday", &[]),
        ("--time 4294967296", &[]),
    ] {
        let said = release.run_with(&format!("plugsign sign {how} dist"), variables);
        assert_eq!(said.code(), Some(2), "{}", said.shown());
    }
    assert!(!release.path("dist/a-1.0.0.tar.gz.sig").exists());
}

#[test]
fn the_key_of_a_ci_secret_is_read_in_every_shape() {
    use base64::Engine;
    let base64 = base64::engine::general_purpose::STANDARD;
    for (name, key) in [
        ("armored", KEY.to_string()),
        ("crlf", KEY.replace('\n', "\r\n")),
        ("escaped", KEY.replace('\n', "\\n")),
        ("base64", base64.encode(KEY)),
    ] {
        let release = Release::new();
        let said = release.sandbox.sh_with(
            "unset HOME; touch before; sleep 0.02; plugsign sign -q dist > /dev/null
             find . -newer before -type f | sort",
            &[("PLUGSIGN_KEY", &*key), ("PLUGSIGN_PASSPHRASE", PASSPHRASE)],
        );
        assert!(said.is_ok(), "{name}\n{}", said.shown());
        let new = "./dist/a-1.0.0.tar.gz.sig\n./dist/b-1.0.0.zip.sig\n";
        assert_eq!(said.out(), new, "{name}");
        assert!(release.verify().is_ok(), "{name}");
    }
}

#[test]
fn a_folder_that_is_missing_or_empty_is_an_error() {
    let release = Release::new();
    fs::create_dir(release.path("empty")).unwrap();
    for folder in ["empty", "missing"] {
        for command in ["sign", "verify --key release-key.asc"] {
            let said = release.run(&format!("plugsign {command} {folder}"));
            assert_eq!(said.code(), Some(3), "{command} {folder}\n{}", said.shown());
        }
    }
}

#[test]
fn a_link_in_a_folder_is_passed_over_and_a_link_to_a_folder_is_walked() {
    let release = Release::new();
    symlink("/etc/hostname", release.path("dist/link-1.0.0.tar.gz")).unwrap();
    symlink("dist", release.path("latest")).unwrap();
    let said = release.run("plugsign sign latest");
    assert!(said.is_ok(), "{}", said.shown());
    assert_eq!(said.out(), "latest/a-1.0.0.tar.gz.sig\nlatest/b-1.0.0.zip.sig\n");
}

#[test]
fn files_with_odd_names_are_signed_listed_and_verified() {
    let release = Release::new();
    for name in [&b"-dash.zip"[..], b"new\nline.zip", b"back\\slash.zip", b"latin-\xe9.zip"] {
        fs::write(release.path("dist").join(OsStr::from_bytes(name)), "content").unwrap();
    }
    // 255 bytes for the signature itself is the most that the file system takes.
    let long = format!("dist/{}.zip", "x".repeat(247));
    release.write(&long, "content");
    release.sign();
    assert!(release.path(&format!("{long}.sig")).exists());
    let said = release.verify();
    assert!(said.is_ok(), "{}", said.shown());
    assert!(said.out().contains("new\\nline.zip") && said.out().contains("latin-\\xe9"));
    assert!(release.run("cd dist && sha256sum --strict -c SHA256SUMS").is_ok());
}

#[test]
fn a_full_disk_leaves_earlier_signatures_whole_and_no_others() {
    let release = Release::new();
    if !may_mount(&release) {
        return;
    }
    fs::create_dir(release.path("full")).unwrap();
    let said = release.run(
        "export PLUGSIGN_KEY PLUGSIGN_PASSPHRASE; unshare -m sh -euc '
            mount -t tmpfs -o size=96k tmpfs full
            i=0; while [ $i -lt 20 ]; do echo $i > full/$i.zip; i=$((i+1)); done
            code=0; plugsign sign -j 1 full > written 2> errors || code=$?
            ls -A full > left
            for s in full/*.sig; do plugsign verify --key release-key.asc \"$s\"; done > verified
            exit $code'",
    );
    if said.code() != Some(3) {
        // The file system may round its size up.
        assert!(said.is_ok(), "{}", said.shown());
    }
    let left = fs::read_to_string(release.path("left")).unwrap();
    let signatures = left.lines().filter(|name| name.ends_with(".sig")).count();
    let written = fs::read_to_string(release.path("written")).unwrap().lines().count();
    assert_eq!(signatures, written, "{left}");
    assert!(signatures < 20, "the disk was not full\n{left}");
    assert!(!left.contains(".tmp"), "{left}");
    let verified = fs::read_to_string(release.path("verified")).unwrap();
    assert_eq!(verified.matches("good  ").count(), signatures, "{verified}");
}

#[test]
fn a_full_disk_leaves_a_list_and_its_signature_as_they_were() {
    let release = Release::new();
    if !may_mount(&release) {
        return;
    }
    fs::create_dir(release.path("full")).unwrap();
    let said = release.run(
        "export PLUGSIGN_KEY PLUGSIGN_PASSPHRASE; unshare -m sh -euc '
            mount -t tmpfs -o size=1m tmpfs full; mkdir full/dist
            i=0; while [ $i -lt 60 ]; do echo $i > full/dist/$i.zip; i=$((i+1)); done
            plugsign sign -q --checksums full/dist > /dev/null
            echo more > full/dist/more.zip; plugsign sign -q full/dist > /dev/null
            cp -R full/dist before
            dd if=/dev/zero of=full/filler bs=1k 2> /dev/null || true
            code=0; plugsign sign --checksums --force full/dist > out 2>&1 || code=$?
            diff -r before full/dist
            exit $code'",
    );
    assert_eq!(said.code(), Some(3), "{}", said.shown());
    assert_eq!(said.out(), "", "{}", said.shown());
}

#[test]
fn two_runs_at_once_leave_one_good_signature_a_file() {
    let release = Release::new();
    for number in 0..40 {
        release.write(&format!("dist/n{number}.zip"), &number.to_string());
    }
    for how in ["", "--checksums"] {
        let sign = format!("plugsign sign {how} dist");
        let said = release
            .run(&format!("{sign} & other=$!; code=0; {sign} || code=$?; wait $other; exit $code"));
        assert!(said.is_ok(), "{how}: {}", said.shown());
    }
    let said = release.verify();
    assert!(said.is_ok(), "{}", said.shown());
    let left = release.run("ls -A dist | grep -c tmp || true");
    assert_eq!(left.out().trim(), "0");
}

#[test]
fn a_closed_or_full_standard_output_is_an_error_and_the_signatures_stay() {
    if !is_linux("/dev/full") {
        return;
    }
    let release = Release::new();
    let said = release.run("plugsign sign dist > /dev/full");
    assert_eq!(said.code(), Some(3), "{}", said.shown());
    assert!(said.err().contains("standard output"), "{}", said.err());
    assert!(release.verify().is_ok());
}

#[test]
fn without_a_terminal_no_progress_is_drawn() {
    let release = Release::new();
    let said = release.run("plugsign sign dist");
    assert!(!said.err().contains('\x1b') && !said.err().contains('\r'), "{:?}", said.err());
}

#[test]
fn a_read_only_folder_is_an_error_before_anything_is_written() {
    if rustix::process::geteuid().is_root() {
        skipped("a user other than root, who writes to read-only folders");
        return;
    }
    let release = Release::new();
    fs::set_permissions(release.path("dist"), fs::Permissions::from_mode(0o555)).unwrap();
    let said = release.run("plugsign sign dist");
    fs::set_permissions(release.path("dist"), fs::Permissions::from_mode(0o755)).unwrap();
    assert_eq!(said.code(), Some(3), "{}", said.shown());
}

#[test]
fn a_large_file_is_streamed() {
    let release = Release::new();
    fs::File::create(release.path("large.tar")).unwrap().set_len(1 << 30).unwrap();
    // Half of the file's length, for everything that the process has mapped.
    let limit = "ulimit -v 524288";
    let signed = release.run(&format!("{limit}; plugsign sign large.tar"));
    assert!(signed.is_ok(), "{}", signed.shown());
    let verified =
        release.run(&format!("{limit}; plugsign verify --key release-key.asc large.tar"));
    assert!(verified.is_ok(), "{}", verified.shown());
}

#[test]
fn completions_and_manual_pages_are_made_for_every_shell_and_command() {
    let release = Release::new();
    for shell in ["bash", "zsh", "fish", "powershell", "PowerShell"] {
        let said = release.run(&format!("plugsign completions {shell}"));
        assert!(said.is_ok() && said.out().contains("keygen"), "{shell}");
    }
    let said = release.run("plugsign man --out made/man && ls made/man");
    assert!(said.is_ok(), "{}", said.shown());
    for name in said.out().lines().filter(|name| name.ends_with(".1") && !name.contains('/')) {
        let text = fs::read_to_string(release.path("made/man").join(name)).unwrap();
        let text = text.replace("\\-", "-");
        for (place, _) in text.match_indices("plugsign-") {
            let Some((page, _)) = text[place..].split_once("(1)") else { continue };
            let is_page = page.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'-');
            let file = release.path(&format!("made/man/{page}.1"));
            assert!(!is_page || file.exists(), "{name} refers to {page}");
        }
    }
    assert!(release.path("made/man/plugsign-trust-add.1").exists(), "{}", said.shown());
    let said = release.run("umask 022; plugsign man --out open/man -q; stat -c %a open open/man");
    assert_eq!(said.out().lines().rev().take(2).collect::<Vec<_>>(), ["755", "755"]);
    for page in ["plugsign.1", "plugsign-sign.1", "plugsign-verify.1", "plugsign-keygen.1"] {
        let text = fs::read_to_string(release.path("made/man").join(page)).unwrap();
        assert!(text.contains(".TH"), "{page}");
    }
}
