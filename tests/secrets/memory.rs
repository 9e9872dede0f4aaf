//! The whole memory of the program, searched when it is about to end.
//!
//! The program under test is as it is released: `PLUGSIGN_TESTED` names one that was built apart.

use std::fs::{self, File};
use std::io::{self, Write};
use std::os::unix::fs::FileExt;
use std::process::{Child, Stdio};
use std::thread;
use std::time::Duration;

use crate::common::craft::*;
use crate::common::peers::{missing, peer};
use crate::common::sandbox::{Sandbox, is_root, tested};
use crate::secrets::needles::{Needles, passphrase};

/// A sandbox with a passphrase in the file `p`, and another in `new`.
struct Scene {
    sandbox: Sandbox,
    passphrase: String,
    new: String,
}

impl Scene {
    fn new() -> Scene {
        let (passphrase, new) = (passphrase(), passphrase());
        let sandbox = Sandbox::new();
        sandbox.write("p", &passphrase);
        sandbox.write("new", &new);
        for number in 0..20 {
            sandbox.write(format!("dist/{number}.tar.gz"), format!("artifact {number}"));
        }
        Scene { sandbox, passphrase, new }
    }

    fn with_key(arguments: &str) -> Scene {
        let scene = Scene::new();
        scene.sandbox.run(&format!("keygen --name Acme --passphrase-file p {arguments}")).exits(0);
        scene
    }

    fn passphrases(&self) -> Needles {
        let needles = Needles::default().passphrase("the passphrase", &self.passphrase);
        needles.passphrase("the new passphrase", &self.new)
    }

    /// What is to be searched for: the passphrases, and the numbers of the home's one key.
    fn needles(&self, passphrase: &str) -> Needles {
        let name = self.sandbox.names("home/keys").pop().unwrap();
        let key = self.sandbox.read(format!("home/keys/{name}"));
        self.passphrases().key(&key, Some(passphrase))
    }

    /// Asserts that the memory holds no secret when this command line is about to end.
    fn forgets(&self, line: &str) {
        self.forgets_of(line, |_| self.needles(&self.passphrase));
    }

    fn forgets_of(&self, line: &str, needles: impl Fn(&Scene) -> Needles) {
        let Some(memory) = self.memory_at("exit_group", line) else { return };
        let found = needles(self).found_in(&memory);
        assert!(found.is_empty(), "{line}: {found:?} in {} bytes", memory.len());
        told(line, &memory, "nothing secret in them");
    }

    /// Returns the memory of the program at the first of these calls.
    fn memory_at(&self, call: &str, line: &str) -> Option<Vec<u8>> {
        let strace = peer("strace")?;
        if !is_root() {
            missing("root's right to read the memory of a process that nobody else may read");
            return None;
        }
        let mut child = self
            .sandbox
            .command(strace)
            .args(["-f", "-qq", "-o", "/dev/null", "-e", &format!("trace={call}")])
            .args(["-e", &format!("inject={call}:delay_enter=60000000")])
            .arg(tested())
            .args(line.split_whitespace())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let memory = memory_of(&mut child, line);
        let _ = child.kill();
        child.wait().unwrap();
        Some(memory)
    }
}

fn told(line: &str, memory: &[u8], what: &str) {
    let _ = writeln!(io::stderr(), "memory: {line}: {} bytes searched, {what}", memory.len());
}

/// Waits until strace holds one of the program's threads, and returns all that can be read.
fn memory_of(strace: &mut Child, line: &str) -> Vec<u8> {
    let children = format!("/proc/{0}/task/{0}/children", strace.id());
    let process = loop {
        assert!(strace.try_wait().unwrap().is_none(), "{line}: ended before it was held");
        let listed = fs::read_to_string(&children).unwrap_or_default();
        let held = listed.split_whitespace().map(|id| format!("/proc/{id}")).find(|it| is_held(it));
        if let Some(process) = held {
            break process;
        }
        thread::sleep(Duration::from_millis(5));
    };
    let memory = File::open(format!("{process}/mem")).unwrap();
    let maps = fs::read_to_string(format!("{process}/maps")).unwrap();
    let mut all = Vec::new();
    for map in maps.lines() {
        let (range, rest) = map.split_once(' ').unwrap();
        if !rest.starts_with('r') {
            continue;
        }
        let (start, end) = range.split_once('-').unwrap();
        let number = |hex| u64::from_str_radix(hex, 16).unwrap();
        let from = all.len();
        all.resize(from + usize::try_from(number(end) - number(start)).unwrap(), 0);
        // The kernel's own pages cannot be read, nor what lies behind the end of a mapped file.
        let read = memory.read_exact_at(&mut all[from..], number(start));
        let may_fail = map.contains("[v") || (map.contains('/') && !rest.starts_with("rw"));
        assert!(read.is_ok() || may_fail, "{map}: {read:?}");
    }
    let id: i32 = process.trim_start_matches("/proc/").parse().unwrap();
    let id = rustix::process::Pid::from_raw(id).unwrap();
    rustix::process::kill_process(id, rustix::process::Signal::KILL).unwrap();
    all
}

/// Returns whether a thread of a process waits for its tracer, longer than a moment.
fn is_held(process: &str) -> bool {
    let waits = || {
        fs::read_dir(format!("{process}/task")).into_iter().flatten().flatten().any(|task| {
            let status = fs::read_to_string(task.path().join("status")).unwrap_or_default();
            let is_plugsign = status.starts_with("Name:\tplugsign");
            is_plugsign && status.contains("State:\tt (tracing stop)")
        })
    };
    (0..20).all(|_| {
        thread::sleep(Duration::from_millis(5));
        waits()
    })
}

#[test]
fn the_search_finds_secrets_while_they_are_in_use() {
    let scene = Scene::with_key("");
    // The key is in use when a signature takes its place.
    let line = "sign -j1 --passphrase-file p dist";
    let Some(memory) = scene.memory_at("renameat2,linkat", line) else { return };
    let found = scene.needles(&scene.passphrase).found_in(&memory);
    let numbers = found.iter().filter(|name| name.contains("endian")).count();
    assert!(numbers >= 3, "{found:?}");
    told(line, &memory, &format!("in the middle: {found:?}"));
    // The environment is as private as the process, and stays.
    let Some(strace) = peer("strace") else { return };
    let mut child = scene
        .sandbox
        .command(strace)
        .args(["-f", "-qq", "-o", "/dev/null", "-e", "trace=exit_group"])
        .args(["-e", "inject=exit_group:delay_enter=60000000"])
        .arg(tested())
        .args(["sign", "dist"])
        .env("PLUGSIGN_PASSPHRASE", &scene.passphrase)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let memory = memory_of(&mut child, "sign");
    let _ = child.kill();
    child.wait().unwrap();
    assert_eq!(scene.needles(&scene.passphrase).found_in(&memory), ["the passphrase"]);
}

#[test]
fn keygen_leaves_no_secret_in_memory() {
    Scene::new().forgets("keygen --name Acme --passphrase-file p");
    Scene::new().forgets("keygen --name Acme --kind org --passphrase-file p");
}

#[test]
fn importing_a_locked_key_leaves_no_secret_in_memory() {
    let scene = Scene::with_key("");
    scene.sandbox.run("export --secret Acme -o key").exits(0);
    fs::remove_dir_all(scene.sandbox.home()).unwrap();
    scene.forgets("import key --passphrase-file p");
}

#[test]
fn importing_an_open_key_leaves_no_secret_in_memory() {
    let scene = Scene::new();
    scene.sandbox.write("key", secret(alice()));
    scene.forgets("import key --passphrase-file p");
    let scene = Scene::new();
    let armored = sequoia_openpgp::armor::Kind::SecretKey;
    scene.sandbox.write("key", armor(armored, &secret(alice())));
    scene.forgets("import key --passphrase-file p");
}

#[test]
fn export_leaves_no_secret_in_memory() {
    let scene = Scene::with_key("--kind org");
    scene.forgets("export --secret Acme -o key");
    scene.forgets("export --ci Acme -o ci --passphrase-file p --new-passphrase-file new");
    // Of the primary key nothing is in the home afterwards.
    let before = scene.needles(&scene.passphrase);
    scene.forgets_of(
        "export --offline-primary vault Acme --passphrase-file p --new-passphrase-file new",
        |_| before.clone(),
    );
}

#[test]
fn sign_leaves_no_secret_in_memory() {
    let scene = Scene::with_key("");
    scene.forgets("sign --passphrase-file p dist/1.tar.gz");
    scene.forgets("sign --passphrase-file p -j4 --checksums dist");
    scene.forgets(
        "gpg --batch --passphrase-file p --pinentry-mode loopback --detach-sign dist/0.tar.gz",
    );
}

#[test]
fn signing_with_an_open_key_file_leaves_no_secret_in_memory() {
    let scene = Scene::new();
    scene.sandbox.write("key", secret(alice()));
    scene.forgets_of("sign --key-file key dist", |scene| {
        scene.passphrases().key(&secret(alice()), None)
    });
}

#[test]
fn changes_of_a_key_leave_no_secret_in_memory() {
    let scene = Scene::with_key("--kind org");
    scene.forgets("extend Acme --expires 2y --passphrase-file p");
    scene.forgets("rotate Acme --passphrase-file p");
    scene.forgets_of("passwd Acme --passphrase-file p --new-passphrase-file new", |scene| {
        scene.needles(&scene.new)
    });
}

/// The socket of a token's server, which is apart: strace would hold a program that plugsign starts.
struct TokenServer(Child);

impl TokenServer {
    /// Makes a token with the scene's passphrase as its PIN, and has the scene reach it.
    fn of(scene: &mut Scene) -> Option<TokenServer> {
        const MODULE: &str = "/usr/lib/softhsm/libsofthsm2.so";
        let (_, p11_kit) = (peer("softhsm2-util")?, peer("p11-kit")?);
        let socket = scene.sandbox.path("socket");
        let address = format!("unix:path={}", socket.display());
        scene.sandbox.set("SOFTHSM2_CONF", scene.sandbox.path("softhsm.conf"));
        scene.sandbox.set("P11_KIT_SERVER_ADDRESS", address);
        scene.sandbox.sh(&format!(
            "mkdir tokens && echo \"directories.tokendir = $PWD/tokens\" > softhsm.conf &&
             softhsm2-util --init-token --free --label X --pin '{}' --so-pin 12345678",
            scene.passphrase
        ));
        let mut server = scene.sandbox.command(p11_kit);
        server.args(["server", "-f", "--provider", MODULE, "-n"]).arg(&socket).arg("pkcs11:");
        let server = TokenServer(server.stdout(Stdio::null()).spawn().unwrap());
        while !socket.exists() {
            thread::sleep(Duration::from_millis(5));
        }
        Some(server)
    }
}

impl Drop for TokenServer {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn signing_with_a_token_leaves_no_pin_in_memory() {
    let mut scene = Scene::new();
    let Some(_server) = TokenServer::of(&mut scene) else { return };
    let key = "pkcs11:token=X;object=a";
    let pins = |scene: &Scene| scene.passphrases();
    scene.forgets_of(&format!("keygen --on {key} --name Acme --passphrase-file p"), pins);
    // What was held was killed.
    scene.sandbox.run(&format!("keygen --on {key}b --name Bcme --passphrase-file p")).exits(0);
    let line = format!("sign -j2 --key {key}b --passphrase-file p dist");
    scene.forgets_of(&line, pins);
    assert_eq!(scene.sandbox.names("dist").len(), 40, "{line}");
    // A wrong one too.
    scene.forgets_of(&format!("sign --key {key}b --passphrase-file new --force dist"), pins);
    scene.forgets_of(&format!("list --token {key} --passphrase-file p"), pins);
}

#[test]
fn a_failed_unlock_leaves_no_secret_in_memory() {
    let scene = Scene::with_key("");
    scene.forgets("sign --passphrase-file new dist");
}
