//! Signed lists of checksums: one signature for any number of files, and nothing left out.

use std::fs;

use crate::common::peers::peer;
use crate::common::sandbox::Sandbox;

/// The files of a release as publishers have them.
const ARTIFACTS: [&str; 24] = [
    "app-1.0.tar.gz",
    "app-1.0.tgz",
    "app-1.0.zip",
    "app-1.0.7z",
    "app_1.0_amd64.deb",
    "app-1.0.x86_64.rpm",
    "app-1.0.AppImage",
    "app-1.0.dmg",
    "app-1.0.pkg",
    "app-1.0-setup.exe",
    "app-1.0.msi",
    "app-1.0.apk",
    "app-1.0.aab",
    "app-1.0.jar",
    "app-1.0-py3-none-any.whl",
    "app-1.0.gem",
    "app-1.0.crate",
    "app-1.0.vsix",
    "app-1.0.snap",
    "app-1.0.flatpak",
    "app-1.0.iso",
    "app-1.0.img.xz",
    "app-1.0.spdx.json",
    "app-1.0.qcow2",
];

/// A release of everything, in `dist`, and a key that signs.
fn desk() -> Sandbox {
    let sandbox = Sandbox::for_scripts();
    sandbox.acme_key(&["--no-passphrase"]);
    for name in ARTIFACTS {
        sandbox.write(format!("dist/{name}"), name);
    }
    sandbox
}

/// Returns the lines of a folder or file that are not good.
fn bad(sandbox: &Sandbox, line: &str) -> Vec<String> {
    let done = sandbox.sh(&format!("plugsign verify {line}"));
    let out = done.out();
    let bad: Vec<String> =
        out.lines().filter(|line| line.starts_with("BAD")).map(str::to_string).collect();
    let expected = if bad.is_empty() { Some(0) } else { Some(1) };
    assert_eq!(done.code(), expected, "{line}: {}", done.shown());
    bad
}

#[track_caller]
fn is_bad(sandbox: &Sandbox, line: &str, words: &str) {
    let bad = bad(sandbox, line);
    assert!(bad.iter().any(|it| it.contains(words)), "{line}: {words}: {bad:?}");
}

#[test]
fn every_usual_artifact_is_signed_and_what_is_left_out_is_named() {
    let sandbox = desk();
    for name in ["app_1.0_linux_amd64", "app-1.0.txt", "notes.txt", "other-2.0.bin"] {
        sandbox.write(format!("dist/{name}"), name);
    }
    let done = sandbox.must("plugsign sign dist");
    assert_eq!(done.out().lines().count(), ARTIFACTS.len());
    let said = done.err();
    let words = "warning: 2 files were not signed, and seem to be of the same release:\n";
    assert_eq!(said.matches("warning").count(), 1, "{said}");
    assert!(said.contains(words), "{said}");
    for name in ["app_1.0_linux_amd64", "app-1.0.txt"] {
        assert!(said.contains(&format!("  dist/{name}\n")), "{said}");
    }
    done.says("4 passed over");
    let json = sandbox.must("plugsign --json sign dist").json();
    assert_eq!(json["passed_over_files"].as_array().unwrap().len(), 4);
    sandbox.must("plugsign -v sign dist").says("passed over: dist/notes.txt");
    sandbox.must("plugsign verify dist").says("2 files have no signature, and seem");
    let done = sandbox.must("plugsign sign --all --exclude '*.bin' dist");
    assert_eq!(done.out().lines().count(), 3, "{}", done.shown());
    fs::remove_file(sandbox.path("dist/app_1.0_amd64.deb.sig")).unwrap();
    is_bad(&sandbox, "dist", "app_1.0_amd64.deb  missing-signature");
}

#[test]
fn one_signed_list_stands_for_all_files() {
    let sandbox = desk();
    let done = sandbox.must("plugsign sign --list-only dist");
    assert_eq!(done.out(), "dist/SHA256SUMS.sig\n");
    done.says("24 listed");
    sandbox.must("cd dist && sha256sum --quiet -c SHA256SUMS");
    if peer("shasum").is_some() {
        sandbox.must("cd dist && shasum -a 256 -c SHA256SUMS");
    }
    for line in ["dist", "dist/SHA256SUMS", "dist/SHA256SUMS.sig", "dist/app-1.0.zip"] {
        assert_eq!(bad(&sandbox, line), [""; 0], "{line}");
    }
    sandbox.must("cd dist && plugsign verify SHA256SUMS").says("25 good, 0 bad");
    let json = sandbox.must("plugsign --json verify dist/app-1.0.zip").json();
    assert_eq!(json["artifacts"][0]["list"], "dist/SHA256SUMS");
    // A run with nothing new leaves it as it is.
    sandbox.must("plugsign sign --list-only dist").says("0 signed, 1 up to date, 24 listed");
    // Tampered.
    sandbox.write("dist/app-1.0.zip", b"evil");
    for line in ["dist", "dist/SHA256SUMS", "dist/app-1.0.zip"] {
        is_bad(&sandbox, line, "app-1.0.zip  checksum-mismatch");
    }
    sandbox.write("dist/app-1.0.zip", b"app-1.0.zip");
    // Renamed to another version.
    sandbox.must("mv dist/app-1.0.zip dist/app-1.1.zip");
    is_bad(&sandbox, "dist", "app-1.1.zip  missing-signature");
    is_bad(&sandbox, "dist/app-1.1.zip", "missing-signature");
    for line in ["dist", "dist/SHA256SUMS"] {
        is_bad(
            &sandbox,
            line,
            "app-1.0.zip  checksum-mismatch: it is on the signed SHA256SUMS, but not here",
        );
    }
    // Only one was downloaded.
    sandbox.must("mkdir one && cp dist/SHA256SUMS* dist/app-1.0.tgz one");
    is_bad(&sandbox, "one", "but not here");
    assert_eq!(bad(&sandbox, "--ignore-missing one"), [""; 0]);
    assert_eq!(bad(&sandbox, "--ignore-missing one/SHA256SUMS"), [""; 0]);
    // The list itself.
    sandbox.must("echo >> one/SHA256SUMS");
    is_bad(&sandbox, "one", "SHA256SUMS  bad-signature");
    is_bad(&sandbox, "one", "app-1.0.tgz  missing-signature");
    is_bad(&sandbox, "one/app-1.0.tgz", "SHA256SUMS is not good: bad-signature");
}

#[test]
fn a_file_with_both_is_judged_by_both() {
    let sandbox = desk();
    sandbox.must("plugsign sign --checksums dist");
    assert_eq!(bad(&sandbox, "dist"), [""; 0]);
    // Its own signature is good, and its name is new.
    sandbox.must(
        "cp dist/app-1.0.zip dist/app-1.1.zip && cp dist/app-1.0.zip.sig dist/app-1.1.zip.sig",
    );
    for line in ["dist", "dist/app-1.1.zip", "dist/app-1.1.zip.sig"] {
        is_bad(
            &sandbox,
            line,
            "app-1.1.zip  checksum-mismatch: it is not on the signed SHA256SUMS",
        );
    }
    // Its own signature is not good, and the list knows it.
    sandbox.must("rm dist/app-1.1.zip* && cp dist/app-1.0.tgz.sig dist/app-1.0.zip.sig");
    is_bad(&sandbox, "dist/app-1.0.zip", "bad-signature");
    // A list by somebody else says nothing.
    let other = Sandbox::for_scripts();
    other.keygen("--name Other --no-passphrase");
    other.write("dist/app-1.0.zip", b"app-1.0.zip");
    other.must("plugsign sign --list-only dist");
    let lone = Sandbox::for_scripts();
    lone.acme_key(&["--no-passphrase"]);
    for name in ["app-1.0.zip", "SHA256SUMS", "SHA256SUMS.sig"] {
        lone.write(format!("dist/{name}"), other.read(format!("dist/{name}")));
    }
    is_bad(&lone, "dist/app-1.0.zip", "SHA256SUMS is not good: unknown-signer");
    lone.must("plugsign sign dist/app-1.0.zip && plugsign verify dist/app-1.0.zip");
}

#[test]
fn lists_of_other_names_and_forms_count() {
    let sandbox = desk();
    for (options, name) in [
        ("--checksums=app_1.0_SHA256SUMS --list-only", "app_1.0_SHA256SUMS"),
        ("--list-only --digest sha512", "SHA512SUMS"),
        ("--checksums=app_1.0_SHA512SUMS --list-only", "app_1.0_SHA512SUMS"),
        ("--checksums=app_1.0_checksums.txt --list-only", "app_1.0_checksums.txt"),
    ] {
        let done = sandbox.must(&format!("plugsign sign {options} dist"));
        assert_eq!(done.out(), format!("dist/{name}.sig\n"));
        for line in ["dist".to_string(), format!("dist/{name}"), "dist/app-1.0.jar".into()] {
            assert_eq!(bad(&sandbox, &line), [""; 0], "{options}: {line}");
        }
        let check = if name.contains("512") { "sha512sum" } else { "sha256sum" };
        sandbox.must(&format!("cd dist && {check} --quiet -c {name} && rm {name} {name}.sig"));
    }
    for (make, name) in [
        ("sha256sum --tag * > SHA256SUMS", "SHA256SUMS"),
        ("sha512sum --tag * > sha512sums.txt", "sha512sums.txt"),
        ("sha256sum -b * | sed 's/$/\\r/' > SHASUMS256.txt", "SHASUMS256.txt"),
        (
            "printf '\\357\\273\\277' > checksums.txt && sha256sum * | grep -v checksums >> checksums.txt",
            "checksums.txt",
        ),
    ] {
        sandbox
            .must(&format!("cd dist && {make} && sed -i /{name}/d {name} && plugsign sign {name}"));
        for line in ["dist".to_string(), format!("dist/{name}"), "dist/app-1.0.jar".into()] {
            assert_eq!(bad(&sandbox, &line), [""; 0], "{make}: {line}");
        }
        sandbox.must(&format!("rm dist/{name} dist/{name}.sig"));
    }
    // A list of one file, and a digest alone.
    for make in
        ["sha256sum app-1.0.zip", "sha256sum app-1.0.zip | cut -d' ' -f1", "sha512sum app-1.0.zip"]
    {
        let name = if make.contains("512") { "app-1.0.zip.sha512" } else { "app-1.0.zip.sha256" };
        sandbox.must(&format!("cd dist && {make} > {name} && plugsign sign {name}"));
        assert_eq!(bad(&sandbox, "dist/app-1.0.zip"), [""; 0], "{make}");
        // It says nothing of the others.
        is_bad(&sandbox, "dist/app-1.0.tgz", "missing-signature");
        sandbox.must(&format!("rm dist/{name} dist/{name}.sig"));
    }
    // Text and signature in one, as Node has it, with and without the list beside it.
    sandbox.must("cd dist && sha256sum * > SHASUMS256.txt && sed -i /SHASUMS/d SHASUMS256.txt && plugsign sign --cleartext SHASUMS256.txt");
    for _ in 0..2 {
        for line in ["dist", "dist/SHASUMS256.txt.asc", "dist/app-1.0.zip"] {
            assert_eq!(bad(&sandbox, line), [""; 0], "{line}");
        }
        let _ = fs::remove_file(sandbox.path("dist/SHASUMS256.txt"));
    }
    sandbox.write("dist/app-1.0.zip", b"evil");
    is_bad(&sandbox, "dist", "app-1.0.zip  checksum-mismatch");
    is_bad(&sandbox, "dist/SHASUMS256.txt.asc", "app-1.0.zip  checksum-mismatch");
    is_bad(&sandbox, "dist/app-1.0.zip", "checksum-mismatch");
}

#[test]
fn half_a_list_is_none_and_no_list_reaches_out_of_its_folder() {
    let sandbox = Sandbox::for_scripts();
    sandbox.acme_key(&["--no-passphrase"]);
    sandbox.write("dist/a.zip", b"a");
    sandbox.write("b.zip", b"b");
    let digest = "ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb";
    for (list, exit) in [
        (format!("{digest}  a.zip\nnonsense\n"), 3),
        (format!("{digest}  a.zip\n{digest}  a.zip\n"), 3),
        (format!("{digest}  a.zip\n{digest}{digest}  c.zip\n"), 3),
        (format!("{digest}  ../b.zip\n{digest}  a.zip\n"), 3),
        (format!("{digest}  {}\n", sandbox.path("dist/a.zip").display()), 3),
        (format!("{digest}  a.zip \n"), 1),
        (format!("{digest}  A.zip\n"), 1),
        ("\n# nothing\n".into(), 1),
        (format!("{digest}  a.zip\n"), 0),
    ] {
        sandbox.write("dist/SHA256SUMS", &list);
        sandbox.must("rm -f dist/SHA256SUMS.sig && plugsign sign dist/SHA256SUMS");
        for line in ["dist", "dist/SHA256SUMS"] {
            let done = sandbox.sh(&format!("plugsign verify {line}"));
            assert_eq!(done.code(), Some(exit), "{list:?} {line}: {}", done.shown());
        }
        let alone = sandbox.sh("plugsign verify dist/a.zip");
        assert_eq!(alone.code(), Some(i32::from(exit != 0)), "{list:?}: {}", alone.shown());
    }
    for line in [
        "--checksums=../SHA256SUMS dist",
        "--checksums=list.txt dist",
        "--digest sha512 dist",
        "--checksums=a.zip.sha256 dist",
    ] {
        sandbox.sh(&format!("plugsign sign {line}")).exits(2);
    }
}

/// The registry of Terraform wants the archives, their list and its signature.
#[test]
fn a_terraform_provider_is_released_and_verified() {
    let sandbox = Sandbox::for_scripts();
    sandbox.acme_key(&["--no-passphrase"]);
    for system in ["linux_amd64", "darwin_arm64", "windows_amd64"] {
        sandbox.write(format!("dist/terraform-provider-acme_1.0.0_{system}.zip"), system);
    }
    sandbox.write("dist/terraform-provider-acme_1.0.0_manifest.json", b"{}");
    let list = "terraform-provider-acme_1.0.0_SHA256SUMS";
    sandbox
        .must(&format!("plugsign sign --list-only --checksums={list} --all dist"))
        .prints(&format!("dist/{list}.sig"));
    assert_eq!(String::from_utf8(sandbox.read(format!("dist/{list}"))).unwrap().lines().count(), 4);
    assert_eq!(bad(&sandbox, "dist"), [""; 0]);
    if peer("gpg").is_some() {
        sandbox.must(&format!(
            "plugsign export acme -o key && mkdir -m 700 g && gpg -q --homedir g --import key && \
             gpg -q --homedir g --verify dist/{list}.sig dist/{list} && gpgconf --homedir $PWD/g --kill all"
        ));
    }
}

/// What somebody wrote by hand is never replaced by a shorter list on a hint's advice.
#[test]
fn no_hint_loses_a_list_that_somebody_made() {
    let sandbox = desk();
    sandbox.write("dist/notes.txt", b"notes");
    sandbox.must("cd dist && sha256sum * > SHA256SUMS && sed -i /SHA256SUMS/d SHA256SUMS");
    let before = sandbox.read("dist/SHA256SUMS");
    sandbox.must("plugsign sign -q dist");
    let done = sandbox.must("plugsign verify dist");
    let said = done.err();
    let hint = said.split_once("sign it:\n").and_then(|(_, hint)| hint.lines().next());
    sandbox.must(hint.expect("a hint").trim());
    assert_eq!(sandbox.read("dist/SHA256SUMS"), before);
    assert_eq!(bad(&sandbox, "dist"), [""; 0]);
    sandbox.write("dist/app-1.0.zip", b"a new build");
    let done = sandbox.must("plugsign sign --force dist");
    assert!(!done.err().contains("--checksums=SHA256SUMS --force"), "{}", done.shown());
    assert_eq!(sandbox.read("dist/SHA256SUMS"), before);
}

#[test]
fn a_signed_list_beside_a_named_file_that_cannot_be_read_is_an_error() {
    let sandbox = desk();
    sandbox.must("cd dist && plugsign sign -q app-1.0.zip && echo nonsense > SHA256SUMS && plugsign sign -q SHA256SUMS");
    for line in ["dist/app-1.0.zip", "dist/app-1.0.zip.sig"] {
        let done = sandbox.sh(&format!("plugsign verify {line}")).exits(3);
        done.says("cannot verify dist/SHA256SUMS").says("is no checksum");
    }
    // Nobody signed it: anybody can lay such a file there.
    sandbox.must("rm dist/SHA256SUMS.sig");
    sandbox.must("plugsign verify dist/app-1.0.zip");
}

#[test]
fn a_list_under_another_name_or_in_the_folder_above_is_held_against_its_files() {
    let sandbox = Sandbox::for_scripts();
    sandbox.acme_key(&["--no-passphrase"]);
    sandbox.write("up/sub/a-1.zip", b"a");
    sandbox.must("plugsign sign -q --list-only --checksums up && plugsign verify up");
    sandbox.write("up/sub/a-1.zip", b"tampered");
    is_bad(&sandbox, "up", "checksum-mismatch: the signed SHA256SUMS has another file");
    // Alone it has no list beside it, and no signature.
    for line in ["up/sub", "up/sub/a-1.zip"] {
        is_bad(&sandbox, line, "missing-signature");
    }
    sandbox.must("cd up && mv SHA256SUMS sha256sums && mv SHA256SUMS.sig sha256sums.sig");
    is_bad(&sandbox, "up", "checksum-mismatch: the signed sha256sums has another file");
}
