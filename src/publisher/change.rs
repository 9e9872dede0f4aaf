//! What the acts that change a key have in common.

use std::time::{Duration, SystemTime};

use super::Publisher;
use crate::disk::Error;
use crate::disk::home::Home;
use crate::disk::shelf::HomeKey;
use crate::openpgp;
use crate::openpgp::certificate::Certificate;
use crate::openpgp::change::newest_self_signature;
use crate::openpgp::ids::Fingerprint;

/// Reads one key of the home anew.
pub fn of_home(home: &Home, fingerprint: &Fingerprint) -> Result<HomeKey, Error> {
    let shelf = home.keys_of(std::slice::from_ref(fingerprint))?;
    shelf.check_complete(fingerprint)?;
    let mut keys = shelf.items.into_iter();
    keys.find(|key| key.certificate.fingerprint() == *fingerprint)
        .ok_or_else(|| openpgp::Error::UnknownKey(fingerprint.to_string()).into())
}

/// Returns the time for a change. Two changes in one second could not be told apart, so the
/// second one waits for the next; a clock that is further behind is for the library to refuse.
pub fn settle(certificate: &Certificate, publisher: &Publisher<'_>) -> SystemTime {
    let now = publisher.watch.now();
    let next = newest_self_signature(certificate).map(|newest| newest + Duration::from_secs(1));
    match next.and_then(|next| next.duration_since(now).ok().map(|wait| (next, wait))) {
        Some((next, wait)) if wait <= Duration::from_secs(2) => {
            std::thread::sleep(wait);
            next
        }
        _ => whole_seconds(now),
    }
}

/// OpenPGP counts whole seconds.
pub fn whole_seconds(time: SystemTime) -> SystemTime {
    let since = time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    SystemTime::UNIX_EPOCH + Duration::from_secs(since.as_secs())
}
