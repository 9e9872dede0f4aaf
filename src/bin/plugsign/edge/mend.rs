//! Commands that mend a key, as they are printed: fit for sh, and never with an end that is nearer
//! than the one that there is.

use std::path::Path;
use std::time::{Duration, SystemTime};

use plugsign::openpgp::certificate::{Description, Fingerprint, KeyDescription, show_time};
use plugsign::openpgp::change::extendable_subkeys;
use plugsign::openpgp::policy::Policy;
use plugsign::openpgp::secret_key::SecretKey;
use plugsign::safe::{Safe, is_unsafe};

use crate::edge::signer::Origin;

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// Returns a path as a word for sh, in single quotes where it needs them.
pub fn quoted(path: &Path) -> String {
    let tame = path.to_str().filter(|text| !text.chars().any(is_unsafe));
    let shown = tame.map_or_else(|| Safe::path(path).to_string(), str::to_string);
    let shown = if shown.starts_with('-') { format!("./{shown}") } else { shown };
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "/._-+,:@%=".contains(c);
    match !shown.is_empty() && shown.chars().all(is_plain) {
        true => shown,
        false => format!("'{}'", shown.replace('\'', r"'\''")),
    }
}

/// A key that ends too early.
pub struct Renewal<'a> {
    pub secret: &'a SecretKey,
    /// The key or subkey that signs, if one can.
    pub signer: Option<&'a Fingerprint>,
    pub origin: Origin,
    /// How many days it has to be valid from now on.
    pub days: u32,
}

impl Renewal<'_> {
    /// Returns what gives it enough days: a command, or what to do where the key is kept.
    pub fn words(&self, policy: &Policy) -> String {
        let description = self.secret.certificate().describe(policy);
        let signer = self.signer.cloned().or_else(|| newest_signer(&description));
        if let Some(signer) = &signer
            && let Some(newer) = self.newer(signer, &description)
        {
            return format!("sign with the newer subkey: -u {newer}!");
        }
        self.placed(self.command(signer.as_ref(), &description, policy.now()))
    }

    /// Returns what gives it a new signing subkey, in the same way.
    pub fn rotation(&self) -> String {
        self.placed(self.rotate())
    }

    fn placed(&self, command: String) -> String {
        match self.origin {
            Origin::Home => command,
            Origin::File | Origin::Environment => {
                format!("where the key is kept: {command}; then export --ci again")
            }
        }
    }

    fn lent(&self) -> &'static str {
        match self.origin == Origin::Home && !self.secret.has_primary() {
            true => " --primary FILE",
            false => "",
        }
    }

    fn rotate(&self) -> String {
        let (key, lent) = (self.secret.fingerprint(), self.lent());
        match self.days < 365 {
            true => format!("plugsign rotate {key}{lent}"),
            false => format!("plugsign rotate {key} --expires {}d{lent}", self.days + 1),
        }
    }

    /// Returns the newest subkey that can sign here, if it ends later than the one that does.
    fn newer(&self, signer: &Fingerprint, description: &Description) -> Option<Fingerprint> {
        let here = self.secret.secret_fingerprints();
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
        let (lent, rotate) = (self.lent(), self.rotate());
        if is_subkey_short && !is_short(primary) {
            return rotate;
        }
        let extended = extendable_subkeys(self.secret.certificate());
        let ends: Option<Vec<SystemTime>> = subkeys
            .iter()
            .filter(|it| extended.contains(&it.fingerprint))
            .map(|it| it.expires)
            .collect();
        let extend = |latest: Option<SystemTime>, subkeys: &str| {
            format!("plugsign extend {key} --expires {}{subkeys}{lent}", self.when(latest, now))
        };
        match ends {
            // One end for all, and for none of them a nearer one.
            Some(ends) if !ends.is_empty() => {
                extend(ends.into_iter().chain(primary.expires).max(), " --subkeys")
            }
            _ if is_subkey_short => format!("{} && {rotate}", extend(primary.expires, "")),
            _ => extend(primary.expires, ""),
        }
    }

    /// Returns an end that leaves enough days and is not before another one.
    fn when(&self, latest: Option<SystemTime>, now: SystemTime) -> String {
        let days = self.days.max(364) + 1;
        match latest {
            Some(latest) if latest > now + DAY * days => {
                show_time(latest + DAY).split('T').next().unwrap_or_default().to_string()
            }
            _ if days == 365 => "1y".into(),
            _ => format!("{days}d"),
        }
    }
}

fn newest_signer(description: &Description) -> Option<Fingerprint> {
    let signing = description.keys.iter().filter(|key| key.usage.contains(&"sign"));
    signing.max_by_key(|key| key.created).map(|key| key.fingerprint.clone())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_one_word_for_sh() {
        for (path, word) in [
            ("/home/a/b-c.asc", "/home/a/b-c.asc"),
            ("my key", "'my key'"),
            ("it's", r"'it'\''s'"),
            ("$(id)", "'$(id)'"),
            ("-x", "./-x"),
            ("", "''"),
        ] {
            assert_eq!(quoted(Path::new(path)), word);
        }
    }
}
