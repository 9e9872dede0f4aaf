//! The changes of a key's life. Each replaces one file: a kill leaves the old key or the new one.

mod changed;
mod delete;
mod opened;
mod revoke;

use std::time::{Duration, SystemTime};

pub use self::changed::Changed;
pub use self::delete::{Deleted, Doomed};
pub use self::opened::{KeyToChange, of_home, off_line_name, settle, whole_seconds};
use self::opened::{Needs, Opened};
pub use self::revoke::{KeptRevocation, Revoked};
use super::Publisher;
use super::failure::{Failure, Result};
use super::show::first_user_id;
use crate::openpgp;
use crate::openpgp::certificate::Certificate;
use crate::openpgp::certificate::description::Description;
use crate::openpgp::change::{self, Ends, SubkeyPlan};
use crate::openpgp::ids::Fingerprint;
use crate::openpgp::policy::{KeySizeBits, Policy};
use crate::openpgp::query::KeyQuery;
use crate::openpgp::times::show_time;
use crate::openpgp::token::TokenUri;
use crate::text::Safe;

/// A key that has a new signing subkey.
pub struct NewSubkey {
    /// The new subkey.
    pub subkey: Fingerprint,
    /// When the new subkey ends.
    pub end: Option<SystemTime>,
    /// The key as it was before.
    pub before: Description,
}

/// A key that has another end.
pub struct NewEnd {
    /// The key as it was before.
    pub before: Description,
    /// The key as it is now.
    pub after: Description,
    /// Whether its subkeys were to get the same end.
    pub with_subkeys: bool,
}

/// A key whose self-signatures are strong now.
pub struct Refreshed;

/// A key that has another passphrase, or none any more.
pub struct PassphraseChange {
    /// Whether it has one.
    pub has_passphrase: bool,
}

/// A key that has another user ID.
pub struct NewUserId(pub String);

/// A key with a user ID that is revoked.
pub struct RevokedUserId(pub Vec<u8>);

/// All of these fail if the key cannot be found, unlocked or changed, or if the home is read-only.
impl Publisher<'_> {
    /// Makes a new signing subkey, by default of the primary key's size. The old ones stay valid.
    pub fn rotate(
        &self,
        subject: &KeyToChange<'_>,
        bits: Option<KeySizeBits>,
        validity: Option<Duration>,
    ) -> Result<Changed<NewSubkey>> {
        let opened = Opened::open(self, subject, Needs::Subkeys)?;
        opened.in_home(|home, lock, key, maker, created| {
            let before = key.certificate.describe(&Policy::new(created));
            let bits = bits.unwrap_or_else(|| size_of(&before));
            let plan = SubkeyPlan { bits, created, validity };
            let rotated = change::rotate(&key.certificate, maker, &plan)?;
            home.put_secret(lock, &rotated.secret)?;
            let certificate = rotated.secret.certificate().clone();
            let (subkey, end) = (rotated.subkey, validity.map(|validity| created + validity));
            let subkeys = vec![subkey.clone()];
            let changed = Changed::new(certificate, created, NewSubkey { subkey, end, before });
            let changed = changed.older_in_ci().older_off_line(opened.is_lent);
            Ok(Changed { subkeys, ..changed })
        })
    }

    /// Has a token make the new signing subkey. The primary key signs that once, wherever it is.
    pub fn rotate_to_token(
        &self,
        subject: &KeyToChange<'_>,
        bits: Option<KeySizeBits>,
        validity: Option<Duration>,
        uri: &str,
    ) -> Result<Changed<NewSubkey>> {
        let uri = TokenUri::parse(uri)?;
        let opened = Opened::open(self, subject, Needs::Primary)?;
        let label = format!("release-{}", show_time(self.now).get(..10).unwrap_or_default());
        let bits = bits.unwrap_or(KeySizeBits::Rsa3072);
        // A card takes minutes, and others may use the home meanwhile.
        let (open, key) = self.generate_in_token(&uri, &label, bits, self.now)?;
        let changed = opened.change(|certificate, maker, created| {
            let before = certificate.describe(&Policy::new(created));
            let plan = SubkeyPlan { bits, created, validity };
            let (certificate, subkey) =
                change::rotate_to_token(certificate, maker.primary, &plan, &open.pool, &key)?;
            let (end, subkeys) =
                (validity.map(|validity| created + validity), vec![subkey.clone()]);
            let changed = Changed::new(certificate, created, NewSubkey { subkey, end, before });
            Ok(Changed { subkeys, ..changed.older_off_line(opened.is_lent) })
        });
        changed.map_err(|failure| {
            let key = Safe::text(&key.name()).to_string();
            Failure::advised(
                failure,
                format!("the token has a new key {key} that no certificate has: remove it with the token's own tool"),
            )
        })
    }

    /// Sets when a key ends or its subkeys do, or that they never do.
    pub fn extend(
        &self,
        subject: &KeyToChange<'_>,
        end: Option<SystemTime>,
        ends: Ends<'_>,
    ) -> Result<Changed<NewEnd>> {
        let opened = Opened::open(self, subject, Needs::Primary)?;
        opened.change(|certificate, maker, now| {
            let before = certificate.describe(&Policy::new(now));
            let extended = change::extend(certificate, maker, end, ends, now)?;
            let after = extended.certificate.describe(&Policy::new(now));
            let with_subkeys = !matches!(ends, Ends::Key);
            let how = NewEnd { before, after, with_subkeys };
            let changed = Changed::new(extended.certificate, now, how).older_in_ci();
            let subkeys = extended.subkeys;
            Ok(Changed { subkeys, ..changed.older_off_line(opened.is_lent) })
        })
    }

    /// Renews self-signatures whose hash is too weak. They say what they said before.
    pub fn refresh(&self, subject: &KeyToChange<'_>) -> Result<Changed<Refreshed>> {
        Opened::open(self, subject, Needs::Subkeys)?.change(|certificate, maker, now| {
            let refreshed = change::refresh(certificate, maker, now)?;
            let certificate = refreshed.unwrap_or_else(|| certificate.clone());
            Ok(Changed::new(certificate, now, Refreshed).older_in_ci())
        })
    }

    /// Adds a user ID to a key that does not have it yet.
    pub fn add_user_id(
        &self,
        subject: &KeyToChange<'_>,
        user_id: String,
    ) -> Result<Changed<NewUserId>> {
        let opened = Opened::open(self, subject, Needs::Primary)?;
        opened.change(|certificate, maker, now| {
            let certificate = change::add_user_id(certificate, maker.primary, &user_id, now)?;
            let changed = Changed::new(certificate, now, NewUserId(user_id));
            Ok(changed.older_off_line(opened.is_lent))
        })
    }

    /// Revokes a user ID: the one that is written so, or the only one with that part. The key
    /// itself stays good. `message` is public. The last user ID is not revoked.
    pub fn revoke_user_id(
        &self,
        subject: &KeyToChange<'_>,
        user_id: &str,
        message: &str,
    ) -> Result<Changed<RevokedUserId>> {
        Opened::open(self, subject, Needs::Primary)?.change(|certificate, maker, now| {
            let user_id = find_user_id(user_id, certificate)?;
            let certificate =
                change::revoke_user_id(certificate, maker.primary, &user_id, message, now)?;
            Ok(Changed::new(certificate, now, RevokedUserId(user_id)))
        })
    }

    /// Changes the passphrase of a key. Copies of it elsewhere keep theirs.
    pub fn change_passphrase(
        &self,
        key: &str,
        no_passphrase: bool,
    ) -> Result<Changed<PassphraseChange>> {
        let home = self.home()?;
        let shelf = home.keys()?;
        let key = shelf.find_secret_whole(&KeyQuery::parse(key)?)?;
        let fingerprint = key.certificate.fingerprint();
        // A wrong one is said before a new one is thought of.
        let old = self.proven_passphrase(key.secret()?, &key.certificate)?;
        let new = match no_passphrase {
            true => None,
            false => Some(self.new_passphrase(&first_user_id(&key.certificate))?),
        };
        let lock = self.lock()?;
        let key = of_home(home, &fingerprint)?;
        let changed = key.secret()?.change_passphrase(old.as_deref(), new.as_deref())?;
        changed.check(new.as_deref())?;
        home.put_secret(&lock, &changed)?;
        let how = PassphraseChange { has_passphrase: new.is_some() };
        // There is nothing new in the certificate.
        Ok(Changed { publish: Vec::new(), ..Changed::new(key.certificate, self.now, how) })
    }
}

fn size_of(description: &Description) -> KeySizeBits {
    match description.keys.first() {
        Some(primary) if primary.algorithm == "RSA-4096" => KeySizeBits::Rsa4096,
        _ => KeySizeBits::Rsa3072,
    }
}

/// Returns the user ID that is meant: as it is written, or the only one with that part.
fn find_user_id(text: &str, certificate: &Certificate) -> openpgp::Result<Vec<u8>> {
    let user_ids = certificate.standing_user_ids();
    if let Some(exact) = user_ids.iter().find(|id| id.as_slice() == text.as_bytes()) {
        return Ok(exact.clone());
    }
    let part = text.to_lowercase();
    let has_part = |id: &&Vec<u8>| String::from_utf8_lossy(id).to_lowercase().contains(&part);
    let mut found = user_ids.iter().filter(has_part);
    match (found.next(), found.next()) {
        (Some(one), None) => Ok(one.clone()),
        _ => Err(openpgp::Error::UnknownUserId(text.to_string())),
    }
}
