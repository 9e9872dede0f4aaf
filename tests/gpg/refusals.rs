//! What plugsign does not do in gpg's place is refused, and never passed over in silence.

use crate::common::sandbox::Sandbox;
use crate::common::systems::is_linux;
use crate::gpg::twins::{GpgKeys, StatusLines};

#[test]
fn lines_that_would_change_the_result_are_refused_with_a_sentence_and_write_nothing() {
    let desk = Sandbox::in_place_of_gpg();
    desk.gpg_key("Acme <a@acme.test>");
    desk.write("data", "data");
    desk.must("gpg --batch -b data");
    let names = || {
        let mut names: Vec<_> = std::fs::read_dir(desk.at("work"))
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    };
    let before = names();
    for (line, words) in [
        ("--clearsign data data", "several files as one"),
        ("-b --clearsign data", "conflicting commands"),
        ("--sign data", "add --detach-sign"),
        ("-sa data", "add --detach-sign"),
        ("-se -r a@acme.test data", "does not encrypt"),
        ("--encrypt -r a@acme.test data", "does not encrypt"),
        ("--symmetric data", "does not encrypt"),
        ("--decrypt data", "does not encrypt"),
        ("--recv-keys ABCD", "never uses the network"),
        ("--search-keys acme", "never uses the network"),
        ("--edit-key acme", "extend acme"),
        ("--edit-key acme passwd", "passwd: plugsign"),
        ("--quick-set-expire acme 1y", "is not a fingerprint"),
        ("--lsign-key acme", "does not change or certify keys"),
        ("--import-ownertrust data", "colon missing"),
        ("--textmode -o out -b data", "not as text"),
        ("--sig-notation a@x=b -o out -b data", "what is signed"),
        ("--default-sig-expire 1d -o out -b data", "what is signed"),
        ("--sender a@x -o out -b data", "what is signed"),
        ("--digest-algo SHA1 -o out -b data", "SHA1 is refused"),
        ("--digest-algo MD5 -o out -b data", "MD5 is refused"),
        ("--allow-weak-digest-algos --verify data.sig data", "what is trusted"),
        ("--trusted-key 0123456789ABCDEF --verify data.sig data", "what is trusted"),
        ("--trust-model nonsense --verify data.sig data", "unknown trust model"),
        ("--import-options import-export --import data", "what is written"),
        ("--export-options backup -o out --export", "what is written"),
        ("--options file -b data", "gpg.conf"),
        ("--command-fd 0 --gen-key", "no answers"),
        ("--keyring ./x --batch --yes --delete-keys data", "keyrings are for verifying"),
        ("--multifile --verify data.sig", "one file at a time"),
        ("-o out --verify data.sig data", "writes no file"),
        ("-o out -b data data", "several files as one"),
        ("data", "does not guess"),
        ("--batch", "does not guess"),
        ("-u 12345678 -o out -b data", "short key ID"),
        ("--quick-generate-key x rsa2048", "at least 3072"),
        ("--quick-generate-key x ed25519", "only RSA"),
        ("--quick-generate-key x rsa3072 encr", "certify and sign"),
        ("--full-generate-key", "no terminal"),
    ] {
        let said = desk.sh(&format!("gpg --status-fd 1 {line}"));
        assert_eq!(said.exit(), 2, "{line}: {}", said.shown());
        assert!(said.err().contains(words), "{line}: {}", said.shown());
        said.lacks("SIG_CREATED");
        said.lacks("GOODSIG");
    }
    assert_eq!(names(), before);
}

#[test]
fn options_that_change_nothing_are_passed_over_and_some_bring_a_note() {
    let desk = Sandbox::in_place_of_gpg();
    desk.gpg_key("Acme <a@acme.test>");
    desk.write("data", "data");
    let said = desk.must(
        "gpg --batch --yes --no-tty --use-agent --no-secmem-warning --no-permission-warning --no-greeting --lock-never --no-options --expert -b data",
    );
    assert_eq!(said.err(), "");
    let said = desk.must("gpg --yes --compress-level 9 --keyserver x -b data");
    for option in ["compress-level", "keyserver"] {
        assert!(said.err().contains(&format!("--{option} has no effect here")), "{}", said.shown());
    }
    desk.must("gpg --check-trustdb && gpg --update-trustdb");
}

#[test]
fn of_several_keys_the_first_is_not_taken() {
    let desk = Sandbox::in_place_of_gpg();
    let first = desk.gpg_key("First <a@acme.test>");
    desk.gpg_key("Second <b@acme.test>");
    desk.write("data", "data");
    let said = desk.sh("gpg --batch -b data");
    assert_eq!(said.exit(), 2, "{}", said.shown());
    desk.must(&format!("gpg --batch --default-key {first} -b data"));
    let said = desk.sh("gpg --batch --yes -u First -u Second -b data");
    assert_eq!(said.exit(), 2, "{}", said.shown());
    desk.must(&format!("gpg --batch --yes -u First -u {first} --default-key Second -b data"));
    let said = desk.sh("gpg --batch --export-secret-keys acme.test > both");
    assert_eq!(said.exit(), 2, "{}", said.shown());
}

#[test]
fn devices_are_written_to_and_not_replaced() {
    let desk = Sandbox::in_place_of_gpg();
    desk.gpg_key("Acme <a@acme.test>");
    desk.write("data", "data");
    desk.must("gpg --batch --yes -o /dev/null -b data && test -c /dev/null");
    desk.must("mkfifo pipe && (gpg --batch -o pipe -b data & cat pipe > sig; wait) && gpg --verify sig data");
    desk.must("gpg --batch -o - -b data > sig && gpg --verify sig data");
    desk.must("gpg --batch -o sig2 -b - < data && gpg --verify sig2 data");
    if is_linux("/dev/full") {
        let said = desk.sh("gpg --batch --status-fd 1 -b data > /dev/full");
        assert_ne!(said.exit(), 0, "{}", said.shown());
    }
}

#[test]
fn gpg_writes_a_secret_key_only_to_standard_output_or_a_new_file() {
    let desk = Sandbox::in_place_of_gpg();
    desk.gpg_key("Acme <a@acme.test>");
    desk.must(
        "gpg --batch --passphrase '' --quick-generate-key 'Sub <s@sub.test>' default default 0",
    );
    desk.write("others", "before");
    let kinds = [
        ("mkfifo", "mkfifo place; exec 3<>place"),
        ("a link to a FIFO", "mkfifo pipe; exec 3<>pipe; ln -s pipe place"),
        ("a device", "mknod place c 1 3 || ln -s /dev/null place"),
        ("a descriptor", "ln -s /proc/self/fd/3 place; true >empty; exec 3<>empty"),
    ];
    for (kind, made) in kinds {
        for options in ["", "--yes", "--yes --armor"] {
            for command in ["--export-secret-keys acme", "--export-secret-subkeys s@sub.test"] {
                let said = desk.sh(&format!(
                    "{made}; code=0; stat -c %F:%i place > before
                     gpg --batch {options} -o place {command} || code=$?
                     stat -c %F:%i place > after; cmp before after
                     if read -r -t 0.1 -N 1 -u 3 byte; then echo leaked; fi
                     rm -f place pipe; exit $code"
                ));
                assert_eq!(said.exit(), 2, "{kind} {options}: {}", said.shown());
                let is_told = ["to a new file", "exists already"];
                assert!(
                    is_told.iter().any(|it| said.err().contains(it)),
                    "{kind}: {}",
                    said.shown()
                );
                assert!(!said.out().contains("leaked"), "{kind} {options}: {}", said.shown());
            }
        }
    }
    // A second name of somebody else's file is replaced, and that file is not written to.
    desk.write("others", "before");
    desk.must("ln others place; gpg --batch --yes -o place --export-secret-keys");
    desk.must("grep -qx before others && test \"$(stat -c %a:%h place)\" = 600:1");
    // The system's own names for standard output are what they say.
    desk.must("gpg --batch -o /dev/stdout --export-secret-keys > out && cmp out place");
}

#[test]
fn twenty_gpg_commands_that_write_one_file_at_once_all_succeed() {
    let desk = Sandbox::in_place_of_gpg();
    desk.gpg_key("Acme <a@acme.test>");
    desk.write("data", "data");
    for command in ["-b data", "--export", "--export-secret-keys"] {
        let said = desk.sh(&format!(
            "rm -f X; for i in $(seq 20); do gpg --batch --yes -o X {command} & done
             failed=0; for job in $(jobs -p); do wait $job || failed=$((failed + 1)); done
             ls -A | grep plugsign- && exit 9; exit $failed"
        ));
        assert_eq!(said.exit(), 0, "{command}: {}", said.shown());
    }
    desk.must("rm X; gpg --batch --yes -o X -b data && gpg --verify X data");
}

#[test]
fn hints_name_gpgs_options_and_the_right_home() {
    let desk = Sandbox::in_place_of_gpg();
    desk.write("data", "data");
    desk.sh("gpg --batch -b data").exits(2).says("gpg --full-generate-key");
    desk.gpg_key("Acme <a@acme.test>");
    desk.must("gpg --batch -b data");
    let said = desk.sh("gpg --batch -b data").exits(2).says("replace this one with --yes");
    assert!(!said.err().contains("--force"), "{}", said.shown());
    let said = desk.sh("gpg --batch -u nobody -o out -b data").exits(2);
    assert!(said.err().contains("gpg --list-secret-keys"), "{}", said.shown());
    // A command of plugsign's finds the key there, and not in the usual home.
    let home = desk.at("g/plugsign");
    let words = format!("plugsign --home {} sign FILE...", home.display());
    desk.sh("gpg --batch -o out -b data data").exits(2).says(&words);
}

#[test]
fn help_is_about_the_program_that_was_called() {
    let desk = Sandbox::in_place_of_gpg();
    let (gpg, gpgv) = (desk.must("gpg --help").out(), desk.must("gpgv --help").out());
    assert!(gpg.contains("--detach-sign") && gpgv.contains("--keyring FILE"), "{gpg}{gpgv}");
    assert!(!gpgv.contains("--detach-sign"), "{gpgv}");
}

#[test]
fn exporting_a_subkey_leaves_out_other_secret_parts() {
    let desk = Sandbox::in_place_of_gpg();
    let key = desk.gpg_key("Acme <a@acme.test>");
    for _ in 0..2 {
        desk.must(&format!("plugsign --home ../g/plugsign rotate {key}"));
    }
    let listing = desk.must("gpg --list-keys --with-colons --with-keygrip").out();
    let field = |kind: &str, place: usize| {
        let lines = listing.lines().filter(|line| line.starts_with(kind));
        lines.map(|line| line.split(':').nth(9).unwrap().to_string()).nth(place).unwrap()
    };
    let (subkey, grip) = (field("fpr", 1), field("grp", 1));
    let id = subkey[24..].to_string();
    for name in [&subkey, &format!("0x{id}"), &format!("&{grip}")] {
        for what in ["--export-secret-keys", "--export-secret-subkeys"] {
            let said = desk.sh(&format!("gpg --batch {what} -o out '{name}'")).exits(2);
            let said = said.says(&format!("{subkey} is a subkey of {key}"));
            let said = said.says(&format!("gpg --export-secret-subkeys '{subkey}!'"));
            said.says(&format!("gpg {what} {key}"));
        }
    }
    desk.sh(&format!("gpg --batch --export-secret-keys -o out '{subkey}!'")).exits(2);
    desk.must(&format!("gpg --batch --export-secret-subkeys '{subkey}!' > alone"));
    desk.must(&format!("gpg --batch --export '{id}!' > public-alone"));
    desk.must(&format!("gpg --batch --export {id} > public"));
    desk.must(&format!("gpg --batch --export {key} > whole && cmp public whole"));
    let subkeys = |file: &str| {
        let listing = desk.must(&format!("gpg --show-keys --with-colons < {file}")).out();
        listing.lines().filter(|line| line.starts_with("sub:")).count()
    };
    assert_eq!((subkeys("public-alone"), subkeys("public")), (1, 2));
    assert!(!desk.at("work/out").exists());
}
