//! Keys and passphrases as secret stores, shells and editors deliver them.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sequoia_openpgp::armor::Kind;

use crate::common::craft::*;
use crate::common::person::Person;
use crate::common::sandbox::{Done, PASSPHRASE, Sandbox};

fn desk() -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.write("a.tar.gz", DATA);
    sandbox
}

#[test]
fn a_key_is_read_in_every_form_that_a_store_gives_it() {
    let armored = String::from_utf8(armor(Kind::SecretKey, &secret(alice()))).unwrap();
    let body: Vec<&str> = armored
        .lines()
        .filter(|line| !line.starts_with("-----") && !line.contains(": ") && !line.is_empty())
        .collect();
    assert!(body.last().unwrap().len() == 5, "the armor has a checksum: {armored}");
    let line = STANDARD.encode(secret(alice()));
    let wrapped: Vec<&str> =
        line.as_bytes().chunks(64).map(|it| std::str::from_utf8(it).unwrap()).collect();
    let escaped = armored.replace('\n', "\\n");
    for (name, key) in [
        ("literal \\n, then a line end", format!("{escaped}\n")),
        ("Gradle's properties", armored.replace('\n', "\\n\\\n")),
        ("Gradle's properties, indented", armored.replace('\n', "\\n\\\n    ")),
        ("a body without its first and last line", body.join("\n")),
        ("the same on one line", body.concat()),
        ("the same with CRLF", body.join("\r\n")),
        ("double quotes", format!("\"{armored}\"")),
        ("single quotes and \\n", format!("'{escaped}'")),
        ("quoted base64", format!("\"{line}\"")),
        ("JSON in JSON", armored.replace('\n', "\\\\n")),
        ("zsh's percent sign", format!("{armored}%")),
        ("base64 with zsh's percent sign", format!("{line}%")),
        ("tabs", armored.lines().map(|it| format!("\t{it}\t\n")).collect()),
        ("YAML's indentation", armored.lines().map(|it| format!("    {it}\n")).collect()),
        ("CRLF in base64", wrapped.join("\r\n")),
        ("\\r\\n in base64", wrapped.join("\\r\\n")),
        ("a byte order mark", format!("\u{feff}{armored}")),
        ("a byte order mark before base64", format!("\u{feff}{line}")),
        ("blanks in place of line ends", armored.replace('\n', " ")),
    ] {
        let sandbox = desk();
        let call = sandbox.call(["sign", "a.tar.gz"]).homeless();
        let done = call.env("PLUGSIGN_KEY", &key).run();
        assert_eq!(done.code(), Some(0), "{name}: {done:?}");
        sandbox.write("signer", public(alice()));
        sandbox.run("verify --key signer a.tar.gz").exits(0);
        sandbox.write("key", &key);
        let call = sandbox.call(["sign", "--force", "--key-file", "key", "a.tar.gz"]).homeless();
        assert_eq!(call.run().code(), Some(0), "{name}");
    }
}

#[test]
fn what_is_no_key_is_named_for_what_it_is() {
    let armored = String::from_utf8(armor(Kind::PublicKey, &public(alice()))).unwrap();
    let sandbox = desk();
    for (key, what, advice) in [
        ("0123456789ABCDEF0123456789ABCDEF01234567", "the fingerprint or ID", "-u KEY"),
        ("0x0123456789abcdef", "the fingerprint or ID", "-u KEY"),
        ("releases@acme.test", "the e-mail address", "-u KEY"),
        ("Acme <releases@acme.test>", "the e-mail address", "-u KEY"),
        ("/home/me/secret/keyfile", "the path of a file", "--key-file FILE"),
        ("secret-key.asc", "the path of a file", "--key-file FILE"),
        ("~/release.key", "the path of a file", "--key-file FILE"),
        (&armored, "no secret key", "plugsign export --secret KEY"),
    ] {
        let done = sandbox.call(["sign", "a.tar.gz"]).env("PLUGSIGN_KEY", key).run().exits(3);
        assert!(done.err().contains(what) && done.err().contains(advice), "{key}: {done:?}");
    }
}

/// Runs a line with a passphrase from each place that it may come from.
fn from_everywhere(sandbox: &Sandbox, line: &str, passphrase: &str) -> Vec<Done> {
    sandbox.write("passphrase", passphrase);
    let words = || line.split(' ');
    vec![
        sandbox.call(words()).env("PLUGSIGN_PASSPHRASE", passphrase).run(),
        sandbox.call(words()).args(["--passphrase-file", "passphrase"]).run(),
        sandbox.call(words()).args(["--passphrase-fd", "0"]).stdin(passphrase.as_bytes()).run(),
    ]
}

#[test]
fn one_line_end_is_dropped_wherever_a_passphrase_comes_from() {
    let sandbox = desk();
    let key = Sandbox::call(&sandbox, ["keygen", "-q", "--name", "Acme"])
        .env("PLUGSIGN_PASSPHRASE", PASSPHRASE)
        .run()
        .exits(0);
    let key = key.out().trim().to_string();
    for end in ["", "\n", "\r\n"] {
        for done in
            from_everywhere(&sandbox, "sign --force a.tar.gz", &format!("{PASSPHRASE}{end}"))
        {
            done.exits(0);
        }
    }
    for (wrong, oddity) in [
        (format!("{PASSPHRASE}\n\n"), "it ends with a line end"),
        (format!("{PASSPHRASE} "), "it ends with a blank"),
        (format!(" {PASSPHRASE}"), "it begins with a blank"),
        (format!("\"{PASSPHRASE}\""), "it stands in quotes"),
    ] {
        for line in [
            "sign --force a.tar.gz",
            &format!("extend {key} --expires 1y"),
            &format!("rotate {key}"),
            &format!("passwd {key} --no-passphrase"),
            &format!("adduid {key} --user-id Other"),
            &format!("revoke {key} --reason superseded"),
        ] {
            for done in from_everywhere(&sandbox, line, &wrong) {
                let done = done.exits(3).says("wrong passphrase");
                assert!(done.err().contains(oddity), "{line}: {done:?}");
            }
        }
        for done in from_everywhere(&sandbox, "doctor", &wrong) {
            done.exits(1).prints(oddity);
        }
    }
    let done = from_everywhere(&sandbox, "sign --force a.tar.gz", "another one, without oddities");
    done.into_iter().for_each(|done| assert!(!done.exits(3).err().contains("Beware")));
}

#[test]
fn a_passphrase_that_is_easy_to_guess_gets_a_warning_and_is_taken() {
    let sandbox = Sandbox::new();
    for (passphrase, why) in [
        ("short", "fewer than 12 characters"),
        ("Mattermost2026!", "what everybody uses"),
        ("aaaaaaaaaaaaaaa", "repeats"),
        ("qwertyuiopasdfgh", "keyboard"),
    ] {
        let call = sandbox.call(["keygen", "--name", passphrase]);
        let done = call.env("PLUGSIGN_PASSPHRASE", passphrase).run().exits(0);
        assert!(done.err().contains("easy to guess") && done.err().contains(why), "{done:?}");
    }
    let call = sandbox.call(["keygen", "-q", "--name", "Acme"]);
    let done = call.env("PLUGSIGN_PASSPHRASE", PASSPHRASE).run().exits(0);
    assert_eq!(done.err(), "");
    let call = sandbox.call(["passwd", done.out().trim()]).env("PLUGSIGN_PASSPHRASE", PASSPHRASE);
    call.env("PLUGSIGN_NEW_PASSPHRASE", "abc").run().exits(0).says("easy to guess");
}

#[test]
fn keygen_goes_on_after_an_empty_passphrase() {
    let sandbox = Sandbox::new();
    let mut person = Person::starts(&sandbox, "keygen");
    person.answers("Your selection? ", "");
    person.answers("keysize do you want? (3072) ", "");
    person.answers("Key is valid for? (0) ", "");
    person.answers("Is this correct? (y/N) ", "y");
    person.answers("Real name: ", "Acme");
    person.answers("Email address: ", "");
    person.answers("Comment: ", "");
    person.answers("(O)kay/(Q)uit? ", "o");
    person.whispers("New passphrase for ", b"");
    person.sees("The passphrase is empty.");
    person.whispers("New passphrase for ", PASSPHRASE.as_bytes());
    person.whispers("The same again: ", PASSPHRASE.as_bytes());
    let (rest, code) = person.ends();
    assert_eq!(code, 0, "{rest}");
    assert_eq!(sandbox.names("home/keys").len(), 1);
}

#[test]
fn a_missing_file_is_told_before_a_passphrase_is_asked_for() {
    let sandbox = Sandbox::with_passphrase();
    let key = sandbox.acme_key(&["--kind", "org"]);
    sandbox.run(&format!("export --secret {key} -o secret.pgp")).exits(0);
    sandbox.write("a.tar.gz", DATA);
    let new = sandbox.acme_key(&[]);
    for line in [
        format!("sign -u {key} nowhere.zip"),
        format!("sign -u {key} --checksums nowhere"),
        format!("sign -u {key} --cleartext nowhere.txt"),
        "sign --key-file nowhere a.tar.gz".to_string(),
        format!("rotate {key} --primary nowhere"),
        format!("extend {key} --expires 1y --primary nowhere"),
        format!("revoke {key} --certificate nowhere"),
        "import nowhere".to_string(),
        format!("announce {new} --replaces nobody --out told"),
        format!("gpg -u {key} -b nowhere"),
        format!("gpg -u {key} --clearsign nowhere"),
    ] {
        let (said, code) = Person::starts(&sandbox, &line).ends();
        assert!(code == 3 || code == 2, "{line}: {said}");
        assert!(!said.contains("assphrase"), "{line}: {said}");
    }
    // With others beside it, it is told before the question.
    for line in [
        format!("sign -u {key} a.tar.gz nowhere.zip"),
        "--home other import secret.pgp nowhere".into(),
    ] {
        let mut person = Person::starts(&sandbox, &line);
        let before = person.sees("Passphrase for ");
        assert!(before.contains("nowhere"), "{line}: {before}");
        person.whispers(": ", PASSPHRASE.as_bytes());
        let (said, code) = person.ends();
        assert_eq!(code, 3, "{line}: {said}");
    }
}

#[test]
fn a_name_that_ends_in_asc_gets_armor() {
    let sandbox = Sandbox::with_passphrase();
    sandbox.acme_key(&[]);
    sandbox.write("a.tar.gz", DATA);
    sandbox.run("sign a.tar.gz -o a.tar.gz.asc").exits(0);
    assert!(sandbox.read("a.tar.gz.asc").starts_with(b"-----BEGIN PGP SIGNATURE-----"));
    sandbox.run("verify a.tar.gz").exits(0);
    sandbox.run("sign a.tar.gz -o b.sig").exits(0);
    assert!(!sandbox.read("b.sig").starts_with(b"-"));
}

#[test]
fn a_repeated_warning_is_said_once_with_the_files() {
    let sandbox = Sandbox::with_passphrase();
    sandbox.acme_key(&[]);
    for name in ["app-1.0.tar.gz", "app-1.0.txt", "app-1.0.md", "app-1.0 notes.doc"] {
        sandbox.write(format!("dist/{name}"), DATA);
    }
    let done = sandbox.run("sign dist").exits(0);
    let said = done.err();
    assert_eq!(said.matches("warning:").count(), 1, "{said}");
    assert!(
        said.contains("3 files were not signed, and seem to be of the same release:\n"),
        "{said}"
    );
    assert!(said.contains("\n           'dist/app-1.0 notes.doc'\n"), "{said}");
    for name in ["b", "c", "d", "e", "f", "g"] {
        sandbox.write(format!("dist/{name}.tar.gz"), DATA);
    }
    sandbox.run("sign dist").exits(0);
    let said = sandbox.run("--home nobodys verify dist").exits(3).err();
    assert_eq!(said.matches("claim to be by ").count(), 1, "{said}");
    assert!(said.contains("7 files have signatures that claim") && said.contains("dist/g.tar.gz"));
}
