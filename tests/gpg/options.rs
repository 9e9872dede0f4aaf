//! Options: every one that gpg and gpgv have is done, passed over or refused by its name.

use crate::common::peers::peer;
use crate::common::sandbox::Sandbox;
use crate::gpg::twins::{GpgKeys, StatusLines, Twins};

/// An option of gpg's own table, and whether it takes a value.
fn table(desk: &Sandbox, program: &str) -> Vec<(String, bool)> {
    let dumped = desk.must(&format!("{program} --dump-option-table")).out();
    let row = |line: &str| {
        let fields: Vec<&str> = line.split(':').collect();
        let is_option = fields[0]
            .bytes()
            .all(|byte| byte.is_ascii_lowercase() || byte == b'-' || byte.is_ascii_digit());
        // The type of the value is in the lowest bits; headings have a bit of their own.
        let flags: u32 = fields.get(2)?.parse().ok()?;
        (is_option && flags & 512 == 0).then(|| (fields[0].to_string(), flags & 7 != 0))
    };
    dumped.lines().filter_map(row).collect()
}

#[test]
fn every_option_of_gpgs_is_known_and_takes_a_value_if_gpgs_does() {
    let Some(theirs) = Sandbox::of_gpg() else { return };
    let ours = Sandbox::in_place_of_gpg();
    for program in ["gpg", "gpgv"] {
        if peer(program).is_none() {
            return;
        }
        let table = table(&theirs, program);
        assert!(table.len() > 10, "{table:?}");
        let known = ours.must(&format!("{program} --dump-options")).out();
        let mut lines = String::new();
        for (name, takes_value) in &table {
            assert!(known.lines().any(|line| line == format!("--{name}")), "{program} --{name}");
            let line = if *takes_value { format!("--{name}") } else { format!("--{name}=x") };
            lines.push_str(&format!("{program} {line} 2>&1 | head -n 1\n"));
        }
        let said = ours.must(&lines).out();
        assert_eq!(said.lines().count(), table.len());
        for ((name, takes_value), said) in table.iter().zip(said.lines()) {
            let words =
                if *takes_value { "missing argument" } else { "does not expect an argument" };
            assert!(said.contains(words), "{program} --{name}: {said}");
        }
    }
}

/// Scripts have lines of old in them, which are as good as none.
#[test]
fn options_that_are_passed_over_change_nothing() {
    let Some(twins) = Twins::new() else { return };
    for options in [
        "--no-throw-keyids --enable-large-rsa --fast-list-mode --debug-iolbf",
        "--no-escape-from-lines --no-require-secmem --no-expensive-trust-checks --no-groups",
        "--no-auto-key-import --no-include-key-block --disable-dsa2 --no-show-photos --no-force-mdc",
        "--no-default-recipient --temp-directory /tmp --exec-path /usr/bin --xauthority x",
        "--pcsc-driver x --reader-port 1 --compliance gnupg --cert-digest-algo SHA512",
        "--default-preference-list 'SHA512 AES256' --verify-options show-uid-validity --no-comments",
    ] {
        let (ours, _) = twins.same(&format!(
            "gpg --batch --yes --status-fd 1 --faked-system-time '1800000000!' --digest-algo SHA256 {options} -b data"
        ));
        assert_eq!(ours.exit(), 0, "{options}: {}", ours.shown());
    }
    let (ours, theirs) =
        twins.sh("gpg --log-file words --batch --yes -v -b data; grep -c signature words");
    assert_eq!((ours.out(), theirs.out()), ("1\n".into(), "1\n".into()), "{}", ours.shown());
}

#[test]
fn comments_and_version_stand_where_gpg_puts_them() {
    let Some(twins) = Twins::new() else { return };
    // The lines before the first empty one, without what each program says of its own version.
    let head = |armored: &str| {
        let lines = armored.lines().take_while(|line| !line.is_empty());
        let keyword = |line: &str| match line.starts_with("Version: ") {
            true => "Version".to_string(),
            false => line.to_string(),
        };
        lines.map(keyword).collect::<Vec<_>>()
    };
    for line in [
        "gpg --batch --yes --comment one --comment $'two\\nlines' -a -o sig -b data",
        "gpg --batch --yes --emit-version --comment Zo\u{eb} -a -o sig -b data",
        "gpg --batch --yes --comment one --no-comments --emit-version --no-version -a -o sig -b data",
        "gpg --batch --yes --comment key -a -o sig --export",
    ] {
        twins.sh(line);
        let [ours, theirs] =
            [&twins.ours, &twins.theirs].map(|desk| String::from_utf8(desk.read("sig")).unwrap());
        assert_eq!(head(&ours), head(&theirs), "{line}");
    }
    twins.ours.must("gpg --batch --yes --comment one --emit-version -a -o sig -b data");
    twins.theirs.write("sig", twins.ours.read("sig"));
    for desk in [&twins.ours, &twins.theirs] {
        desk.must("gpg --verify sig data");
    }
}

#[test]
fn options_that_would_change_the_result_are_refused() {
    let desk = Sandbox::in_place_of_gpg();
    desk.gpg_key("Acme <a@acme.test>");
    desk.write("data", "data");
    for (options, words) in [
        ("--compliance de-vs -b data", "does not follow this standard"),
        ("--max-output 10 -b data", "what is written"),
        ("--list-only --verify data.sig data", "what is trusted"),
        ("--include-key-block -b data", "what is signed"),
        ("--verify-options pka-trust-increase --verify data.sig data", "what is trusted"),
        ("--no-require-backsigs --verify data.sig data", "what is trusted"),
        ("--cert-digest-algo SHA512 --quick-generate-key New", "SHA-256"),
        ("--default-preference-list SHA512 --quick-generate-key New", "SHA-256"),
    ] {
        desk.sh(&format!("gpg --batch {options}")).exits(2).says(words);
    }
    assert!(!desk.has("data.sig"));
    // What a key is made with anyhow.
    desk.must("gpg --batch --passphrase '' --pinentry-mode loopback --cert-digest-algo SHA256 --quick-generate-key New rsa3072");
}

#[test]
fn the_answer_no_keeps_the_file() {
    let desk = Sandbox::in_place_of_gpg();
    desk.gpg_key("Acme <a@acme.test>");
    desk.write("data", "data");
    desk.must("gpg -b data");
    desk.sh("gpg --no -b data").exits(2).says("data.sig");
}
