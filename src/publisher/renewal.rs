//! Builds the shell commands that hints suggest for a key that ends. None shortens a validity.

use std::time::{Duration, SystemTime};

use super::keys::{Found, Origin};
use crate::openpgp::certificate::description::{Description, KeyDescription};
use crate::openpgp::change::extendable_subkeys;
use crate::openpgp::ids::Fingerprint;
use crate::openpgp::policy::Policy;
use crate::openpgp::times::show_time;
use crate::openpgp::validity::parse_validity;

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// A key that ends too early.
pub struct Renewal<'a> {
    found: &'a Found,
    /// The key or subkey that signs, if one can.
    signer: Option<&'a Fingerprint>,
    days: u32,
}

impl Found {
    /// Returns what renews the key for 30 days, or for more.
    pub fn renewal<'a>(
        &'a self,
        signer: Option<&'a Fingerprint>,
        days: Option<u32>,
    ) -> Renewal<'a> {
        const NOTICE: u32 = (Policy::EXPIRY_NOTICE.as_secs() / (24 * 60 * 60)) as u32;
        Renewal { found: self, signer, days: days.unwrap_or(NOTICE) }
    }
}

impl Renewal<'_> {
    /// Returns what gives it enough days: a command, or what to do where the key is kept.
    pub fn words(&self, policy: &Policy) -> String {
        let description = self.found.secret.certificate().describe(policy);
        let signing = description.keys.iter().filter(|key| key.usage.contains(&"sign"));
        let newest = signing.max_by_key(|key| key.created).map(|key| &key.fingerprint);
        let signer = self.signer.or(newest);
        if let Some(signer) = signer
            && let Some(newer) = self.newer(signer, &description)
        {
            return format!("sign with the newer subkey: -u {newer}!");
        }
        self.placed(self.command(signer, &description, policy.now()))
    }

    /// Returns what gives it a new signing subkey, in the same way.
    pub fn rotation(&self, now: SystemTime) -> String {
        self.placed(self.rotate(now))
    }

    fn placed(&self, command: String) -> String {
        match self.found.origin {
            Origin::Home | Origin::Token => format!("  {command}"),
            Origin::File | Origin::Environment => {
                format!("where the key is kept:\n  {command}\nThen export --ci again")
            }
        }
    }

    fn lent(&self) -> &'static str {
        let is_here = matches!(self.found.origin, Origin::Home | Origin::Token);
        match is_here && !self.found.secret.has_primary() {
            true => " --primary FILE",
            false => "",
        }
    }

    fn rotate(&self, now: SystemTime) -> String {
        let (key, lent) = (self.found.secret.fingerprint(), self.lent());
        match self.days < 365 {
            true => format!("plugsign rotate {key}{lent}"),
            false => format!("plugsign rotate {key} --expires {}{lent}", self.validity(now)),
        }
    }

    /// Returns the newest subkey that can sign here, if it ends later than the one that does.
    fn newer(&self, signer: &Fingerprint, description: &Description) -> Option<Fingerprint> {
        let here = self.found.secret.secret_fingerprints();
        let usable =
            |key: &&KeyDescription| key.weakness.is_none() && here.contains(&key.fingerprint);
        let newest = description.keys.iter().filter(usable).max_by_key(|key| key.created)?;
        let end = description.key_signs_until(signer)?;
        let is_later =
            description.key_signs_until(&newest.fingerprint).is_none_or(|newest| newest > end);
        (newest.fingerprint != *signer && is_later).then(|| newest.fingerprint.clone())
    }

    fn command(
        &self,
        signer: Option<&Fingerprint>,
        description: &Description,
        now: SystemTime,
    ) -> String {
        let floor = now + DAY * self.days;
        let is_short = |key: &KeyDescription| key.expires.is_some_and(|end| end <= floor);
        let Some((primary, subkeys)) = description.keys.split_first() else {
            return String::new();
        };
        let key = &primary.fingerprint;
        let is_subkey_short =
            subkeys.iter().any(|it| Some(&it.fingerprint) == signer && is_short(it));
        let (lent, rotate) = (self.lent(), self.rotate(now));
        if is_subkey_short && !is_short(primary) {
            return rotate;
        }
        let extended = extendable_subkeys(self.found.secret.certificate());
        let ends: Option<Vec<SystemTime>> = subkeys
            .iter()
            .filter(|it| extended.contains(&it.fingerprint))
            .map(|it| it.expires)
            .collect();
        let extend = |latest: Option<SystemTime>, subkeys: &str| {
            format!("plugsign extend {key} --expires {}{subkeys}{lent}", self.when(latest, now))
        };
        match ends {
            // All get one end, the latest that any has or a later one.
            Some(ends) if !ends.is_empty() => {
                extend(ends.into_iter().chain(primary.expires).max(), " --subkeys")
            }
            _ if is_subkey_short => format!("{} && {rotate}", extend(primary.expires, "")),
            _ => extend(primary.expires, ""),
        }
    }

    /// Returns an end that leaves enough days and is not before another one.
    fn when(&self, latest: Option<SystemTime>, now: SystemTime) -> String {
        let days = self.days.max(364).saturating_add(1);
        match latest {
            Some(latest) if latest > now + DAY * days => {
                show_time(latest + DAY).split('T').next().unwrap_or_default().to_string()
            }
            _ if days == 365 => "1y".into(),
            _ => self.validity(now),
        }
    }

    /// Returns how long is long enough, if a key can last that long.
    fn validity(&self, now: SystemTime) -> String {
        let days = format!("{}d", self.days.saturating_add(1));
        parse_validity(&days, now).map_or("never".into(), |_| days)
    }
}
