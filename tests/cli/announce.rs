//! `plugsign announce`.

use sequoia_openpgp as openpgp;

use openpgp::types::ReasonForRevocation;

use crate::common::craft::*;
use crate::common::sandbox::Sandbox;

const DOCUMENTS: [&str; 5] =
    ["ANNOUNCEMENT.md", "KEYS", "SECURITY.md", "SERVER-ADMIN.md", "release-key.asc"];

fn desk() -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.import(&secret(alice()));
    sandbox.import(&secret(bob()));
    sandbox
}

#[test]
fn announcements_name_the_key_and_leave_no_placeholder() {
    let sandbox = desk();
    let done = sandbox.run("announce alice --url https://example.org/keys --out told").exits(0);
    assert_eq!(done.out().lines().count(), 5, "{done:?}");
    assert_eq!(sandbox.names("told"), DOCUMENTS);
    let fingerprint = alice().fingerprint();
    for name in &DOCUMENTS[..4] {
        let text = String::from_utf8(sandbox.read(format!("told/{name}"))).unwrap();
        assert!(!text.contains("{{"), "{name}: {text}");
        let shown =
            text.contains(&fingerprint.to_hex()) || text.contains(&fingerprint.to_spaced_hex());
        assert!(shown, "{name}: {text}");
        assert!(text.contains("Alice"), "{name}: {text}");
    }
    assert_eq!(sandbox.mode("told/KEYS"), 0o644);
    // Printed, it is the same.
    let printed = sandbox.run("announce alice --url https://example.org/keys").exits(0).out();
    for name in DOCUMENTS {
        let text = String::from_utf8(sandbox.read(format!("told/{name}"))).unwrap();
        assert!(printed.contains(&format!("==> {name} <==\n\n{text}")), "{name}");
    }
}

/// Returns what KEYS says to do with it.
fn command_in_keys(sandbox: &Sandbox, folder: &str) -> String {
    let keys = String::from_utf8(sandbox.read(format!("{folder}/KEYS"))).unwrap();
    let command = keys.lines().find_map(|line| line.trim().strip_prefix("plugsign "));
    command.unwrap().to_string()
}

#[test]
fn the_keys_file_holds_every_certificate_and_can_be_read() {
    let sandbox = desk();
    sandbox.run("announce alice bob --out told").exits(0);
    let other = Sandbox::new();
    other.write("KEYS", sandbox.read("told/KEYS"));
    let done = other.run("import KEYS").exits(0);
    assert_eq!(done.out().matches("new  ").count(), 2, "{done:?}");
    // By what it says of itself, both signers count.
    let reader = Sandbox::new();
    for (name, signer) in [("alice", alice()), ("bob", bob())] {
        let command = command_in_keys(&sandbox, "told");
        let artifact = command.split(' ').next_back().unwrap();
        sandbox.write(artifact, DATA);
        sandbox.run(&format!("sign --force -u {name} {artifact}")).exits(0);
        for file in [artifact, &format!("{artifact}.sig")] {
            reader.write(file, sandbox.read(file));
        }
        reader.write("KEYS", sandbox.read("told/KEYS"));
        reader.run(&command).exits(0).prints(&signer.fingerprint().to_hex());
    }
    // A single one can be trusted once for all.
    sandbox.run("announce bob --out alone").exits(0);
    reader.write("KEYS", sandbox.read("alone/KEYS"));
    reader.run(&command_in_keys(&sandbox, "alone")).exits(0);
    reader.run("verify com.example.plugin-1.2.0.tar.gz").exits(0);
    other.write("release-key.asc", sandbox.read("told/release-key.asc"));
    other.run("trust add release-key.asc").exits(0);
}

#[test]
fn everybody_can_read_the_folder_if_the_umask_allows_it() {
    let sandbox = desk();
    for (umask, mode) in [(0o022, 0o755), (0o027, 0o750)] {
        let folder = format!("for-{umask:o}/told");
        sandbox.call(["announce", "alice", "--out", &folder]).umask(umask).run().exits(0);
        assert_eq!(sandbox.mode(&folder), mode);
        assert_eq!(sandbox.mode(format!("for-{umask:o}")), mode);
    }
}

#[test]
fn announce_replaces_nothing_without_force() {
    let sandbox = desk();
    sandbox.write("told/SECURITY.md", "precious");
    let before = sandbox.snapshot();
    sandbox.run("announce alice --out told").exits(3).says("--force");
    assert_eq!(before, sandbox.snapshot());
    sandbox.run("announce alice --out told --force").exits(0);
    assert_ne!(sandbox.read("told/SECURITY.md"), b"precious");
}

#[test]
fn the_former_key_signs_the_notice() {
    let sandbox = desk();
    sandbox.run("announce bob --replaces alice --out told").exits(0);
    sandbox.write("alice", public(alice()));
    sandbox.write("bob", public(bob()));
    sandbox.run("verify --key alice told/ROTATION.md").exits(0);
    sandbox.run("verify --key bob told/ROTATION.md").exits(1);
    let text = String::from_utf8(sandbox.read("told/ROTATION.md")).unwrap();
    for cert in [alice(), bob()] {
        assert!(text.contains(&cert.fingerprint().to_hex()), "{text}");
    }
    let keys = String::from_utf8(sandbox.read("told/KEYS")).unwrap();
    assert_eq!(keys.matches("-----BEGIN PGP").count(), 2);
    // Run again, it is done already: the signature keeps its time.
    let before = sandbox.snapshot();
    std::thread::sleep(std::time::Duration::from_millis(1100));
    sandbox.run("announce bob --replaces alice --out told").exits(0);
    assert_eq!(before, sandbox.snapshot());
    sandbox.run("announce bob --replaces alice").exits(2);
    sandbox.run("announce bob --replaces bob --out other").exits(2);
}

#[test]
fn a_key_that_nobody_would_accept_is_not_announced() {
    let recipe = Recipe::of(Material::a());
    let why = ReasonForRevocation::KeyRetired;
    let mut expired = recipe.clone();
    expired.validity = Some(DAY * 2);
    for cert in [revoked(recipe.build(), &mut recipe.signer(), why), expired.build()] {
        let sandbox = Sandbox::new();
        sandbox.write("key", public(&cert));
        sandbox.run("import key").exits(0);
        let before = sandbox.snapshot();
        sandbox.run("announce release --out told").exits(4);
        assert_eq!(before, sandbox.snapshot());
    }
}

#[test]
fn foreign_user_ids_stay_text() {
    let sandbox = Sandbox::new();
    let hostile = "# Evil [x](http://x) {{FINGERPRINT}}\n```\n-----BEGIN PGP PUBLIC KEY BLOCK-----\n\u{202e}\x1b[31m <a@b>";
    sandbox.import(&secret(&Recipe::of(Material::a()).user_id(hostile).build()));
    sandbox.run("announce Evil --out told").exits(0);
    for name in &DOCUMENTS[..4] {
        let bytes = sandbox.read(format!("told/{name}"));
        crate::common::done::assert_tame(&bytes);
        let text = String::from_utf8(bytes).unwrap();
        // Text that is indented by four spaces is code, and KEYS is not markdown.
        let running = text.lines().filter(|line| !line.starts_with("    ") && *name != "KEYS");
        for line in running {
            let is_tame = !line.starts_with("# Evil") && !line.contains("```");
            assert!(is_tame && !line.contains("[x]("), "{name}: {line}");
        }
    }
    let other = Sandbox::new();
    other.write("KEYS", sandbox.read("told/KEYS"));
    other.run("import KEYS").exits(0);
}

#[test]
fn text_inside_commands_is_plain() {
    let sandbox = desk();
    for options in [
        "--artifact a;b",
        "--artifact -rf",
        "--artifact ../x",
        "--url javascript:x",
        "--url https://x>y",
        "--url https:///no-host",
    ] {
        sandbox.run(&format!("announce alice {options}")).exits(2);
    }
}
