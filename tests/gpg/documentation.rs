//! The gpg lines of Mattermost's page "Signing Plugins", as they are printed.

use std::fs;

use crate::common::person::Person;
use crate::common::sandbox::{Done, Sandbox};
use crate::gpg::twins::GpgKeys;

const PLUGIN: &str = "com.mattermost.demo-plugin-0.1.0.tar.gz";

/// Runs a line on a terminal.
fn on_a_terminal(desk: &Sandbox, line: &str) -> Person {
    let mut command = desk.command("sh");
    command.args(["-c", &format!("exec {line}")]).env("TERM", "dumb");
    Person::at(command)
}

/// The page's dialog, with the page's answers.
fn the_dialog(desk: &Sandbox, line: &str, selection: &str) {
    let mut person = on_a_terminal(desk, line);
    person.sees("Please select what kind of key you want:");
    person.sees("(1) RSA and RSA (default)");
    person.sees("(4) RSA (sign only)");
    person.answers("Your selection? ", selection);
    person.answers("What keysize do you want? ", "3072");
    person.sees("Requested keysize is 3072 bits");
    person.sees("Please specify how long the key should be valid.");
    person.sees("0 = key does not expire");
    person.answers("Key is valid for? (0) ", "0");
    person.answers("Is this correct? (y/N) ", "y");
    person.answers("Real name: ", "Mattermost Inc");
    person.answers("Email address: ", "info@mattermost.com");
    person.answers("Comment:", "");
    person.sees("You selected this USER-ID:");
    person.sees("\"Mattermost Inc <info@mattermost.com>\"");
    person.answers("Change (N)ame, (C)omment, (E)mail or (O)kay/(Q)uit? ", "O");
    person.whispers("New passphrase for ", b"secret words");
    person.whispers("The same again: ", b"secret words");
    let (rest, code) = person.ends();
    assert_eq!(code, 0, "{rest}");
    assert!(rest.contains("public and secret key created and signed."), "{rest}");
    assert!(rest.contains("pub   rsa3072 "), "{rest}");
    assert!(rest.contains("sub   rsa3072 "), "{rest}");
}

/// "Find the ID of your private key first. The ID is a hexadecimal number."
fn the_id(listing: &Done) -> String {
    let text = listing.out();
    let hex = |line: &&str| line.len() == 40 && line.bytes().all(|byte| byte.is_ascii_hexdigit());
    text.lines().map(str::trim).find(hex).unwrap_or_else(|| panic!("{text}")).to_string()
}

#[test]
fn every_line_of_the_page_works_as_printed() {
    let desk = Sandbox::in_place_of_gpg();
    the_dialog(&desk, "gpg --full-generate-key", "1");
    let secret = desk.must("gpg --list-secret-keys");
    assert!(secret.out().contains("sec   rsa3072 "), "{}", secret.shown());
    let id = the_id(&secret);
    desk.must(&format!("gpg --export-secret-keys {id} > ./my-priv-key"));
    let public = desk.must("gpg --list-keys");
    assert_eq!(the_id(&public), id);
    assert!(public.out().contains("uid           [ultimate] Mattermost Inc <info@mattermost.com>"));
    desk.must(&format!("gpg --export {id} > ./my-pub-key"));
    desk.write(PLUGIN, b"a plugin");
    let mut person = on_a_terminal(
        &desk,
        &format!(
            "gpg -u {id} --verbose --personal-digest-preferences SHA256 --detach-sign {PLUGIN}"
        ),
    );
    person.whispers("Passphrase for Mattermost Inc", b"secret words");
    let (rest, code) = person.ends();
    assert_eq!(code, 0, "{rest}");
    assert!(rest.contains(&format!("gpg: writing to '{PLUGIN}.sig'")), "{rest}");
    assert!(rest.contains("gpg: RSA/SHA256 signature from: "), "{rest}");
    desk.must(&format!("plugsign --home \"$GNUPGHOME/plugsign\" verify --key my-pub-key {PLUGIN}"));

    // On another machine, and on one that has gpg.
    for other in [Some(Sandbox::in_place_of_gpg()), Sandbox::of_gpg()].into_iter().flatten() {
        for (from, to) in [("my-priv-key", "my-priv-gpg-key"), ("my-pub-key", "my-pub-gpg-key")] {
            other.write(to, desk.read(from));
        }
        for file in [PLUGIN.to_string(), format!("{PLUGIN}.sig")] {
            other.write(&file, desk.read(&file));
        }
        other.must("gpg --batch --import ./my-priv-gpg-key");
        other.must("gpg --import ./my-pub-gpg-key");
        assert_eq!(the_id(&other.must("gpg --list-secret-keys")), id);
        other.must(&format!("gpg --verify {PLUGIN}.sig {PLUGIN}"));
    }
}

#[test]
fn the_older_spelling_of_the_dialog_works_and_has_gpgs_default() {
    let desk = Sandbox::in_place_of_gpg();
    the_dialog(&desk, "gpg --expert --full-gen-key", "");
    assert_eq!(fs::read_dir(desk.at("g/plugsign/keys")).unwrap().count(), 1);
}

#[test]
fn plugsign_gpg_does_what_a_link_named_gpg_does() {
    let desk = Sandbox::in_place_of_gpg();
    let fingerprint = desk.gpg_key("Acme <a@acme.test>");
    let by_word = desk.must("plugsign gpg --list-keys");
    assert_eq!(the_id(&by_word), fingerprint);
    let by_link = desk.must("gpg2 --list-keys");
    assert_eq!(by_word.stdout, by_link.stdout);
    let elsewhere = desk.must("plugsign --home ../other gpg --list-keys");
    assert!(elsewhere.stdout.is_empty(), "{}", elsewhere.shown());
    desk.must("env -u GNUPGHOME PLUGSIGN_HOME=$GNUPGHOME/plugsign gpg --list-keys | grep rsa3072");
    // What GnuPG would call its own stays as it was: plugsign's home is inside, and all there is.
    let inside: Vec<_> =
        fs::read_dir(desk.at("g")).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(inside, ["plugsign"]);
}
