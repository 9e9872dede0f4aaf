//! Signals: a passphrase prompt that is stopped and continued by a real shell on a real terminal,
//! and what a caller has this process ignore.

use std::fs;
use std::io::Write;
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, Command, Stdio};

use crate::common::craft::*;
use crate::common::person::Person;
use crate::common::sandbox::{PROGRAM, Sandbox};

/// A home whose only key has a passphrase, and a file to sign.
fn locked() -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.write("pass", "right");
    sandbox.keygen("--name T --passphrase-file pass");
    sandbox.write("a.tar.gz", DATA);
    sandbox
}

/// Starts `sign` in a shell with job control. When the command stops or ends, the shell says so,
/// and continues it after a line.
fn in_a_shell(sandbox: &Sandbox) -> Person {
    const SCRIPT: &str = "set -m; \"$0\" sign a.tar.gz; echo \"back: $?\"; \
        read line; fg; echo \"ended: $?\"";
    in_a_shell_that(sandbox, SCRIPT)
}

fn in_a_shell_that(sandbox: &Sandbox, script: &str) -> Person {
    let mut command = Command::new("sh");
    command.args(["-c", script, PROGRAM]);
    command.env_clear().env("PATH", std::env::var_os("PATH").unwrap());
    command.env("PLUGSIGN_HOME", sandbox.home()).env("TERM", "dumb");
    command.current_dir(sandbox.folder());
    Person::at(command)
}

#[test]
fn a_prompt_that_is_stopped_gives_the_echo_back_and_takes_it_again() {
    let sandbox = locked();
    let mut person = in_a_shell(&sandbox);
    for round in 0..2 {
        person.sees("Passphrase for ");
        person.waits_for_echo(false);
        if round == 0 {
            person.types(b"half");
            person.types(b"\x1a");
            person.sees("back: ");
            person.waits_for_echo(true);
            person.types(b"go on\n");
        }
    }
    // The text that was typed before is forgotten: the question was asked again.
    person.types(b"right\n");
    person.sees("ended: 0");
    person.waits_for_echo(true);
    let (rest, _) = person.ends();
    assert!(!rest.contains("right"), "{rest}");
    assert!(sandbox.has("a.tar.gz.sig"));
}

#[test]
fn a_passphrase_after_fg_is_not_echoed() {
    let sandbox = locked();
    let mut person = in_a_shell(&sandbox);
    person.sees("Passphrase for ");
    person.waits_for_echo(false);
    person.types(b"\x1a");
    person.sees("back: ");
    person.types(b"\n");
    person.whispers("Passphrase for ", b"right");
    let said = person.sees("ended: 0");
    assert!(!said.contains("right"), "{said}");
}

#[test]
fn the_quit_key_at_a_prompt_gives_the_echo_back() {
    let sandbox = locked();
    let mut person = in_a_shell(&sandbox);
    person.sees("Passphrase for ");
    person.waits_for_echo(false);
    person.types(b"half");
    person.types(b"\x1c");
    person.sees("back: 131");
    person.waits_for_echo(true);
    assert!(!sandbox.has("a.tar.gz.sig"));
}

#[test]
fn ctrl_c_at_a_prompt_leaves_an_empty_line_to_what_comes_next() {
    let sandbox = Sandbox::new();
    for (line, question, has_echo) in
        [("keygen --name z", "New passphrase for ", false), ("keygen", "Your selection? ", true)]
    {
        let mut person = Person::starts(&sandbox, line);
        person.sees(question);
        person.waits_for_echo(has_echo);
        person.types(b"\x03");
        let (rest, code) = person.ends();
        assert!(rest.ends_with("\r\n") && rest.lines().count() == 1, "{rest:?}");
        assert_eq!(code, 130, "{rest:?}");
    }
}

#[test]
fn a_prompt_that_is_stopped_can_be_ended() {
    let sandbox = locked();
    // The shell may take the job for stopped a little longer than it is.
    const SCRIPT: &str = "set -m; \"$0\" sign a.tar.gz; kill %1; kill -CONT %1; \
        until wait %1; [ $? -eq 143 ]; do sleep 0.1; done; echo ended";
    let mut person = in_a_shell_that(&sandbox, SCRIPT);
    person.sees("Passphrase for ");
    person.waits_for_echo(false);
    person.types(b"\x1a");
    person.sees("ended\r\n");
    person.waits_for_echo(true);
}

#[test]
fn without_a_shell_ctrl_z_does_not_stop_a_prompt() {
    // A session of its own, without a shell that could continue it: the system ignores the key.
    let sandbox = locked();
    let mut person = Person::starts(&sandbox, "sign a.tar.gz");
    person.sees("Passphrase for ");
    person.waits_for_echo(false);
    person.types(b"\x1a");
    person.types(b"right\n");
    assert_eq!(person.ends().1, 0);
}

/// Starts `sign` on a pipe, with a trap set before it. It waits for the rest of the data.
fn signing(sandbox: &Sandbox, trap: &str) -> Child {
    let script = format!("{trap}; exec \"$0\" sign --key-file key -o a.sig -");
    let mut child = Command::new("sh")
        .args(["-c", &script, PROGRAM])
        .env_clear()
        .env("PLUGSIGN_HOME", sandbox.home())
        .current_dir(sandbox.folder())
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut input = child.stdin.take().unwrap();
    // More than a pipe holds: when all of it is written, it is being read, and signals are heard.
    input.write_all(&vec![b'x'; 1 << 20]).unwrap();
    child.stdin = Some(input);
    child
}

fn send(child: &Child, signal: &str) {
    let status = Command::new("kill").args([signal, &child.id().to_string()]).status().unwrap();
    assert!(status.success());
}

#[test]
fn signals_that_the_caller_ignores_stay_ignored() {
    let sandbox = Sandbox::new();
    sandbox.write("key", secret(alice()));
    for (trap, signal) in [
        ("trap '' HUP", "-HUP"),
        ("trap '' INT", "-INT"),
        ("trap '' QUIT", "-QUIT"),
        ("trap '' TERM", "-TERM"),
        ("trap '' TSTP", "-TSTP"),
    ] {
        let mut child = signing(&sandbox, trap);
        send(&child, signal);
        drop(child.stdin.take());
        assert_eq!(child.wait().unwrap().code(), Some(0), "{trap}");
        fs::remove_file(sandbox.path("a.sig")).unwrap();
    }
}

#[test]
fn other_signals_end_the_program_and_leave_no_files() {
    let sandbox = Sandbox::new();
    sandbox.write("key", secret(alice()));
    for (signal, code) in [("-HUP", 129), ("-INT", 130), ("-QUIT", 131), ("-TERM", 143)] {
        let mut child = signing(&sandbox, ":");
        send(&child, signal);
        // Waiting closes the pipe, and the end of the data may be seen before the signal.
        let input = child.stdin.take();
        let status = child.wait().unwrap();
        drop(input);
        assert_eq!((status.code(), status.signal()), (Some(code), None), "{signal}");
        let mut left = sandbox.names(".");
        left.retain(|name| name != "home");
        assert_eq!(left, ["key"], "{signal}");
    }
}

#[test]
fn a_job_that_nohup_started_outlives_its_terminal() {
    let sandbox = Sandbox::new();
    sandbox.write("key", secret(alice()));
    let mut child = Command::new("nohup")
        .args([PROGRAM, "sign", "--key-file", "key", "-o", "a.sig", "-"])
        .env_clear()
        .env("PLUGSIGN_HOME", sandbox.home())
        .current_dir(sandbox.folder())
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut input = child.stdin.take().unwrap();
    input.write_all(&vec![b'x'; 1 << 20]).unwrap();
    send(&child, "-HUP");
    drop(input);
    assert_eq!(child.wait().unwrap().code(), Some(0));
}
