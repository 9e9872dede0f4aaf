//! The home: who may write to it, what is in it, who uses it at the same time.

use std::fs;
use std::os::unix::fs::symlink;
use std::thread;
use std::time::Duration;

use crate::common::craft::*;
use crate::common::peers::missing;
use crate::common::sandbox::{Sandbox, is_root};
use crate::common::systems::data_folder;

#[test]
fn eight_keygens_at_once_lose_nothing() {
    let sandbox = Sandbox::new();
    thread::scope(|scope| {
        let runs: Vec<_> = (0..8)
            .map(|_| {
                scope.spawn(|| sandbox.run("keygen -q --name Same --no-passphrase").exits(0).out())
            })
            .collect();
        let mut made: Vec<String> =
            runs.into_iter().map(|run| run.join().unwrap().trim().to_string()).collect();
        made.sort();
        made.dedup();
        assert_eq!(made.len(), 8);
        let files: Vec<String> = made.iter().map(|it| format!("{it}.pgp")).collect();
        assert_eq!(sandbox.names("home/keys"), files);
        assert_eq!(sandbox.names("home/revocations").len(), 8);
    });
    let json = sandbox.run("--json list").exits(0).json();
    assert_eq!(json["keys"].as_array().unwrap().len(), 8);
}

#[test]
fn imports_and_trust_at_once_lose_nothing() {
    let sandbox = Sandbox::new();
    sandbox.write("alice", public(alice()));
    sandbox.write("bob", public(bob()));
    sandbox.write("secret", secret(alice()));
    thread::scope(|scope| {
        for line in [
            "import alice",
            "import --no-passphrase secret",
            "import bob",
            "trust add alice",
            "trust add bob",
        ] {
            for _ in 0..3 {
                scope.spawn(|| sandbox.run(line).exits(0));
            }
        }
    });
    assert_eq!(sandbox.names("home/keys").len(), 1);
    assert_eq!(sandbox.names("home/trusted").len(), 2);
    let json = sandbox.run("--json list").exits(0).json();
    assert_eq!(json["keys"].as_array().unwrap().len(), 2);
}

#[test]
fn a_stale_lock_file_and_left_temporary_files_do_not_block() {
    let sandbox = Sandbox::new();
    let fingerprint = sandbox.keygen("--name First --no-passphrase");
    let stale = format!("home/keys/.{fingerprint}.pgp.abc.tmp");
    sandbox.write(&stale, "half a key");
    sandbox.run("list").exits(0);
    sandbox.keygen("--name Second --no-passphrase");
    assert!(!sandbox.has(&stale));
    sandbox.run("list").exits(0);
}

#[test]
fn a_home_that_others_can_write_to_is_refused_by_every_command() {
    for folder in ["home", "home/keys", "home/certificates", "home/trusted", "home/revocations"] {
        let sandbox = Sandbox::new();
        sandbox.keygen("--name Test --no-passphrase");
        sandbox.write("key", public(alice()));
        sandbox.write("a.tar.gz", DATA);
        for mode in [0o770, 0o702, 0o777] {
            sandbox.chmod(folder, mode);
            let before = sandbox.snapshot();
            for line in [
                "keygen --name Other --no-passphrase",
                "list",
                "export Test",
                "import key",
                "sign a.tar.gz",
                "verify a.tar.gz",
                "trust add key",
                "trust list",
                "trust remove key",
            ] {
                let done = sandbox.run(line);
                assert!(
                    done.code() == Some(3) && done.err().contains("chmod 700"),
                    "{folder} {mode:o} {line}: {done:?}"
                );
                assert_eq!(before, sandbox.snapshot(), "{folder} {mode:o} {line}");
            }
        }
    }
}

#[test]
fn a_home_that_is_no_folder_is_refused() {
    let sandbox = Sandbox::new();
    sandbox.write("home", "a file");
    let before = sandbox.snapshot();
    for line in ["keygen --name Test --no-passphrase", "list"] {
        sandbox.run(line).exits(3).says("is not a folder");
        assert_eq!(before, sandbox.snapshot());
    }
}

#[test]
fn a_read_only_home_can_be_read_and_not_written() {
    if is_root() {
        eprintln!("run as root: permissions do not bind, so only reading is looked at");
    }
    let sandbox = Sandbox::new();
    sandbox.keygen("--name Test --no-passphrase");
    sandbox.write("a.tar.gz", DATA);
    for folder in ["home/keys", "home/certificates", "home/trusted", "home/revocations", "home"] {
        sandbox.chmod(folder, 0o500);
    }
    sandbox.run("list").exits(0);
    sandbox.run("sign a.tar.gz").exits(0);
    sandbox.run("verify a.tar.gz").exits(0);
    if !is_root() {
        let before = sandbox.snapshot();
        sandbox.run("keygen --name Other --no-passphrase").exits(3).prints_nothing();
        assert_eq!(before, sandbox.snapshot());
    }
    for folder in ["home", "home/keys", "home/certificates", "home/trusted", "home/revocations"] {
        sandbox.chmod(folder, 0o700);
    }
}

#[test]
fn files_that_are_no_keys_are_reported_and_the_others_are_listed() {
    let sandbox = Sandbox::new();
    let good = sandbox.keygen("--name Good --no-passphrase");
    sandbox.import(&public(alice()));
    let key = sandbox.read(format!("home/keys/{good}.pgp"));
    let zeros = "0".repeat(40);
    let ones = "1".repeat(40);
    let twos = "2".repeat(40);
    let threes = "3".repeat(40);
    let cases = [
        (format!("home/keys/{zeros}.pgp"), key.clone()),
        (format!("home/keys/{ones}.pgp"), Vec::new()),
        (format!("home/keys/{twos}.pgp"), key[..key.len() / 2].to_vec()),
        ("home/keys/notes.txt".into(), b"foreign".to_vec()),
        ("home/keys/\u{1b}[2J\nx.pgp".into(), b"foreign".to_vec()),
        (format!("home/keys/{}.pgp", bob().fingerprint()), public(bob())),
        (format!("home/certificates/{}.pgp", bob().fingerprint()), secret(bob())),
        (format!("home/certificates/{threes}.pgp"), b"text".to_vec()),
    ];
    for (name, bytes) in &cases {
        sandbox.write(name, bytes);
    }
    fs::create_dir(sandbox.path(format!("home/keys/{}.pgp", "4".repeat(40)))).unwrap();
    sandbox.fifo(&format!("home/keys/{}.pgp", "5".repeat(40)));
    symlink("nowhere", sandbox.path(format!("home/keys/{}.pgp", "6".repeat(40)))).unwrap();
    let bad = cases.len() + 3;
    let before = sandbox.snapshot();
    let done = sandbox.call(["list"]).limit(Duration::from_secs(10)).run().exits(3);
    assert!(done.out().contains(&good) && done.out().contains("Alice"), "{done:?}");
    assert_eq!(
        done.err().lines().filter(|line| line.starts_with("cannot read ")).count(),
        bad,
        "{done:?}"
    );
    let json = sandbox.run("--json list").exits(3).json();
    assert_eq!(json["unreadable"].as_array().unwrap().len(), bad);
    assert_eq!(json["keys"].as_array().unwrap().len(), 2);
    assert_eq!(before, sandbox.snapshot());
    // The good key still signs, and the others are warned about.
    sandbox.write("a.tar.gz", DATA);
    sandbox.run("sign a.tar.gz").exits(0).says("warning: ");
}

#[test]
fn trusted_files_that_cannot_be_read_are_reported() {
    let sandbox = Sandbox::new();
    sandbox.write("key", public(alice()));
    sandbox.run("trust add key").exits(0);
    sandbox.write("home/trusted/foreign", "x");
    sandbox.write(format!("home/trusted/bob.{}.pgp", bob().fingerprint()), public(alice()));
    sandbox.run("trust list").exits(3).prints("key").says("foreign").says("another key");
    sandbox.write("a.tar.gz", DATA);
    sandbox.write("a.tar.gz.sig", {
        let mut key = alices_key();
        Forge::by(&key).sign(&mut key, DATA)
    });
    sandbox.run("verify a.tar.gz").exits(0).says("warning: ");
    sandbox.run("trust remove bob").exits(0);
}

#[test]
fn a_key_with_an_unreadable_file_is_neither_used_nor_overwritten() {
    let sandbox = Sandbox::new();
    let key = sandbox.keygen("--name Test --no-passphrase");
    sandbox.write("a.tar.gz", DATA);
    sandbox.run("sign a.tar.gz").exits(0);
    sandbox.run("export Test -o older").exits(0);
    sandbox.run("trust add older").exits(0);
    sandbox.run("export --secret --unprotected Test -o secret").exits(0);
    // Its revocation is in a file beside it.
    sandbox.run("revoke Test --reason compromised").exits(0);
    sandbox.run("verify a.tar.gz").exits(1);
    let whole = sandbox.read(format!("home/certificates/{key}.pgp"));
    let damaged = &whole[..whole.len() / 2];
    sandbox.write(format!("home/certificates/{key}.pgp"), damaged);
    let before = sandbox.snapshot();
    for line in [
        "sign --force a.tar.gz",
        "sign --force --key-file secret a.tar.gz",
        "verify a.tar.gz",
        "verify --key older a.tar.gz",
        "verify --key Test a.tar.gz",
        "export Test -o copy",
        "import older",
        "import --no-passphrase --replace secret",
        "extend Test --expires 1y",
    ] {
        let done = sandbox.run(line).exits(3);
        let said = done.out() + &done.err();
        assert!(said.contains("cannot be read"), "{line}: {done:?}");
        assert_eq!(before, sandbox.snapshot(), "{line}");
    }
    for line in [
        "gpg --verify a.tar.gz.sig a.tar.gz",
        "gpg --batch -b -o b a.tar.gz",
        "gpg --batch -o b --export",
        "gpg --batch -o b --export Test",
        "gpg --batch -o b --export-secret-keys Test",
        "gpg --batch --import older",
    ] {
        assert_eq!(sandbox.run(line).code(), Some(2), "{line}");
        assert_eq!(before, sandbox.snapshot(), "{line}");
    }
    // A trusted copy that cannot be read may be what knows of a revocation, too.
    sandbox.write(format!("home/certificates/{key}.pgp"), &whole);
    let trusted = format!("home/trusted/older.{key}.pgp");
    let copy = sandbox.read(&trusted);
    sandbox.write(&trusted, &copy[..copy.len() / 2]);
    sandbox.run("trust add older").exits(3).prints("cannot be read");
    sandbox.run("trust remove older").exits(0);
    sandbox.run("trust add older").exits(0);
}

#[test]
fn a_revocation_does_not_replace_a_copy_that_cannot_be_read() {
    let sandbox = Sandbox::new();
    let key = sandbox.keygen("--name Test --no-passphrase");
    let guarded = String::from_utf8(sandbox.read(format!("home/revocations/{key}.asc"))).unwrap();
    sandbox.write("revocation", guarded.replace("\n:-----", "\n-----"));
    sandbox.write(format!("home/certificates/{key}.pgp"), "it may say: compromised");
    let before = sandbox.snapshot();
    sandbox.run("import revocation").exits(3).prints("cannot be read");
    assert_eq!(before, sandbox.snapshot());
}

#[test]
fn the_old_trusted_certificate_is_removed_after_the_new_one_is_written() {
    let sandbox = Sandbox::new();
    sandbox.write("key.pub", public(alice()));
    sandbox.write("other", public(bob()));
    sandbox.run("trust add key.pub").exits(0);
    let unreadable = format!("home/trusted/copy.{}.pgp", bob().fingerprint());
    sandbox.write(&unreadable, "it may revoke the key");
    sandbox.run("trust add --force --name key.pub other").exits(3).prints("cannot be read");
    let alices = alice().fingerprint().to_string();
    sandbox.run("trust list").prints(&alices);
    fs::remove_file(sandbox.path(&unreadable)).unwrap();
    // Both are there if a command is killed between the two steps, and go together.
    sandbox.write(format!("home/trusted/key.pub.{alices}.pgp"), public(alice()));
    sandbox.run("trust add --force --name key.pub other").exits(0);
    assert_eq!(sandbox.names("home/trusted"), [format!("key.pub.{}.pgp", bob().fingerprint())]);
    sandbox.write(format!("home/trusted/key.pub.{alices}.pgp"), public(alice()));
    sandbox.run("trust remove key.pub").exits(0);
    assert!(sandbox.names("home/trusted").is_empty());
}

#[test]
fn a_home_that_cannot_be_read_lets_nothing_count() {
    let sandbox = Sandbox::new();
    let key = sandbox.keygen("--name Test --no-passphrase");
    sandbox.write("a.zip", "content");
    sandbox.write("b.zip", "content");
    sandbox.run("sign a.zip").exits(0);
    sandbox.run(&format!("export --secret --unprotected {key} -o key")).exits(0);
    sandbox.run(&format!("export {key} -o certificate")).exits(0);
    sandbox.run(&format!("revoke {key} --reason compromised")).exits(0);
    let lines = [
        ("verify --key certificate a.zip", 1, 3),
        ("gpgv --keyring ./certificate a.zip.sig a.zip", 1, 2),
        ("sign --key-file key b.zip", 4, 3),
    ];
    for (line, code, _) in lines {
        sandbox.run(line).exits(code);
    }
    let not_counted = |what: &str| {
        for (line, _, code) in lines {
            let done = sandbox.run(line);
            assert!(done.code() == Some(code) && done.err().contains(what), "{done:?}");
        }
        let sopv = sandbox.call(["sopv", "verify", "a.zip.sig", "certificate"]).stdin(b"content");
        let done = sopv.run();
        assert!(done.code() == Some(1) && done.err().contains(what), "{done:?}");
        assert!(!sandbox.has("b.zip.sig"));
    };
    for folder in ["home", "home/certificates"] {
        sandbox.chmod(folder, 0o777);
        not_counted("can be written to by others");
        sandbox.run("inspect certificate").exits(0).says("the home was not asked");
        sandbox.chmod(folder, 0o700);
    }
    sandbox.must("rm -r home/certificates && touch home/certificates");
    not_counted("is not a folder");
    // Who has no home at all is asked for none.
    sandbox.run("--home none verify --key certificate a.zip").exits(0);
    sandbox.call(["verify", "--key", "certificate", "a.zip"]).homeless().run().exits(0);
    // Nor is who has somebody else's, as in a container that runs as another user.
    if is_root() {
        sandbox.must("chown 65534 home");
        let done = sandbox.run("verify --key certificate a.zip").exits(0);
        assert!(done.err().contains("home belongs to another user"), "{done:?}");
    } else {
        missing("root's right to give files away");
    }
}

#[test]
fn what_an_unreadable_file_of_the_home_may_revoke_is_not_called_trusted() {
    let sandbox = Sandbox::new();
    sandbox.write("alice", public(alice()));
    sandbox.write("bob", public(bob()));
    sandbox.run("trust add alice bob").exits(0);
    let config = r#"{"PluginSettings": {"SignaturePublicKeyFiles": []}}"#;
    sandbox.write("server/config.json", config);
    sandbox.run("trust add --config server/config.json alice").exits(0);
    let known = format!("home/certificates/{}.pgp", alice().fingerprint());
    sandbox.write(&known, "it may say: compromised");
    sandbox.chmod(&known, 0o600);
    for line in ["trust list", "trust list --config server/config.json"] {
        let done = sandbox.run(line).exits(3);
        assert!(
            done.shown().contains("unusable") && done.shown().contains("may revoke"),
            "{done:?}"
        );
    }
    let done = sandbox.run("trust check --config server/config.json").exits(1);
    assert!(done.out().contains("unreadable"), "{done:?}");
}

#[test]
fn the_home_is_found_where_the_interface_says() {
    let sandbox = Sandbox::new();
    sandbox.write("key", secret(alice()));
    let run = |arguments: &[&str], environment: &[(&str, &str)]| {
        let mut call = sandbox.call(arguments).homeless();
        for (name, value) in environment {
            call = call.env(name, sandbox.path(value));
        }
        call.args(["import", "--no-passphrase", "key"]).run().exits(0)
    };
    run(
        &["--home", "one"],
        &[("PLUGSIGN_HOME", "two"), ("XDG_DATA_HOME", "three"), ("HOME", "four")],
    );
    assert_eq!(sandbox.names("."), ["key", "one"]);
    run(&[], &[("PLUGSIGN_HOME", "two"), ("XDG_DATA_HOME", "three"), ("HOME", "four")]);
    assert_eq!(sandbox.names("."), ["key", "one", "two"]);
    run(&[], &[("XDG_DATA_HOME", "three"), ("HOME", "four")]);
    assert!(sandbox.has("three/plugsign/keys"));
    run(&[], &[("HOME", "four")]);
    assert!(sandbox.has(format!("four/{}/plugsign/keys", data_folder())));
    sandbox.call(["list"]).homeless().run().exits(3).says("--home");
}

/// A key of the home with a copy of its certificate that was changed, and a trusted certificate.
fn furnished() -> (Sandbox, [String; 4]) {
    let sandbox = Sandbox::new();
    let own = sandbox.keygen("--name Own --no-passphrase");
    sandbox.run(&format!("extend {own} --expires 2y")).exits(0);
    sandbox.write("bob", public(bob()));
    sandbox.run("trust add --name bob bob").exits(0);
    sandbox.write("a.tar.gz", DATA);
    sandbox.run("sign a.tar.gz").exits(0);
    let trusted = format!("home/trusted/{}", sandbox.names("home/trusted")[0]);
    let of = |folder: &str, ending: &str| format!("home/{folder}/{own}.{ending}");
    let revocation = of("revocations", "asc");
    (sandbox, [of("keys", "pgp"), of("certificates", "pgp"), trusted, revocation])
}

/// Lines that would believe what the file says, one for each.
const BELIEVE: [&str; 4] = [
    "sign -o out a.tar.gz",
    "sign -o out a.tar.gz",
    "verify --key bob a.tar.gz",
    "revoke Own --stored --reason compromised",
];

#[test]
fn files_in_the_home_that_others_can_write_to_are_not_used() {
    for (place, line) in BELIEVE.iter().enumerate() {
        let (sandbox, files) = furnished();
        // Asked for by its name, so that the file is meant.
        let line = line.replace("--key bob", &format!("--key {}", bob().fingerprint()));
        let line = line.replace("revoke Own", &format!("revoke {}", &files[0][10..50]));
        for mode in [0o620, 0o602, 0o666] {
            sandbox.chmod(&files[place], mode);
            let done = sandbox.run(&line).exits(3);
            let said = done.out() + &done.err();
            assert!(said.contains("can be written to by others"), "{line}: {said}");
            assert!(said.contains("chmod go-w"), "{line}: {said}");
            assert!(!sandbox.has("out"), "{line}");
            if place < 3 {
                let listed = sandbox.run(if place == 2 { "trust list" } else { "list" });
                assert!(listed.err().contains("can be written to by others"), "{listed:?}");
            }
        }
        sandbox.chmod(&files[place], 0o600);
        sandbox.run(&line).exits(i32::from(line.starts_with("verify")));
    }
}

#[test]
fn files_in_the_home_that_belong_to_others_are_not_used() {
    if !is_root() {
        missing("root's right to give files away");
        return;
    }
    let (sandbox, files) = furnished();
    for (place, line) in [(0, "sign -o out a.tar.gz"), (2, "verify a.tar.gz")] {
        std::os::unix::fs::chown(sandbox.path(&files[place]), Some(65534), None).unwrap();
        let done = sandbox.run(line);
        assert!(done.err().contains("belongs to another user"), "{done:?}");
        std::os::unix::fs::chown(sandbox.path(&files[place]), Some(0), None).unwrap();
    }
    assert!(!sandbox.has("out"));
    // Whoever reads it is asked, not root.
    sandbox.chmod(".", 0o755);
    fs::copy(crate::common::sandbox::PROGRAM, sandbox.path("plugsign")).unwrap();
    let script = "chown -R 65534 home; chown 0 home/keys/*; chmod 644 home/keys/*
        exec setpriv --reuid 65534 --regid 65534 --clear-groups ./plugsign list";
    sandbox.call(["list"]).in_shell(script).run().exits(0).prints("Own");
}

#[test]
fn a_fingerprint_opens_only_the_files_of_its_key() {
    let sandbox = Sandbox::new();
    sandbox.write("secret", secret(alice()));
    sandbox.run("import --no-passphrase secret").exits(0);
    sandbox.write("a.tar.gz", DATA);
    let others = format!("home/certificates/{}.pgp", bob().fingerprint());
    sandbox.write(&others, "it is Bob's, and no key");
    let fingerprint = alice().fingerprint().to_string();
    let done = sandbox.run(&format!("sign -u {fingerprint} a.tar.gz")).exits(0);
    assert!(!done.err().contains("warning: "), "{done:?}");
    // Where user IDs are searched, and in a list, it is told.
    sandbox.run("sign --force -u alice@example.org a.tar.gz").exits(0).says("warning: ");
    sandbox.run("list").says("it is").exits(3);
    // Alice's own is another matter: it may be what revokes her key.
    sandbox.write(format!("home/certificates/{fingerprint}.pgp"), "it is Alice's, and no key");
    sandbox.run(&format!("sign --force -u {fingerprint} a.tar.gz")).exits(3);
}

#[test]
fn importing_two_keys_keeps_both_and_importing_again_changes_nothing() {
    let sandbox = Sandbox::new();
    sandbox.write("both", [public(alice()), public(bob()), public(alice())].concat());
    let words = |line: &str| -> Vec<String> {
        let out = sandbox.run(line).exits(0).out();
        out.lines().map(|line| line.split(' ').next().unwrap_or_default().to_string()).collect()
    };
    assert_eq!(words("import both"), ["new", "new", "unchanged"]);
    assert_eq!(words("import both"), ["unchanged"; 3]);
}

#[test]
fn no_output_takes_the_place_of_a_file_of_the_home_or_of_what_is_read() {
    let sandbox = Sandbox::with_passphrase();
    let key = sandbox.keygen("--name A --email a@x.y");
    let file = format!("home/keys/{key}.pgp");
    sandbox.write("a.zip", "archive");
    sandbox.write("passphrase", "secret words");
    std::os::unix::fs::symlink("home/keys", sandbox.path("link")).unwrap();
    sandbox.run(&format!("export {key} --secret -o k.pgp")).exits(0);
    let before = sandbox.snapshot();
    for line in [
        &format!("sign a.zip --force -o {file}"),
        &format!("sign a.zip --force -o link/{key}.pgp"),
        &format!("sign --checksums=new.txt {file}"),
        "sign --cleartext -o home/trusted/new.asc a.zip",
        "sign --key-file k.pgp a.zip --force -o k.pgp",
        "sign --passphrase-file passphrase a.zip --force -o passphrase",
        &format!("export {key} --force -o {file}"),
        &format!("export {key} --force -o home/lock"),
        &format!("announce {key} --force --out home/certificates"),
        "man --out home/keys",
        &format!("gpg --batch --yes --export -o {file}"),
        &format!("gpg --batch --yes -b -o {file} a.zip"),
        &format!("gpg --batch --no-default-keyring --keyring ./{file} --import k.pgp"),
        &format!("gpg --batch --status-file link/{key}.pgp --list-keys"),
        &format!("gpg --batch --logger-file {file} --list-keys"),
        "gpg --batch --passphrase-file passphrase --status-file passphrase -b a.zip",
    ] {
        let done = sandbox.run(line);
        assert!(matches!(done.code(), Some(2 | 3)), "{line}: {}", done.shown());
        assert_eq!(sandbox.snapshot(), before, "{line}");
    }
    sandbox.run(&format!("export {key} --force -o {file}")).exits(3).says("in plugsign's home");
    sandbox.run("sign a.zip -o home/a.sig").exits(0);
}

#[test]
fn a_link_of_the_home_that_leads_nowhere_lets_nothing_count() {
    let sandbox = Sandbox::new();
    let key = sandbox.keygen("--name A --email a@x.y --no-passphrase");
    sandbox.write("a.zip", "archive");
    sandbox.run("sign a.zip").exits(0);
    sandbox.run(&format!("export {key} -o a.pgp")).exits(0);
    sandbox.run(&format!("export {key} --secret --unprotected -o secret.pgp")).exits(0);
    sandbox.run(&format!("revoke {key} --reason compromised")).exits(0);
    let unmounted = |name: &str, links: &[&str]| {
        fs::rename(sandbox.path(name), sandbox.path("away")).unwrap();
        symlink("none", sandbox.path(name)).unwrap();
        for line in links {
            let done = sandbox.run(line);
            assert!(!done.is_ok() && done.code() != Some(1), "{name}: {line}: {}", done.shown());
        }
        fs::remove_file(sandbox.path(name)).unwrap();
        fs::rename(sandbox.path("away"), sandbox.path(name)).unwrap();
    };
    let lines = [
        "verify a.zip",
        "verify --key a.pgp a.zip",
        "sign --force a.zip",
        "sign --force --key-file secret.pgp a.zip",
        "gpg --verify a.zip.sig a.zip",
        "list",
    ];
    for folder in ["home/keys", "home/certificates", "home/trusted", "home"] {
        unmounted(folder, &lines);
    }
    fs::remove_dir(sandbox.path("home/trusted")).unwrap();
    sandbox.run("verify --key a.pgp a.zip").exits(1);
}

#[test]
fn a_lock_that_is_no_file_keeps_nobody_waiting_and_leads_nowhere() {
    let sandbox = Sandbox::new();
    sandbox.keygen("--name A --email a@x.y --no-passphrase");
    let lock = sandbox.path("home/lock");
    for make in ["mkfifo home/lock", "ln -s ../outside home/lock", "mkdir home/lock"] {
        fs::remove_file(&lock).or_else(|_| fs::remove_dir(&lock)).unwrap();
        sandbox.must(make);
        let done = sandbox.call(["keygen", "--name", "B", "--no-passphrase"]);
        done.limit(Duration::from_secs(9)).run().exits(3).says("is no regular file");
        assert!(!sandbox.has("outside"), "{make}");
    }
}
