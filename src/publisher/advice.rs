//! What to try next, for every way in which an act fails.

use std::io;

use super::mistaken::{looks_like_file, looks_like_key};
use crate::disk;
use crate::disk::gnupg::PRIVATE_KEYS;
use crate::openpgp;
use crate::openpgp::verdict::Reason;
use crate::openpgp::weakness::Weakness;
use crate::text::{Safe, quoted};

/// What to do about a key whose certificate the server does not take.
pub const UNREADABLE: &str = "take out of the key what the server cannot read (gpg --edit-key KEY: key N, delkey, save), export its secret key and the certificate again, and: plugsign import --replace FILE; or make a key for releases alone: plugsign keygen";

pub(super) const PASSPHRASE: &str =
    "give it with --passphrase-fd N, --passphrase-file FILE or PLUGSIGN_PASSPHRASE";

pub(super) fn of_openpgp(error: &openpgp::Error) -> Option<String> {
    use openpgp::Error;
    Some(match error {
        Error::UnknownKey(query) if query.is_empty() => {
            "give one in PLUGSIGN_KEY or with --key-file FILE; or import one into the home: plugsign import FILE; or make one: plugsign keygen".into()
        }
        Error::UnknownKey(query) if looks_like_file(query) => {
            "if that is a file: export writes one with -o FILE, sign uses one with --key-file FILE".into()
        }
        Error::UnknownKey(_) | Error::NoSecret(_) => "see which keys there are: plugsign list".into(),
        Error::AmbiguousKey { candidates, query } => {
            let choose = if query.is_empty() { "choose one with -u and" } else { "name one by" };
            let line = |(key, user_id): &(_, String)| format!("\n  {key}  {}", Safe::text(user_id));
            format!("{choose} its fingerprint:{}", candidates.iter().map(line).collect::<String>())
        }
        Error::NamesSubkey { subkey, key } => {
            format!("name the key as a whole: {key}; a subkey alone can only be revoked: plugsign revoke {key} --subkey {subkey} --reason REASON")
        }
        Error::ShortKeyId(_) => {
            "anybody can make a key with the same eight digits: give all 40 of the fingerprint, or 16".into()
        }
        Error::PassphrasesDiffer { key, .. } => {
            format!("nothing was changed: give the home's the passphrase of the file first: plugsign passwd {key}; then import the file again")
        }
        Error::PrimaryElsewhere(key) => {
            format!("lend it for this command: --primary FILE, with the file that export --offline-primary wrote; if it is lost, publish a stored revocation certificate: plugsign revoke {key} --stored --reason REASON")
        }
        Error::OnlyPrimarySigns(key) => format!("make a signing subkey first: plugsign rotate {key}"),
        Error::OtherKey { .. } => "--primary takes the file with the primary key of KEY".into(),
        Error::ClockBehind { .. } => "set the clock right, or wait until that time is past".into(),
        Error::ForeignRevocation(_) => {
            "nothing was changed: a key is revoked by itself alone; import reads whose certificate it is".into()
        }
        Error::UnknownUserId(_) => "see the user IDs: plugsign list; give one as it is written".into(),
        Error::LastUserId(_) => "add another one first: plugsign adduid KEY; or end the key: plugsign revoke KEY".into(),
        Error::PassphraseNeeded(_) => PASSPHRASE.into(),
        Error::GnupgFile(_) => {
            "have gpg write the key to a file, gpg --export-secret-keys KEY > FILE, and: plugsign import FILE".into()
        }
        Error::NotRead(_) => {
            "write the one key into a file of its own: gpg --export KEY > FILE".into()
        }
        Error::NoKey(_) => {
            "a key file is what `gpg --export` or `plugsign export` writes, armored or not".into()
        }
        Error::NotGood(bad) if bad.reason() == Reason::ServerRefuses => {
            format!("no signature was written; {UNREADABLE}")
        }
        Error::NotGood(_) => "no signature was written; see the key with: plugsign list".into(),
        Error::Refused { key, weakness } => match weakness {
            Weakness::TooShort(_) | Weakness::Algorithm(_) | Weakness::Version(_) | Weakness::Modulus | Weakness::Exponent => {
                "make a RSA key of 3072 bits: plugsign keygen".into()
            }
            Weakness::SharedPrime(_) => {
                "both keys were made with too little chance: trust neither, and make new ones elsewhere: plugsign keygen".into()
            }
            Weakness::Inconsistent => {
                "do not use this key file: it was damaged or tampered with; restore it from a backup".into()
            }
            Weakness::Unprotected => {
                "give it a passphrase, or say that it shall have none: --no-passphrase, or --unprotected for export".into()
            }
            Weakness::Expired(_) => {
                format!("see what has expired: plugsign list {key}; a subkey: plugsign rotate {key}; the key as a whole: plugsign extend {key} --expires 1y; or where it was made (gpg --quick-set-expire {key} 1y), export it and import it again; for a CI, do so where the key is kept, and export --ci again; or make a new one: plugsign keygen")
            }
            Weakness::Unbound(_) | Weakness::Hash(_) => {
                format!("it needs a user ID and self-signatures with SHA-256 or stronger: renew them on the way in (plugsign import --refresh FILE) or in the home (plugsign refresh {key}); or where it was made (gpg --cert-digest-algo SHA256 --quick-set-expire {key} 0), export it and import it again")
            }
            Weakness::OnCard(_) => {
                "plugsign uses no smart cards: sign with a key or subkey whose secret part is in a file; gpg --export gives the certificate of this one".into()
            }
            Weakness::NotYetValid(_) => {
                "set the clock right, or unset SOURCE_DATE_EPOCH, or give a later --time".into()
            }
            Weakness::ManySecretParts { .. } => {
                "take the secret parts of ended subkeys out of a copy (gpg --edit-key KEY: key N, delkey, save), export that, and: plugsign import --replace FILE".into()
            }
            Weakness::SecretElsewhere => "import the key with its secret part".into(),
            _ => return None,
        },
        _ => return None,
    })
}

pub(super) fn of_disk(error: &disk::Error) -> Option<String> {
    use disk::Error;
    Some(match error {
        Error::OpenPgp(error) => return of_openpgp(error),
        Error::Stale(_) => "sign anew with --force, if the file is what it should be".into(),
        Error::OtherList(_) => {
            "remove it and its signature first; or write both anew with --force, which also replaces signatures that are no good".into()
        }
        Error::ByOther { issuer, .. } => {
            format!("to sign for both: -u {issuer} -u KEY, with yours beside it as FILE.KEYID.sig; or sign in its place with --force")
        }
        Error::Exists(_) => "write elsewhere, or replace it with --force".into(),
        Error::NoRevocation { key, there, reason } => {
            let own = format!("revoke with the key itself: plugsign revoke {key} --reason {reason}; or with a copy that is kept elsewhere: plugsign revoke {key} --certificate FILE");
            match there.iter().any(|reason| reason.is_hard()) {
                true => format!("{own}; what is there takes back all that the key ever signed: plugsign revoke {key} --stored --reason compromised"),
                false => own,
            }
        }
        Error::UnsafeHome { problem, .. } if problem.contains("another user") => {
            "run plugsign as the user that the home belongs to, or choose a home of your own".into()
        }
        Error::UnsafeHome { problem, .. } if problem.contains("not a folder") => {
            "choose a folder for the home".into()
        }
        Error::UnsafeHome { path, .. } => {
            format!("make it yours alone: chmod 700 {}", quoted(path))
        }
        Error::Exposed(_) => {
            "nothing was written: use a disk that keeps permissions; export also writes to another one if you say --readable-by-others".into()
        }
        Error::UnsafeFile { path, problem: "belongs to another user" } => {
            format!("make sure that nobody changed it; then make it yours: chown $(id -u) {}", quoted(path))
        }
        Error::PartUnreadable { why, .. } if !why.ends_with("can be written to by others") => {
            "it may revoke the key, or hold its secret part: make the file readable, or move it out of the home if nothing can be done".into()
        }
        Error::UnsafeFile { path, .. } | Error::PartUnreadable { path, .. } => {
            format!("make sure that nobody changed it; then: chmod go-w {}", quoted(path))
        }
        Error::Busy(_) => "try again when it is done".into(),
        Error::Changed(_) => "try again when nothing writes to it any more".into(),
        Error::LinkOutside(_) => "name the file that the link leads to".into(),
        Error::ForeignLink(path) => {
            format!("see where it leads, and name that path: realpath {}", quoted(path))
        }
        Error::UnknownName(_) => "see the names: plugsign trust list".into(),
        Error::NotForServer { .. } => UNREADABLE.into(),
        Error::ConfigInDatabase(_) => {
            "plugsign edits config.json only: in a database, the key file is a row of the table ConfigurationFiles, and its name an entry of PluginSettings.SignaturePublicKeyFiles; if the server does read the file, unset MM_CONFIG".into()
        }
        Error::OwnerNeeded { .. } => {
            "run it as the server's user or as root: sudo -u mattermost plugsign ...".into()
        }
        Error::BadDocument { .. } => "nothing was changed; mend the file first".into(),
        Error::SamlFile(_) => "use another name: --name NAME".into(),
        Error::NotListed { .. } => "see what it has: plugsign marketplace check".into(),
        Error::Duplicate { .. } => "take the new one in its place with --replace".into(),
        Error::NotAFile { kind: "a folder", path } if path.join(PRIVATE_KEYS).is_dir() => {
            format!("it is a GnuPG home: plugsign import --from-gnupg {}", quoted(path))
        }
        Error::NotAFile { kind: "a folder", .. } => "name the files in it".into(),
        Error::NotAFile { .. } => {
            "name a regular file; sign, import and --key-file read standard input as -".into()
        }
        Error::Io { path, source, .. }
            if source.kind() == io::ErrorKind::NotFound && looks_like_key(path) =>
        {
            "if that is a key: sign takes it with -u KEY, verify with --key KEY".into()
        }
        _ => return None,
    })
}
