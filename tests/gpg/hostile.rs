//! Nothing foreign forges a line: user IDs, file names, what signatures say of themselves.
//!
//! SigSpoof (CVE-2018-12020) put a file name with a line end into `--verbose` output that shared
//! a descriptor with the status lines; CVE-2022-34903 did it with notations.

use sequoia_openpgp as openpgp;

use openpgp::packet::signature::SignatureBuilder;
use openpgp::packet::signature::subpacket::NotationDataFlags;
use openpgp::serialize::MarshalInto;
use openpgp::types::{HashAlgorithm, SignatureType};

use crate::common::craft::*;
use crate::common::done::assert_tame;
use crate::common::sandbox::{Done, Sandbox};
use crate::gpg::twins::{GpgKeys, StatusLines};

const FORGED: &str = "x\n[GNUPG:] GOODSIG 0123456789ABCDEF Forged\r\n[GNUPG:] VALIDSIG F\x1b[2J\u{9b}1m\u{202e} %0A\\n:";

fn hostile() -> Recipe {
    Recipe::of(Material::a()).user_id(FORGED)
}

/// Asserts that no line only looks like a status line, and that nothing steers a terminal.
#[track_caller]
fn is_honest(said: &Done, keywords: &[&str]) {
    for text in [&said.stdout[..], said.err().as_bytes()] {
        assert_tame(text);
    }
    for line in said.status() {
        let keyword = line.split(' ').next().unwrap();
        assert!(keywords.contains(&keyword), "{line}\n{}", said.shown());
    }
}

const OF_BAD: &[&str] = &["NEWSIG", "KEY_CONSIDERED", "BADSIG"];
const OF_GOOD: &[&str] =
    &["NEWSIG", "KEY_CONSIDERED", "SIG_ID", "GOODSIG", "VALIDSIG", "TRUST_UNDEFINED"];

#[test]
fn user_ids_notations_and_signers_names_forge_nothing() {
    let desk = Sandbox::in_place_of_gpg();
    desk.gpg_import(&public(&hostile().build()));
    let mut signer = hostile().signer();
    let signature = SignatureBuilder::new(SignatureType::Binary)
        .set_hash_algo(HashAlgorithm::SHA256)
        .set_signature_creation_time(ago(1))
        .unwrap()
        .set_signers_user_id(FORGED)
        .unwrap()
        .set_notation("n@x.test", FORGED, NotationDataFlags::empty().set_human_readable(), false)
        .unwrap()
        .sign_message(&mut signer, b"data")
        .unwrap();
    desk.write("data.sig", openpgp::Packet::from(signature).to_vec().unwrap());
    for (data, exit, keywords) in [("data", 0, OF_GOOD), ("other", 1, OF_BAD)] {
        desk.write("data", data);
        // Both streams as one, as SigSpoof needs it.
        let said = desk.sh("gpg --verbose --status-fd 2 --verify data.sig data 2>&1");
        assert_eq!(said.exit(), exit, "{}", said.shown());
        is_honest(&said, keywords);
        let said = desk.sh("gpgv -v --status-fd 1 --keyring ./none data.sig data 2>&1");
        is_honest(&said, &["NEWSIG", "ERROR", "ERRSIG", "NO_PUBKEY"]);
    }
    let listing = desk.must("gpg -k --with-colons");
    is_honest(&listing, &[]);
    assert_eq!(listing.out().lines().count(), 4, "{}", listing.shown());
    assert_eq!(listing.out().lines().last().unwrap().matches(':').count(), 20);
    is_honest(&desk.must("gpg -k"), &[]);
    is_honest(&desk.must("gpg --fingerprint --keyid-format long"), &[]);
}

#[test]
fn file_names_forge_nothing() {
    let desk = Sandbox::in_place_of_gpg();
    desk.gpg_key("Acme <a@acme.test>");
    desk.must("name=$'x\\n[GNUPG:] GOODSIG 0 y\\e[2J.tar'; echo data > \"$name\"");
    let name = "name=$'x\\n[GNUPG:] GOODSIG 0 y\\e[2J.tar';";
    let signing = &["KEY_CONSIDERED", "BEGIN_SIGNING", "SIG_CREATED"];
    let said = desk.sh(&format!("{name} gpg -v --status-fd 2 -b \"$name\" 2>&1")).exits(0);
    is_honest(&said, signing);
    let said = desk.sh(&format!("{name} gpg -v --status-fd 2 -b \"$name\" 2>&1")).exits(2);
    is_honest(&said, &["KEY_CONSIDERED", "FAILURE"]);
    let good = &["NEWSIG", "KEY_CONSIDERED", "SIG_ID", "GOODSIG", "VALIDSIG", "TRUST_ULTIMATE"];
    let said =
        desk.sh(&format!("{name} gpg -v --status-fd 2 --verify \"$name.sig\" 2>&1")).exits(0);
    is_honest(&said, good);
    assert_eq!(said.status().iter().filter(|line| line.starts_with("GOODSIG")).count(), 1);
    for line in [
        "gpg -v --status-fd 2 --verify \"$name.sig\" \"$name.none\"",
        "gpg -v --status-fd 2 --verify \"$name.none\"",
        "gpg -v --status-fd 2 --import \"$name\"",
        "gpg -v --status-fd 2 -u \"$name\" -b data",
        "gpg -v --status-fd 2 --\"$name\"",
        "gpg -v --status-fd 2 -o \"$name\" --export",
        "gpg -v --status-fd 2 --homedir \"./$name\" -k",
        "gpg -v --status-fd 2 --keyring \"./$name\" --verify data.sig data",
        "gpg -v --status-fd 2 -b data \"$name\" --\"$name\"",
        "gpg -v --status-fd 2 --digest-algo \"$name\" -b data",
        "gpg -v --status-fd 2 --batch --passphrase '' --quick-gen-key \"$name\"",
        "gpg --print-md SHA256 \"$name\"",
    ] {
        let said = desk.sh(&format!("{name} {line} 2>&1"));
        is_honest(
            &said,
            &["KEY_CONSIDERED", "FAILURE", "NODATA", "IMPORT_RES", "INV_SGNR", "ERROR"],
        );
    }
}

#[test]
fn imported_text_forges_no_status_line() {
    let desk = Sandbox::in_place_of_gpg();
    desk.write("key", public(&hostile().build()));
    let import = &["KEY_CONSIDERED", "IMPORTED", "IMPORT_OK", "IMPORT_RES"];
    for _ in 0..2 {
        let said = desk.sh("gpg -v --status-fd 2 --import key 2>&1").exits(0);
        is_honest(&said, import);
    }
    let said = desk.sh("gpg --show-keys --with-colons key").exits(0);
    is_honest(&said, &[]);
}

#[test]
fn a_message_is_no_signature_whatever_it_says() {
    let Some(theirs) = Sandbox::of_gpg() else { return };
    theirs.gpg_key("Acme <a@acme.test>");
    theirs.write("forged", "[GNUPG:] GOODSIG 0123456789ABCDEF Forged\n");
    theirs.must("gpg --batch --set-filename $'\\n[GNUPG:] GOODSIG 0 x\\n' -o inline -s forged");
    let ours = Sandbox::in_place_of_gpg();
    ours.gpg_import(&theirs.must("gpg --export").stdout);
    ours.write("inline", theirs.read("inline"));
    ours.write("data", "data");
    for line in
        ["--verify inline", "--verify inline data", "--verify - < inline", "--verify < inline"]
    {
        let said = ours.sh(&format!("gpg -v --status-fd 2 {line} 2>&1"));
        assert_eq!(said.exit(), 2, "{}", said.shown());
        is_honest(&said, &["NODATA"]);
        assert!(said.stdout.windows(6).all(|window| window != b"Forged"), "{}", said.shown());
    }
}
