//! What the home has.

use serde::Serialize;

use super::Publisher;
use super::failure::{EXIT_COULD_NOT, Result, one_line};
use super::keys::{Found, Origin};
use super::outcome::{Outcome, Unread};
use super::show::{CertificateView, as_texts, expiry_notice};
use crate::disk::shelf::{HomeKey, Shelf};
use crate::mattermost::server_copy::ServerCopy;
use crate::openpgp;
use crate::openpgp::certificate::Certificate;
use crate::openpgp::ids::Fingerprint;
use crate::openpgp::query::KeyQuery;
use crate::openpgp::secret_key::{Protection, SecretKey};
use crate::openpgp::stub::SecretPlace;

/// The keys of the home.
#[derive(Serialize)]
pub struct Listing {
    /// The keys that were asked for.
    pub keys: Vec<ListedKey>,
    /// The files of the home that cannot be read.
    pub unreadable: Vec<Unread>,
}

impl Listing {
    /// Returns whether there is nothing, readable or not.
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty() && self.unreadable.is_empty()
    }
}

/// A key of the home.
#[derive(Serialize)]
pub struct ListedKey {
    /// Its certificate. Each of its keys says whether the secret part is here.
    #[serde(flatten)]
    pub certificate: CertificateView,
    /// The user IDs that its own key revoked. Foreign text.
    #[serde(serialize_with = "as_texts")]
    pub revoked_user_ids: Vec<Vec<u8>>,
    /// Whether it has a passphrase, if it is a secret key.
    pub protected: Option<bool>,
    /// Whether the primary key's secret part is here, without which nothing can change.
    pub primary_secret: bool,
    /// Whether it can sign here and now.
    pub can_sign: bool,
    /// Why it cannot.
    pub cannot_sign_because: Option<String>,
    /// Whether it can sign for 30 more days at the most.
    pub expires_soon: bool,
    /// The keys whose secret parts are not here, and where they are.
    pub elsewhere: Vec<Elsewhere>,
    /// The subkeys that the server cannot read and need not have.
    pub left_out_for_server: Vec<Fingerprint>,
    /// That it expires soon and what to do about it, for people.
    #[serde(skip)]
    pub notice: Option<String>,
}

/// Where the secret part of a key is.
#[derive(Serialize)]
pub struct Elsewhere {
    /// The key.
    pub key: Fingerprint,
    /// The place.
    pub place: String,
}

impl Outcome for Listing {
    fn exit(&self) -> u8 {
        if self.unreadable.is_empty() { 0 } else { EXIT_COULD_NOT }
    }
}

impl Publisher<'_> {
    /// Lists the keys of the home, or those that are named. `secret` leaves out keys without a
    /// secret part. Fails if the home cannot be read, or if a name does not name exactly one key.
    pub fn list(&self, names: &[String], secret: bool) -> Result<Listing> {
        let mut shelf = self.home()?.keys()?;
        shelf.items.retain(|key| !secret || key.secret.is_some());
        let mut chosen = Vec::new();
        for name in names {
            chosen.push(shelf.find(&KeyQuery::parse(name)?)?.certificate.fingerprint());
        }
        let is_chosen =
            |key: &&HomeKey| names.is_empty() || chosen.contains(&key.certificate.fingerprint());
        let keys = shelf.items.iter().filter(is_chosen).map(|key| self.listed_key(key)).collect();
        Ok(Listing { keys, unreadable: Unread::all(shelf.unreadable) })
    }

    fn listed_key(&self, key: &HomeKey) -> ListedKey {
        let policy = &self.policy();
        let description = key.certificate.describe(policy);
        let found = key.secret.as_ref().map(|secret| -> openpgp::Result<Found> {
            let secret = secret.merge(&key.certificate)?;
            Ok(Found { secret, exactly: None, origin: Origin::Home })
        });
        let mut left_out_for_server = Vec::new();
        let mut end = description.signs_until();
        let cannot_sign_because = match &found {
            None => Some("its secret key is not here".to_string()),
            Some(Err(error)) => Some(one_line(error)),
            Some(Ok(found)) => match found.secret.check_can_sign(None, policy) {
                Ok(signer) => {
                    end = description.key_signs_until(&signer);
                    match ServerCopy::of(&key.certificate) {
                        Ok(copy) => {
                            left_out_for_server = copy.left_out;
                            None
                        }
                        Err(refusal) => Some(format!(
                            "the server cannot read its certificate: {refusal}: {}",
                            refusal.advice
                        )),
                    }
                }
                Err(openpgp::Error::Refused { weakness, .. }) => Some(weakness.to_string()),
                Err(error) => Some(one_line(&error)),
            },
        };
        let mend = || match &found {
            Some(Ok(found)) => found.renewal(None, None).words(policy),
            _ => "import its newer certificate when there is one".into(),
        };
        let notice = expiry_notice(end, policy, mend);
        let secret = key.secret.as_ref();
        let elsewhere = secret.map(|it| missing(it, &key.certificate)).unwrap_or_default();
        let mut certificate = CertificateView::described(&key.certificate, description);
        certificate.primary.secret = Some(secret.is_some());
        for subkey in &mut certificate.subkeys {
            let is_missing = elsewhere.iter().any(|it| it.key == subkey.fingerprint);
            subkey.secret = Some(secret.is_some() && !is_missing);
        }
        ListedKey {
            certificate,
            revoked_user_ids: key.certificate.revoked_user_ids(),
            protected: secret.map(|it| it.protection() == Protection::Passphrase),
            primary_secret: secret.is_some_and(SecretKey::has_primary),
            can_sign: cannot_sign_because.is_none(),
            cannot_sign_because,
            expires_soon: notice.is_some(),
            elsewhere,
            left_out_for_server,
            notice,
        }
    }
}

/// Returns the keys that some name matches, in the home's order. No name stands for all. `secret`
/// leaves out those whose secret part is not here.
pub fn matching<'a>(
    shelf: &'a Shelf<HomeKey>,
    names: &[KeyQuery],
    secret: bool,
) -> impl Iterator<Item = &'a HomeKey> {
    let keys = shelf.items.iter().filter(move |key| !secret || key.secret.is_some());
    keys.filter(|key| names.is_empty() || names.iter().any(|name| name.matches(&key.certificate)))
}

/// Returns the keys whose secret parts are not here: the file says so, or has nothing of them.
fn missing(secret: &SecretKey, certificate: &Certificate) -> Vec<Elsewhere> {
    let (here, named) = (secret.secret_fingerprints(), secret.elsewhere());
    let missing = certificate.fingerprints().into_iter().filter(|it| !here.contains(it));
    let elsewhere = missing.map(|key| {
        let place = named.iter().find(|(other, _)| *other == key).map(|(_, place)| place);
        Elsewhere { place: place.unwrap_or(&SecretPlace::Unknown).to_string(), key }
    });
    elsewhere.collect()
}
