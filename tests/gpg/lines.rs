//! The command lines of release scripts, C1 to C35, in their real words: each signs, verifies,
//! imports, exports or lists as it stands. The same line runs on gpg with the same key, where the
//! exit code, the files made and the status lines are the same; each takes the other's signature.
//!
//! Where it is another, the line runs here alone: plugsign takes `--passphrase` without
//! `--pinentry-mode loopback`, and never uses the network.

use crate::common::sandbox::{Done, Sandbox};
use crate::gpg::twins::{GpgKeys, StatusLines};

const PASSPHRASE: &str = "secret words";
const USER_ID: &str = "Acme Release <joe@foo.bar>";

/// A desk with a key, and a gpg that has the same.
struct Script {
    desk: Sandbox,
    judge: Option<Sandbox>,
    fingerprint: String,
}

impl Script {
    fn open() -> Script {
        Script::with("")
    }

    /// With a key that has a passphrase, or none if that is empty.
    fn with(passphrase: &str) -> Script {
        let desk = Sandbox::in_place_of_gpg();
        desk.write("passphrase", passphrase);
        let said = desk.must(&format!(
            "gpg --batch --status-fd 1 --pinentry-mode loopback --passphrase-file passphrase --quick-generate-key '{USER_ID}' rsa3072 sign 1y"
        ));
        let fingerprint = said.fields("KEY_CREATED")[2].clone();
        let judge = Sandbox::of_gpg();
        if let Some(judge) = &judge {
            judge.gpg_import(&desk.must("gpg --export-secret-keys").stdout);
            let trust = format!("{fingerprint}:6:\n");
            judge.script("gpg --import-ownertrust").stdin(trust.as_bytes()).run().exits(0);
            judge.write("passphrase", passphrase);
        }
        let script = Script { desk, judge, fingerprint };
        script.write("file", b"a release archive");
        script
    }

    fn write(&self, name: &str, bytes: impl AsRef<[u8]>) {
        self.desk.write(name, bytes.as_ref());
        if let Some(judge) = &self.judge {
            judge.write(name, bytes);
        }
    }

    /// Runs a line at both, which must end alike and make the same files.
    #[track_caller]
    fn ends(&self, line: &str, input: &str, code: i32) -> Done {
        let line = line.replace("KEY", &self.fingerprint);
        let said = self.desk.script(&line).stdin(input.as_bytes()).run().exits(code);
        if let Some(judge) = &self.judge {
            // An agent remembers passphrases.
            judge.sh("gpgconf --kill gpg-agent");
            let theirs = judge.script(&line).stdin(input.as_bytes()).run().exits(code);
            assert_eq!(self.desk.names("."), judge.names("."), "{line}\n{}", theirs.shown());
            if line.contains("--status-fd") && code == 0 {
                let shapes = [&said, &theirs].map(|said| said.shape(&self.fingerprint));
                assert_eq!(shapes[0], shapes[1], "{line}");
            }
        }
        said
    }

    /// Runs a line, with KEY for the fingerprint, that must succeed.
    #[track_caller]
    fn runs(&self, line: &str) -> Done {
        self.ends(line, "", 0)
    }

    #[track_caller]
    fn runs_with(&self, line: &str, input: &str) -> Done {
        self.ends(line, input, 0)
    }

    /// Asserts that a signature is good, for us and for gpg, and so is gpg's; takes both away.
    #[track_caller]
    fn good(&self, signature: &str, file: &str) {
        let line = format!("gpg --status-fd 1 --verify '{signature}' '{file}'");
        let desks = || [Some(&self.desk), self.judge.as_ref()].into_iter().flatten();
        for maker in desks().map(|desk| desk.read(signature)).collect::<Vec<_>>() {
            for desk in desks() {
                desk.write(signature, &maker);
                assert_eq!(desk.must(&line).fields("VALIDSIG")[1], self.fingerprint);
            }
        }
        for desk in desks() {
            std::fs::remove_file(desk.path(signature)).unwrap();
        }
    }

    fn is_armored(&self, name: &str) -> bool {
        self.desk.read(name).starts_with(b"-----BEGIN PGP SIGNATURE-----")
    }
}

#[test]
fn c1_and_c2_goreleasers_lines_work() {
    let script = Script::open();
    script.runs("signature=file.sig artifact=file; gpg --output $signature --detach-sig $artifact");
    script.good("file.sig", "file");
    script.runs(
        "export GPG_FINGERPRINT=KEY signature=file.sig artifact=file
         gpg --batch -u $GPG_FINGERPRINT --output ${signature} --detach-sign ${artifact}",
    );
    script.good("file.sig", "file");
}

#[test]
fn c3_and_c4_gits_lines_work() {
    let script = Script::open();
    let said = script.runs("gpg --status-fd=2 -bsau KEY < file > sig");
    assert!(said.err().lines().any(|line| line.starts_with("[GNUPG:] SIG_CREATED ")));
    assert!(script.is_armored("sig"));
    let said = script.runs("gpg --keyid-format=long --status-fd=1 --verify sig - < file");
    assert!(said.out().contains("\n[GNUPG:] GOODSIG "), "NEWSIG comes first: {}", said.shown());
    script.good("sig", "file");
}

#[test]
fn c5_mavens_lines_work() {
    let script = Script::with(PASSPHRASE);
    script.runs_with(
        "gpg --homedir $GNUPGHOME --batch --pinentry-mode loopback --passphrase-fd 0 --local-user KEY --armor --detach-sign --status-fd 1 --batch --no-tty --output file.asc file",
        PASSPHRASE,
    );
    assert!(script.is_armored("file.asc"));
    script.good("file.asc", "file");
    script.ends("gpg --batch --local-user joe@foo.bar --armor --detach-sign --status-fd 1 --batch --no-tty --pinentry-mode error --output file.asc file", "", 2);
    assert!(!script.desk.has("file.asc"));
}

#[test]
fn c6_python_gnupgs_lines_work() {
    let script = Script::with(PASSPHRASE);
    let input = format!("{PASSPHRASE}\na release archive");
    script.runs_with(
        "gpg --pinentry-mode loopback --status-fd 2 --no-tty --no-verbose --fixed-list-mode --batch --with-colons --passphrase-fd 0 -sa --detach-sign --default-key KEY --output F",
        &input,
    );
    script.good("F", "file");
}

#[test]
fn c7_and_c8_the_lines_of_jreleaser_and_sbt_work() {
    let script = Script::with(PASSPHRASE);
    script.runs_with(
        "gpg --homedir $GNUPGHOME --local-user KEY --armor --detach-sign --batch --no-tty --pinentry-mode loopback --passphrase-fd 0 --output S file",
        PASSPHRASE,
    );
    script.good("S", "file");
    let sbt = "gpg --batch --passphrase 'secret words' --detach-sign --armor --use-agent --output OUT file";
    script.desk.must(sbt);
    std::fs::remove_file(script.desk.path("OUT")).unwrap();
    script.runs(&sbt.replace("--use-agent", "--use-agent --pinentry-mode loopback"));
    script.good("OUT", "file");
}

#[test]
fn c9_and_c10_the_lines_of_rpm_and_makepkg_work() {
    let script = Script::open();
    script.runs("gpg --no-verbose --no-armor --no-secmem-warning --homedir $GNUPGHOME --digest-algo=sha256 -u KEY -sbo SIG -- file");
    assert!(!script.is_armored("SIG"));
    script.good("SIG", "file");
    script.runs("gpg --no-verbose --no-armor --no-secmem-warning -u KEY -sbo SIG -- - < file");
    script.good("SIG", "file");
    script.runs(
        "GPGKEY=KEY; SIGNWITHKEY=(-u \"${GPGKEY}\"); set -- file
         gpg --detach-sign --use-agent \"${SIGNWITHKEY[@]}\" \"${@}\"",
    );
    script.good("file.sig", "file");
}

#[test]
fn c11_to_c13_apaches_lines_work() {
    let script = Script::open();
    script.runs(
        "SIGN_WITH=KEY; set -- file
         for name in \"${@}\"; do gpg --yes --armor --local-user \"$SIGN_WITH\" --output \"${name}.asc\" --detach-sig \"${name}\"; done",
    );
    script.good("file.asc", "file");
    script.runs("NAME=file; gpg --armor --output ${NAME}.asc --detach-sig ${NAME}");
    script.good("file.asc", "file");
    script.runs("NAME=file; gpg --print-md SHA512 ${NAME} > ${NAME}.sha512");
    if let Some(judge) = &script.judge {
        for name in ["file", "a-name-that-is-longer"] {
            for desk in [&script.desk, judge] {
                desk.write(name, b"a release archive");
            }
            for algorithm in ["MD5", "SHA1", "SHA224", "SHA256", "SHA384", "SHA512"] {
                for line in [
                    format!("gpg --print-md {algorithm} {name}"),
                    format!("gpg --print-md {algorithm} < {name}"),
                    format!("gpg --with-colons --print-md {algorithm} {name}"),
                ] {
                    assert_eq!(script.desk.must(&line).out(), judge.must(&line).out(), "{line}");
                }
            }
        }
    }
    script.runs("f=file; gpg --default-key=\"KEY\" --sign --detach-sign --armor \"$f\"");
    script.good("file.asc", "file");
}

#[test]
fn c14_to_c18_the_lines_of_mattermosts_page_work() {
    let script = Script::open();
    script.write("com.mattermost.demo-plugin-0.1.0.tar.gz", b"a plugin");
    script.runs("gpg -u KEY --verbose --personal-digest-preferences SHA256 --detach-sign com.mattermost.demo-plugin-0.1.0.tar.gz");
    script.good(
        "com.mattermost.demo-plugin-0.1.0.tar.gz.sig",
        "com.mattermost.demo-plugin-0.1.0.tar.gz",
    );
    script.runs("gpg --export-secret-keys KEY > ./my-priv-key");
    script.runs("gpg --export KEY > ./my-pub-key");
    // Binary, not armored; and the other gpg reads them.
    for name in ["my-priv-key", "my-pub-key"] {
        assert!(script.desk.read(name)[0] & 0x80 != 0, "{name}");
    }
    for other in [Some(Sandbox::in_place_of_gpg()), Sandbox::of_gpg()].into_iter().flatten() {
        other.write("my-priv-gpg-key", script.desk.read("my-priv-key"));
        other.must("gpg --import ./my-priv-gpg-key");
        let listing = other.must("gpg --list-secret-keys");
        assert!(listing.out().contains(&script.fingerprint), "{}", listing.shown());
    }
}

#[test]
fn c19_to_c22_the_lines_of_scripts_work() {
    let script = Script::open();
    for name in ["a.pkg", "b.pkg"] {
        script.write(name, name);
    }
    script.write("b.pkg.sig", "there");
    script.runs(
        "SIGN_KEY=KEY; find . -name '*.pkg' | while read -r pkg; do [ -e \"$pkg.sig\" ] || gpg --batch --yes --detach-sign --digest-algo SHA256 -u \"$SIGN_KEY\" --output \"$pkg.sig\" \"$pkg\"; done",
    );
    script.good("a.pkg.sig", "a.pkg");
    assert_eq!(script.desk.read("b.pkg.sig"), b"there");
    script.runs(
        "GPGKEY=KEY; f=file; gpg --batch --yes --detach-sign --no-armor -u \"${GPGKEY}\" \"$f\"",
    );
    script.good("file.sig", "file");
    let locked = Script::with(PASSPHRASE);
    locked.runs("GPG_PASSPHRASE='secret words'; f=file; echo \"$GPG_PASSPHRASE\" | gpg --batch --yes --pinentry-mode loopback --passphrase-fd 0 --detach-sign $f");
    locked.good("file.sig", "file");
    locked.write("SKILL.md", "# Skill");
    locked.runs("GPG_PASSPHRASE='secret words'; gpg --batch --pinentry-mode loopback --passphrase-fd 0 --detach-sign --armor --output SKILL.md.sig SKILL.md <<< \"$GPG_PASSPHRASE\"");
    locked.good("SKILL.md.sig", "SKILL.md");
}

#[test]
fn c23_signatures_are_reproducible() {
    let script = Script::open();
    let sign = "SOURCE_DATE_EPOCH=$(($(date +%s) + 86400)) SIGNING_KEY_FINGERPRINT=KEY output_file=OUT input_file=file
         LC_ALL=C gpg --batch --yes --armor --detach-sign --faked-system-time \"${SOURCE_DATE_EPOCH}!\" --local-user \"${SIGNING_KEY_FINGERPRINT}!\" --output \"$output_file\" \"$input_file\"";
    let fixed = sign.replace("$(($(date +%s) + 86400))", "1900000000");
    // That is after the key has expired.
    script.ends(&fixed, "", 2);
    script.runs(sign);
    let day = "$(($(date +%s) + 86400 * 2))";
    script.runs(&format!("gpg --faked-system-time \"{day}\" --verify OUT file"));
}

#[test]
fn c24_to_c29_keys_move_between_homes() {
    let script = Script::open();
    script.runs("gpg --armor --export-secret-keys KEY | base64 -w0 > PGP_SECRET");
    script.runs("gpg --armor --export-secret-key joe@foo.bar > armored");
    let secret = String::from_utf8(script.desk.read("PGP_SECRET")).unwrap();
    let lines = [
        "export PGP_SECRET=$(cat PGP_SECRET); echo \"$PGP_SECRET\" | base64 --decode | gpg --batch --import",
        "export MAVEN_GPG_KEY=$(cat armored) gpg_home=$GNUPGHOME; printf '%s' \"$MAVEN_GPG_KEY\" | gpg --homedir \"$gpg_home\" --batch --import",
        "gpg --import --batch --yes armored",
    ];
    for line in lines {
        for other in [Some(Sandbox::in_place_of_gpg()), Sandbox::of_gpg()].into_iter().flatten() {
            other.write("PGP_SECRET", &secret);
            other.write("armored", script.desk.read("armored"));
            other.must(line);
            let listing = other.must(&format!(
                "gpg --batch --with-colons --with-keygrip --list-secret-keys {}",
                script.fingerprint
            ));
            let text = listing.out();
            for record in ["sec:", "fpr:", "grp:", "uid:"] {
                assert!(text.lines().any(|line| line.starts_with(record)), "{record} {text}");
            }
        }
    }
}

#[test]
fn c29_a_subkey_leaves_without_its_primary_key() {
    let Some(theirs) = Sandbox::of_gpg() else { return };
    let fingerprint = theirs.gpg_key("Acme <a@acme.test>");
    theirs.must(&format!(
        "gpg --batch --pinentry-mode loopback --passphrase '' --quick-add-key {fingerprint} rsa3072 sign never"
    ));
    let ours = Sandbox::in_place_of_gpg();
    ours.gpg_import(&theirs.must("gpg --batch --export-secret-keys").stdout);
    let subkey =
        ours.must("gpg -K --with-colons | awk -F: '/^ssb/{s=1} s&&/^fpr/{print $10}'").out();
    let subkey = subkey.trim();
    ours.must(&format!(
        "SUB={subkey}; gpg --batch --armor --export-secret-subkeys \"${{SUB}}!\" > secret.asc"
    ));
    ours.must("openssl base64 -A < secret.asc > secret.base64");
    for other in [Sandbox::in_place_of_gpg(), Sandbox::of_gpg().unwrap()] {
        other.write("secret.asc", ours.read("secret.asc"));
        other.write("file", b"data");
        other.must("gpg --batch --import secret.asc");
        let listing = other.must("gpg -K").out();
        assert!(listing.contains("sec#  ") && listing.contains("ssb   "), "{listing}");
        let said = other.must("gpg --batch --status-fd 1 -b file");
        assert_eq!(said.fields("SIG_CREATED")[6], subkey);
        other.must("gpg --verify file.sig file");
    }
}

#[test]
fn c30_and_c31_the_network_is_refused() {
    let script = Script::open();
    let line = format!(
        "gpg --keyserver hkp://keyserver.ubuntu.com --send-key {}",
        &script.fingerprint[24..]
    );
    script.desk.sh(&line).exits(2).says("never uses the network");
    let line = "gpg --batch --keyserver keyserver.ubuntu.com --receive-keys 0123456789ABCDEF";
    script.desk.sh(line).exits(2).says("never uses the network");
    script.write("SHA256SUMS", "sums");
    script.runs("gpg --batch -b SHA256SUMS && gpg --batch --verify SHA256SUMS.sig SHA256SUMS");
}

#[test]
fn c32_and_c33_releases_are_verified() {
    let script = Script::open();
    script.desk.must("gpg --armor -b file && (echo 'Words before.'; gpg --armor --export) > KEYS");
    script.desk.must("gpg --export > fedora.gpg");
    for other in [Some(Sandbox::in_place_of_gpg()), Sandbox::of_gpg()].into_iter().flatten() {
        for name in ["file", "file.asc", "KEYS", "fedora.gpg"] {
            other.write(name, script.desk.read(name));
        }
        other.must("gpg --import KEYS");
        other.must("gpg --verify file.asc file");
        other.must("butane=file; gpgv --keyring ./fedora.gpg \"${butane}.asc\" \"$butane\"");
    }
}

#[test]
fn c34_and_c35_new_keys_and_release_files_are_made() {
    for desk in [Some(Sandbox::in_place_of_gpg()), Sandbox::of_gpg()].into_iter().flatten() {
        desk.write("pass", PASSPHRASE);
        desk.must("gpg --batch --passphrase-file pass --quick-generate-key \"Your Name <your@email.com>\" rsa3072 sign 1y");
        let made = desk.must("gpg -k --with-colons your@email.com | grep ^pub | cut -d: -f3,4,12");
        assert_eq!(made.out(), "3072:1:scSC\n", "{:?}", desk.who);
        // The two lines of YubiKey-Guide: a key that only certifies, and its subkey.
        desk.must(r#"export CERTIFY_PASS=secret; gpg="gpg --batch --pinentry-mode loopback --passphrase-fd 0"
            echo "$CERTIFY_PASS" | $gpg --quick-generate-key 'Me <m@x>' rsa4096 cert never || exit 1
            KEYFP=$(gpg -k --with-colons m@x | awk -F: '/^fpr:/ { print $10; exit }')
            echo "$CERTIFY_PASS" | $gpg --quick-add-key "$KEYFP" rsa4096 sign 2y || exit 1
            echo Suite > Release; echo "$CERTIFY_PASS" | $gpg -u m@x -o sig -b Release"#);
        let made = desk.must("gpg -k --with-colons m@x | grep -E '^(pub|sub)' | cut -d: -f3,4,12");
        assert_eq!(made.out(), "4096:1:cSC\n4096:1:s\n", "{:?}", desk.who);
    }
    let script = Script::open();
    script.write("Release", "Suite: stable");
    script.runs("GPG_KEY_ID=KEY; gpg --batch --yes --detach-sign --armor --local-user \"$GPG_KEY_ID\" --output Release.gpg Release");
    script.good("Release.gpg", "Release");
}

#[test]
fn parameter_files_make_keys() {
    let desk = Sandbox::in_place_of_gpg();
    desk.write(
        "parameters",
        "%echo Generating a key\nKey-Type: RSA\nKey-Length: 3072\nSubkey-Type: RSA\n\
         Subkey-Length: 3072\nName-Real: Joe Tester\nName-Comment: tests\n\
         Name-Email: joe@foo.bar\nExpire-Date: 2y\nPassphrase: secret words\nHandle: a\n%commit\n%echo done\n",
    );
    let said = desk.must("gpg --status-fd 1 --batch --gen-key parameters");
    assert_eq!(said.fields("KEY_CREATED").len(), 4, "{}", said.shown());
    assert!(said.err().contains("gpg: done"), "{}", said.shown());
    desk.write("file", "data");
    desk.must("gpg --batch --pinentry-mode loopback --passphrase-fd 0 -b file <<< 'secret words'");
    // The same on standard input, and without protection.
    let parameters = "Key-Type: RSA\nName-Email: second@foo.bar\n%no-protection\n";
    desk.script("gpg --batch --generate-key").stdin(parameters.as_bytes()).run().exits(0);
    desk.must("gpg --batch --yes -u second@foo.bar -b file");
    for weak in [
        "Key-Type: RSA\nKey-Length: 2048\nName-Real: Weak\n%no-protection\n",
        "Key-Type: DSA\nName-Real: Other\n",
    ] {
        let said = desk.script("gpg --batch --gen-key").stdin(weak.as_bytes()).run();
        assert_eq!(said.exit(), 2, "{}", said.shown());
    }
    let said = desk.sh("gpg --status-fd 1 --batch --passphrase '' --quick-generate-key 'Joe Tester (tests) <joe@foo.bar>'");
    assert_eq!(said.fields("ERROR"), ["ERROR", "genkey", "33554736"], "{}", said.shown());
}
