//! GnuPG homes, taken over where they are.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::Write;
use std::os::unix::fs::{FileTypeExt, MetadataExt, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;

use aes::Aes128;
use ocb3::aead::{AeadInPlace, KeyInit};
use sequoia_openpgp::crypto::S2K;
use sequoia_openpgp::types::HashAlgorithm;

use crate::common::sandbox::{Done, PASSPHRASE, Sandbox, signature_of};
use crate::interop::gpg::{self, Gpg};
use crate::interop::judges;

const DATA: &[u8] = b"a release";

/// Writes files in the bare canonical form of gpg 2.1, with CBC, instead of the newer one.
const CANONICAL: &str = "disable-extended-key-format\n";

/// Makes a gpg home with such settings of its agent, and keys.
fn home(agent: &str, keys: &[&[u8]]) -> Option<Gpg> {
    let gpg = Gpg::new()?;
    let mut settings = File::options().append(true).open(gpg.path("gpg-agent.conf")).unwrap();
    settings.write_all(agent.as_bytes()).unwrap();
    keys.iter().for_each(|key| gpg.import(key));
    Some(gpg)
}

/// A file, folder or link as it is: its bytes, mode, size and time of change.
type State = (Vec<u8>, u32, u64, i64, i64);

/// Everything in a home but the agent's sockets, which it takes away in its own time when it is
/// told to go. That changes the times of their folder, so that of folders the modes alone count.
fn state(folder: &Path) -> BTreeMap<PathBuf, State> {
    let mut found = BTreeMap::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let Ok(meta) = fs::symlink_metadata(&path) else { continue };
            if meta.file_type().is_socket() {
                continue;
            }
            if meta.is_dir() {
                found.insert(path.clone(), (Vec::new(), meta.mode(), 0, 0, 0));
                folders.push(path);
                continue;
            }
            let small = meta.is_file() && meta.len() < 1 << 26;
            let bytes = if small { fs::read(&path).unwrap() } else { Vec::new() };
            let times = (meta.mtime(), meta.mtime_nsec());
            found.insert(path, (bytes, meta.mode(), meta.len(), times.0, times.1));
        }
    }
    found
}

/// Takes a home over, and asserts that nothing in it changed.
fn take_over(plugsign: &Sandbox, gpg: &Gpg, passphrase: &str, options: &[&str]) -> Done {
    gpg.forget_passphrases();
    let folder = gpg.path("");
    let before = state(&folder);
    let call = plugsign.call(["import", "--from-gnupg"]).arg(&folder).args(options);
    let done = call.env("PLUGSIGN_PASSPHRASE", passphrase).run();
    assert_eq!(before, state(&folder), "GnuPG's files stay as they are");
    done
}

fn key_files(gpg: &Gpg) -> Vec<PathBuf> {
    let listing = fs::read_dir(gpg.path("private-keys-v1.d")).unwrap();
    let mut files: Vec<PathBuf> = listing.map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
}

/// Returns the file of a certificate's key: the primary one, or a subkey by its place.
fn key_file(gpg: &Gpg, place: usize) -> PathBuf {
    let listing = gpg.text(&["--with-colons", "--with-keygrip", "--list-keys"]);
    let grips: Vec<&str> = listing
        .lines()
        .filter(|line| line.starts_with("grp:"))
        .map(|line| line.split(':').nth(9).unwrap())
        .collect();
    gpg.path("private-keys-v1.d").join(format!("{}.key", grips[place]))
}

/// Signs with the one key of the home, and has everybody check it with gpg's own certificate.
fn signs(plugsign: &Sandbox, certificate: &[u8]) {
    let file = plugsign.write("release.tar", DATA);
    let signature = plugsign.sign(&file);
    judges::all_accept(certificate, &signature, DATA);
}

#[test]
fn protected_keys_are_imported_from_both_file_forms_and_sign() {
    let Some(key) = gpg::rsa_and_rsa() else { return };
    for (agent, form, protection) in [
        ("", &b"Created:"[..], "openpgp-s2k3-ocb-aes"),
        (CANONICAL, b"(21:protected-private-key", "openpgp-s2k3-sha1-aes-cbc"),
    ] {
        // With its passphrase at hand, gpg stores the key in its own protection.
        let Some(gpg) = home(agent, &[&key.secret]) else { return };
        gpg.sign(&gpg.path("import"), &[]);
        let bytes = fs::read(key_file(&gpg, 0)).unwrap();
        assert!(bytes.starts_with(form), "{}", bytes[..40].escape_ascii());
        let plain: Vec<u8> = bytes.iter().copied().filter(|byte| !b"\n ".contains(byte)).collect();
        assert!(contains(&plain, protection.as_bytes()), "{agent}");
        let plugsign = Sandbox::with_passphrase();
        let said = take_over(&plugsign, &gpg, PASSPHRASE, &[]);
        assert_eq!(said.code(), Some(0), "{said:?}");
        assert!(said.out().starts_with("new  "), "{said:?}");
        assert!(said.out().contains("  secret key  Acme Release <release@acme.test>"), "{said:?}");
        signs(&plugsign, &key.certificate);
        let again = take_over(&plugsign, &gpg, PASSPHRASE, &[]);
        assert!(again.is_ok() && again.out().starts_with("unchanged  "), "{again:?}");

        // The encryption subkey came too: gpg takes the whole key back.
        let exported = plugsign.call(["export", "--secret", "acme"]).run().exits(0).stdout;
        let back = home("", &[&exported]).unwrap();
        let listing = back.text(&["--with-colons", "--list-secret-keys"]);
        let secret = listing.lines().filter(|line| line.split(':').nth(14) == Some("+")).count();
        assert_eq!(secret, 2, "{listing}");
    }
}

fn contains(bytes: &[u8], part: &[u8]) -> bool {
    bytes.windows(part.len()).any(|window| window == part)
}

#[test]
fn a_key_that_gpg_imported_and_never_used_is_imported() {
    let Some(key) = gpg::rsa_and_rsa() else { return };
    let Some(gpg) = Gpg::new() else { return };
    fs::write(gpg.path("key"), &key.secret).unwrap();
    // Without a passphrase, gpg keeps the packet's own protection.
    let path = gpg.path("key");
    let said = gpg.run_with(&["--import", path.to_str().unwrap()], "");
    assert_eq!(said.code(), Some(0), "{said:?}");
    assert!(contains(&fs::read(key_file(&gpg, 0)).unwrap(), b"openpgp-native"));
    let plugsign = Sandbox::with_passphrase();
    let wrong = take_over(&plugsign, &gpg, "wrong", &[]);
    assert!(wrong.code() == Some(3) && wrong.out().contains("wrong passphrase"), "{wrong:?}");
    let said = take_over(&plugsign, &gpg, PASSPHRASE, &[]);
    assert_eq!(said.code(), Some(0), "{said:?}");
    signs(&plugsign, &key.certificate);
}

#[test]
fn importing_an_unprotected_key_needs_a_passphrase_or_an_option() {
    let Some(key) = gpg::unprotected() else { return };
    for (agent, used) in [("", false), ("", true), (CANONICAL, true)] {
        let Some(gpg) = home(agent, &[&key.secret]) else { return };
        if used {
            // Until then, the file keeps the form that was imported.
            gpg.sign(&gpg.path("import"), &[]);
        }
        let plugsign = Sandbox::with_passphrase();
        let none = take_over(&plugsign, &gpg, "", &[]);
        assert!(none.code() == Some(3) && none.out().starts_with("refused  "), "{none:?}");
        let said = take_over(&plugsign, &gpg, PASSPHRASE, &[]);
        assert_eq!(said.code(), Some(0), "{said:?}");
        signs(&plugsign, &key.certificate);
        let file = plugsign.write("other.tar", DATA);
        // It is protected now.
        plugsign.call(["sign"]).arg(&file).env("PLUGSIGN_PASSPHRASE", "wrong").run().exits(3);

        let open = Sandbox::with_passphrase();
        let said = take_over(&open, &gpg, "", &["--no-passphrase"]);
        assert_eq!(said.code(), Some(0), "{said:?}");
        signs(&open, &key.certificate);
    }
}

#[test]
fn a_wrong_passphrase_keeps_only_its_own_key_out() {
    let (Some(locked), Some(open)) = (gpg::rsa_4096(), gpg::unprotected()) else { return };
    let Some(gpg) = home("", &[&locked.secret, &open.secret]) else { return };
    let plugsign = Sandbox::with_passphrase();
    let said = take_over(&plugsign, &gpg, "wrong", &[]);
    assert_eq!(said.code(), Some(3), "{said:?}");
    assert!(said.out().contains("wrong passphrase for "), "{said:?}");
    assert!(said.out().contains("secret key  Acme Open"), "{said:?}");
    assert!(!plugsign.call(["list"]).run().exits(0).out().contains("Acme Large"));
}

#[test]
fn weak_keys_and_keys_of_other_kinds_are_listed_with_the_reason() {
    let (Some(small), Some(curves), Some(good), Some(mixed)) =
        (gpg::rsa_2048(), gpg::curves(), gpg::unprotected(), gpg::curve_subkey())
    else {
        return;
    };
    let Some(gpg) = home("", &[&small.secret, &curves.secret, &good.secret, &mixed.secret]) else {
        return;
    };
    let plugsign = Sandbox::with_passphrase();
    let said = take_over(&plugsign, &gpg, PASSPHRASE, &[]);
    assert_eq!(said.code(), Some(4), "{said:?}");
    let out = said.out();
    let lines: Vec<&str> = out.lines().collect();
    let count = |word: &str| lines.iter().filter(|line| line.contains(word)).count();
    assert_eq!(count("RSA of 2048 bits is too weak"), 1, "{lines:?}");
    assert_eq!(count("EdDSA"), 1, "{lines:?}");
    // The subkey stays behind, its key comes over.
    assert_eq!(count("ECDH is not accepted"), 1, "{lines:?}");
    assert_eq!(count("skipped  "), 1, "{lines:?}");
    assert_eq!(count("refused  "), 2, "{lines:?}");
    assert_eq!(count("secret key  Acme Open"), 1, "{lines:?}");
    assert_eq!(count("secret key  Acme Release"), 1, "{lines:?}");
    assert_eq!(lines.len(), 5, "each once: {lines:?}");
}

#[test]
fn a_subkey_that_cannot_be_imported_does_not_keep_its_key_out() {
    let Some(mixed) = gpg::curve_subkey() else { return };
    let Some(gpg) = home("", &[&mixed.secret]) else { return };
    let said = take_over(&Sandbox::with_passphrase(), &gpg, PASSPHRASE, &[]);
    assert!(said.is_ok() && said.out().contains("skipped  "), "{said:?}");
}

#[test]
fn a_signing_subkey_is_imported_with_and_without_its_primary_key() {
    let Some(key) = gpg::signing_subkey() else { return };
    let Some(gpg) = home(CANONICAL, &[&key.secret]) else { return };
    let plugsign = Sandbox::with_passphrase();
    assert_eq!(take_over(&plugsign, &gpg, PASSPHRASE, &[]).code(), Some(0));
    signs(&plugsign, &key.certificate);

    fs::remove_file(key_file(&gpg, 0)).unwrap();
    let plugsign = Sandbox::with_passphrase();
    let said = take_over(&plugsign, &gpg, PASSPHRASE, &[]);
    assert_eq!(said.code(), Some(0), "{said:?}");
    signs(&plugsign, &key.certificate);
    // gpg reads the stub in the place of the primary key.
    let exported = plugsign.call(["export", "--secret", "acme"]).run().exits(0).stdout;
    let back = home("", &[&exported]).unwrap();
    let listing = back.text(&["--with-colons", "--list-secret-keys"]);
    let primary = listing.lines().find(|line| line.starts_with("sec:")).unwrap();
    assert_eq!(primary.split(':').nth(14), Some("#"), "{listing}");
}

#[test]
fn the_old_keyring_and_certificates_of_others_are_imported() {
    let (Some(mine), Some(theirs)) = (gpg::rsa_4096(), gpg::rsa_and_rsa()) else { return };
    let Some(gpg) = Gpg::new() else { return };
    // gpg goes on with an old keyring where there is one.
    fs::write(gpg.path("pubring.gpg"), b"").unwrap();
    gpg.import(&mine.secret);
    gpg.import(&theirs.certificate);
    assert!(!gpg.path("pubring.kbx").exists());
    fs::write(gpg.path("secring.gpg"), b"\x95").unwrap();
    let plugsign = Sandbox::with_passphrase();
    let said = take_over(&plugsign, &gpg, PASSPHRASE, &[]);
    assert_eq!(said.code(), Some(0), "{said:?}");
    assert!(said.out().contains("  secret key  Acme Large"), "{said:?}");
    assert!(said.out().contains("  certificate  Acme Release"), "{said:?}");
    assert!(said.out().contains("secring.gpg: it is the keyring of gpg 2.0"), "{said:?}");
    signs(&plugsign, &mine.certificate);
}

#[test]
fn the_folder_comes_from_the_environment() {
    let Some(key) = gpg::unprotected() else { return };
    let Some(gpg) = home("", &[&key.secret]) else { return };
    for (variable, value) in [("GNUPGHOME", gpg.path("")), ("HOME", gpg.path("user"))] {
        fs::create_dir_all(gpg.path("user")).unwrap();
        let _ = symlink(gpg.path(""), gpg.path("user/.gnupg"));
        let plugsign = Sandbox::with_passphrase();
        plugsign.call(["import", "--from-gnupg"]).env(variable, value).run().exits(0);
    }
    let plugsign = Sandbox::with_passphrase();
    let said = plugsign.call(["import", "--from-gnupg", "/nowhere"]).run();
    assert!(said.code() == Some(3) && said.err().contains("cannot read /nowhere"), "{said:?}");
    let both = plugsign.call(["import", "--from-gnupg", "/nowhere", "file"]).run();
    assert_eq!(both.code(), Some(2), "{both:?}");
}

/// Writes an S-expression's atom in the canonical form.
fn atom(bytes: &[u8]) -> Vec<u8> {
    [format!("{}:", bytes.len()).as_bytes(), bytes].concat()
}

fn field(name: &str, value: &[u8]) -> Vec<u8> {
    [b"(", &atom(name.as_bytes())[..], &atom(value), b")"].concat()
}

/// Takes the first list of that name out of a canonical expression.
fn cut<'a>(bytes: &'a [u8], name: &str) -> &'a [u8] {
    let start = [b"(", &atom(name.as_bytes())[..]].concat();
    let begin = bytes.windows(start.len()).position(|window| window == start).unwrap();
    let rest = &bytes[begin + start.len()..];
    let colon = rest.iter().position(|byte| *byte == b':').unwrap();
    let length: usize = std::str::from_utf8(&rest[..colon]).unwrap().parse().unwrap();
    &bytes[begin..begin + start.len() + colon + 1 + length + 1]
}

/// The OCB form as keyformat.txt describes it, in a canonical expression, made here: an oracle
/// that does not share its code with what is tested, and shows what is authenticated.
#[test]
fn the_authenticated_form_holds_the_public_part() {
    let Some(key) = gpg::unprotected() else { return };
    let Some(gpg) = home(CANONICAL, &[&key.secret]) else { return };
    gpg.sign(&gpg.path("import"), &[]);
    let file = key_file(&gpg, 0);
    let open = fs::read(&file).unwrap();
    let [n, e] = ["n", "e"].map(|name| cut(&open, name));
    let numbers: Vec<u8> = ["d", "p", "q", "u"].map(|name| cut(&open, name)).concat();
    let mut data = [b"((", &numbers[..], b"))"].concat();
    let at = field("protected-at", b"20261122T200000");
    let associated = [b"(3:rsa", n, e, &at, b")"].concat();
    let (salt, nonce) = ([7; 8], [9; 12]);
    let s2k = S2K::Iterated { hash: HashAlgorithm::SHA1, salt, hash_bytes: 65_536 };
    let secret = s2k.derive_key(&PASSPHRASE.into(), 16).unwrap();
    let cipher = ocb3::Ocb3::<Aes128>::new_from_slice(&secret).unwrap();
    let tag = cipher.encrypt_in_place_detached(&nonce.into(), &associated, &mut data).unwrap();
    data.extend(tag);
    let write = |at: &[u8]| {
        let derivation = [b"(4:sha1", &atom(&salt)[..], &atom(b"65536"), b")"].concat();
        let parameters = [b"(", &derivation[..], &atom(&nonce), b")"].concat();
        let method = atom(b"openpgp-s2k3-ocb-aes");
        let protected = [b"(9:protected", &method[..], &parameters, &atom(&data), b")"].concat();
        let whole = [b"(21:protected-private-key(3:rsa", n, e, &protected, at, b"))"].concat();
        fs::write(&file, whole).unwrap();
    };
    write(&field("protected-at", b"20261122T200001"));
    let said = take_over(&Sandbox::with_passphrase(), &gpg, PASSPHRASE, &[]);
    assert!(said.code() == Some(3) && said.out().contains("wrong passphrase"), "{said:?}");
    write(&at);
    let plugsign = Sandbox::with_passphrase();
    let said = take_over(&plugsign, &gpg, PASSPHRASE, &[]);
    assert_eq!(said.code(), Some(0), "{said:?}");
    signs(&plugsign, &key.certificate);
}

/// A home with one good key and one that is to be spoiled, which is not protected.
fn good_and_other() -> Option<(Gpg, PathBuf)> {
    let gpg = home(CANONICAL, &[&gpg::unprotected()?.secret])?;
    gpg.sign(&gpg.path("import"), &[]);
    let other = key_file(&gpg, 0);
    gpg.import(&gpg::rsa_4096()?.secret);
    Some((gpg, other))
}

fn swapped(bytes: &[u8], from: &[u8], to: &[u8]) -> Vec<u8> {
    let place = bytes.windows(from.len()).position(|window| window == from).unwrap();
    [&bytes[..place], to, &bytes[place + from.len()..]].concat()
}

#[test]
fn hostile_private_keys_are_refused_by_name_and_the_others_are_imported() {
    let Some((gpg, file)) = good_and_other() else { return };
    let good = fs::read(&file).unwrap();
    let n = cut(&good, "n");
    let d = cut(&good, "d");
    let numbers: Vec<u8> = ["d", "p", "q", "u"].map(|name| cut(&good, name)).concat();
    let shadowed = [
        b"(20:shadowed-private-key(3:rsa",
        n,
        cut(&good, "e"),
        b"(8:shadowed5:t1-v1(4:\xd2\x76\0\x019:OPENPGP.1))))",
    ]
    .concat();
    // Each within its own length: one d of a hundred is shorter by a byte.
    let other = |number: &[u8]| {
        let mut other = number.to_vec();
        other[number.len() - 3] ^= 4;
        other
    };
    let (other_n, other_d) = (other(n), other(d));
    let deep = [b"(".repeat(10_000), b")".repeat(10_000)].concat();
    let protection = b"(9:protected6:future(4:data))";
    let costly: Vec<u8> = [
        &b"(9:protected20:openpgp-s2k3-ocb-aes((4:sha18:saltsalt10:4294967295)12:nonce"[..],
        b"nonceno)32:",
        &[0; 32],
        b")",
    ]
    .concat();
    let protected = |part: &[u8]| {
        let public = [n, cut(&good, "e")].concat();
        [b"(21:protected-private-key(3:rsa", &public[..], part, b"))"].concat()
    };
    for (name, bytes, exit, why) in [
        ("shadowed", shadowed, 4, "its secret part is not here"),
        ("another key's modulus", swapped(&good, n, &other_n), 3, "another key than it is named"),
        ("another key's d", swapped(&good, d, &other_d), 4, "do not belong together"),
        ("without numbers", swapped(&good, &numbers, b""), 3, "not all numbers"),
        ("nested", deep, 3, "no S-expression"),
        ("nested advanced", [b"Key: ".to_vec(), b"(a ".repeat(10_000)].concat(), 3, "no S-exp"),
        ("cut short", good[..good.len() / 2].to_vec(), 3, "no S-expression"),
        ("empty", Vec::new(), 3, "no S-expression"),
        ("unknown protection", protected(protection), 3, "its protection is not known: future"),
        ("costly", protected(&costly), 4, "4294967295 bytes of SHA-1"),
        ("long atom", b"(11:private-key(3:rsa(1:n4294967295:x".to_vec(), 3, "no S-expression"),
    ] {
        fs::write(&file, bytes).unwrap();
        refuses(&gpg, name, exit, why);
    }
}

/// Asserts that something is said of a home, with an exit code, and that the good key comes over.
fn refuses(gpg: &Gpg, name: &str, exit: i32, why: &str) {
    let plugsign = Sandbox::with_passphrase();
    let said = take_over(&plugsign, gpg, PASSPHRASE, &[]);
    assert!(said.code() == Some(exit) && said.out().contains(why), "{name}: {said:?}");
    assert!(said.out().contains("  secret key  Acme Large"), "{name}: {said:?}");
    assert!(!said.out().contains("  secret key  Acme Open"), "{name}: {said:?}");
}

#[test]
fn large_and_special_files_in_the_home_are_refused_by_name() {
    let Some((gpg, file)) = good_and_other() else { return };
    let outside = tempfile::NamedTempFile::new().unwrap();
    fs::copy(&file, outside.path()).unwrap();
    let fresh = || fs::remove_file(&file).unwrap();

    fresh();
    File::create(&file).unwrap().set_len(1 << 30).unwrap();
    refuses(&gpg, "1 GiB", 3, "larger than 262144 bytes");
    fresh();
    assert!(Command::new("mkfifo").arg(&file).status().unwrap().success());
    refuses(&gpg, "FIFO", 3, "is a FIFO");
    fresh();
    symlink(outside.path(), &file).unwrap();
    refuses(&gpg, "link", 3, "is a link that leads outside its folder");
    fresh();
    symlink(&file, &file).unwrap();
    refuses(&gpg, "endless link", 3, "cannot read");
    fresh();
    fs::create_dir(&file).unwrap();
    refuses(&gpg, "folder", 3, "is a folder");
}

#[test]
fn the_keys_before_the_damage_in_a_keybox_are_imported() {
    let Some(made) = gpg::rsa_4096() else { return };
    let Some(gpg) = home("", &[&made.secret]) else { return };
    let path = gpg.path("pubring.kbx");
    let good = fs::read(&path).unwrap();
    for (name, tail) in [
        ("4 GiB", &b"\xff\xff\xff\xff\x02\x01\0\0"[..]),
        ("nothing", b"\0\0\0\0"),
        ("cut short", &good[..100]),
    ] {
        let tail = if name == "cut short" { &good[32..200] } else { tail };
        fs::write(&path, [&good[..], tail].concat()).unwrap();
        refuses(&gpg, name, 3, "pubring.kbx: GnuPG's file cannot be used");
    }
    let plugsign = Sandbox::with_passphrase();
    for (name, bytes) in [("no keybox", &b"text"[..]), ("half", &good[..good.len() / 2])] {
        fs::write(&path, bytes).unwrap();
        let said = take_over(&plugsign, &gpg, PASSPHRASE, &[]);
        assert!(said.code() == Some(3) && said.out().contains("pubring.kbx: "), "{name}: {said:?}");
        assert!(said.out().contains(".key: no certificate belongs to it"), "{name}: {said:?}");
    }
    assert_eq!(key_files(&gpg).len(), 1);
    assert!(!signature_of(&path).exists());
}
