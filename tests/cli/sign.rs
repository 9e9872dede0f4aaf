//! `plugsign sign`.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sequoia_openpgp as openpgp;

use openpgp::armor::Kind;
use openpgp::parse::Parse;
use openpgp::types::KeyFlags;
use openpgp::{Packet, PacketPile};

use crate::common::craft::*;
use crate::common::sandbox::{PASSPHRASE, Sandbox, is_root};
use crate::common::systems::is_linux;

/// A home with Alice's key, and an artifact.
fn alices_desk() -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.import(&secret(alice()));
    sandbox.write("a.tar.gz", DATA);
    sandbox
}

#[test]
fn a_signature_is_one_packet_with_only_what_the_server_needs() {
    let sandbox = alices_desk();
    sandbox.run("sign a.tar.gz").exits(0).prints("a.tar.gz.sig\n");
    let pile = PacketPile::from_bytes(&sandbox.read("a.tar.gz.sig")).unwrap();
    let packets: Vec<Packet> = pile.into_children().collect();
    let [Packet::Signature(signature)] = &packets[..] else { panic!("{packets:?}") };
    assert_eq!(signature.version(), 4);
    assert_eq!(signature.typ(), openpgp::types::SignatureType::Binary);
    assert_eq!(signature.hash_algo(), openpgp::types::HashAlgorithm::SHA256);
    let tags: Vec<u8> =
        signature.hashed_area().iter().map(|subpacket| subpacket.tag().into()).collect();
    assert_eq!(tags, [CREATED, FINGERPRINT, ISSUER]);
    assert!(signature.hashed_area().iter().all(|subpacket| !subpacket.critical()));
    assert_eq!(signature.unhashed_area().iter().count(), 0);
    sandbox.run("verify a.tar.gz").exits(0);
    assert_eq!(sandbox.names("."), ["a.tar.gz", "a.tar.gz.sig", "home"]);
}

#[test]
fn armor_goes_to_asc() {
    let sandbox = alices_desk();
    sandbox.run("sign -a a.tar.gz").exits(0).prints("a.tar.gz.asc\n");
    let text = sandbox.read("a.tar.gz.asc");
    assert!(text.starts_with(b"-----BEGIN PGP SIGNATURE-----\n"));
    sandbox.run("verify a.tar.gz").exits(0);
    sandbox.run("sign -a a.tar.gz").exits(0).says("1 up to date").prints_nothing();
}

#[test]
fn up_to_date_signatures_stay_and_other_files_are_replaced_only_by_force() {
    let sandbox = alices_desk();
    sandbox.run("sign a.tar.gz").exits(0);
    let before = sandbox.snapshot();
    sandbox.run("sign a.tar.gz").exits(0).says("0 signed, 1 up to date").prints_nothing();
    sandbox.run("sign --force a.tar.gz").exits(0).says("1 up to date");
    assert_eq!(before, sandbox.snapshot());
    // The file changed.
    sandbox.write("a.tar.gz", "other bytes");
    let before = sandbox.snapshot();
    sandbox.run("sign a.tar.gz").exits(3).says("exists already").says("--force");
    assert_eq!(before, sandbox.snapshot());
    sandbox.run("sign --force a.tar.gz").exits(0).prints("a.tar.gz.sig");
    sandbox.run("verify a.tar.gz").exits(0);
    // Another key's.
    let mut bob = bobs_key();
    let bobs = Forge::by(&bob).sign(&mut bob, b"other bytes");
    sandbox.write("a.tar.gz.sig", &bobs);
    sandbox.run("sign a.tar.gz").exits(3);
    assert_eq!(sandbox.read("a.tar.gz.sig"), bobs);
    sandbox.run("sign --force a.tar.gz").exits(0);
    sandbox.run("verify a.tar.gz").exits(0);
}

#[test]
fn a_link_in_the_place_of_a_signature_is_neither_followed_nor_lost() {
    let sandbox = alices_desk();
    sandbox.write("target", "precious");
    symlink("target", sandbox.path("a.tar.gz.sig")).unwrap();
    let before = sandbox.snapshot();
    sandbox.run("sign a.tar.gz").exits(3).says("exists already");
    assert_eq!(before, sandbox.snapshot());
    sandbox.run("sign --force a.tar.gz").exits(0);
    assert_eq!(sandbox.read("target"), b"precious");
    assert!(fs::symlink_metadata(sandbox.path("a.tar.gz.sig")).unwrap().is_file());
    // Dangling.
    sandbox.write("b.tar.gz", DATA);
    symlink("nowhere", sandbox.path("b.tar.gz.sig")).unwrap();
    sandbox.run("sign b.tar.gz").exits(3);
    assert!(!sandbox.has("nowhere"));
    // A hard link keeps its other name's bytes.
    sandbox.write("c.tar.gz", DATA);
    sandbox.write("c.other", "old");
    fs::hard_link(sandbox.path("c.other"), sandbox.path("c.tar.gz.sig")).unwrap();
    sandbox.run("sign --force c.tar.gz").exits(0);
    assert_eq!(sandbox.read("c.other"), b"old");
    // A folder.
    sandbox.write("d.tar.gz", DATA);
    fs::create_dir(sandbox.path("d.tar.gz.sig")).unwrap();
    sandbox.run("sign d.tar.gz").exits(3);
    sandbox.run("sign --force d.tar.gz").exits(3);
    assert!(fs::metadata(sandbox.path("d.tar.gz.sig")).unwrap().is_dir());
}

#[test]
fn no_file_takes_the_place_of_a_device_a_fifo_or_a_socket() {
    let sandbox = alices_desk();
    sandbox.fifo("fifo");
    let _socket = std::os::unix::net::UnixListener::bind(sandbox.path("socket")).unwrap();
    symlink("/dev/null", sandbox.path("device")).unwrap();
    let before = |name| fs::symlink_metadata(sandbox.path(name)).unwrap().file_type();
    for name in ["fifo", "socket", "device"] {
        let kind = before(name);
        for line in ["sign --force a.tar.gz -o", "export alice --force -o"] {
            sandbox.run(&format!("{line} {name}")).exits(3).says(name);
        }
        assert_eq!(before(name), kind, "{name}");
    }
}

#[test]
fn the_output_may_be_named_and_may_be_standard_output() {
    let sandbox = alices_desk();
    sandbox.run("sign a.tar.gz -o elsewhere").exits(0).prints("elsewhere\n");
    sandbox.run("verify --signature elsewhere a.tar.gz").exits(0);
    sandbox.run("sign a.tar.gz -o elsewhere").exits(0).says("1 up to date");
    let done = sandbox.run("sign a.tar.gz -o -").exits(0);
    sandbox.write("piped", &done.stdout);
    sandbox.run("verify --signature piped a.tar.gz").exits(0);
    let done = sandbox.run("sign -a a.tar.gz -o -").exits(0);
    assert!(done.stdout.starts_with(b"-----BEGIN PGP SIGNATURE-----"));
    assert!(!sandbox.has("a.tar.gz.sig") && !sandbox.has("a.tar.gz.asc"));
    sandbox.write("b.tar.gz", DATA);
    let before = sandbox.snapshot();
    sandbox.run("sign a.tar.gz b.tar.gz -o both").exits(2);
    sandbox.run("--json sign a.tar.gz -o -").exits(2).json();
    assert_eq!(before, sandbox.snapshot());
}

#[test]
fn the_artifact_is_never_overwritten_by_its_signature() {
    let sandbox = alices_desk();
    fs::create_dir(sandbox.path("dist")).unwrap();
    let before = sandbox.snapshot();
    for output in ["a.tar.gz", "./a.tar.gz", "dist/../a.tar.gz"] {
        for options in [&["--force"][..], &[]] {
            let done = sandbox.call(["sign", "a.tar.gz", "-o", output].iter().chain(options)).run();
            assert!(matches!(done.code(), Some(2 | 3)), "{done:?}");
            assert_eq!(before, sandbox.snapshot());
        }
    }
}

#[test]
fn standard_input_is_signed_to_standard_output_or_a_file() {
    let sandbox = alices_desk();
    let done = sandbox.call(["sign", "-"]).stdin(DATA).run().exits(0);
    sandbox.write("piped", &done.stdout);
    sandbox.run("verify --signature piped a.tar.gz").exits(0);
    sandbox.call(["sign", "-", "-o", "named"]).stdin(DATA).run().exits(0).prints("named");
    sandbox.run("verify --signature named a.tar.gz").exits(0);
    let before = sandbox.snapshot();
    sandbox.call(["sign", "-", "-o", "named"]).stdin(DATA).run().exits(0).says("1 up to date");
    sandbox.call(["sign", "-", "-o", "named"]).stdin(b"other").run().exits(3);
    sandbox.call(["sign", "-", "a.tar.gz"]).stdin(DATA).run().exits(2);
    sandbox.call(["sign", "-", "--key-file", "-"]).stdin(DATA).run().exits(2);
    assert_eq!(before, sandbox.snapshot());
}

#[test]
fn a_dry_run_writes_nothing() {
    let sandbox = alices_desk();
    sandbox.write("dist/b.zip", DATA);
    let before = sandbox.snapshot();
    sandbox.run("sign --dry-run a.tar.gz dist").exits(0).says("2 would be signed");
    let json = sandbox.run("--json sign --dry-run a.tar.gz").exits(0).json();
    assert_eq!(json["files"][0]["state"], "would-sign");
    sandbox.run("sign --dry-run a.tar.gz -o -").exits(0).prints_nothing();
    sandbox.call(["sign", "--dry-run", "-"]).stdin(DATA).run().exits(0).prints_nothing();
    sandbox.call(["sign", "--dry-run", "-", "-o", "x"]).stdin(DATA).run().exits(0);
    assert_eq!(before, sandbox.snapshot());
}

#[test]
fn a_fixed_time_makes_the_same_bytes_every_time() {
    let sandbox = alices_desk();
    let time = seconds(ago(1)).to_string();
    let iso = plugsign::openpgp::times::show_time(ago(1));
    let by_option = sandbox.call(["sign", "-", "--time", &iso]).stdin(DATA).run().exits(0).stdout;
    let by_variable =
        sandbox.call(["sign", "-"]).stdin(DATA).env("SOURCE_DATE_EPOCH", &time).run().exits(0);
    assert_eq!(by_option, by_variable.stdout);
    sandbox.call(["sign", "a.tar.gz"]).env("SOURCE_DATE_EPOCH", &time).run().exits(0);
    assert_eq!(sandbox.read("a.tar.gz.sig"), by_option);
    // The option wins.
    let done = sandbox
        .call(["sign", "-", "--time", &time])
        .stdin(DATA)
        .env("SOURCE_DATE_EPOCH", "1")
        .run();
    assert_eq!(done.exits(0).stdout, by_option);
}

#[test]
fn impossible_times_are_refused() {
    let sandbox = alices_desk();
    let before = sandbox.snapshot();
    for (time, code) in [
        ("yesterday", 2),
        ("-1", 2),
        ("4294967296", 2),
        ("2107-01-01", 2),
        ("0", 4),                    // before the key
        ("2001-01-01T00:00:00Z", 4), // before the key
        ("2100-01-01T00:00:00Z", 4), // in the future
    ] {
        sandbox.call(["sign", "a.tar.gz"]).arg(format!("--time={time}")).run().exits(code);
        sandbox.call(["sign", "a.tar.gz"]).env("SOURCE_DATE_EPOCH", time).run().exits(code);
        assert_eq!(before, sandbox.snapshot(), "{time}");
    }
}

#[test]
fn a_folder_is_walked_and_release_archives_are_taken() {
    let sandbox = alices_desk();
    let taken =
        ["a.tar", "b.tar.gz", "c.tgz", "d.tbz2", "e.txz", "f.tzst", "g.zip", "deep/h.tar.xz"];
    for name in taken {
        sandbox.write(Path::new("dist").join(name), DATA);
    }
    let passed =
        ["README.md", ".hidden.tar.gz", "x.tar.gz.sha256", "y.tar.gz.tmp", "z.zip~", "SHA256SUMS"];
    for name in passed {
        sandbox.write(Path::new("dist").join(name), DATA);
    }
    sandbox.write("outside.tar.gz", DATA);
    symlink("../outside.tar.gz", sandbox.path("dist/link.tar.gz")).unwrap();
    symlink(sandbox.folder(), sandbox.path("dist/up")).unwrap();
    sandbox.fifo("dist/fifo.tar.gz");
    let done = sandbox.run("sign dist").exits(0).says("8 signed").says("9 passed over");
    let written: Vec<String> = done.out().lines().map(String::from).collect();
    let mut expected: Vec<String> = taken.iter().map(|name| format!("dist/{name}.sig")).collect();
    expected.sort();
    assert_eq!(written, expected);
    assert!(!sandbox.has("outside.tar.gz.sig") && !sandbox.has("dist/fifo.tar.gz.sig"));
    sandbox.run("sign dist").exits(0).says("0 signed, 8 up to date");
    sandbox.run("verify dist").exits(0);
}

#[test]
fn include_replaces_the_default_patterns_and_exclude_removes_files() {
    let sandbox = alices_desk();
    for name in ["a.tar.gz", "b.tar.gz", "c.bin", "d.sig", ".e.bin"] {
        sandbox.write(Path::new("dist").join(name), DATA);
    }
    let done = sandbox.run("sign dist --dry-run --exclude b.*").exits(0);
    done.says("1 would be signed");
    let json = sandbox.run("--json sign dist --dry-run --include *.bin --include *.sig").exits(0);
    let files = json.json()["files"].as_array().unwrap().len();
    assert_eq!(files, 1);
    sandbox.run("sign dist --include [").exits(2);
    sandbox.run("sign dist --include *.none").exits(3).says("nothing to sign");
}

#[test]
fn one_failing_file_does_not_stop_the_others() {
    let sandbox = alices_desk();
    for name in ["1.tar.gz", "2.tar.gz", "4.tar.gz", "5.tar.gz"] {
        sandbox.write(name, name);
    }
    sandbox.fifo("3.tar.gz");
    for jobs in ["1", "4"] {
        let done = sandbox
            .call([
                "sign", "-j", jobs, "1.tar.gz", "2.tar.gz", "3.tar.gz", "nowhere", "4.tar.gz",
                "5.tar.gz",
            ])
            .limit(Duration::from_secs(20))
            .run()
            .exits(3)
            .says("4 signed, 0 up to date, 2 failed")
            .says("3.tar.gz");
        assert_eq!(done.out().lines().count(), 4);
        for name in ["1", "2", "4", "5"] {
            fs::remove_file(sandbox.path(format!("{name}.tar.gz.sig"))).unwrap();
        }
    }
    sandbox.run("sign -j 0 1.tar.gz").exits(2);
    let json = sandbox.run("--json sign 1.tar.gz nowhere").exits(3).json();
    assert_eq!(json["files"][0]["state"], "signed");
    assert_eq!(json["files"][1]["state"], "failed");
}

#[test]
fn many_files_are_signed_in_parallel_and_all_verify() {
    let sandbox = alices_desk();
    for number in 0..60 {
        sandbox.write(format!("dist/{number:02}.tar.gz"), format!("{number}"));
    }
    let done = sandbox.run("sign -j 8 dist").exits(0);
    assert_eq!(done.out().lines().count(), 60);
    let done = sandbox.run("verify dist").exits(0);
    assert_eq!(done.out().matches("good  ").count(), 60);
}

#[test]
fn awkward_names_are_signed_and_shown_safely() {
    let sandbox = alices_desk();
    let names: [&[u8]; 5] = [
        b"new\nline.tar.gz",
        b"\x1b[2Jescape.tar.gz",
        b"not-\xff\xfe-utf8.tar.gz",
        b"-n.tar.gz",
        "bidi-\u{202e}-\u{9b}.tar.gz".as_bytes(),
    ];
    for name in names {
        sandbox.write(Path::new("dist").join(OsStr::from_bytes(name)), DATA);
    }
    let done = sandbox.run("sign dist").exits(0).prints("dist/-n.tar.gz.sig");
    assert_eq!(done.out().lines().count(), names.len());
    for name in names {
        let signature = [name, b".sig"].concat();
        assert!(sandbox.has(Path::new("dist").join(OsStr::from_bytes(&signature))));
    }
    sandbox.run("verify dist").exits(0);
    fs::remove_dir_all(sandbox.path("dist")).unwrap();
    sandbox.write("-n.tar.gz", DATA);
    sandbox.call(["sign", "-n.tar.gz"]).run().exits(2);
    sandbox.call(["sign", "--", "-n.tar.gz"]).run().exits(0);
    sandbox.call(["verify", "--", "-n.tar.gz"]).run().exits(0);
    sandbox.write("json\nname.tar.gz", DATA);
    let json = sandbox.call(["--json", "sign", "json\nname.tar.gz"]).run().exits(0).json();
    assert_eq!(json["files"][0]["path"], "json\nname.tar.gz");
}

#[test]
fn files_with_long_names_are_signed_if_the_ending_fits() {
    let sandbox = alices_desk();
    let name = format!("{}.tar.gz", "n".repeat(251 - 7));
    sandbox.write(&name, DATA);
    sandbox.call(["sign", &name]).run().exits(0);
    sandbox.call(["verify", &name]).run().exits(0);
    let name = format!("{}.tar.gz", "n".repeat(255 - 7));
    sandbox.write(&name, DATA);
    let before = sandbox.snapshot();
    sandbox.call(["sign", &name]).run().exits(3);
    assert_eq!(before, sandbox.snapshot());
    sandbox.call(["sign", &name, "-o", "short.sig"]).run().exits(0);
    sandbox.call(["verify", &name, "--signature", "short.sig"]).run().exits(0);
}

#[test]
fn files_of_all_sizes_are_signed() {
    let sandbox = alices_desk();
    for size in [0, 1, 65_535, 65_536, 65_537, 3_000_000] {
        sandbox.write(format!("dist/{size}.tar.gz"), vec![0x5A; size]);
    }
    sandbox.run("sign dist").exits(0);
    sandbox.run("verify dist").exits(0);
}

#[test]
fn a_named_link_may_lead_to_its_own_folder_but_not_outside() {
    let sandbox = alices_desk();
    sandbox.write("dist/real.bin", DATA);
    sandbox.write("outside", DATA);
    symlink("real.bin", sandbox.path("dist/inside")).unwrap();
    symlink("../outside", sandbox.path("dist/out")).unwrap();
    symlink("loop", sandbox.path("dist/loop")).unwrap();
    sandbox.run("sign dist/inside").exits(0).prints("dist/inside.sig");
    sandbox.run("sign dist/out").exits(3).says("outside its folder");
    sandbox.run("sign dist/loop").exits(3);
    assert!(!sandbox.has("dist/out.sig") && !sandbox.has("outside.sig"));
}

#[test]
fn folders_devices_and_sockets_are_refused_at_once() {
    let sandbox = alices_desk();
    sandbox.fifo("fifo");
    let _socket = std::os::unix::net::UnixListener::bind(sandbox.path("socket")).unwrap();
    let before = sandbox.snapshot();
    for (name, kind) in [("fifo", "FIFO"), ("socket", "socket"), ("/dev/null", "device")] {
        let call = sandbox.call(["sign", name, "-o", "out"]).limit(Duration::from_secs(10));
        call.run().exits(3).says(kind);
        assert_eq!(before, sandbox.snapshot(), "{name}");
    }
}

#[test]
fn the_key_comes_from_a_file_or_the_environment_without_any_home() {
    let binary = secret(alice());
    let armored = armor(Kind::SecretKey, &binary);
    let text = String::from_utf8(armored.clone()).unwrap();
    let shapes: Vec<(&str, Vec<u8>)> = vec![
        ("binary", binary.clone()),
        ("armored", armored.clone()),
        ("CRLF", text.replace('\n', "\r\n").into_bytes()),
        ("escaped", text.replace('\n', "\\n").into_bytes()),
        ("escaped CRLF", text.replace('\n', "\\r\\n").into_bytes()),
        ("base64", STANDARD.encode(&binary).into_bytes()),
        ("base64 of armor", STANDARD.encode(&armored).into_bytes()),
        ("wrapped base64", {
            let line = STANDARD.encode(&armored);
            let lines: Vec<&[u8]> = line.as_bytes().chunks(76).collect();
            lines.join(&b'\n')
        }),
        ("text around it", format!("Our key:\n\n{text}\nregards\n").into_bytes()),
    ];
    for (name, key) in shapes {
        let sandbox = Sandbox::new();
        sandbox.write("a.tar.gz", DATA);
        sandbox.write("key", &key);
        let before = sandbox.snapshot();
        let done =
            sandbox.call(["sign", "--key-file", "key", "a.tar.gz", "-o", "-"]).homeless().run();
        assert_eq!(done.code(), Some(0), "{name}: {done:?}");
        assert_eq!(before, sandbox.snapshot());
        let done =
            sandbox.call(["sign", "--key-file", "-", "a.tar.gz"]).homeless().stdin(&key).run();
        assert_eq!(done.code(), Some(0), "{name}: {done:?}");
        assert_eq!(sandbox.names("."), ["a.tar.gz", "a.tar.gz.sig", "key"], "{name}");
        fs::remove_file(sandbox.path("a.tar.gz.sig")).unwrap();
        if key.contains(&0) {
            continue; // The environment holds no zero bytes.
        }
        let done =
            sandbox.call(["sign", "a.tar.gz"]).homeless().env_bytes("PLUGSIGN_KEY", &key).run();
        assert_eq!(done.code(), Some(0), "{name}: {done:?}");
        assert_eq!(sandbox.names("."), ["a.tar.gz", "a.tar.gz.sig", "key"], "{name}");
        sandbox.write("signer", public(alice()));
        sandbox.run("verify --key signer a.tar.gz").exits(0);
    }
}

#[test]
fn sign_without_any_key_gives_a_hint() {
    let sandbox = Sandbox::new();
    sandbox.write("a.tar.gz", DATA);
    let before = sandbox.snapshot();
    sandbox.run("sign a.tar.gz").exits(3).says("plugsign keygen");
    sandbox.call(["sign", "a.tar.gz"]).homeless().run().exits(3).says("PLUGSIGN_KEY");
    sandbox.call(["sign", "a.tar.gz"]).homeless().env("PLUGSIGN_KEY", "rubbish").run().exits(3);
    sandbox
        .call(["sign", "a.tar.gz"])
        .homeless()
        .env_bytes("PLUGSIGN_KEY", &armor(Kind::PublicKey, &public(alice())))
        .run()
        .exits(3)
        .says("no secret key");
    assert_eq!(before, sandbox.snapshot());
}

#[test]
fn sign_needs_exactly_one_key() {
    let sandbox = alices_desk();
    sandbox.import(&secret(bob()));
    let before = sandbox.snapshot();
    let done = sandbox.run("sign a.tar.gz").exits(3);
    for cert in [alice(), bob()] {
        assert!(done.err().contains(&cert.fingerprint().to_string()), "{done:?}");
    }
    sandbox.run("sign -u example.org a.tar.gz").exits(3).says("2 keys");
    sandbox.run("sign -u nobody a.tar.gz").exits(3).says("no key matches");
    let fingerprint = alice().fingerprint().to_string();
    sandbox
        .call(["sign", "-u", &fingerprint[32..], "a.tar.gz"])
        .run()
        .exits(3)
        .says("short key ID");
    let key_id_of_nobody = "0123456789ABCDEF";
    sandbox.call(["sign", "-u", key_id_of_nobody, "a.tar.gz"]).run().exits(3);
    assert_eq!(before, sandbox.snapshot());
    for key in [
        fingerprint.clone(),
        format!("{fingerprint}!"),
        format!("0x{}", &fingerprint[24..]),
        "alice@example.org".into(),
    ] {
        sandbox.call(["sign", "--dry-run", "-u", &key, "a.tar.gz"]).run().exits(0);
    }
    // Several in a key file.
    sandbox.write("both", [secret(alice()), secret(bob())].concat());
    sandbox.run("sign --key-file both a.tar.gz").exits(3);
    sandbox.run("sign --key-file both -u Bob a.tar.gz").exits(0);
    sandbox.run("verify --key Bob a.tar.gz").exits(0);
}

#[test]
fn a_certificate_without_secret_key_cannot_sign() {
    let sandbox = Sandbox::new();
    sandbox.import(&public(alice()));
    sandbox.write("a.tar.gz", DATA);
    sandbox.run("sign -u Alice a.tar.gz").exits(3).says("no secret key");
    assert!(!sandbox.has("a.tar.gz.sig"));
}

#[test]
fn if_standard_output_is_full_sign_fails_and_the_signature_stays() {
    if !is_linux("/dev/full") {
        return;
    }
    let sandbox = alices_desk();
    sandbox.call(["sign", "a.tar.gz"]).in_shell("exec \"$@\" >/dev/full").run().exits(3);
    sandbox.run("verify a.tar.gz").exits(0);
    let done = sandbox.call(["sign", "a.tar.gz", "-o", "-"]).in_shell("exec \"$@\" >/dev/full");
    done.run().exits(3);
}

#[test]
fn a_folder_that_cannot_be_written_to_is_an_error() {
    if is_root() {
        eprintln!("run as root: permissions do not bind, so a mount point without space stands in");
    }
    let sandbox = alices_desk();
    let unwritable: PathBuf =
        if is_root() { "/proc/self/a.sig".into() } else { sandbox.path("locked/a.sig") };
    if !is_root() {
        fs::create_dir(sandbox.path("locked")).unwrap();
        sandbox.chmod("locked", 0o555);
    }
    let before = sandbox.snapshot();
    sandbox.call(["sign", "a.tar.gz", "-o"]).arg(&unwritable).run().exits(3);
    assert_eq!(before, sandbox.snapshot());
}

#[test]
fn an_open_part_of_a_key_does_not_hide_that_the_signing_part_is_locked() {
    let encryption =
        Binding { flags: KeyFlags::empty().set_transport_encryption(), back_signature: false };
    let cert = with_subkey(alice().clone(), &mut alices_key(), Material::b(), &encryption);
    let primary = cert.primary_key().key().clone().parts_into_secret().unwrap();
    let locked = primary.encrypt_secret(&"words".into()).unwrap();
    let cert = cert.insert_packets([Packet::from(locked)]).unwrap().0;
    let sandbox = Sandbox::new();
    sandbox.write("a.tar.gz", DATA);
    sandbox.write("key", secret(&cert));
    let sign = || sandbox.call(["sign", "--key-file", "key", "a.tar.gz"]);
    sign().env("PLUGSIGN_PASSPHRASE", "wrong").run().exits(3);
    sign().run().exits(3).says("PLUGSIGN_PASSPHRASE");
    sign().env("PLUGSIGN_PASSPHRASE", "words").run().exits(0);
}

#[test]
fn a_signature_goes_nowhere_but_beside_what_was_read() {
    for line in ["sign dist", "sign --checksums dist", "sign --checksums --list-only dist"] {
        let sandbox = Sandbox::with_passphrase();
        sandbox.keygen("--name A --email a@x.y");
        for folder in ["dist", "other"] {
            sandbox.write(format!("{folder}/a.zip"), folder);
        }
        // The walk is over when the passphrase is read.
        let fifo = sandbox.fifo("fifo");
        let mut call = sandbox.call(line.split_whitespace());
        call = call.arg("--passphrase-file").arg(&fifo).without("PLUGSIGN_PASSPHRASE");
        let mut child = call.command().stderr(std::process::Stdio::null()).spawn().unwrap();
        let mut writer = fs::OpenOptions::new().write(true).open(&fifo).unwrap();
        fs::rename(sandbox.path("dist"), sandbox.path("held")).unwrap();
        symlink("other", sandbox.path("dist")).unwrap();
        std::io::Write::write_all(&mut writer, PASSPHRASE.as_bytes()).unwrap();
        drop(writer);
        assert_eq!(child.wait().unwrap().code(), Some(3), "{line}");
        assert_eq!(sandbox.names("other"), ["a.zip"], "{line}");
    }
}
