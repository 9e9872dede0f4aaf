//! The dialog of key generation, and passphrase prompts, on a real pseudo-terminal.

use rustix::process::Signal;
use rustix::termios::LocalModes;
use sequoia_openpgp as openpgp;

use openpgp::Cert;
use openpgp::parse::Parse;

use crate::common::craft::*;
use crate::common::person::Person;
use crate::common::sandbox::Sandbox;

fn only_key(sandbox: &Sandbox) -> Cert {
    let names = sandbox.names("home/keys");
    assert_eq!(names.len(), 1, "{names:?}");
    Cert::from_bytes(&sandbox.read(format!("home/keys/{}", names[0]))).unwrap()
}

#[test]
fn the_documented_answers_make_a_key() {
    let sandbox = Sandbox::new();
    let mut person = Person::starts(&sandbox, "keygen");
    person.sees("(4) RSA (sign only)");
    person.answers("Your selection? ", "4");
    person.answers("What keysize do you want? (3072) ", "3072");
    person.sees("Requested keysize is 3072 bits");
    person.answers("Key is valid for? (0) ", "0");
    person.sees("Key does not expire at all");
    person.answers("Is this correct? (y/N) ", "y");
    person.answers("Real name: ", "Example Org");
    person.answers("Email address: ", "release@example.org");
    person.answers("Comment: ", "plugins");
    person.sees("\"Example Org (plugins) <release@example.org>\"");
    person.answers("(O)kay/(Q)uit? ", "O");
    person.whispers("New passphrase for ", b"secret words");
    person.whispers("The same again: ", b"secret words");
    let (rest, code) = person.ends();
    assert_eq!(code, 0, "{rest}");
    assert!(!rest.contains("secret words"), "{rest}");
    let cert = only_key(&sandbox);
    assert!(rest.contains(&cert.fingerprint().to_string()), "{rest}");
    let user_id = cert.userids().next().unwrap().userid().value().to_vec();
    assert_eq!(user_id, b"Example Org (plugins) <release@example.org>");
    sandbox.write("a.tar.gz", DATA);
    sandbox.call(["sign", "a.tar.gz"]).env("PLUGSIGN_PASSPHRASE", "secret words").run().exits(0);
}

#[test]
fn the_defaults_are_sign_only_3072_bits_and_no_expiry() {
    let sandbox = Sandbox::new();
    let mut person = Person::starts(&sandbox, "keygen --no-passphrase");
    person.answers("Your selection? ", "");
    person.answers("keysize do you want? (3072) ", "");
    person.answers("Key is valid for? (0) ", "");
    person.answers("Is this correct? (y/N) ", "yes");
    person.answers("Real name: ", "Example");
    person.answers("Email address: ", "");
    person.answers("Comment: ", "");
    person.answers("(O)kay/(Q)uit? ", "o");
    let (rest, code) = person.ends();
    assert_eq!(code, 0, "{rest}");
    let cert = only_key(&sandbox);
    assert_eq!(cert.keys().count(), 1);
    assert_eq!(cert.primary_key().key().mpis().bits(), Some(3072));
}

#[test]
fn wrong_answers_are_asked_again_and_weak_sizes_refused_with_the_reason() {
    let sandbox = Sandbox::new();
    let mut person = Person::starts(&sandbox, "keygen --no-passphrase");
    person.answers("Your selection? ", "9");
    person.sees("Invalid selection");
    person.answers("Your selection? ", "2");
    person.sees("only RSA keys");
    person.answers("Your selection? ", "1");
    for size in ["1024", "2048"] {
        person.answers("keysize do you want? (3072) ", size);
        person.sees(&format!("RSA of {size} bits is too weak, at least 3072 are needed"));
    }
    person.answers("keysize do you want? (3072) ", "abc");
    person.sees("no size in bits");
    person.answers("keysize do you want? (3072) ", "8192");
    person.sees("not supported");
    person.answers("keysize do you want? (3072) ", "3072");
    person.answers("Key is valid for? (0) ", "1x");
    person.answers("Key is valid for? (0) ", "2001-01-01");
    person.answers("Key is valid for? (0) ", "1y");
    person.answers("Is this correct? (y/N) ", "n");
    person.answers("Key is valid for? (0) ", "2w");
    person.answers("Is this correct? (y/N) ", "y");
    person.answers("Real name: ", "A <B>");
    person.sees("no angle brackets");
    person.answers("Real name: ", "");
    person.answers("Email address: ", "nonsense");
    person.sees("not an e-mail address");
    person.answers("Email address: ", "");
    person.answers("Comment: ", "(x)");
    person.sees("no parentheses");
    person.answers("Comment: ", "");
    person.sees("a user ID is needed");
    person.answers("(O)kay/(Q)uit? ", "o");
    person.answers("(O)kay/(Q)uit? ", "n");
    person.answers("Real name: ", "Carol");
    person.answers("(O)kay/(Q)uit? ", "e");
    person.answers("Email address: ", "carol@example.org");
    person.answers("(O)kay/(Q)uit? ", "c");
    person.answers("Comment: ", "new");
    person.sees("\"Carol (new) <carol@example.org>\"");
    person.answers("(O)kay/(Q)uit? ", "o");
    let (rest, code) = person.ends();
    assert_eq!(code, 0, "{rest}");
    let cert = only_key(&sandbox);
    assert_eq!(cert.keys().count(), 2);
    let user_id = cert.userids().next().unwrap().userid().value().to_vec();
    assert_eq!(user_id, b"Carol (new) <carol@example.org>");
}

fn to_the_passphrase(sandbox: &Sandbox) -> Person {
    let mut person = Person::starts(sandbox, "keygen --kind sign --bits 3072 --expires 0");
    person.answers("Real name: ", "Example");
    person.answers("Email address: ", "");
    person.answers("Comment: ", "");
    person.answers("(O)kay/(Q)uit? ", "o");
    person
}

#[test]
fn passphrases_that_differ_are_asked_again_three_times() {
    let sandbox = Sandbox::new();
    let mut person = to_the_passphrase(&sandbox);
    person.whispers("New passphrase for ", b"one");
    person.whispers("The same again: ", b"two");
    person.sees("They are not the same");
    person.whispers("New passphrase for ", b"three");
    person.whispers("The same again: ", b"three");
    assert_eq!(person.ends().1, 0);
    let key = only_key(&sandbox).primary_key().key().clone().parts_into_secret().unwrap();
    assert!(key.decrypt_secret(&"three".into()).is_ok());

    let sandbox = Sandbox::new();
    let mut person = to_the_passphrase(&sandbox);
    for _ in 0..3 {
        person.whispers("New passphrase for ", b"one");
        person.whispers("The same again: ", b"two");
    }
    let (rest, code) = person.ends();
    assert_eq!(code, 3, "{rest}");
    assert!(!sandbox.has("home"));
}

#[test]
fn an_empty_passphrase_is_asked_again_in_the_dialog() {
    let sandbox = Sandbox::new();
    let mut person = to_the_passphrase(&sandbox);
    person.whispers("New passphrase for ", b"");
    person.sees("The passphrase is empty.");
    // Ctrl-D.
    person.sees("New passphrase for ");
    person.waits_for_echo(false);
    person.types(b"\x04");
    let (rest, code) = person.ends();
    assert!(code == 3 && rest.contains("nothing was done"), "{code}: {rest}");
    assert!(!sandbox.has("home"));
}

#[test]
fn leaving_the_dialog_leaves_nothing() {
    let sandbox = Sandbox::new();
    let mut person = Person::starts(&sandbox, "keygen --kind sign --bits 3072 --expires 0");
    person.answers("Real name: ", "Example");
    person.answers("Email address: ", "");
    person.answers("Comment: ", "");
    person.answers("(O)kay/(Q)uit? ", "q");
    let (rest, code) = person.ends();
    assert!(code == 3 && rest.contains("nothing was done"), "{code}: {rest}");
    // Ctrl-D.
    let mut person = Person::starts(&sandbox, "keygen");
    person.sees("Your selection? ");
    person.types(b"\x04");
    assert_eq!(person.ends().1, 3);
    // Ctrl-C.
    let mut person = Person::starts(&sandbox, "keygen");
    person.sees("Your selection? ");
    person.types(b"\x03");
    assert_eq!(person.ends().1, 130);
    assert!(!sandbox.has("home"));
}

#[test]
fn an_interrupted_passphrase_gives_the_echo_back_and_leaves_nothing() {
    let sandbox = Sandbox::new();
    for again in [false, true] {
        let mut person = to_the_passphrase(&sandbox);
        if again {
            person.whispers("New passphrase for ", b"half a");
            person.sees("The same again: ");
        } else {
            person.sees("New passphrase for ");
        }
        person.waits_for_echo(false);
        person.types(b"half");
        std::thread::sleep(std::time::Duration::from_millis(100));
        person.types(b"\x03");
        person.waits_for_echo(true);
        let modes = person.terminal.modes();
        assert!(modes.contains(LocalModes::ICANON | LocalModes::ISIG), "{modes:?}");
        let (rest, code) = person.ends();
        assert_eq!(code, 130, "{rest}");
        assert!(!rest.contains("half"), "{rest}");
        assert!(!sandbox.has("home"));
    }
}

#[test]
fn a_terminated_passphrase_prompt_gives_the_echo_back() {
    let sandbox = Sandbox::new();
    let mut person = to_the_passphrase(&sandbox);
    person.sees("New passphrase for ");
    person.waits_for_echo(false);
    person.terminal.signal(Signal::TERM);
    person.waits_for_echo(true);
    assert_eq!(person.ends().1, 143);
    assert!(!sandbox.has("home"));
}

#[test]
fn a_passphrase_of_any_bytes_is_taken_as_it_is() {
    for (number, passphrase) in
        [&b"caf\xe9"[..], b"tab\there", b" spaces around ", "\u{e9}\u{1f511}".as_bytes()]
            .into_iter()
            .enumerate()
    {
        let sandbox = Sandbox::new();
        let mut person = to_the_passphrase(&sandbox);
        person.whispers("New passphrase for ", passphrase);
        person.whispers("The same again: ", passphrase);
        let (rest, code) = person.ends();
        assert_eq!(code, 0, "{number}: {rest}");
        let key = only_key(&sandbox).primary_key().key().clone().parts_into_secret().unwrap();
        assert!(key.decrypt_secret(&passphrase.into()).is_ok(), "{number}");
        sandbox.write("pass", [passphrase, b"\n"].concat());
        sandbox.write("a.tar.gz", DATA);
        sandbox.run("sign --passphrase-file pass a.tar.gz").exits(0);
        sandbox
            .call(["sign", "--force", "a.tar.gz"])
            .env_bytes("PLUGSIGN_PASSPHRASE", passphrase)
            .run()
            .exits(0);
    }
}

#[test]
fn a_wrong_passphrase_may_be_tried_three_times() {
    let sandbox = Sandbox::new();
    sandbox.write("pass", "right");
    sandbox.keygen("--name T --passphrase-file pass");
    sandbox.write("a.tar.gz", DATA);
    let mut person = Person::starts(&sandbox, "sign a.tar.gz");
    person.whispers("Passphrase for ", b"wrong");
    person.sees("try again");
    person.whispers("Passphrase for ", b"right");
    assert_eq!(person.ends().1, 0);
    assert!(sandbox.has("a.tar.gz.sig"));
    std::fs::remove_file(sandbox.path("a.tar.gz.sig")).unwrap();
    let mut person = Person::starts(&sandbox, "sign a.tar.gz");
    for _ in 0..3 {
        person.whispers("Passphrase for ", b"wrong");
    }
    let (rest, code) = person.ends();
    assert!(code == 3 && rest.contains("wrong passphrase"), "{code}: {rest}");
    assert!(!sandbox.has("a.tar.gz.sig"));
}

#[test]
fn a_wrong_passphrase_of_a_lent_primary_key_may_be_tried_three_times() {
    let sandbox = Sandbox::new();
    let run = |line: &str| {
        let said = sandbox.call(line.split(' ')).env("PLUGSIGN_PASSPHRASE", "right").run().exits(0);
        said.out().trim().to_string()
    };
    sandbox.write("pass", "right");
    let key = sandbox.keygen("--name T --passphrase-file pass");
    run(&format!("rotate {key}"));
    run(&format!("export --offline-primary vault {key}"));
    let extend = format!("extend {key} --expires 1y --primary vault/{key}.secret.asc");
    let mut person = Person::starts(&sandbox, &extend);
    person.whispers("Passphrase of the primary key for ", b"wrong");
    person.sees("try again");
    person.whispers("Passphrase of the primary key for ", b"right");
    assert_eq!(person.ends().1, 0);
    let mut person = Person::starts(&sandbox, &extend);
    for _ in 0..3 {
        person.whispers("Passphrase of the primary key for ", b"wrong");
    }
    let (rest, code) = person.ends();
    assert!(code == 3 && rest.contains("wrong passphrase"), "{code}: {rest}");
    sandbox.write("pass", "wrong");
    let given = sandbox.run(&format!("{extend} --primary-passphrase-file pass")).exits(3);
    given.says("wrong passphrase").says("it came from pass (--primary-passphrase-file)");
}

#[test]
fn binary_data_does_not_go_to_a_terminal() {
    let sandbox = Sandbox::new();
    sandbox.import(&secret(alice()));
    sandbox.write("a.tar.gz", DATA);
    for line in ["export Alice", "sign a.tar.gz -o -"] {
        let (rest, code) = Person::starts(&sandbox, line).ends();
        assert!(code == 3 && rest.contains("armor"), "{line}: {code}: {rest}");
    }
    let (rest, code) = Person::starts(&sandbox, "export -a Alice").ends();
    assert!(code == 0 && rest.contains("-----BEGIN PGP PUBLIC KEY BLOCK-----"), "{rest}");
}
