//! What happens in the middle of a run: files that change, links that appear, Ctrl-C.
//!
//! strace holds the program up at one call on one file, long enough for the test to interfere.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::common::peers::peer;
use crate::common::person::Person;
use crate::common::sandbox::{Done, PASSPHRASE};
use crate::common::systems::has_nameless_files;
use crate::release_day::{KEY, Release};

/// Signs dist/, and interferes once the program is about to do `call` on a-1.0.0.tar.gz.
fn sign_and_interfere(call: &str, interfere: &str) -> Option<(Release, Done)> {
    // Longer than one read, so that there is a middle.
    sign_prepared(100_000, "", call, interfere)
}

/// Does the same with a file of so many times 8 bytes, after `prepare`.
fn sign_prepared(
    length: usize,
    prepare: &str,
    call: &str,
    interfere: &str,
) -> Option<(Release, Done)> {
    peer("strace")?;
    let release = Release::new();
    release.write("dist/a-1.0.0.tar.gz", &"content ".repeat(length));
    let said = release.run(&format!(
        "{prepare}
         strace -f -o trace -P dist/a-1.0.0.tar.gz -P a-1.0.0.tar.gz \\
             -e trace=openat,read,statx,newfstatat \\
             -e inject={call}:delay_enter=1500000 plugsign sign dist & pid=$!
         for _ in $(seq 300); do
             if [ -s trace ] && [ \"$(wc -l < trace)\" -ge {} ]; then break; fi
             sleep 0.01
         done
         sleep 0.3
         {interfere}
         code=0; wait $pid || code=$?; exit $code",
        if call.starts_with("openat") { 1 } else { 3 },
    ));
    Some((release, said))
}

#[track_caller]
fn assert_failed_alone(release: &Release, said: &Done, words: &str) {
    assert_eq!(said.code(), Some(3), "{}", said.shown());
    assert!(said.err().contains(words), "{}", said.shown());
    assert_eq!(said.out(), "dist/b-1.0.0.zip.sig\n", "{}", said.shown());
    let left = release.run("ls -A dist");
    assert!(!left.out().contains("a-1.0.0.tar.gz.sig"), "{}", left.out());
    assert!(!left.out().contains(".tmp"), "{}", left.out());
}

#[test]
fn a_file_that_grows_shrinks_or_is_replaced_while_it_is_read_is_not_signed() {
    for interfere in [
        "printf more >> dist/a-1.0.0.tar.gz",
        "printf less > dist/a-1.0.0.tar.gz",
        "printf X | dd of=dist/a-1.0.0.tar.gz conv=notrunc status=none",
    ] {
        let Some((release, said)) = sign_and_interfere("read:when=2", interfere) else {
            return;
        };
        assert_failed_alone(&release, &said, "changed while");
    }
}

/// Maps the file, writes to each of its pages, and to its ends once a line comes: the times of the
/// file tell of the first writes alone.
const WRITER: &str = "\
import mmap, sys
file = open(sys.argv[1], 'r+b')
pages = mmap.mmap(file.fileno(), 0)
file.close()
for place in range(0, len(pages), 4096):
    pages[place] = pages[place]
print('ready', flush=True)
sys.stdin.readline()
pages[0] ^= 1
pages[len(pages) - 1] ^= 1
print('changed', flush=True)
";

#[test]
fn a_file_that_changes_through_a_shared_mapping_while_it_is_read_is_not_signed() {
    if peer("python3").is_none() {
        return;
    }
    // One that is read twice, and one that is brought to the disk first.
    for length in [100_000, 400_000] {
        let prepare = format!(
            "mkfifo go; cat > writer.py <<'END'\n{WRITER}END
             python3 writer.py dist/a-1.0.0.tar.gz < go > states & exec 9> go
             until grep -q ready states; do sleep 0.01; done"
        );
        let change = "echo >&9; until grep -q changed states; do sleep 0.01; done";
        let Some((release, said)) = sign_prepared(length, &prepare, "read:when=2", change) else {
            return;
        };
        assert_failed_alone(&release, &said, "changed while");
    }
}

#[test]
fn a_file_that_vanishes_before_it_is_opened_is_an_error() {
    let vanish = "rm dist/a-1.0.0.tar.gz";
    let Some((release, said)) = sign_and_interfere("openat:when=1", vanish) else {
        return;
    };
    assert_failed_alone(&release, &said, "dist/a-1.0.0.tar.gz");
}

#[test]
fn a_link_that_takes_a_files_place_before_it_is_opened_is_not_followed() {
    let swap = "ln -sf /etc/passwd dist/a-1.0.0.tar.gz";
    let Some((release, said)) = sign_and_interfere("openat:when=1", swap) else {
        return;
    };
    assert_failed_alone(&release, &said, "dist/a-1.0.0.tar.gz");
}

#[test]
fn a_link_that_takes_a_folders_place_is_not_followed() {
    // Before the folder is opened, and while the file is read: the signature stays beside what was
    // read.
    for (name, call, more, code) in
        [("folder-read", "openat2", "", 3), ("folder-written", "read", "-j 1", 0)]
    {
        if peer("strace").is_none() {
            return;
        }
        let release = Release::new();
        for folder in ["dist/sub", "outside"] {
            release.write(&format!("{folder}/c-1.0.0.zip"), &"content ".repeat(100_000));
        }
        let said = release.run(&format!(
            "strace -f -o trace -P sub -P dist/sub/c-1.0.0.zip \\
                 -e trace={call} -e inject={call}:delay_enter=1500000:when=1 \\
                 plugsign sign {more} dist & pid=$!
             sleep 0.8
             mv dist/sub away; ln -s ../outside dist/sub
             code=0; wait $pid || code=$?; exit $code"
        ));
        assert_eq!(said.code(), Some(code), "{name}: {}", said.shown());
        let names_it = said.err().contains("failed: dist/sub/c-1.0.0.zip");
        assert_eq!(names_it, code == 3, "{name}: {}", said.shown());
        assert!(!release.path("outside/c-1.0.0.zip.sig").exists(), "{name}: {}", said.shown());
        let is_signed = release.path("away/c-1.0.0.zip.sig").exists();
        assert_eq!(is_signed, code == 0, "{name}: {}", said.shown());
    }
}

#[test]
fn a_link_that_takes_a_folders_place_once_it_was_opened_is_not_followed() {
    if peer("strace").is_none() {
        return;
    }
    let release = Release::new();
    release.run("rm dist/*.zip dist/*.tar.gz");
    release.write("dist/sub/c-1.0.0.zip", "content");
    release.write("outside/c-1.0.0.zip.sig", "precious");
    // The second call opens the folder for the signature.
    release.run(
        "strace -f -o trace -e trace=openat2 -e inject=openat2:delay_exit=1500000:when=2 \
             plugsign sign --force -j 1 dist & pid=$!
         for _ in $(seq 300); do
             if [ -s trace ] && [ \"$(grep -c openat2 trace)\" -ge 2 ]; then break; fi
             sleep 0.01
         done
         sleep 0.3
         mv dist/sub away; ln -s ../outside dist/sub
         wait $pid || true",
    );
    assert_eq!(fs::read(release.path("outside/c-1.0.0.zip.sig")).unwrap(), b"precious");
    assert_eq!(fs::read_dir(release.path("outside")).unwrap().count(), 1);
    assert!(release.path("away/c-1.0.0.zip.sig").exists());
}

#[test]
fn ctrl_c_leaves_whole_signatures_and_the_next_run_completes_the_work() {
    if peer("strace").is_none() {
        return;
    }
    let release = Release::new();
    for number in 0..200 {
        release.write(&format!("dist/n{number}.zip"), &number.to_string());
    }
    let said = release.run(
        // A shell lets what it runs in the background ignore Ctrl-C, and plugsign leaves that alone.
        "env --default-signal=INT \\
             strace -f -o /dev/null -e trace=fsync -e inject=fsync:delay_enter=20000 \\
             plugsign sign dist > written & pid=$!
         for _ in $(seq 1000); do
             if ls dist | grep -q 'zip.sig$'; then break; fi
             sleep 0.01
         done
         kill -INT $(cat /proc/$pid/task/$pid/children)
         code=0; wait $pid || code=$?; exit $code",
    );
    assert_eq!(said.code(), Some(130), "{}", said.shown());
    let names: Vec<String> = fs::read_dir(release.path("dist"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    let signatures: Vec<&String> = names.iter().filter(|name| name.ends_with(".sig")).collect();
    assert!((1..200).contains(&signatures.len()), "{} signatures", signatures.len());
    assert!(!names.iter().any(|name| name.ends_with(".tmp")), "{names:?}");
    for signature in signatures {
        let verify = format!("plugsign verify --key release-key.asc dist/{signature}");
        assert!(release.run(&verify).is_ok(), "{signature}");
    }
    release.sign();
    assert!(release.verify().is_ok());
}

#[test]
fn an_unreadable_subfolder_is_reported_and_the_rest_is_signed() {
    if rustix::process::geteuid().is_root() {
        // Root reads everything; a file system that fails stands in for the permission.
        if peer("strace").is_none() {
            return;
        }
        let release = Release::new();
        release.write("dist/closed/c-1.0.0.zip", "content");
        let said = release.run(
            "strace -f -o /dev/null -P dist/closed -e inject=openat:error=EACCES \\
                 plugsign sign dist",
        );
        assert_unreadable_in_part(&said);
        return;
    }
    let release = Release::new();
    release.write("dist/closed/c-1.0.0.zip", "content");
    let said = release
        .run("chmod 0 dist/closed; code=0; plugsign sign dist || code=$?; chmod 755 dist/closed; exit $code");
    assert_unreadable_in_part(&said);
}

#[track_caller]
fn assert_unreadable_in_part(said: &Done) {
    assert_eq!(said.code(), Some(3), "{}", said.shown());
    assert!(said.err().contains("dist/closed"), "{}", said.shown());
    assert_eq!(said.out(), "dist/a-1.0.0.tar.gz.sig\ndist/b-1.0.0.zip.sig\n");
}

#[test]
fn a_thousand_files_need_no_more_open_files_than_a_few() {
    let release = Release::new();
    for number in 0..1000 {
        release.write(&format!("dist/n{number}.zip"), &number.to_string());
    }
    let said = release
        .run("ulimit -n 64; plugsign sign dist && plugsign verify -q --key release-key.asc dist");
    assert!(said.is_ok(), "{}", said.err());
    let again = release.run("ulimit -n 64; plugsign sign dist");
    assert!(again.is_ok() && again.out().is_empty(), "{}", again.shown());
    assert!(again.err().contains("0 signed, 1002 up to date"), "{}", again.err());
}

/// Starts signing a file that takes a while, on a terminal.
fn sign_on_a_terminal(release: &Release) -> Person {
    let large = fs::File::create(release.path("large.tar")).unwrap();
    large.set_len(1 << 30).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_plugsign"));
    command.args(["sign", "large.tar"]).current_dir(release.path(""));
    command.env_clear().env("PLUGSIGN_KEY", KEY).env("PLUGSIGN_PASSPHRASE", PASSPHRASE);
    command.env("TERM", "xterm");
    Person::at(command)
}

/// Returns what stands on the screen after the last erased line.
fn last_line(screen: &str) -> &str {
    screen.rsplit("\x1b[2K").next().unwrap_or(screen)
}

#[test]
fn progress_shows_bytes_rate_and_time_left_and_disappears() {
    let release = Release::new();
    let mut person = sign_on_a_terminal(&release);
    let frame = person.sees("left");
    assert!(
        frame.contains("1.00 GiB") && frame.contains("/s") && frame.contains("files"),
        "{frame:?}"
    );
    let (rest, code) = person.ends();
    assert!(!last_line(&rest).contains("left"), "{rest:?}");
    assert!(last_line(&rest).contains("1 signed"), "{rest:?}");
    assert_eq!(code, 0, "{rest:?}");
}

#[test]
fn ctrl_c_takes_the_progress_off_the_terminal() {
    let release = Release::new();
    let mut person = sign_on_a_terminal(&release);
    person.sees("left");
    person.types(b"\x03");
    let (rest, code) = person.ends();
    assert!(!last_line(&rest).contains("left"), "{rest:?}");
    assert_eq!(code, 130, "{rest:?}");
    assert!(!Path::new(&release.path("large.tar.sig")).exists());
}

#[test]
fn a_killed_sign_leaves_nothing_that_the_next_run_does_not_remove() {
    if peer("strace").is_none() {
        return;
    }
    let release = Release::new();
    let has_nameless = has_nameless_files(&release.path("dist"));
    // Every call that could give a file its name, or bring it into being.
    for (calls, force, is_clean) in [
        ("linkat,renameat2", "", true),
        ("fsync", "", true),
        ("linkat", "--force", true),
        ("renameat", "--force", false),
    ] {
        release.run("rm -f dist/*.sig");
        if !force.is_empty() {
            release
                .run("for file in a-1.0.0.tar.gz b-1.0.0.zip; do echo no > dist/$file.sig; done");
        }
        release.run(&format!(
            "strace -f -o /dev/null -e trace={calls} -e inject={calls}:signal=KILL:when=1 \\
                 plugsign sign -j 1 {force} dist || true"
        ));
        let left = || release.run("ls -A dist").out();
        assert!(
            !left().contains("a-1.0.0.tar.gz.sig\n") || !force.is_empty(),
            "{calls}: {}",
            left()
        );
        let may_leave = !is_clean || !has_nameless;
        assert!(may_leave || !left().contains(".tmp"), "{calls}: {}", left());
        let said = release.run(&format!("plugsign sign {force} dist"));
        assert!(said.is_ok(), "{calls}: {}", said.shown());
        assert!(!left().contains(".tmp"), "{calls}: {}", left());
        assert!(release.run("plugsign verify --key release-key.asc dist").is_ok());
    }
}
