//! What is secret stays secret.

use std::fs;
use std::io::Write;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use sequoia_openpgp as openpgp;

use openpgp::Cert;
use openpgp::crypto::mpi::SecretKeyMaterial;
use openpgp::packet::key::SecretKeyMaterial as Kept;
use openpgp::parse::Parse;

use crate::common::craft::*;
use crate::common::sandbox::{PROGRAM, Sandbox};
use crate::common::systems::is_linux;

const PASSPHRASE: &str = "XPASS-gr3at-w4ll-of-sheep";

fn contains(bytes: &[u8], needle: &[u8]) -> bool {
    bytes.windows(needle.len()).any(|window| window == needle)
}

/// The bytes of every file in a folder, and their names.
fn everything(sandbox: &Sandbox) -> Vec<u8> {
    let mut all = Vec::new();
    let mut folders = vec![sandbox.folder().to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            all.extend(path.as_os_str().as_encoded_bytes());
            all.push(0);
            if path.is_dir() {
                folders.push(path);
            } else {
                all.extend(fs::read(path).unwrap());
            }
        }
    }
    all
}

#[test]
fn the_home_holds_neither_the_passphrase_nor_d_p_q_in_clear() {
    let sandbox = Sandbox::new();
    let done = sandbox
        .call(["keygen", "-q", "--name", "Test", "--kind", "rsa-rsa"])
        .env("PLUGSIGN_PASSPHRASE", PASSPHRASE)
        .run()
        .exits(0);
    let path = format!("home/keys/{}.pgp", done.out().trim());
    let cert = Cert::from_bytes(&sandbox.read(path)).unwrap();
    let home = everything(&sandbox);
    assert!(!contains(&home, PASSPHRASE.as_bytes()));
    let mut looked_at = 0;
    for key in cert.keys().secret() {
        let open = key.key().clone().decrypt_secret(&PASSPHRASE.into()).unwrap();
        let Kept::Unencrypted(open) = open.secret() else { panic!("still locked") };
        open.map(|numbers| {
            let SecretKeyMaterial::RSA { d, p, q, u } = numbers else { panic!("not RSA") };
            for number in [d, p, q, u] {
                let big = number.value().to_vec();
                let little: Vec<u8> = big.iter().rev().copied().collect();
                for needle in [&big[..16], &big[16..32], &little[..16], &little[16..32]] {
                    assert!(!contains(&home, needle));
                }
                looked_at += 1;
            }
        });
    }
    assert_eq!(looked_at, 8);
    // The search itself would find them.
    let open = Sandbox::new();
    open.import(&secret(alice()));
    let found = everything(&open);
    assert!(Material::a().secrets().iter().all(|number| contains(&found, &number[..16])));
}

#[test]
fn importing_an_open_key_with_a_passphrase_leaves_nothing_of_it_in_clear() {
    let sandbox = Sandbox::new();
    sandbox
        .call(["import", "-"])
        .stdin(&secret(alice()))
        .env("PLUGSIGN_PASSPHRASE", PASSPHRASE)
        .run()
        .exits(0);
    let home = everything(&sandbox);
    for number in Material::a().secrets() {
        assert!(!contains(&home, &number[..16]));
    }
    assert!(!contains(&home, PASSPHRASE.as_bytes()));
}

#[test]
fn output_errors_and_file_names_hold_no_secret() {
    let sandbox = Sandbox::new();
    sandbox.write("a.tar.gz", DATA);
    let key = armor(openpgp::armor::Kind::SecretKey, &secret(alice()));
    let mut broken = key.clone();
    let middle = broken.len() / 2;
    broken[middle] = b'!';
    for (key, passphrase) in [(&key, PASSPHRASE), (&broken, PASSPHRASE)] {
        for line in ["-v sign --force a.tar.gz", "--json sign --force a.tar.gz", "-v sign nowhere"]
        {
            let done = sandbox
                .call(line.split(' '))
                .homeless()
                .env_bytes("PLUGSIGN_KEY", key)
                .env("PLUGSIGN_PASSPHRASE", passphrase)
                .run();
            let said = [&done.stdout[..], &done.stderr].concat();
            assert!(!contains(&said, PASSPHRASE.as_bytes()), "{done:?}");
            let inner = std::str::from_utf8(key).unwrap().lines().nth(5).unwrap();
            assert!(!contains(&said, inner.as_bytes()), "{done:?}");
        }
    }
    assert!(!contains(&everything(&sandbox), PASSPHRASE.as_bytes()));
}

#[test]
fn there_is_no_option_that_takes_a_passphrase_or_a_key_as_its_value() {
    let sandbox = Sandbox::new();
    for line in ["keygen --name T --passphrase X", "sign --passphrase X a", "import --password X a"]
    {
        sandbox.run(line).exits(2);
    }
}

/// Runs a command that waits for its standard input, and looks at the process meanwhile.
#[test]
fn a_running_process_shows_no_secret_and_cannot_be_dumped() {
    if !is_linux("/proc") {
        return;
    }
    let sandbox = Sandbox::new();
    sandbox.write("key", secret(alice()));
    // The files of a process that cannot be dumped belong to root; those of root's always do.
    let arguments = ["sign", "--key-file", "key", "-"];
    let mut command = sandbox.call(arguments).command();
    if crate::common::sandbox::is_root() {
        fs::copy(PROGRAM, sandbox.path("plugsign")).unwrap();
        sandbox.chmod(".", 0o755);
        sandbox.chmod("key", 0o644);
        command = Command::new("setpriv");
        command.args(["--reuid", "65534", "--regid", "65534", "--clear-groups", "./plugsign"]);
        command.args(arguments).current_dir(sandbox.folder());
        command.env_clear().env("PLUGSIGN_HOME", sandbox.home());
        command.env("PATH", std::env::var_os("PATH").unwrap());
    }
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let process = format!("/proc/{}", child.id());
    // Once it is hardened, its core limit is zero.
    let end = Instant::now() + Duration::from_secs(20);
    loop {
        let limits = fs::read_to_string(format!("{process}/limits")).unwrap();
        let core = limits.lines().find(|line| line.starts_with("Max core file size")).unwrap();
        let numbers: Vec<&str> = core.split_whitespace().skip(4).take(2).collect();
        let name = fs::read_to_string(format!("{process}/comm")).unwrap();
        if numbers == ["0", "0"] && name.trim() == "plugsign" {
            break;
        }
        assert!(Instant::now() < end, "the core limit is not zero: {core}");
        std::thread::sleep(Duration::from_millis(10));
    }
    std::thread::sleep(Duration::from_millis(200));
    use std::os::unix::fs::MetadataExt;
    assert_eq!(fs::metadata(format!("{process}/environ")).unwrap().uid(), 0);
    if !crate::common::sandbox::is_root() {
        assert!(fs::File::open(format!("{process}/mem")).is_err());
    }
    child.stdin.take().unwrap().write_all(DATA).unwrap();
    assert!(child.wait_with_output().unwrap().status.success());
}

#[test]
fn a_crash_leaves_no_core_file() {
    let sandbox = Sandbox::new();
    sandbox.import(&secret(alice()));
    let before = sandbox.snapshot();
    let mut child = sandbox
        .call(["sign", "-"])
        .in_shell("ulimit -c unlimited 2>/dev/null; exec \"$@\"")
        .command()
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    std::thread::sleep(Duration::from_millis(500));
    let pid = i32::try_from(child.id()).unwrap();
    rustix::process::kill_process(
        rustix::process::Pid::from_raw(pid).unwrap(),
        rustix::process::Signal::ABORT,
    )
    .unwrap();
    use std::os::unix::process::ExitStatusExt;
    let status = child.wait().unwrap();
    assert!(status.signal().is_some() && !status.core_dumped(), "{status:?}");
    assert_eq!(before, sandbox.snapshot());
}

/// Starts the program named first, again and again, and tries to open its memory from the moment of
/// its `exec` on. Prints how often that went well.
const OPENER: &str = "\
import os, sys
opened = 0
for _ in range(60):
    child = os.fork()
    if child == 0:
        nothing = os.open('/dev/null', os.O_RDWR)
        os.dup2(nothing, 1)
        os.execv(sys.argv[1], sys.argv[1:])
    started = os.readlink('/proc/self/exe')
    while os.waitpid(child, os.WNOHANG)[0] == 0:
        try:
            if os.readlink(f'/proc/{child}/exe') == started:
                continue
        except OSError:
            pass
        try:
            os.close(os.open(f'/proc/{child}/mem', os.O_RDONLY))
            opened += 1
            break
        except OSError:
            pass
    else:
        continue
    os.waitpid(child, 0)
print(opened)
";

#[test]
fn an_installed_program_closes_its_memory_from_the_start_and_works() {
    if !is_linux("/proc") {
        return;
    }
    let manifest = include_str!("../../Cargo.toml");
    assert!(manifest.contains(r#"["target/release/plugsign", "usr/bin/", "711"]"#));
    if !crate::common::sandbox::is_root() {
        crate::common::peers::missing("root's right to become somebody else");
        return;
    }
    let sandbox = Sandbox::new();
    fs::copy(PROGRAM, sandbox.path("plugsign")).unwrap();
    sandbox.chmod("plugsign", 0o711);
    sandbox.chmod(".", 0o777);
    sandbox.write("a.tar.gz", DATA);
    sandbox.write("opener.py", OPENER);
    let as_nobody = |line: &str| {
        let mut command = Command::new("setpriv");
        command.args(["--reuid", "65534", "--regid", "65534", "--clear-groups"]);
        command.args(line.split(' ')).current_dir(sandbox.folder()).env_clear();
        // A Python that was built for root alone is of no use.
        command.env("PLUGSIGN_HOME", sandbox.home()).env("PATH", "/usr/bin:/bin");
        command.output().unwrap()
    };
    for line in [
        "keygen --name A --no-passphrase",
        "sign a.tar.gz",
        "verify a.tar.gz",
        // It starts itself again.
        "gpg --batch --passphrase x --pinentry-mode loopback -o a.sig --detach-sign a.tar.gz",
        "gpg --verify a.sig a.tar.gz",
        "doctor",
    ] {
        let output = as_nobody(&format!("./plugsign {line}"));
        assert!(output.status.success(), "{line}: {}", String::from_utf8_lossy(&output.stderr));
    }
    if !as_nobody("python3 --version").status.success() {
        crate::common::peers::missing("python3 for everybody");
        return;
    }
    let output = as_nobody("python3 opener.py ./plugsign list");
    assert_eq!(String::from_utf8_lossy(&output.stdout), "0\n", "{output:?}");
    // Were it readable, it could be opened until it has closed itself.
    sandbox.chmod("plugsign", 0o755);
    let output = as_nobody("python3 opener.py ./plugsign list");
    let _ = write!(
        std::io::stderr(),
        "memory opened while readable, of 60 times: {}",
        String::from_utf8_lossy(&output.stdout)
    );
}
