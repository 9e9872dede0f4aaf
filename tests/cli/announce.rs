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

/// An organisation, its key and its signing subkey.
fn organisation() -> (Sandbox, String, String) {
    let sandbox = Sandbox::new();
    let key = sandbox.keygen("--kind org --name Org --no-passphrase --expires 5y");
    let listed = sandbox.run("--json list").exits(0).json();
    let subkey = listed["keys"][0]["subkeys"][0]["fingerprint"].as_str().unwrap().to_string();
    (sandbox, key, subkey)
}

fn text(sandbox: &Sandbox, name: &str) -> String {
    String::from_utf8(sandbox.read(format!("told/{name}"))).unwrap()
}

#[test]
fn a_new_subkey_is_no_new_key() {
    let (sandbox, key, subkey) = organisation();
    sandbox.run(&format!("announce {key} --out told")).exits(0);
    assert!(text(&sandbox, "ANNOUNCEMENT.md").starts_with("# A new release signing key\n"));
    let new = sandbox.run(&format!("rotate {key}")).exits(0).out().trim().to_string();
    sandbox.run(&format!("announce {key} --out told --force")).exits(0);
    let told = text(&sandbox, "ANNOUNCEMENT.md");
    assert!(told.starts_with("# Org signs with a new subkey\n"), "{told}");
    let fine = format!("    {subkey}\n    its signatures stay good until 20");
    for words in [&format!("\n    {new}\n"), &format!("\n    {key}\n"), &fine] {
        assert!(told.contains(words), "{words}: {told}");
    }
    assert!(!told.contains("Verify again") && !told.contains("{{"), "{told}");
    assert!(!text(&sandbox, "KEYS").contains("REVOKED"));
}

#[test]
fn an_announcement_says_which_subkey_is_revoked_and_what_to_verify_again() {
    let (sandbox, key, subkey) = organisation();
    let revoke = ["revoke", &key, "--subkey", &subkey, "--reason", "compromised"];
    let revoke = revoke.iter().chain(&["--message", "in a log ----- # [x](y)"]);
    sandbox.call(revoke).run().exits(0);
    // Without a new one there is nothing to announce, and it is said what is missing.
    let said = sandbox.run(&format!("announce {key} --out told")).exits(4);
    let words = format!("its signing subkey {subkey} is revoked (compromised");
    assert!(said.err().contains(&words), "{said:?}");
    assert!(said.err().contains(&format!("plugsign rotate {key}")), "{said:?}");
    let new = sandbox.run(&format!("rotate {key}")).exits(0).out().trim().to_string();
    sandbox.run(&format!("announce {key} --out told")).exits(0);
    let told = text(&sandbox, "ANNOUNCEMENT.md");
    let revoked = format!("    {subkey}\n    revoked on 20");
    for words in
        [revoked.as_str(), "(compromised: in a log - - - # [x](y))", "## Verify again", &new]
    {
        assert!(told.contains(words), "{words}: {told}");
    }
    let keys = text(&sandbox, "KEYS");
    assert_eq!(keys.matches("REVOKED on 20").count(), 1, "{keys}");
    let other = Sandbox::new();
    other.write("KEYS", &keys);
    other.run("import KEYS").exits(0);
}

#[test]
fn a_revoked_key_is_replaced_without_its_word() {
    let (sandbox, old, _) = organisation();
    let new = sandbox.keygen("--kind org --name Next --no-passphrase");
    sandbox.call(["revoke", &old, "--reason", "compromised", "--message", "stolen"]).run().exits(0);
    let announce = format!("announce {new} --replaces {old} --out told");
    sandbox.run(&announce).exits(0).says(&format!("{old} is revoked, so it does not sign"));
    let told = text(&sandbox, "REVOCATION.md");
    for words in [&old, &new, "(compromised: stolen)", "does not sign this notice", "Verify again"]
    {
        assert!(told.contains(words), "{words}: {told}");
    }
    assert!(!told.contains("{{"), "{told}");
    assert!(!sandbox.has("told/ROTATION.md") && !sandbox.has("told/ROTATION.md.sig"));
    let keys = text(&sandbox, "KEYS");
    assert_eq!(keys.matches("REVOKED on 20").count(), 2, "{keys}");
    let json = sandbox.run(&format!("--json {announce}")).exits(0).json();
    assert_eq!(json["replaces_revoked"], true);
    // The revoked key itself is not announced, and it is said what is.
    let said = sandbox.run(&format!("announce {old}")).exits(4);
    assert!(said.err().contains(&format!("--replaces {old}")), "{said:?}");
}

#[test]
fn what_the_documents_lack_is_named() {
    let sandbox = desk();
    let said = sandbox.run("announce alice --out told").exits(0);
    said.says("--url URL").says("--artifact NAME");
    let json = sandbox.run("--json announce alice").exits(0).json();
    assert_eq!(json["unfilled"], serde_json::json!(["--url", "--artifact"]));
    let options = "--url https://example.org --artifact app-1.0.tar.gz";
    let said = sandbox.run(&format!("announce alice --out full {options}")).exits(0);
    assert!(!said.err().contains("lack"), "{said:?}");
    for name in &DOCUMENTS[..4] {
        let text = String::from_utf8(sandbox.read(format!("full/{name}"))).unwrap();
        assert!(
            !text.contains("com.example") && !text.contains("a page of ours"),
            "{name}: {text}"
        );
    }
}
