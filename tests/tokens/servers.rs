//! The ways to a token: a program, a socket, a command of the user's.

use std::process::{Child, Command, Stdio};
use std::time::Duration;

use crate::common::fetched::fetched;
use crate::common::peers::peer;
use crate::common::sandbox::{is_root, tested};
use crate::tokens::token::Desk;

/// A server that listens on a socket, until it is dropped.
struct Server(Child);

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Starts p11-kit's server in the desk's folder.
fn server(desk: &Desk, options: &[&str]) -> Server {
    let socket = desk.sandbox.path("socket");
    let child = desk
        .sandbox
        .command("p11-kit")
        .args(["server", "-f", "--provider"])
        .arg(&desk.module)
        .arg("-n")
        .arg(&socket)
        .args(options)
        .arg("pkcs11:")
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let server = Server(child);
    for _ in 0..500 {
        if socket.exists() {
            return server;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    panic!("p11-kit's server does not start");
}

#[test]
fn a_socket_leads_to_the_token() {
    let Some(desk) = Desk::with_key() else { return };
    desk.release(5);
    let _server = server(&desk, &[]);
    let address = format!("unix:path={}", desk.sandbox.path("socket").display());
    let sign = || desk.sandbox.call(["sign", "-j", "2", "--key", "pkcs11:token=X;object=release"]);
    let sign = || sign().args(["--passphrase-file", "pin", "dist"]);
    sign().env("P11_KIT_SERVER_ADDRESS", &address).run().exits(0).says("5 signed");
    desk.all_good();
    let other = sign().env("P11_KIT_SERVER_ADDRESS", "vsock:cid=1;port=2").run();
    other.exits(3).says("unix:path=FILE alone");
    let gone = sign().env("P11_KIT_SERVER_ADDRESS", "unix:path=/nowhere/socket").run();
    gone.exits(3).says("unix:path=/nowhere/socket cannot be reached");
}

#[test]
fn a_user_who_can_read_neither_module_nor_key_signs_over_the_socket() {
    let Some(desk) = Desk::with_key() else { return };
    if !is_root() || peer("setpriv").is_none() {
        crate::common::peers::missing("root's right to become another user, and setpriv");
        return;
    }
    const NOBODY: &str = "65534";
    desk.release(2);
    let s = &desk.sandbox;
    s.run("export Acme -a -o cert.asc").exits(0);
    let _server = server(&desk, &["--user", "nobody", "--group", "nogroup"]);
    // What belongs to the signing host is closed to the runner.
    s.chmod("softhsm", 0o700);
    s.chmod("softhsm.conf", 0o600);
    for path in [".", "dist"] {
        s.chmod(path, 0o755);
    }
    s.write("runner-pin", s.read("pin"));
    s.sh(&format!(
        "chown -R {NOBODY} dist cert.asc runner-pin && cp {} runner-plugsign",
        tested().display()
    ))
    .exits(0);
    s.chmod("runner-plugsign", 0o755);
    let as_nobody = |line: &str| -> Command {
        let mut command = s.command("setpriv");
        command.args(["--reuid", NOBODY, "--regid", NOBODY, "--clear-groups", "sh", "-c", line]);
        command.env("P11_KIT_SERVER_ADDRESS", format!("unix:path={}", s.path("socket").display()));
        command.env_remove("SOFTHSM2_CONF").env("PLUGSIGN_HOME", "/nonexistent");
        command
    };
    let refused = as_nobody("cat softhsm/*/* softhsm.conf").output().unwrap();
    assert!(!refused.status.success());
    let mut signed = as_nobody(
        "./runner-plugsign sign --key 'pkcs11:token=X' --certificate cert.asc --passphrase-file runner-pin dist",
    );
    let signed = signed.output().unwrap();
    assert!(signed.status.success(), "{}", String::from_utf8_lossy(&signed.stderr));
    desk.all_good();
}

#[test]
fn a_p11_kit_of_another_version_of_the_protocol_leads_to_the_token() {
    let Some(mut desk) = Desk::new() else { return };
    let Some(newest) = fetched("p11-kit/bin/p11-kit") else { return };
    let path = format!("{}:{}", newest.parent().unwrap().display(), std::env::var("PATH").unwrap());
    desk.sandbox.set("PATH", path);
    desk.keygen();
    desk.release(3);
    desk.sign(&["-j", "2", "dist"]).exits(0);
    desk.all_good();
}

#[test]
fn a_slot_is_named_as_its_module_numbers_it() {
    let Some(desk) = Desk::with_key() else { return };
    desk.release(1);
    let slots = desk.sandbox.sh("softhsm2-util --show-slots").out();
    let slot = slots.lines().find_map(|line| line.strip_prefix("Slot ")).unwrap();
    let sign = |slot: &str| {
        let uri = format!("pkcs11:slot-id={slot}?module-path={}", desk.module.display());
        desk.run(&["sign", "--force", "--key", &uri, "dist"], &[])
    };
    sign(slot).exits(0);
    sign("4711").exits(3).says("there is no token that \"pkcs11:slot-id=4711\" names");
}

#[test]
fn what_is_missing_is_named() {
    let Some(desk) = Desk::with_key() else { return };
    desk.release(1);
    let sign = |uri: &str| desk.run(&["sign", "dist", "--key", uri], &[]);
    sign("pkcs11:token=X?module-path=/nowhere/m.so")
        .exits(3)
        .says("no PKCS #11 module /nowhere/m.so");
    sign("pkcs11:token=X?module-name=nothing").exits(3).says("no PKCS #11 module nothing");
    let module = desk.module.display();
    let none = sign(&format!("pkcs11:token=Y?module-path={module}")).exits(3);
    none.says("there is no token that \"pkcs11:token=Y\" names").says("plugsign list --token");
    // A module that is none.
    let none = sign("pkcs11:token=X?module-path=/etc/passwd").exits(3);
    none.says("cannot be reached");
    // No p11-kit: a PATH without it.
    let call = desk.sandbox.call(["sign", "dist", "--key", "pkcs11:token=X"]);
    desk.sandbox.sh("mkdir bin && ln -s $(command -v setsid) bin").exits(0);
    let none = call.env("PATH", desk.sandbox.path("bin")).args(["--passphrase-file", "pin"]);
    none.env("P11_KIT_SERVER_ADDRESS", "")
        .run()
        .exits(3)
        .says("p11-kit is not installed")
        .says("apt install p11-kit");
    let two =
        desk.sandbox.sh("softhsm2-util --init-token --free --label X --pin 1111 --so-pin 87654321");
    assert!(two.is_ok());
    sign(&desk.uri("release")).exits(3).says("names 2 tokens").says("serial=");
}
