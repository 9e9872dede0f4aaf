//! Faults planted in small trees: each is found, and what only resembles one is not.

use super::rules::faults;

/// Returns the names of the faults of a tree.
fn found(files: &[(&str, &str)]) -> Vec<String> {
    let files: Vec<(String, String)> =
        files.iter().map(|(path, text)| ((*path).to_owned(), (*text).to_owned())).collect();
    faults(&files).into_iter().map(|fault| fault.name).collect()
}

#[track_caller]
fn finds(files: &[(&str, &str)], expected: &[&str]) {
    assert_eq!(found(files), expected);
}

#[test]
fn an_import_against_the_order_is_found_however_it_is_written() {
    for import in [
        "use crate::judge::Judge;",
        "use crate::{judge::{self, Judge}, text};",
        "use super::super::judge as both;",
        "use crate::judge::*;",
        "pub use crate::judge::Judge;",
        "fn f() { crate::judge::judge() }",
        "fn f() { use crate::judge; judge::judge() }",
        "fn f() { println(format!(\"{}\", crate::judge::judge())) }",
        "struct S { #[arg(parser = crate::judge::parse)] field: u8 }",
        "use crate::Judge;",
    ] {
        let files = [
            ("src/lib.rs", "pub mod judge; pub mod openpgp; pub use judge::Judge;"),
            ("src/judge.rs", "pub struct Judge; pub fn judge() {} pub fn parse() {}"),
            ("src/text.rs", ""),
            ("src/openpgp/mod.rs", "pub mod sign;"),
            ("src/openpgp/sign.rs", import),
        ];
        let expected = "order: src/openpgp/sign.rs -> src/judge.rs".to_owned();
        assert_eq!(found(&files), [expected], "{import}");
    }
}

#[test]
fn every_layer_may_use_those_below_it_and_no_other() {
    let layers = [
        ("src/bin/plugsign/main.rs", "crate::X"),
        ("src/bin/plugsign/gpg/mod.rs", "crate::gpg::X"),
        ("src/bin/plugsign/edge/mod.rs", "crate::edge::X"),
        ("src/publisher/mod.rs", "publisher::X"),
        ("src/disk/mod.rs", "disk::X"),
        ("src/judge.rs", "judge::X"),
        ("src/mattermost/mod.rs", "mattermost::X"),
        ("src/openpgp/mod.rs", "openpgp::X"),
        ("src/text.rs", "text::X"),
    ];
    for (lower, (from, _)) in layers.iter().enumerate() {
        for (upper, (to, path)) in layers.iter().enumerate() {
            let is_program = |path: &str| path.starts_with("src/bin");
            if lower == upper || (is_program(to) && !is_program(from)) {
                continue;
            }
            let path = match (is_program(from), is_program(to)) {
                (true, false) => format!("plugsign::{path}"),
                (_, true) => (*path).to_owned(),
                (false, false) => format!("crate::{path}"),
            };
            let import = format!("use {path};");
            let expected = match lower < upper {
                true => vec![],
                false => vec![format!("order: {from} -> {to}")],
            };
            let files = [("src/lib.rs", ""), (from, import.as_str()), (to, "pub struct X;")];
            assert_eq!(found(&files), expected, "{from}: {import}");
        }
    }
}

#[test]
fn a_file_in_no_layer_is_found() {
    finds(&[("src/error.rs", "")], &["layer: src/error.rs is in none"]);
    finds(&[("src/commands/sign.rs", "")], &["layer: src/commands/sign.rs is in none"]);
    let program = "src/bin/plugsign/openpgp.rs";
    finds(&[(program, "")], &["layer: src/bin/plugsign/openpgp.rs is in none"]);
}

#[test]
fn a_subcommand_that_imports_another_is_found() {
    let sign = "src/bin/plugsign/commands/sign.rs";
    let files = [
        ("src/bin/plugsign/commands/mod.rs", "pub mod sign; pub mod verify;"),
        (sign, "use super::verify::run;"),
        ("src/bin/plugsign/commands/verify/mod.rs", "mod report; pub use report::run;"),
        ("src/bin/plugsign/commands/verify/report.rs", "pub fn run() {}"),
    ];
    finds(&files, &[&format!("sideways: {sign} -> src/bin/plugsign/commands/verify/report.rs")]);
}

#[test]
fn a_subcommand_may_have_a_folder_of_its_own() {
    let files = [
        ("src/bin/plugsign/commands/mod.rs", "pub mod trust; pub fn all() { trust::run() }"),
        ("src/bin/plugsign/commands/trust/mod.rs", "mod add; pub fn run() { add::run() }"),
        ("src/bin/plugsign/commands/trust/add.rs", "use super::list::X; pub fn run() {}"),
        ("src/bin/plugsign/commands/trust/list.rs", "pub struct X;"),
    ];
    finds(&files, &[]);
}

#[test]
fn an_import_between_commands_and_gpg_is_found() {
    let [sign, gpg] = ["src/bin/plugsign/commands/sign.rs", "src/bin/plugsign/gpg/sign.rs"];
    let folders = ["src/bin/plugsign/commands/mod.rs", "src/bin/plugsign/gpg/mod.rs"];
    let tree =
        |files: [(&'static str, &'static str); 2]| [folders.map(|it| (it, "")), files].concat();
    let there = tree([(sign, "use crate::gpg::sign::X;"), (gpg, "pub struct X;")]);
    finds(&there, &[&format!("sideways: {sign} -> {gpg}")]);
    let back = tree([(gpg, "use crate::commands::sign::X;"), (sign, "pub struct X;")]);
    finds(&back, &[&format!("sideways: {gpg} -> {sign}")]);
    let within =
        [("src/bin/plugsign/gpg/verify.rs", "use super::sign::X;"), (gpg, "pub struct X;")];
    finds(&tree(within), &[]);
}

#[test]
fn a_cycle_of_files_is_found() {
    let files = [
        ("src/openpgp/a.rs", "use super::b::B; pub struct A;"),
        ("src/openpgp/b.rs", "use super::f::F; pub struct B; fn f() { super::c::f() }"),
        ("src/openpgp/c.rs", "pub fn f(_: super::a::A) {}"),
        ("src/openpgp/d.rs", "use super::a::A;"),
        // A longer way through the same files is the same fault.
        ("src/openpgp/e.rs", "use super::a::A; pub struct E;"),
        ("src/openpgp/f.rs", "use super::e::E; pub struct F;"),
    ];
    let circle = "src/openpgp/a.rs -> src/openpgp/b.rs -> src/openpgp/c.rs -> src/openpgp/a.rs";
    finds(&files, &[&format!("cycle: {circle}")]);
}

#[test]
fn a_file_that_uses_the_folder_that_uses_it_is_a_cycle() {
    let own = "src/disk/mod.rs";
    let child = ("src/disk/write.rs", "use super::helper; pub struct Folder;");
    let expected = ["cycle: src/disk/mod.rs -> src/disk/write.rs -> src/disk/mod.rs"];
    let uses = "pub mod write; use write::Folder; pub fn helper(_: Folder) {}";
    finds(&[(own, uses), child], &expected);
    let shows_and_uses = "mod write; pub use write::Folder; pub fn helper(_: Folder) {}";
    finds(&[(own, shows_and_uses), child], &expected);
    let only_shows = "mod write; pub use write::Folder; pub fn helper() {}";
    finds(&[(own, only_shows), child], &[]);
}

#[test]
fn a_name_is_followed_to_the_file_that_defines_it() {
    let files = [
        ("src/lib.rs", "pub mod openpgp; pub use openpgp::Key;"),
        ("src/openpgp/mod.rs", "mod keys; mod sign; mod verify; pub use self::keys::Key as Key;"),
        ("src/openpgp/keys.rs", "pub use super::sign::Key;"),
        ("src/openpgp/sign.rs", "use super::verify::Verdict; pub struct Key;"),
        ("src/openpgp/verify.rs", "use crate::Key; pub struct Verdict;"),
    ];
    let circle = "src/openpgp/sign.rs -> src/openpgp/verify.rs -> src/openpgp/sign.rs";
    finds(&files, &[&format!("cycle: {circle}")]);
}

#[test]
fn tests_comments_and_texts_make_no_arrow() {
    let code = r##"
        //! See [`crate::judge::Judge`].
        /* use crate::judge::Judge; /* nested */ */
        /// As `crate::judge::Judge` does.
        pub const A: &str = "crate::judge::Judge";
        pub const B: &str = r#"use crate::judge::Judge;"#;
        #[cfg(test)]
        use crate::judge::{Judge, judge};
        pub struct S {
            #[cfg(test)]
            judge: crate::judge::Judge,
            pub other: u8,
        }
        #[cfg(test)]
        mod tests { use crate::judge::Judge; }
        #[cfg(all(test, unix))]
        #[allow(dead_code)]
        fn f() -> crate::judge::Judge { crate::judge::judge() }
        pub fn after() {}
    "##;
    let judge = ("src/judge.rs", "pub struct Judge; pub fn judge() {}");
    finds(&[judge, ("src/openpgp/sign.rs", code)], &[]);
    let after = code.replace("fn after() {}", "fn after() { crate::judge::judge() }");
    let expected = ["order: src/openpgp/sign.rs -> src/judge.rs"];
    finds(&[judge, ("src/openpgp/sign.rs", &after)], &expected);
}

#[test]
fn sequoias_type_in_a_public_signature_is_found() {
    for (item, what) in [
        ("pub fn f(cert: &Cert) {}", "f has Cert"),
        ("pub fn f() -> Option<Vec<openpgp::Cert>> { None }", "f has openpgp::Cert"),
        ("pub fn f(f: impl Fn(Cert)) {}", "f has Cert"),
        ("pub fn f<T: openpgp::policy::Policy>(t: T) {}", "f has openpgp::policy::Policy"),
        ("pub fn f<T>() where T: Into<Cert> {}", "f has Cert"),
        ("type Own = openpgp::Cert; pub fn f(_: Own) {}", "f has Own"),
        ("pub type Own = openpgp::Cert;", "Own has openpgp::Cert"),
        ("pub struct S(pub Cert);", "S has Cert"),
        ("pub struct S { pub cert: Cert }", "S has Cert"),
        ("pub enum E { A { cert: Cert } }", "E has Cert"),
        ("pub enum E { A(#[from] sequoia_openpgp::Error) }", "E has sequoia_openpgp::Error"),
        ("pub trait T { fn f(&self) -> Cert; }", "T has Cert"),
        ("pub trait T: openpgp::policy::Policy {}", "T has openpgp::policy::Policy"),
        ("pub const C: Option<Cert> = None;", "C has Cert"),
        ("pub struct S; impl S { pub fn f(&self) -> Cert { todo() } }", "S::f has Cert"),
        ("pub struct S; impl From<Cert> for S {}", "impl From for S has Cert"),
        (
            "pub struct S; impl openpgp::policy::Policy for S {}",
            "impl openpgp::policy::Policy for S has openpgp::policy::Policy",
        ),
        ("pub struct S; impl Deref for S { type Target = Cert; }", "impl Deref for S has Cert"),
    ] {
        let begin = "use sequoia_openpgp as openpgp; use openpgp::Cert;";
        let code = format!("{begin} {item}");
        let files = [
            ("src/lib.rs", "pub mod openpgp;"),
            ("src/openpgp/mod.rs", "pub mod sign;"),
            ("src/openpgp/sign.rs", code.as_str()),
        ];
        let expected = format!("sequoia: src/openpgp/sign.rs: {what}");
        assert_eq!(found(&files), [expected], "{item}");
    }
}

#[test]
fn sequoias_type_in_a_private_module_is_found_where_it_is_shown() {
    let code = "pub struct S(pub sequoia_openpgp::Cert); pub struct T(pub sequoia_openpgp::Cert);";
    let files = [
        ("src/lib.rs", "pub mod openpgp;"),
        ("src/openpgp/mod.rs", "mod sign; pub use sign::S;"),
        ("src/openpgp/sign.rs", code),
    ];
    finds(&files, &["sequoia: src/openpgp/sign.rs: S has sequoia_openpgp::Cert"]);
}

#[test]
fn sequoias_types_are_free_where_no_user_of_the_library_sees_them() {
    for item in [
        "pub(crate) fn f(cert: &Cert) {}",
        "pub(super) struct S(pub Cert);",
        "pub struct S(Cert);",
        "pub struct S(pub(super) Cert, pub u8);",
        "pub struct S { cert: Cert }",
        "pub struct S; impl S { pub(super) fn f() -> Cert { todo() } fn g(_: Cert) {} }",
        "pub fn f() { let cert: Option<Cert> = None; }",
        "trait Own { fn f(_: Cert); } pub struct S; impl Own for S { fn f(_: Cert) {} }",
        "struct S; impl From<Cert> for S {}",
    ] {
        let code = format!("use sequoia_openpgp::Cert; {item}");
        let files = [
            ("src/lib.rs", "pub mod openpgp;"),
            ("src/openpgp/mod.rs", "pub mod sign;"),
            ("src/openpgp/sign.rs", code.as_str()),
        ];
        assert_eq!(found(&files), [""; 0], "{item}");
    }
}

#[test]
fn verifying_that_reaches_secret_keys_is_found_however_long_the_way_is() {
    let files = [
        ("src/openpgp/verify.rs", "use super::policy::Policy;"),
        ("src/openpgp/policy.rs", "use super::secret_key::X; pub struct Policy;"),
        ("src/openpgp/secret_key.rs", "pub struct X;"),
    ];
    finds(&files, &["secrets: src/openpgp/verify.rs reaches src/openpgp/secret_key.rs"]);
}

#[test]
fn a_word_in_the_wrong_file_is_found() {
    let [program, edge] = ["src/bin/plugsign/commands/sign.rs", "src/bin/plugsign/edge/world.rs"];
    for (path, code, word) in [
        ("src/disk/home.rs", "use sequoia_openpgp::Cert;", "sequoia_openpgp"),
        (program, "fn f() { sequoia_openpgp::f() }", "sequoia_openpgp"),
        ("src/openpgp/keygen.rs", "fn f() { x\n  .sign_direct_key(y) }", ".sign_direct_key("),
        ("src/disk/home.rs", "fn f() { eprintln!() }", "println!"),
        ("src/disk/home.rs", "fn f() { std::env::vars() }", "env::var"),
        ("src/disk/home.rs", "use std::{env::{self, var}, fs};", "env::var"),
        ("src/disk/home.rs", "fn f() { SystemTime::now() }", "SystemTime::now"),
        ("src/disk/home.rs", "#[derive(clap::Args)] struct S;", "clap::"),
        (program, "fn f() { SystemTime::now() }", "SystemTime::now"),
        ("src/openpgp/verify.rs", "fn f(key: SigningKey) {}", "SigningKey"),
        (program, "fn f() { g().unwrap() }", ".unwrap()"),
        (program, "fn f() { unsafe { g() } }", "unsafe{"),
        (edge, "fn f() { g().expect(\"never\") }", ".expect("),
        (edge, "#[path = \"x.rs\"] mod y;", "#[path="),
        (edge, "#[cfg(target_os = \"linux\")] fn f() {}", "target_os"),
        (edge, "fn f() -> bool { cfg!(target_os = \"macos\") }", "target_os"),
        (edge, "use std::os::linux::fs::MetadataExt;", "os::linux"),
        ("src/disk/home.rs", "fn f() { OFlags::PATH }", "OFlags::PATH"),
        ("src/disk/home.rs", "use rustix::fs::{openat, openat2};", "openat2"),
        ("src/disk/system/mod.rs", "fn f() { renameat_with(a, b) }", "renameat_with"),
        ("src/disk/home.rs", "fn f(file: File) { file.sync_all() }", ".sync_all("),
    ] {
        assert_eq!(found(&[(path, code)]), [format!("word: {path}: {word}")], "{code}");
    }
}

#[test]
fn a_word_that_only_resembles_another_is_not_found() {
    for (path, code) in [
        ("src/openpgp/change/made.rs", "fn f() { x.sign_direct_key(y) }"),
        ("src/disk/system/mod.rs", "#[cfg(target_os = \"linux\")] mod linux;"),
        ("src/bin/plugsign/edge/system/linux.rs", "fn f() { mlockall(flags) }"),
        ("src/disk/system/linux.rs", "fn f(file: File) { file.sync_all() }"),
        ("src/openpgp/verify.rs", "fn f() { Reason::NotASigningKey }"),
        ("src/openpgp/hash.rs", "fn f() { fingerprint!=other }"),
        ("src/openpgp/hash.rs", "fn f() { if is_unsafe {} }"),
        ("src/bin/plugsign/edge/world.rs", "fn f() { SystemTime::now() }"),
        ("src/openpgp/hash.rs", "#[cfg(test)] mod tests { fn f() { g().unwrap() } } fn after() {}"),
    ] {
        assert_eq!(found(&[(path, code)]), [""; 0], "{code}");
    }
}
