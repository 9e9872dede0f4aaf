//! Descriptors that a caller hands down are the caller's very files.

use std::io::{Read, Write};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::process::Stdio;

use crate::common::peers::peer;
use crate::common::sandbox::Sandbox;
use crate::gpg::twins::{StatusLines, Twins};

const QUIETLY: &str = "gpg --batch --yes --pinentry-mode loopback";

/// A desk with a key whose passphrase is "secret words".
fn locked() -> Sandbox {
    let desk = Sandbox::in_place_of_gpg();
    desk.must(&format!(
        "{QUIETLY} --passphrase 'secret words' --quick-generate-key 'A <a@acme.test>' rsa3072 sign 0"
    ));
    desk.write("data", "a release archive");
    desk
}

#[test]
fn a_descriptor_of_a_file_is_read_from_its_position() {
    let desk = locked();
    desk.write("lines", "not this\nsecret words\nnor this\n");
    desk.write("rest", "not this\nsecret words");
    desk.must(&format!("exec 8<lines; read -u8 line; {QUIETLY} --passphrase-fd 8 -b data"));
    desk.must("gpg --verify data.sig data");
    desk.must("exec 8<rest; read -u8 line; plugsign --home $GNUPGHOME/plugsign sign --force --passphrase-fd 8 data");
    let Some(twins) = Twins::new() else { return };
    twins.write("two", "first\nsecond\n");
    twins.write("second", "second\n");
    let (ours, theirs) = twins.sh("exec 8<two; read -u8 line; gpg --batch --enable-special-filenames -o sig -b -- '-&8'; gpg --status-fd 1 --verify sig second");
    for said in [ours, theirs] {
        assert_eq!(said.exit(), 0, "{}", said.shown());
    }
    // Lines are added where the caller's are.
    let (ours, theirs) = twins.sh("exec 9>said; echo before >&9; gpg --status-fd 9 --verify sig second; echo after >&9; grep -vc KEY_CONSIDERED said");
    assert_eq!(ours.out(), theirs.out());
    assert!(twins.ours.read("said").starts_with(b"before\n[GNUPG:] NEWSIG"));
}

#[test]
fn a_socket_is_as_good_as_a_pipe() {
    let desk = locked();
    for line in [
        format!("{QUIETLY} --passphrase-fd 8 --status-fd 9 -b data"),
        "rm data.sig; plugsign --home $GNUPGHOME/plugsign sign --passphrase-fd 8 data >&9"
            .to_string(),
        "gpg --enable-special-filenames --print-md SHA256 '-&8' >&9".to_string(),
    ] {
        let (mut ours, theirs) = UnixStream::pair().unwrap();
        let status = desk
            .command("bash")
            .args(["-c", &format!("exec 8<&0 9>&0 0</dev/null; {line}")])
            .stdin(Stdio::from(OwnedFd::from(theirs)))
            .spawn();
        ours.write_all(b"secret words").unwrap();
        ours.shutdown(std::net::Shutdown::Write).unwrap();
        let mut said = String::new();
        ours.read_to_string(&mut said).unwrap();
        assert!(status.unwrap().wait().unwrap().success(), "{line}: {said}");
        assert!(!said.is_empty(), "{line}");
    }
    desk.must("gpg --verify data.sig data");
}

#[test]
fn a_closed_descriptor_is_named_whatever_its_number() {
    let desk = locked();
    // The lowest numbers are those that the program itself comes to use.
    for number in 3..12 {
        for line in [
            format!("gpg --batch --passphrase-fd {number} -b data"),
            format!("gpg --batch --status-fd {number} -b data"),
            format!("gpg --batch --enable-special-filenames --import -- '-&{number}'"),
            format!("plugsign --home $GNUPGHOME/plugsign sign --passphrase-fd {number} data"),
        ] {
            let said = desk.sh(&format!("exec {number}<&-; {line}"));
            assert_ne!(said.exit(), 0, "{line}: {}", said.shown());
            let words = format!("descriptor {number} is not open");
            assert!(said.err().contains(&words), "{line}: {}", said.shown());
        }
    }
    assert!(!desk.has("data.sig"));
}

/// Old kernels have no such call, and sandboxes forbid it.
#[test]
fn pipes_and_files_work_without_the_system_call_that_duplicates_them() {
    if peer("strace").is_none() {
        return;
    }
    let desk = locked();
    for error in ["ENOSYS", "EPERM"] {
        let inject = format!(
            "strace -qq -o /dev/null -e trace=pidfd_getfd -e inject=pidfd_getfd:error={error}"
        );
        desk.must(&format!(
            "set -o pipefail; {inject} {QUIETLY} --passphrase-fd 8 --status-fd 9 -b data 8< <(printf 'secret words') 9>&1 >/dev/null | grep SIG_CREATED"
        ));
        desk.must(&format!(
            "{inject} {QUIETLY} --passphrase-fd 8 -b data 8<<< 'secret words'; gpg --verify data.sig data"
        ));
    }
}
