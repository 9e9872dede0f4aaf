//! Many commands at once on one home.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::process::Stdio;
use std::thread;
use std::time::{Duration, Instant};

use crate::common::craft::*;
use crate::common::sandbox::Sandbox;

#[test]
fn eight_different_commands_at_once_lose_nothing() {
    for round in 0..4 {
        let sandbox = Sandbox::new();
        sandbox.keygen("--kind org --name Acme --no-passphrase");
        sandbox.write("alice.asc", public(alice()));
        sandbox.write("bob.asc", public(bob()));
        sandbox.write("dist/a.tar.gz", DATA);
        let lines = [
            "keygen --name Other --no-passphrase",
            "extend Acme --expires 3y",
            "rotate Acme",
            "adduid Acme --name Second",
            "adduid Acme --name Third",
            "import alice.asc",
            "trust add bob.asc",
            "sign -u Acme dist",
        ];
        thread::scope(|scope| {
            let runs = lines.map(|line| scope.spawn(|| sandbox.run(line)));
            for run in runs {
                let done = run.join().unwrap();
                assert_eq!(done.code(), Some(0), "round {round}: {done:?}");
            }
        });
        let json = sandbox.run("--json list").exits(0).json();
        let keys = json["keys"].as_array().unwrap();
        assert_eq!(keys.len(), 3, "round {round}");
        let acme = keys.iter().find(|key| key["user_ids"].to_string().contains("Acme")).unwrap();
        assert_eq!(acme["user_ids"].as_array().unwrap().len(), 3, "round {round}: {acme}");
        assert_eq!(acme["subkeys"].as_array().unwrap().len(), 2, "round {round}: {acme}");
        assert!(acme["expires"].is_string(), "round {round}: {acme}");
        sandbox.run("trust list").exits(0).prints("bob.asc");
        sandbox.run("verify dist").exits(0);
    }
}

/// expect: whatever runs at once, and is killed meanwhile, a name is trusted or it is not; why: an
/// administrator's script may be ended at any moment; source: attacks T9.
#[test]
fn trust_that_is_added_and_removed_at_once_is_there_or_not() {
    let sandbox = Sandbox::new();
    let mut key = alices_key();
    sandbox.write("alice.asc", public(alice()));
    sandbox.write("bob.asc", public(bob()));
    sandbox.run("trust add bob.asc").exits(0);
    sandbox.write("a.tar.gz", DATA);
    sandbox.write("a.tar.gz.sig", Forge::by(&key).sign(&mut key, DATA));
    let start = |line: &str| {
        let call = sandbox.call(line.split_whitespace());
        call.command().stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn()
    };
    let (mut there, mut gone) = (0, 0);
    for round in 0..100 {
        let mut runs = ["trust add alice.asc", "trust remove alice.asc", "trust add alice.asc"]
            .map(|line| start(line).unwrap());
        thread::sleep(Duration::from_millis(round % 25));
        runs[round as usize % 3].kill().unwrap();
        for run in &mut runs {
            run.wait().unwrap();
        }
        let list = sandbox.run("--json trust list").exits(0).json();
        let names = list["entries"].as_array().unwrap().len() - 1;
        let verified = sandbox.run("verify a.tar.gz").code();
        match names {
            0 => gone += 1,
            _ => there += 1,
        }
        let expected = if names == 1 { Some(0) } else { Some(1) };
        assert!(names <= 1 && verified == expected, "round {round}: {list} {verified:?}");
    }
    // Killed commands leave temporary files at the most, which count for nothing.
    sandbox.run("trust add alice.asc").exits(0);
    sandbox.run("verify a.tar.gz").exits(0);
    let _ = writeln!(io::stderr(), "faults: trust at once: {there} times there, {gone} times not");
}

#[test]
fn a_lock_that_is_held_is_waited_for_ten_seconds_by_every_command_that_writes() {
    let sandbox = Sandbox::new();
    sandbox.keygen("--kind org --name Acme --no-passphrase");
    sandbox.write("alice.asc", public(alice()));
    sandbox.write("bob.asc", public(bob()));
    sandbox.run("trust add bob.asc").exits(0);
    sandbox.write("server/config.json", "{}");
    sandbox.run("trust add --config server/config.json bob.asc").exits(0);
    sandbox.write("market/plugins.json", "[]");
    // Only who may write in these folders can open their locks, which go with the command.
    let locks = ["server/.config.json", "market/.plugins.json"].map(|name| {
        let lock = File::create(sandbox.path(format!("{name}.plugsign.lock"))).unwrap();
        lock.lock().unwrap();
        lock
    });
    let lock = OpenOptions::new().write(true).open(sandbox.path("home/lock")).unwrap();
    lock.lock().unwrap();
    let before = sandbox.snapshot();
    let sandbox = &sandbox;
    let start = Instant::now();
    sandbox.run("list").exits(0);
    assert!(start.elapsed() < Duration::from_secs(5), "readers do not wait");
    let lines = [
        "import alice.asc",
        "trust add alice.asc",
        "keygen --name Second --no-passphrase",
        "extend Acme --expires 3y",
        "rotate Acme",
        "adduid Acme --name Second",
        "gpg --batch --import alice.asc",
        "passwd Acme",
        "revoke Acme --reason compromised",
        "trust remove bob.asc",
        "trust add --config server/config.json alice.asc",
        "trust remove --config server/config.json bob.asc",
        "marketplace add --database market/plugins.json --download-url-base https://a.test alice.asc",
    ];
    thread::scope(|scope| {
        for line in lines {
            scope.spawn(move || {
                let call = sandbox.call(line.split_whitespace()).limit(Duration::from_secs(50));
                let start = Instant::now();
                let done = call.env("PLUGSIGN_NEW_PASSPHRASE", "new").run();
                assert!(start.elapsed() >= Duration::from_secs(9), "{line}: {:?}", start.elapsed());
                let code = if line.starts_with("gpg") { 2 } else { 3 };
                assert_eq!(done.code(), Some(code), "{line}: {done:?}");
                let said = done.err() + &done.out();
                assert!(said.contains("another command is using"), "{line}: {said}");
                assert!(!line.starts_with("keygen") || done.stdout.is_empty(), "{done:?}");
            });
        }
    });
    assert_eq!(before, sandbox.snapshot());
    drop((lock, locks));
    sandbox.run("trust add --config server/config.json alice.asc").exits(0);
    assert!(!sandbox.has("server/.config.json.plugsign.lock"), "{:?}", sandbox.names("server"));
    // A lock file that no command holds blocks nobody.
    sandbox.run("import alice.asc").exits(0);
}

#[test]
fn twenty_commands_that_write_the_same_file_at_once_all_succeed() {
    let sandbox = Sandbox::new();
    sandbox.keygen("--kind org --name Acme --no-passphrase");
    sandbox.write("dist/a.tar.gz", DATA);
    let lines = [
        "export Acme -a -o key.asc",
        "export Acme --secret --unprotected -o secret",
        "export Acme -a -o other.asc --force",
        "sign dist",
        "sign --force dist",
        "sign --checksums --force dist",
        "sign -a -o a.asc --force dist/a.tar.gz",
    ];
    for line in lines {
        thread::scope(|scope| {
            let runs = [(); 20].map(|()| scope.spawn(|| sandbox.run(line)));
            for run in runs {
                let done = run.join().unwrap();
                assert_eq!(done.code(), Some(0), "{line}: {done:?}");
            }
        });
        for folder in [".", "dist"] {
            let left = sandbox.names(folder).into_iter().find(|name| name.ends_with(".tmp"));
            assert_eq!(left, None, "{line}");
        }
    }
    sandbox.run("verify dist").exits(0);
}

#[test]
fn twenty_changes_of_a_servers_keys_at_once_are_all_made() {
    let sandbox = Sandbox::new();
    sandbox.write("server/config.json", "{}");
    for number in 0..20 {
        sandbox.write(format!("{number}.asc"), public(alice()));
    }
    thread::scope(|scope| {
        let runs = (0..20).map(|number| {
            let sandbox = &sandbox;
            let line = format!("trust add --config server/config.json {number}.asc");
            scope.spawn(move || sandbox.run(&line))
        });
        for run in runs.collect::<Vec<_>>() {
            let done = run.join().unwrap();
            assert_eq!(done.code(), Some(0), "{done:?}");
        }
    });
    let config: serde_json::Value =
        serde_json::from_slice(&sandbox.read("server/config.json")).unwrap();
    let listed = config["PluginSettings"]["SignaturePublicKeyFiles"].as_array().unwrap().len();
    assert_eq!((listed, sandbox.names("server").len()), (20, 22));
}
