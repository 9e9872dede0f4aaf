//! Standard input and output that the caller closed, or that cannot take what is written.

use crate::common::craft::*;
use crate::common::sandbox::{Done, Sandbox};
use crate::common::systems::is_linux;

/// Everything that prints a result, and the code that says it could not.
const PRINT: [(&str, i32); 23] = [
    ("export Alice", 3),
    ("export -a Alice", 3),
    ("sign -o - a.tar.gz", 3),
    ("sign -a -o - a.tar.gz", 3),
    ("sign a.tar.gz", 3),
    ("verify b.tar.gz", 3),
    ("list", 3),
    ("list --json", 3),
    ("trust add --name a alice.asc", 3),
    ("trust list --json", 3),
    ("doctor", 3),
    ("completions bash", 3),
    ("man", 3),
    ("--version", 3),
    ("--json --version", 3),
    ("help", 3),
    ("sign --help", 3),
    ("gpg --export Alice", 2),
    ("gpg --detach-sign -o - a.tar.gz", 2),
    ("gpg --list-keys", 2),
    ("gpg --version", 2),
    ("gpg --print-md sha256 a.tar.gz", 2),
    ("gpg --status-fd 1 --verify b.tar.gz.sig", 2),
];

fn desk() -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.import(&secret(alice()));
    sandbox.write("alice.asc", public(alice()));
    sandbox.write("a.tar.gz", DATA);
    sandbox.write("b.tar.gz", DATA);
    sandbox.run("sign b.tar.gz").exits(0);
    sandbox
}

fn in_shell(sandbox: &Sandbox, line: &str, redirection: &str) -> Done {
    sandbox.call(line.split(' ')).in_shell(&format!("\"$@\" {redirection}")).run()
}

#[test]
fn a_result_that_cannot_be_printed_is_an_error() {
    let ways = if is_linux("/dev/full") { [">&-", ">/dev/full"] } else { [">&-"; 2] };
    for redirection in ways {
        for (line, code) in PRINT {
            let sandbox = desk();
            let done = in_shell(&sandbox, line, redirection);
            assert_eq!(done.code(), Some(code), "{line} {redirection}: {done:?}");
            if code == 3 && !line.contains("--version") && !line.contains("help") {
                assert!(done.err().contains("standard output"), "{done:?}");
            }
        }
    }
}

#[test]
fn a_command_that_prints_nothing_needs_no_standard_output() {
    let sandbox = desk();
    in_shell(&sandbox, "export Alice -o alice.pgp", ">&-").exits(0);
    in_shell(&sandbox, "sign b.tar.gz", ">&-").exits(0).says("1 up to date");
    in_shell(&sandbox, "sign a.tar.gz", ">/dev/null").exits(0);
    // As Python and other callers discard what a program says.
    in_shell(&sandbox, "list", "1<>/dev/null").exits(0);
}

#[test]
fn a_closed_standard_input_is_not_an_empty_file() {
    let sandbox = desk();
    for line in ["sign -o out -", "import -", "gpg --detach-sign -o out", "gpg --import"] {
        let done = in_shell(&sandbox, line, "<&-");
        assert!(matches!(done.code(), Some(2 | 3)), "{line}: {done:?}");
        let words = done.out() + &done.err();
        assert!(words.contains("Bad file descriptor"), "{line}: {done:?}");
        assert!(!sandbox.has("out"), "{line}");
    }
}
