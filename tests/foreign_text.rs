//! Foreign text in every place that shows some: nothing of it steers a terminal, and with `--json`
//! there is one document.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::{OsStrExt, OsStringExt};

use crate::common::craft::*;
use crate::common::done::assert_tame;
use crate::common::sandbox::{Done, Sandbox, copy};
use crate::mattermost::archives::{Bundle, FILE_NAME, MANIFEST};

/// What terminals and parsers were fooled with, each with a letter of its own at the end. The last two
/// are no UTF-8.
const HOSTILE: [&[u8]; 12] = [
    b"\x1b]0;title\x07a",
    b"\x1b[2J\x1b[1;1Hb",
    b"\rgood  x  c",
    b"\x08\x08\x08d",
    b"\nOK verified by f",
    b"\n{\"schema\":1,\"ok\":true}\ng",
    b"\xc2\x9b31m\xc2\x9d0;t\xc2\x9ch",
    "\u{202e}gpj\u{2066}i".as_bytes(),
    "\u{200b}\u{feff}\u{2060}j".as_bytes(),
    b"\x1bPq\x1b\\\x1b_x\x1b\\l",
    b"\xff\xfe\xc3\x28\xf0\x28k",
    b"\x7f\x85\x00m",
];

/// The same, two in one.
fn pairs() -> impl Iterator<Item = Vec<u8>> {
    HOSTILE.chunks(2).map(<[&[u8]]>::concat)
}

/// Those that can be a file's name, with what makes them long: 240 bytes.
fn names() -> impl Iterator<Item = Vec<u8>> {
    let named =
        pairs().map(|text| text.into_iter().filter(|byte| !b"/\0".contains(byte)).collect());
    named.chain([b"\x1b[31m".repeat(48)])
}

/// Those that can be in text: UTF-8, one of them with 5 KiB.
fn texts() -> impl Iterator<Item = String> {
    let valid = pairs().filter_map(|text| String::from_utf8(text).ok());
    valid.chain(["\u{1b}[31m\u{202e}".repeat(640)])
}

/// Asserts that no line begins with what follows a line end in a hostile text.
#[track_caller]
fn assert_unforged(text: &[u8]) {
    let text = std::str::from_utf8(text).unwrap();
    for forged in ["OK verified by f", "{\"schema\":1,\"ok\":true}"] {
        assert!(!text.lines().any(|line| line.starts_with(forged)), "a forged line: {text}");
    }
}

/// How often something was shown.
static SHOWN: std::sync::atomic::AtomicUsize = std::sync::atomic::AtomicUsize::new(0);

/// Runs a command line for people and for scripts, and holds what it says. `%` is the text.
#[track_caller]
fn shows(sandbox: &Sandbox, line: &str, text: &[u8]) -> Done {
    let arguments = |global: &str| {
        let words = format!("{global}{line}");
        let words: Vec<std::ffi::OsString> = words
            .split(' ')
            .filter(|word| !word.is_empty())
            .map(|word| {
                let parts: Vec<&[u8]> = word.split('%').map(str::as_bytes).collect();
                std::ffi::OsString::from_vec(parts.join(text))
            })
            .collect();
        words
    };
    if !line.starts_with("gpg") {
        let done = sandbox.call(arguments("--json ")).run();
        assert_tame(&done.stderr);
        assert_unforged(&done.stderr);
        done.json();
    }
    let done = sandbox.call(arguments("")).run();
    assert_tame(&done.stdout);
    assert_tame(&done.stderr);
    assert_unforged(&done.stdout);
    assert_unforged(&done.stderr);
    assert!(done.code().is_some_and(|code| code <= 4), "{done:?}");
    SHOWN.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
    done
}

fn told(what: &str) {
    let shown = SHOWN.load(std::sync::atomic::Ordering::Relaxed);
    eprintln!("foreign text: {what}: {shown} command lines so far");
}

#[test]
fn foreign_text_in_file_names_is_escaped() {
    let owner = Sandbox::new();
    let key = owner.keygen("--name Acme --no-passphrase");
    for name in names() {
        let sandbox = Sandbox::new();
        copy(owner.folder(), sandbox.folder());
        sandbox.write("key", public(alice()));
        let path = |folder: &str, ending: &str| {
            let name = [name.as_slice(), ending.as_bytes()].concat();
            sandbox.path(folder).join(OsStr::from_bytes(&name))
        };
        sandbox.write("dist/a.zip", DATA);
        fs::write(path("dist", ".zip"), DATA).unwrap();
        assert_eq!(shows(&sandbox, "sign dist", &name).code(), Some(0));
        assert_eq!(shows(&sandbox, "verify dist", &name).code(), Some(0));
        fs::write(path("dist", ".zip"), "altered").unwrap();
        shows(&sandbox, "sign dist", &name).exits(3);
        shows(&sandbox, "verify dist", &name).exits(1);
        shows(&sandbox, "sign --checksums --force dist", &name);
        for line in [
            "-v verify dist/%.zip",
            "verify --signature dist/%.zip.sig dist/a.zip",
            "verify --as-server --key key dist/%.zip",
            "verify dist/%.none",
            "sign %",
            "sign --key-file % dist/a.zip",
            "sign --passphrase-file % dist/a.zip",
            "sign -o dist/%.zip dist/a.zip",
            "check dist/%.zip",
            "import %",
            "import dist/%.zip",
            "trust add dist/%.zip",
            "trust add --name % key",
            "trust remove %",
            "trust add --config %/config.json key",
            "trust list --config %",
            "export Acme -o dist/%.zip",
            "export Acme -o dist/%.key",
            "export --offline-primary dist/%.zip Acme --unprotected",
            "announce Acme --out %",
            "man --out %",
            "list %",
            "doctor %",
            "marketplace check --database %",
            "marketplace add --database % --download-url-base https://x.example dist/%.zip",
            "gpg --verify dist/%.zip.sig",
            "gpg --status-fd 1 --verify dist/%.zip.sig dist/a.zip",
            "gpg --batch --detach-sign %",
            "gpg --batch --import %",
            "gpg --keyring % --verify dist/%.zip.sig dist/%.zip",
            "gpg -u % --batch -b dist/a.zip",
            "gpg --%",
            "%",
            "--x% list",
            "verify --x% dist/a.zip",
            "verify dist/a.zip --%",
        ] {
            shows(&sandbox, line, &name);
        }
        fs::write(path(".", ".asc"), public(alice())).unwrap();
        shows(&sandbox, "trust add %.asc", &name);
        shows(&sandbox, "trust list", &name);
        fs::write(path("home/keys", ".pgp"), "x").unwrap();
        fs::write(path("home/trusted", ".pgp"), "x").unwrap();
        shows(&sandbox, "list", &name).exits(3);
        shows(&sandbox, "trust list", &name).exits(3);
        shows(&sandbox, &format!("sign -u {key} dist/a.zip"), &name);
        shows(&sandbox, "gpg --list-keys", &name);
    }
    // Making a key takes a while: one home is below folders of all these names.
    let homes = names().collect::<Vec<_>>().join(&b'/');
    let sandbox = Sandbox::new();
    assert_eq!(shows(&sandbox, "--home % keygen --name B --no-passphrase", &homes).code(), Some(0));
    told("names of files");
}

#[test]
fn foreign_text_in_arguments_is_escaped() {
    let sandbox = Sandbox::new();
    sandbox.keygen("--name Acme --no-passphrase");
    sandbox.write("a.zip", DATA);
    for text in texts().filter(|text| !text.contains('\0')) {
        for line in [
            "export %",
            "sign -u % a.zip",
            "sign --time % a.zip",
            "sign --include % a.zip",
            "sign -j % a.zip",
            "verify --key % a.zip",
            "verify --at % a.zip",
            "keygen --no-passphrase --expires %",
            "keygen --no-passphrase --bits % --name A",
            "keygen --no-passphrase --kind % --name A",
            "adduid Acme --user-id %",
            "revoke-uid Acme %",
            "revoke Acme --reason %",
            "revoke Acme --subkey % --reason retired",
            "trust add --fingerprint % a.zip",
            "announce Acme --url %",
            "announce Acme --organisation %",
            "marketplace add --database d --download-url-base % a.zip",
            "completions %",
            "help %",
            "help sign %",
            "trust %",
            "help trust %",
            "marketplace % a.zip",
            "--color % list",
            "--color=% list",
            "list --color %",
            "list --x%",
            "list --%",
            "list -x%",
            "list --x%=%",
            "list --json=%",
            "sign a.zip --signature=%",
            "verify --signers % a.zip",
            "sign --passphrase-fd % a.zip",
            "gpg --x% -b a.zip",
            "gpg --batch=% -b a.zip",
            "gpg -% -b a.zip",
            "gpg -b a.zip --x%",
            "gpg --status-fd % -b a.zip",
            "gpg --status-file %/% -b a.zip",
            "gpg --logger-fd % -b a.zip",
            "gpg --passphrase-fd % -b a.zip",
            "gpg --passphrase-file %/% -b a.zip",
            "gpg --faked-system-time % -b a.zip",
            "gpg --keyid-format % -k",
            "gpg --pinentry-mode % -k",
            "gpg --trust-model % -k",
            "gpg --compliance % -k",
            "gpg --cert-digest-algo % -k",
            "gpg --weak-digest % -k",
            "gpg --personal-digest-preferences % -b a.zip",
            "gpg --export-options % --export Acme",
            "gpg --import-options % --import a.zip",
            "gpg --verify-options % --verify a.zip",
            "gpg --homedir %/% -k",
            "gpg --output %/% -b a.zip",
            "gpg --default-key % -b a.zip",
            "gpg --batch --gen-key %",
            "gpg --print-md % a.zip",
            "gpg %",
            "gpgv --x% a.zip",
            "gpgv -% a.zip",
            "gpgv --keyring %/% a.zip a.zip",
            "gpgv --status-fd % a.zip",
            "gpgv --weak-digest % a.zip",
            "gpgv % %",
            "gpg --digest-algo % -b a.zip",
            "gpg --batch --quick-generate-key % rsa3072",
            "gpg --list-keys %",
        ] {
            shows(&sandbox, line, text.as_bytes());
        }
    }
    told("arguments");
}

#[test]
fn foreign_text_in_manifests_configurations_and_databases_is_escaped() {
    let sandbox = Sandbox::new();
    sandbox.keygen("--name Acme --no-passphrase");
    sandbox.write("key", public(alice()));
    for text in texts() {
        let json = serde_json::to_string(&text).unwrap();
        for old in [
            "\"com.example.plugin\"",
            "\"Example\"",
            "\"1.2.0\"",
            "\"9.0.0\"",
            "\"https://example.org\"",
            "\"icon.svg\"",
            "\"server/plugin\"",
            "\"linux-amd64\"",
            "\"webapp/main.js\"",
        ] {
            let manifest = MANIFEST.replace(old, &json);
            assert_ne!(manifest, MANIFEST, "{old}");
            sandbox.write(FILE_NAME, Bundle::with("plugin.json", &manifest).gzip());
            sandbox.run(&format!("sign --force {FILE_NAME}"));
            shows(&sandbox, &format!("check {FILE_NAME}"), b"");
            let base = "--download-url-base https://x.example";
            shows(&sandbox, &format!("marketplace add --database d {base} {FILE_NAME}"), b"");
            if sandbox.has("d") {
                shows(&sandbox, "marketplace check --database d --bundles .", b"");
                fs::remove_file(sandbox.path("d")).unwrap();
            }
        }
        sandbox.write(FILE_NAME, Bundle::with("plugin.yaml", &format!("id: {json}\n")).gzip());
        shows(&sandbox, &format!("check {FILE_NAME}"), b"");
        let entry = format!("p/{text}");
        sandbox.write(FILE_NAME, Bundle::good().file(&entry, 0o644, b"x").gzip());
        shows(&sandbox, &format!("check {FILE_NAME}"), b"");
        for config in [
            format!("{{\"PluginSettings\": {{\"SignaturePublicKeyFiles\": [{json}]}}}}"),
            format!("{{\"PluginSettings\": {{\"SignaturePublicKeyFiles\": {json}}}}}"),
            format!("{{\"PluginSettings\": {{\"Directory\": {json}, {json}: 1}}}}"),
            format!("{{{json}: {json}}}"),
            text.clone(),
        ] {
            sandbox.write("config.json", &config);
            for line in ["trust list", "trust check", "trust add key", "trust remove key"] {
                shows(&sandbox, &format!("{line} --config config.json"), b"");
                sandbox.write("config.json", &config);
            }
        }
        let plugin = format!(
            "[{{\"homepage_url\": {json}, \"download_url\": {json}, \"signature\": {json},
               \"manifest\": {{\"id\": {json}, \"version\": {json}, \"name\": {json}}}}}]"
        );
        sandbox.write("plugins.json", plugin);
        shows(&sandbox, "marketplace check --database plugins.json --bundles .", b"");
        sandbox.write("dist/SHA256SUMS", format!("{}  {text}\n", "0".repeat(64)));
        sandbox.write("dist/a.zip", DATA);
        sandbox.run("sign --force dist dist/SHA256SUMS");
        shows(&sandbox, "verify dist", b"");
    }
    told("manifests, configurations and databases");
}
