//! Disks that are full, that are read-only, and that belong to somebody else.

use std::fs;
use std::process::{Command, Output};

use crate::common::craft::*;
use crate::common::peers::{missing, peer, skipped};
use crate::common::sandbox::{PROGRAM, Sandbox, is_root};
use crate::common::systems;

/// Commands that write, and what each needs to be there before.
const LINES: [&str; 8] = [
    "keygen --name Other --no-passphrase",
    "import alice.asc",
    "trust add alice.asc",
    "extend Acme --expires 2y",
    "passwd Acme",
    "export Acme -o $DISK/exported",
    "sign $DISK/a.tar.gz",
    "gpg --batch --detach-sign -o $DISK/other.sig $DISK/a.tar.gz",
];

/// Runs a shell script that may mount file systems which nobody else sees, with the program as
/// `plugsign`, its home on one of 256 KiB at `$DISK`, and a key in it.
fn on_a_disk(sandbox: &Sandbox, script: &str) -> Option<Output> {
    let may = Command::new("unshare").args(["-m", "true"]).output();
    if !may.is_ok_and(|it| it.status.success()) {
        missing("the right to mount a file system");
        return None;
    }
    sandbox.write("alice.asc", public(alice()));
    if !sandbox.has("home") {
        sandbox.keygen("--name Acme --no-passphrase");
    }
    let script = format!(
        "DISK=$PWD/disk; mkdir $DISK; mount -t tmpfs -o size=256k,mode=700 tmpfs $DISK
         export PLUGSIGN_HOME=$DISK/home PLUGSIGN_NEW_PASSPHRASE=new
         plugsign() {{ '{PROGRAM}' \"$@\"; }}
         cp -Rp home $PLUGSIGN_HOME; echo artifact > $DISK/a.tar.gz
         {script}"
    );
    let mut command = Command::new("unshare");
    command.args(["-m", "sh", "-euc", &script]).current_dir(sandbox.folder());
    command.env("PATH", std::env::var_os("PATH").unwrap());
    Some(systems::start([script.as_ref()], || command.output().unwrap()))
}

fn shown(output: &Output) -> String {
    let text = String::from_utf8_lossy(&output.stdout);
    format!("{}\n{text}\n{}", output.status, String::from_utf8_lossy(&output.stderr))
}

#[test]
fn a_full_disk_changes_nothing_and_with_room_the_same_command_works() {
    let sandbox = Sandbox::new();
    for line in LINES {
        // A page or two are left, so that some commands fail at their second file.
        for left in [0, 4, 8] {
            let Some(output) = on_a_disk(
                &sandbox,
                &format!(
                    "dd if=/dev/zero of=$DISK/filler bs=1k 2>/dev/null || true
                     truncate -s -{left}K $DISK/filler
                     code=0; plugsign {line} > out 2> err || code=$?
                     echo \"code $code\"; cat out err
                     echo left $(find $DISK -name '*.tmp' | wc -l)
                     plugsign list > list
                     rm $DISK/filler
                     [ $code = 0 ] || plugsign {line} || [ $code = 0 ]
                     plugsign list > list
                     PLUGSIGN_PASSPHRASE=new plugsign sign -q -u Acme -o $DISK/s $DISK/a.tar.gz
                     plugsign verify --signature $DISK/s $DISK/a.tar.gz
                     umount $DISK; rmdir $DISK"
                ),
            ) else {
                return;
            };
            let said = shown(&output);
            assert!(output.status.success(), "{line}: {said}");
            assert!(said.contains("left 0\n"), "{line}: {said}");
            let is_full = said.contains("code 3") || said.contains("code 2");
            assert!(is_full || left > 0, "{line}: the disk was not full: {said}");
            assert!(!is_full || said.contains("No space left on device"), "{line}: {said}");
        }
    }
}

#[test]
fn a_key_that_does_not_fit_on_the_disk_leaves_no_revocation_certificates() {
    let sandbox = Sandbox::new();
    // From no room at all to room for everything, a page more each time.
    let Some(output) = on_a_disk(
        &sandbox,
        "dd if=/dev/zero of=$DISK/filler bs=1k 2>/dev/null || true
         before=$(ls $DISK/home/keys $DISK/home/revocations)
         code=3; rounds=0
         while [ $code != 0 ]; do
             code=0; plugsign keygen -q --kind org --name Other --no-passphrase 2> err || code=$?
             after=$(ls $DISK/home/keys $DISK/home/revocations)
             [ $code = 0 ] || [ \"$before\" = \"$after\" ] || { echo \"$rounds left: $after\"; exit 1; }
             rounds=$((rounds + 1)); truncate -s -4K $DISK/filler
         done; echo rounds $rounds",
    ) else {
        return;
    };
    let said = shown(&output);
    assert!(output.status.success(), "{said}");
    let rounds = said.lines().find_map(|line| line.strip_prefix("rounds "));
    assert!(rounds.unwrap().parse::<u32>().unwrap() > 3, "{said}");
}

#[test]
fn a_read_only_disk_can_be_read_and_errors_name_it() {
    let sandbox = Sandbox::new();
    let lines = LINES.join("\n").replace("$DISK", "\"$DISK\"");
    let lines: String = lines.lines().map(|line| format!("try {line}\n")).collect();
    let Some(output) = on_a_disk(
        &sandbox,
        &format!(
            "try() {{ code=0; plugsign \"$@\" > err 2>&1 || code=$?
                      echo \"$1 $code $(grep -c 'Read-only file system' err)\"; }}
             plugsign sign -q $DISK/a.tar.gz
             mount -o remount,ro $DISK
             rm -f done; {lines}
             plugsign list; plugsign verify $DISK/a.tar.gz; plugsign export Acme -o here
             plugsign sign $DISK/a.tar.gz"
        ),
    ) else {
        return;
    };
    let said = shown(&output);
    assert!(output.status.success(), "{said}");
    for line in LINES.iter().filter(|line| !line.starts_with("sign")) {
        let name = line.split(' ').next().unwrap();
        let code = if name == "gpg" { 2 } else { 3 };
        assert!(said.contains(&format!("{name} {code} 1\n")), "{line}: {said}");
    }
    // What is signed already needs no writing.
    assert!(said.contains("sign 0 0\n"), "{said}");
    assert!(said.contains("1 up to date"), "{said}");
}

#[test]
fn files_of_another_user_are_refused_by_name() {
    if !is_root() {
        missing("root's right to become somebody else");
        return;
    }
    let sandbox = Sandbox::new();
    sandbox.keygen("--name Acme --no-passphrase");
    sandbox.write("dist/a.tar.gz", DATA);
    sandbox.write("key", public(alice()));
    fs::copy(PROGRAM, sandbox.path("plugsign")).unwrap();
    sandbox.chmod(".", 0o755);
    sandbox.write("hers/empty", "");
    sandbox.chmod("hers", 0o777);
    let run = |home: &str, line: &str| {
        let mut command = Command::new("setpriv");
        command.args(["--reuid", "65534", "--regid", "65534", "--clear-groups"]);
        command.arg(sandbox.path("plugsign")).args(line.split(' ')).current_dir(sandbox.folder());
        command.env_clear().env("PLUGSIGN_HOME", sandbox.path(home));
        systems::start([line.as_ref()], || command.output().unwrap())
    };
    let before = sandbox.snapshot();
    // A home that only root may look into, and one that root alone may write to.
    for mode in [0o700, 0o755] {
        sandbox.chmod("home", mode);
        for line in ["list", "sign dist/a.tar.gz", "import key", "trust add key", "keygen --name O"]
        {
            let output = run("home", line);
            assert_eq!(output.status.code(), Some(3), "{line}: {}", shown(&output));
            let said = shown(&output);
            let is_told =
                said.contains("belongs to another user") || said.contains("Permission denied");
            assert!(is_told, "{line}: {said}");
        }
    }
    sandbox.chmod("home", 0o700);
    assert_eq!(before, sandbox.snapshot());
    // Her home would be in root's folder, so she has none. In her own folder she may have one.
    sandbox.write("dist/b.zip", DATA);
    sandbox.write("dist/b.zip.sig", signature(&Recipe::of(Material::a())));
    sandbox.write("shut/empty", "");
    sandbox.chmod("shut", 0o700);
    let output = run("shut/home", "verify --key key dist/b.zip");
    assert_eq!(output.status.code(), Some(0), "{}", shown(&output));
    assert!(shown(&output).contains("the home was not asked"), "{}", shown(&output));
    std::os::unix::fs::chown(sandbox.path("shut"), Some(65534), None).unwrap();
    sandbox.chmod("shut", 0);
    let output = run("shut/home", "verify --key key dist/b.zip");
    assert_eq!(output.status.code(), Some(3), "{}", shown(&output));
    std::fs::remove_file(sandbox.path("dist/b.zip")).unwrap();
    std::fs::remove_file(sandbox.path("dist/b.zip.sig")).unwrap();
    // A folder of artifacts that root alone may write to.
    let output = run("hers/home", "keygen -q --name Hers --no-passphrase");
    assert!(output.status.success(), "{}", shown(&output));
    let output = run("hers/home", "sign dist");
    assert_eq!(output.status.code(), Some(3), "{}", shown(&output));
    assert!(shown(&output).contains("Permission denied"), "{}", shown(&output));
    assert_eq!(sandbox.names("dist"), ["a.tar.gz"]);
}

/// A cut cable, a bad sector: what was read so far is not the artifact.
#[test]
fn an_artifact_that_cannot_be_read_has_neither_signature_nor_verdict() {
    let Some(strace) = peer("strace") else { return };
    let sandbox = Sandbox::new();
    sandbox.keygen("--name Acme --no-passphrase");
    sandbox.run("export Acme -o key").exits(0);
    sandbox.write("a.tar.gz", vec![7; 4 << 20]);
    sandbox.run("sign a.tar.gz").exits(0);
    sandbox.write("b.tar.gz", vec![7; 4 << 20]);
    for (line, artifact) in [
        ("verify a.tar.gz", "a.tar.gz"),
        ("verify --as-server --key key a.tar.gz", "a.tar.gz"),
        ("check a.tar.gz", "a.tar.gz"),
        ("sign b.tar.gz", "b.tar.gz"),
        ("gpg --verify a.tar.gz.sig a.tar.gz", "a.tar.gz"),
    ] {
        for turn in [1, 2] {
            let path = sandbox.path(artifact);
            let shell = format!(
                "exec '{}' -f -o trace -P '{}' -e inject=read,pread64:error=EIO:when={turn} \"$@\"",
                strace.display(),
                path.display()
            );
            let done = sandbox.call(line.split(' ')).in_shell(&shell).run();
            let trace = String::from_utf8_lossy(&sandbox.read("trace")).into_owned();
            assert!(trace.contains("(INJECTED)"), "{line}: not read {turn} times: {trace}");
            let code = if line.starts_with("gpg") { 2 } else { 3 };
            assert_eq!(done.code(), Some(code), "{line}, {turn}: {done:?}");
            assert!(!done.out().contains("good"), "{line}: {done:?}");
            assert!(!sandbox.has("b.tar.gz.sig"), "{line}");
        }
    }
}

/// A signature that cannot be looked at is not one that is missing.
#[test]
fn a_signature_that_cannot_be_looked_at_is_an_error_and_no_verdict() {
    let Some(strace) = peer("strace") else { return };
    let sandbox = Sandbox::new();
    sandbox.keygen("--name Acme --no-passphrase");
    sandbox.write("a.tar.gz", "a");
    sandbox.run("sign a.tar.gz").exits(0);
    let shell = format!(
        "exec '{}' -f -o trace -P a.tar.gz.sig -e inject=statx,newfstatat:error=EIO \"$@\"",
        strace.display()
    );
    let done = sandbox.call(["verify", "a.tar.gz"]).in_shell(&shell).run();
    let trace = String::from_utf8_lossy(&sandbox.read("trace")).into_owned();
    assert!(trace.contains("(INJECTED)"), "{trace}");
    assert_eq!(done.code(), Some(3), "{done:?}");
    assert!(!done.out().contains("missing-signature"), "{done:?}");
}

/// Makes the program believe that it writes to FAT: no renaming without replacing, no hard links,
/// and no modes but the mount's.
const LIKE_FAT: &str = "strace -f -o trace -e trace=renameat2,linkat,fchmod \
     -e inject=renameat2:error=EINVAL -e inject=linkat:error=EPERM -e inject=fchmod:error=EPERM";

#[test]
fn a_disk_without_links_and_modes_takes_vaults_and_signatures_and_replaces_nothing() {
    if peer("strace").is_none() {
        return;
    }
    let sandbox = Sandbox::new();
    sandbox.keygen("--kind org --name Acme --no-passphrase");
    sandbox.write("a.tar.gz", DATA);
    let run = |line: &str| {
        sandbox.call(line.split(' ')).in_shell(&format!("exec {LIKE_FAT} \"$@\"")).run()
    };
    run("sign a.tar.gz").exits(0).prints("a.tar.gz.sig");
    sandbox.run("verify a.tar.gz").exits(0);
    let export = "export --offline-primary vault --unprotected Acme";
    run(export).exits(0);
    let trace = String::from_utf8(sandbox.read("trace")).unwrap();
    assert!(trace.contains("renameat2(") && trace.contains("(INJECTED)"), "{trace}");
    let [vault] = &sandbox.names("vault")[..] else { panic!("{:?}", sandbox.names("vault")) };
    let path = format!("vault/{vault}");
    assert_eq!(sandbox.mode(&path), 0o600);
    sandbox.run(&format!("rotate Acme --primary {path}")).exits(0);
    // Something else under the name stays, also where the two steps are one name.
    sandbox.write("taken.sig", "taken");
    run("sign -o taken.sig a.tar.gz").exits(3);
    assert_eq!(sandbox.read("taken.sig"), b"taken");
    assert!(sandbox.names(".").iter().all(|name| !name.ends_with(".tmp")));
}

#[test]
fn an_empty_file_that_a_killed_export_left_is_no_copy_of_a_key() {
    let sandbox = Sandbox::new();
    let key = sandbox.keygen("--kind org --name Acme --no-passphrase");
    let path = format!("vault/{key}.secret.asc");
    sandbox.write(&path, "");
    let export = "export --offline-primary vault --unprotected Acme";
    sandbox.run(export).exits(0);
    assert!(sandbox.read(&path).len() > 1000);
}

/// Runs a script in which $DISK gives every file the mode 0644, or says why it is skipped.
fn on_a_disk_without_modes(sandbox: &Sandbox, script: &str) -> Option<Output> {
    let script = format!(
        "mkdir disk behind; bindfs --perms=a+rD behind disk || exit 77
         trap 'umount \"$PWD/disk\"' EXIT
         export PLUGSIGN_HOME=$PWD/home; plugsign() {{ '{PROGRAM}' \"$@\"; }}
         {script}"
    );
    let mut command = Command::new("unshare");
    command.args(["-m", "sh", "-euc", &script]).current_dir(sandbox.folder());
    let output = systems::start([script.as_ref()], || command.output());
    let output = output.ok().filter(|it| it.status.code() != Some(77));
    if output.as_ref().is_none_or(|it| String::from_utf8_lossy(&it.stderr).contains("unshare:")) {
        skipped("bindfs, FUSE and the right to mount");
        return None;
    }
    output
}

#[test]
fn a_secret_is_written_where_others_can_read_it_only_if_asked_for() {
    let sandbox = Sandbox::new();
    let Some(output) = on_a_disk_without_modes(
        &sandbox,
        "plugsign keygen -q --kind org --name Acme --no-passphrase
         refused() { code=0; plugsign \"$@\" 2>err || code=$?; cat err
                     [ $code = 3 ] || [ $code = 2 ] || { echo \"$1: $code\"; exit 1; }
                     grep -q 'keeps no permissions' err; [ -z \"$(find behind -type f -size +0)\" ]; }
         refused export --secret --unprotected Acme -o disk/secret
         refused export --offline-primary disk/vault --unprotected Acme
         refused gpg --batch --export-secret-keys -o disk/secret Acme
         PLUGSIGN_NEW_PASSPHRASE=x refused export --ci -o disk/ci Acme
         plugsign export Acme -o disk/certificate
         rm disk/certificate
         refused --home disk/home keygen --name Other --no-passphrase
         code=0; plugsign --home disk/home doctor > rows || code=$?; cat rows
         grep -q 'keeps no permissions' rows
         plugsign export --secret --unprotected --readable-by-others Acme -o disk/secret
         plugsign export --offline-primary disk/vault --unprotected --readable-by-others Acme
         plugsign rotate Acme --primary disk/vault/*.asc",
    ) else {
        return;
    };
    assert!(output.status.success(), "{}", shown(&output));
}
