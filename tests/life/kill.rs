//! Killed at any moment, a command leaves the key as it was or as it should be.

use std::fs;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Command, Stdio};

use sequoia_openpgp::types::HashAlgorithm;

use crate::common::craft::*;
use crate::common::peers::peer;
use crate::common::run::{PROGRAM, Sandbox};

/// Every call that changes what is on disk. Between two of them a kill makes no difference.
const CALLS: &str = "write,fsync,fchmod,rename,renameat,renameat2,link,linkat,unlink,unlinkat,mkdir,mkdirat,ftruncate";

/// Runs a command line once to see which of these calls it makes, and then over and over from
/// the same state, killed at each of them; asserts after each that the key is usable and that the
/// next run works.
fn survives(prepare: impl Fn(&Sandbox) -> String, line: &str, may_refuse: bool) {
    let Some(strace) = peer("strace") else { return };
    let template = Sandbox::new();
    let key = prepare(&template);
    template.write("a.tar", DATA);
    let line = line.replace("KEY", &key);
    let run = |sandbox: &Sandbox, calls: &str, inject: &str| {
        let mut command = Command::new(&strace);
        command.args(["-f", "-qq", "-o", "trace", "-e", &format!("trace={calls}")]);
        if !inject.is_empty() {
            command.args(["-e", inject]);
        }
        command.arg(PROGRAM).args(line.split_whitespace()).current_dir(sandbox.folder());
        command.env_clear().env("PLUGSIGN_HOME", sandbox.home());
        command.env("PLUGSIGN_NEW_PASSPHRASE", "new");
        command.stdout(Stdio::null()).stderr(Stdio::null()).status().unwrap()
    };
    let fresh = || {
        let sandbox = Sandbox::new();
        copy(template.folder(), sandbox.folder());
        sandbox
    };
    let sandbox = fresh();
    assert_eq!(run(&sandbox, CALLS, "").code(), Some(0), "{line}");
    let trace = String::from_utf8(sandbox.read("trace")).unwrap();
    let mut kills = 0;
    for call in CALLS.split(',') {
        let made = trace.lines().filter(|it| it.contains(&format!(" {call}("))).count();
        for nth in 1..=made {
            let sandbox = fresh();
            let status = run(&sandbox, call, &format!("inject={call}:signal=KILL:when={nth}"));
            let killed = status.signal() == Some(9) || status.code() == Some(137);
            assert!(killed, "{line}: {status} at {call} {nth}");
            check(&sandbox, &key, &line, may_refuse, &format!("{call} {nth}"));
            kills += 1;
        }
    }
    assert!(kills >= 5, "{line}: only {kills} kills\n{trace}");
}

fn check(sandbox: &Sandbox, key: &str, line: &str, may_refuse: bool, at: &str) {
    let what = format!("{line}, killed at {at}");
    let run = |line: &str| {
        let call = sandbox.call(line.split_whitespace());
        call.env("PLUGSIGN_PASSPHRASE", "new").env("PLUGSIGN_NEW_PASSPHRASE", "new").run()
    };
    let list = run("--json list");
    assert_eq!(list.code(), Some(0), "{what}: {list:?}");
    if line.contains("offline-primary") && list.json()["keys"][0]["primary_secret"] == false {
        assert!(sandbox.has(format!("vault/{key}.secret.asc")), "{what}: the primary key is lost");
    }
    if !key.is_empty() {
        let sign = run(&format!("sign --force -u {key} a.tar"));
        let is_good = sign.code() == Some(0) || (may_refuse && sign.code() == Some(4));
        assert!(is_good, "{what}: {sign:?}");
    }
    let again = run(line);
    // What has happened already need not happen again, but nothing may be in its way.
    let done = ["offline-primary", "adduid", "revoke-uid"].iter().any(|it| line.contains(it));
    let is_good = again.code() == Some(0) || (done && matches!(again.code(), Some(3)));
    assert!(is_good, "{what}, and again: {again:?}");
    for folder in ["keys", "certificates", "revocations"] {
        let names = sandbox.names(&format!("home/{folder}"));
        assert!(names.iter().all(|name| !name.ends_with(".tmp")) || done, "{what}: {names:?}");
    }
    if line.contains("offline-primary") {
        // Wherever the primary key is now, it is whole.
        let lent = format!("--primary vault/{key}.secret.asc");
        let change = run(&format!("extend {key} --expires 3y {lent}"));
        assert_eq!(change.code(), Some(0), "{what}: {change:?}");
        assert_eq!(sandbox.names("vault"), [format!("{key}.secret.asc")], "{what}");
    }
}

fn copy(from: &Path, to: &Path) {
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let to = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            fs::create_dir(&to).unwrap();
            fs::set_permissions(&to, entry.metadata().unwrap().permissions()).unwrap();
            copy(&entry.path(), &to);
        } else {
            fs::copy(entry.path(), to).unwrap();
        }
    }
}

fn org(sandbox: &Sandbox) -> String {
    sandbox.keygen("--kind org --name Acme --no-passphrase")
}

#[test]
fn keygen_of_an_organisation() {
    survives(|_| String::new(), "keygen --kind org --name Acme --no-passphrase", false);
}

#[test]
fn extend() {
    survives(org, "extend KEY --expires 2y --subkeys", false);
}

#[test]
fn rotate() {
    survives(org, "rotate KEY", false);
}

#[test]
fn revoke() {
    survives(org, "revoke KEY --reason compromised", true);
}

#[test]
fn revoke_from_a_stored_certificate() {
    survives(org, "revoke KEY --stored --reason compromised", true);
}

#[test]
fn user_ids() {
    survives(org, "adduid KEY --name Other", false);
    let two = |sandbox: &Sandbox| {
        let key = org(sandbox);
        sandbox.run(&format!("adduid {key} --name Other")).exits(0);
        key
    };
    survives(two, "revoke-uid KEY Other", false);
}

#[test]
fn passwd() {
    survives(org, "passwd KEY", false);
}

#[test]
fn refresh() {
    let weak = |sandbox: &Sandbox| {
        let mut recipe = Recipe::of(Material::a());
        recipe.hash = HashAlgorithm::SHA1;
        let cert = recipe.build();
        let key = cert.fingerprint().to_hex();
        sandbox.keygen("--name First --no-passphrase");
        sandbox.write(format!("home/keys/{key}.pgp"), secret(&cert));
        sandbox.chmod(format!("home/keys/{key}.pgp"), 0o600);
        key
    };
    survives(weak, "refresh KEY", true);
}

#[test]
fn taking_the_primary_key_off_line_never_loses_it() {
    let line = "export --offline-primary vault KEY --unprotected";
    survives(org, line, false);
}
