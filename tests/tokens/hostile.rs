//! Servers that say nothing, too little, too much, too late, or something else.

use std::io::{self, Read, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::process::Stdio;
use std::thread;
use std::time::{Duration, Instant};

use plugsign::disk::token_server::{Patience, TokenServer};
use plugsign::openpgp::token::{Error, Token, TokenUri};

use crate::tokens::token::Desk;

/// Asks a server that is this line of shell for its token.
fn ask(line: &str, patience: Duration) -> Error {
    let patience = Patience { start: patience, call: patience, generation: patience };
    let server = TokenServer { command: Some(line.into()), patience, ..TokenServer::default() };
    let uri = TokenUri::default();
    let token = server.connect(&uri).and_then(|link| Token::find(link, &uri, false));
    token.err().unwrap_or_else(|| panic!("{line}: a token"))
}

const LONG: Duration = Duration::from_secs(30);

/// The answer to C_Initialize, as p11-kit gives it: the first frame has the code 1.
const BEGUN: &str = r"\0\0\0\1\0\0\0\0\0\0\0\10\0\0\0\1\0\0\0\0";

#[test]
fn a_server_that_ends_or_does_not_start_is_named() {
    for line in ["true", "exec <&-; exit 3", "echo 'no such host: signer' >&2; exit 255"] {
        let error = ask(line, LONG);
        assert!(
            matches!(&error, Error::Unreachable { place, .. } if place == line),
            "{line}: {error}"
        );
    }
    let said = ask("echo 'ssh: no such host: signer' >&2; exit 255", LONG).to_string();
    assert!(said.ends_with("cannot be reached: ssh: no such host: signer"), "{said}");
    let said = ask("printf 'colour \\033[31m\\n' >&2; exit 255", LONG).to_string();
    assert!(!said.contains('\u{1b}'), "{said}");
}

#[test]
fn a_server_of_another_protocol_is_named() {
    assert_eq!(ask(r"printf '\003'; cat >/dev/null", LONG), Error::Version(3));
    // A shell's greeting before the protocol.
    assert_eq!(ask("echo Welcome; cat >/dev/null", LONG), Error::Version(b'W'));
}

#[test]
fn a_server_that_answers_garbage_is_told_apart_from_one_that_refuses() {
    let after = |bytes: &str| ask(&format!(r"printf '\0{BEGUN}{bytes}'; cat >/dev/null"), LONG);
    let garbage = [
        // To nobody's question.
        r"\0\0\0\11\0\0\0\0\0\0\0\10\0\0\0\4\0\0\0\0",
        // To another call.
        r"\0\0\0\2\0\0\0\0\0\0\0\10\0\0\0\1\0\0\0\0",
        // Too short, and with less than it announces.
        r"\0\0\0\2\0\0\0\0\0\0\0\2\0\0",
        r"\0\0\0\2\0\0\0\0\0\0\0\12\0\0\0\4\377\0\0\0au",
        // More slots than the answer has bytes for.
        r"\0\0\0\2\0\0\0\0\0\0\0\17\0\0\0\4\0\0\0\2au\1\377\377\377\376",
        // More bytes than anything may have, in message and options.
        r"\0\0\0\2\0\0\0\0\177\377\377\377",
        r"\0\0\0\2\177\377\377\377\0\0\0\0",
    ];
    for bytes in garbage {
        let error = after(bytes);
        assert!(matches!(error, Error::Garbage(_)), "{bytes}: {error}");
    }
    let refused = after(r"\0\0\0\2\0\0\0\0\0\0\0\21\0\0\0\0\0\0\0\1u\0\0\0\0\0\0\0\60");
    assert_eq!(refused, Error::Refused { call: "C_GetSlotList", code: 0x30 });
    // No slots at all.
    let none = after(r"\0\0\0\2\0\0\0\0\0\0\0\17\0\0\0\4\0\0\0\2au\0\0\0\0\0");
    assert_eq!(none, Error::NoToken("pkcs11:".into()));
}

#[test]
fn a_server_that_floods_is_not_listened_to() {
    let begun = Instant::now();
    let error = ask("cat /dev/zero", LONG);
    assert!(matches!(error, Error::Garbage(_)), "{error}");
    let error = ask("yes", LONG);
    assert_eq!(error, Error::Version(b'y'));
    assert!(begun.elapsed() < Duration::from_secs(20));
}

#[test]
fn a_server_that_is_late_is_left_after_its_time() {
    let patience = Duration::from_secs(1);
    for line in [
        // Nothing at all, also after the start, and a byte now and then.
        "exec sleep 100",
        r"printf '\0'; exec sleep 100",
        r"printf '\0'; for i in 1 2 3 4 5 6 7 8 9 10 11 12; do printf '\0'; sleep 0.7; done; sleep 100",
    ] {
        let begun = Instant::now();
        assert_eq!(ask(line, patience), Error::Late(1), "{line}");
        assert!(begun.elapsed() < Duration::from_secs(10), "{line}");
    }
}

#[test]
fn a_server_that_hangs_up_in_the_middle_is_lost() {
    let error = ask(&format!(r"printf '\0{BEGUN}'; head -c 80 >/dev/null"), LONG);
    assert!(matches!(error, Error::Lost(_)), "{error}");
    // It may be gone before anything is asked.
    let error = ask(&format!(r"printf '\0{BEGUN}\0\0\0\2\0\0'"), LONG);
    assert!(matches!(error, Error::Lost(_) | Error::Unreachable { .. }), "{error}");
}

/// Passes on what a token's server says, and changes the last byte of every signature.
fn falsify(mut from: impl Read, mut to: UnixStream) -> io::Result<()> {
    const SIGN: [u8; 4] = [0, 0, 0, 43];
    let mut version = [0];
    from.read_exact(&mut version)?;
    to.write_all(&version)?;
    loop {
        let mut head = [0; 12];
        from.read_exact(&mut head)?;
        let length = u32::from_be_bytes(head[8..].try_into().unwrap());
        let mut message = vec![0; length as usize];
        from.read_exact(&mut message)?;
        if message.starts_with(&SIGN) {
            *message.last_mut().unwrap() ^= 1;
        }
        to.write_all(&[&head[..], &message].concat())?;
    }
}

#[test]
fn a_signature_that_the_token_did_not_make_appears_nowhere() {
    let Some(desk) = Desk::with_key() else { return };
    desk.release(3);
    let socket = desk.sandbox.path("socket");
    let listener = UnixListener::bind(&socket).unwrap();
    let mut server = desk.sandbox.command("p11-kit");
    server.args(["remote", "--provider"]).arg(&desk.module).arg("pkcs11:");
    let mut server = server.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let (mut to, from) = (server.stdin.take().unwrap(), server.stdout.take().unwrap());
    thread::spawn(move || {
        let (mut client, _) = listener.accept().unwrap();
        let answers = client.try_clone().unwrap();
        thread::spawn(move || falsify(from, answers));
        let mut some = [0; 4096];
        while let Ok(count @ 1..) = client.read(&mut some) {
            if to.write_all(&some[..count]).is_err() {
                return;
            }
        }
    });
    let call = desk.sandbox.call(["sign", "--key", "pkcs11:token=X", "dist"]);
    let call = call.args(["--passphrase-file", "pin"]);
    let address = format!("unix:path={}", socket.display());
    let refused = call.env("P11_KIT_SERVER_ADDRESS", address).run().exits(4);
    refused.says("the signature would not be good (bad-signature)").says("3 failed");
    assert!(desk.signatures().is_empty());
    let _ = server.kill();
    server.wait().unwrap();
}
