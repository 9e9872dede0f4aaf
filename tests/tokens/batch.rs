//! Many files: one login for each connection, and what a lost one leaves.

use std::thread;
use std::time::{Duration, Instant};

use crate::tokens::token::{Desk, shown};

#[test]
fn two_hundred_files_are_signed_by_two_connections_with_two_logins() {
    let Some(desk) = Desk::with_key() else { return };
    desk.release(200);
    let command = desk.logged();
    let sign = ["sign", "--key", "pkcs11:token=X;object=release", "--token-command", &command];
    let begun = Instant::now();
    desk.run(&sign, &["-j", "2", "dist"]).exits(0).says("200 signed");
    eprintln!("tokens: 200 files in {:?}", begun.elapsed());
    assert_eq!(desk.signatures().len(), 200);
    assert_eq!(desk.logins(), 2);
    assert_eq!(desk.calls("uayfy"), 200);
    desk.all_good();
}

#[test]
fn without_a_number_of_jobs_there_is_one_login() {
    let Some(desk) = Desk::with_key() else { return };
    desk.release(20);
    let command = desk.logged();
    let sign = ["sign", "--key", "pkcs11:token=X;object=release", "--token-command", &command];
    desk.run(&sign, &["dist"]).exits(0).says("20 signed");
    assert_eq!(desk.logins(), 1);
    // What is signed stays, and no signature is made for it.
    desk.run(&sign, &["dist"]).exits(0).says("20 up to date");
    assert_eq!(desk.calls("uayfy"), 20);
}

#[test]
fn a_server_that_dies_in_the_middle_leaves_what_is_signed_and_the_rest_is_named() {
    let Some(desk) = Desk::with_key() else { return };
    desk.release(12);
    // The server gets as much as it takes to sign some files, and not all.
    let command = format!(
        "dd bs=1 count=1500 status=none | p11-kit remote --provider {} pkcs11:",
        shown(&desk.module)
    );
    let sign = ["sign", "--key", "pkcs11:token=X;object=release", "--token-command"];
    let done = desk.run(&sign, &[&command, "dist"]).exits(3);
    let signed = desk.signatures().len();
    assert!((1..12).contains(&signed), "{signed}: {done:?}");
    assert_eq!(done.err().matches("the connection to the token was lost").count(), 12 - signed);
    let failed = desk.sandbox.names("dist").into_iter().filter(|name| {
        name.ends_with(".gz") && done.err().contains(&format!("failed: dist/{name}"))
    });
    assert_eq!(failed.count(), 12 - signed, "{done:?}");
    // The next run signs the rest alone.
    desk.sign(&["dist"]).exits(0).says(&format!("{} signed, {signed} up to date", 12 - signed));
    desk.all_good();
}

#[test]
fn a_server_that_is_killed_in_the_middle_ends_the_run_at_once() {
    const FILES: usize = 400;
    let Some(desk) = Desk::with_key() else { return };
    desk.release(FILES);
    let command = format!(
        "echo $$ > server && exec p11-kit remote --provider {} pkcs11:",
        shown(&desk.module)
    );
    let sign = ["sign", "--key", "pkcs11:token=X;object=release", "--token-command"];
    let done = thread::scope(|scope| {
        let run = scope.spawn(|| desk.run(&sign, &[&command, "dist"]));
        while desk.signatures().len() < 3 && !run.is_finished() {
            thread::sleep(Duration::from_millis(1));
        }
        desk.sandbox.sh("kill -9 $(cat server)").exits(0);
        let begun = Instant::now();
        let done = run.join().unwrap();
        assert!(begun.elapsed() < Duration::from_secs(30), "{done:?}");
        done.exits(3)
    });
    let signed = desk.signatures().len();
    assert!((3..FILES).contains(&signed), "{signed}");
    done.says(&format!("{} failed", FILES - signed));
}

#[test]
fn a_server_that_takes_fewer_connections_than_jobs_signs_with_those() {
    let Some(desk) = Desk::with_key() else { return };
    desk.release(20);
    let command = format!("mkdir taken && {}", desk.logged());
    let sign = ["sign", "--key", "pkcs11:token=X;object=release", "--token-command", &command];
    desk.run(&sign, &["-j", "4", "dist"]).exits(0).says("20 signed");
    assert_eq!(desk.logins(), 1);
    desk.all_good();
}
