//! What an import says of a key that is known already, beside gpg.

use crate::common::sandbox::Sandbox;
use crate::gpg::twins::{GpgKeys, StatusLines, Twins};

/// Changes the key at gpg's desk of the editor, and imports it at both.
struct Updates {
    editor: Sandbox,
    twins: Twins,
    key: String,
}

impl Updates {
    /// Both desks know the certificate alone.
    fn of_a_key(user_ids: &[&str]) -> Option<Updates> {
        let editor = Sandbox::of_gpg()?;
        let key = editor.gpg_key(user_ids[0]);
        let ours = Sandbox::in_place_of_gpg();
        let theirs = Sandbox::of_gpg()?;
        let updates =
            Updates { editor, twins: Twins { ours, theirs, fingerprint: key.clone() }, key };
        for user_id in &user_ids[1..] {
            updates.changes(&format!("--quick-add-uid KEY '{user_id}'"));
        }
        updates.imports("--export");
        Some(updates)
    }

    /// gpg's signatures have seconds: the next one is in the next second.
    #[track_caller]
    fn changes(&self, line: &str) {
        let line = line.replace("KEY", &self.key);
        let gpg = "gpg --batch --pinentry-mode loopback --passphrase ''";
        self.editor.must(&format!("sleep 1.1; {gpg} {line}"));
    }

    /// Exports at the editor's, and imports at both; returns what is said of the certificate.
    #[track_caller]
    fn imports(&self, export: &str) -> String {
        let key = self.editor.must(&format!("gpg --batch {export} {}", self.key)).stdout;
        self.twins.write("key", key);
        let (ours, theirs) = self.twins.same("gpg --batch --status-fd 1 --import key");
        let first = [&ours, &theirs].map(|said| said.status().into_iter().next());
        assert_eq!(first[0], first[1], "{}\n{}", ours.shown(), theirs.shown());
        ours.status().into_iter().find(|line| line.starts_with("IMPORT_OK ")).unwrap()
    }
}

#[test]
fn import_reports_a_user_id_a_subkey_and_a_later_expiry_as_gpg_does() {
    let Some(updates) = Updates::of_a_key(&["One <a@acme.test>", "Two <b@acme.test>"]) else {
        return;
    };
    let key = updates.key.clone();
    assert_eq!(updates.imports("--export"), format!("IMPORT_OK 0 {key}"));
    updates.changes("--quick-add-uid KEY 'Three <c@acme.test>'");
    assert_eq!(updates.imports("--export"), format!("IMPORT_OK 6 {key}"));
    updates.changes("--quick-add-key KEY rsa3072 sign 0");
    assert_eq!(updates.imports("--export"), format!("IMPORT_OK 12 {key}"));
    updates.changes("--quick-set-expire KEY 2y");
    assert_eq!(updates.imports("--export"), format!("IMPORT_OK 4 {key}"));
    updates.changes("--quick-revoke-uid KEY 'Three <c@acme.test>'");
    assert_eq!(updates.imports("--export"), format!("IMPORT_OK 4 {key}"));
}

#[test]
fn import_reports_what_is_new_in_certificate_and_secret_key() {
    let Some(updates) = Updates::of_a_key(&["One <a@acme.test>", "Two <b@acme.test>"]) else {
        return;
    };
    let key = updates.key.clone();
    updates.changes("--quick-set-expire KEY 2y");
    updates.changes("--quick-add-key KEY rsa3072 sign 0");
    assert_eq!(updates.imports("--export-secret-keys"), format!("IMPORT_OK 12 {key}"));
    assert_eq!(updates.imports("--export-secret-keys"), format!("IMPORT_OK 0 {key}"));
    updates.changes("--quick-set-expire KEY 3y");
    assert_eq!(updates.imports("--export-secret-keys"), format!("IMPORT_OK 4 {key}"));
}

#[test]
fn a_key_that_came_from_gpg_leaves_as_gpg_exports_it() {
    let Some(twins) = Twins::new() else { return };
    for line in ["gpg --export", "gpg --armor --export", "gpg --batch --export-secret-keys"] {
        let (ours, theirs) = twins.sh(line);
        assert_eq!(ours.stdout, theirs.stdout, "{line}\n{}\n{}", ours.shown(), theirs.shown());
    }
}
