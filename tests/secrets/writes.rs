//! Every byte that the program writes anywhere, and everything that it starts.

use std::fs;
use std::process::{Command, Stdio};

use crate::common::peers::{missing, peer};
use crate::common::sandbox::{PROGRAM, Sandbox};
use crate::secrets::needles::{Needles, passphrase};

const WRITES: &str = "write,pwrite64,writev,pwritev,sendto,sendmsg,symlink,rename";

/// Runs a command line with everything written, sent and started in the trace, and returns that:
/// the bytes, and how many programs were started.
fn written(sandbox: &Sandbox, line: &str) -> Option<(Vec<u8>, Vec<Vec<u8>>)> {
    let trace = sandbox.folder().with_extension("trace");
    let output = Command::new(peer("strace")?)
        .args(["-f", "-qq", "-v", "-xx", "-s1000000", "-o"])
        .arg(&trace)
        .args(["-e", &format!("trace={WRITES},execve,socket,connect")])
        .arg(PROGRAM)
        .args(line.split_whitespace())
        .current_dir(sandbox.folder())
        .env_clear()
        .env("PLUGSIGN_HOME", sandbox.home())
        .stdin(Stdio::null())
        .output()
        .unwrap();
    assert!(output.status.success(), "{line}: {}", String::from_utf8_lossy(&output.stderr));
    let text = fs::read_to_string(&trace).unwrap();
    fs::remove_file(trace).unwrap();
    // No network, ever.
    let goes_out = |call: &str| ["socket(", "connect("].iter().any(|name| call.contains(name));
    assert!(!text.lines().any(goes_out), "{line}");
    let (mut bytes, mut started) = (Vec::new(), Vec::new());
    for call in text.lines() {
        let decoded: Vec<u8> = call.split('"').skip(1).step_by(2).flat_map(unescape).collect();
        match call.contains("execve(") {
            true => started.push(decoded),
            false => bytes.extend(decoded),
        }
    }
    Some((bytes, started))
}

/// Reads `\x41\x42`.
fn unescape(text: &str) -> Vec<u8> {
    let bytes = text.split("\\x").skip(1);
    bytes.map(|hex| u8::from_str_radix(&hex[..2], 16).unwrap()).collect()
}

#[test]
fn no_secret_is_written_anywhere_and_no_program_is_started() {
    let sandbox = Sandbox::new();
    let (first, second) = (passphrase(), passphrase());
    sandbox.write("p", &first);
    sandbox.write("new", &second);
    sandbox.write("dist/a.tar.gz", "a");
    sandbox.write("dist/b.tar.gz", "b");
    let mut all = Vec::new();
    for line in [
        "-v keygen --name Acme --kind org --passphrase-file p",
        "-v sign -j2 --checksums --passphrase-file p dist",
        "-v export --secret Acme -o key",
        "-v export --ci Acme -o ci --passphrase-file p --new-passphrase-file new",
        "-v import --replace key --passphrase-file p",
        "-v rotate Acme --passphrase-file p",
        "-v passwd Acme --passphrase-file p --new-passphrase-file new",
        "gpg --verbose --batch --yes --pinentry-mode loopback --passphrase-file new --detach-sign dist/a.tar.gz",
    ] {
        let Some((bytes, started)) = written(&sandbox, line) else { return };
        assert_eq!(started.len(), 1, "{line} starts others");
        assert!(bytes.len() > 300, "{line}: only {} bytes", bytes.len());
        all.extend(bytes);
    }
    let name = sandbox.names("home/keys").pop().unwrap();
    let key = sandbox.read(format!("home/keys/{name}"));
    let needles = Needles::default().passphrase("the passphrase", &first);
    let needles = needles.passphrase("the new passphrase", &second).key(&key, Some(&second));
    assert_eq!(needles.found_in(&all), Vec::<String>::new());

    // The search would find it: an open key leaves on purpose.
    sandbox.write("none", "");
    sandbox.run("passwd Acme --passphrase-file new --no-passphrase").exits(0);
    let (bytes, _) = written(&sandbox, "export --secret --unprotected Acme -o open").unwrap();
    let found = needles.found_in(&bytes);
    assert!(found.contains(&"d (big-endian)".to_owned()), "{found:?}");
}

#[test]
fn a_passphrase_leaves_the_command_line_before_it_is_used() {
    let sandbox = Sandbox::new();
    let secret = passphrase();
    sandbox.write("p", &secret);
    sandbox.write("a", "artifact");
    sandbox.run("keygen --name Acme --passphrase-file p").exits(0);
    let line = format!("gpg --batch --passphrase {secret} --detach-sign a");
    let Some((bytes, started)) = written(&sandbox, &line) else { return };
    let needles = Needles::default().passphrase("the passphrase", &secret);
    assert_eq!(started.len(), 2);
    assert!(!needles.found_in(&started[0]).is_empty(), "it was given");
    assert!(needles.found_in(&started[1]).is_empty(), "it is gone");
    // The one write is to the pipe that takes it across.
    assert_eq!(bytes.windows(secret.len()).filter(|it| *it == secret.as_bytes()).count(), 1);
    assert!(sandbox.has("a.sig"));
}

#[test]
fn a_signal_that_dumps_cores_leaves_no_core() {
    let Some(strace) = peer("strace") else { return };
    let sandbox = Sandbox::new();
    sandbox.write("dist/a.tar.gz", "a");
    sandbox.keygen("--name Acme --no-passphrase");
    let crash = |program: &str| {
        let trace = sandbox.folder().with_extension("trace");
        let inject = "inject=renameat2,linkat,getppid:signal=ABRT:when=1";
        let line = format!(
            "ulimit -c unlimited; exec {} -f -o {} -e trace=renameat2,linkat,getppid -e {inject} {program}",
            strace.display(),
            trace.display(),
        );
        let mut command = Command::new("sh");
        command.args(["-c", &line]).current_dir(sandbox.folder()).stderr(Stdio::null());
        command.env("PLUGSIGN_HOME", sandbox.home()).stdout(Stdio::null()).status().unwrap();
        let text = fs::read_to_string(&trace).unwrap();
        fs::remove_file(trace).unwrap();
        assert!(text.contains("killed by SIGABRT"), "{program}: {text}");
        text.contains("(core dumped)")
    };
    let before = sandbox.names(".");
    assert!(!crash(&format!("{PROGRAM} sign -j1 dist")), "there was a core dump");
    assert_eq!(before, sandbox.names("."));
    // Where the system dumps any core, it would have dumped this one.
    if !crash("sh -c 'kill -ABRT $$; echo $PPID'") {
        missing("a system that dumps cores, for the control");
    }
}
