//! What to try next, for every way in which an act fails.

use std::io;

use super::mistaken::{looks_like_file, looks_like_key};
use crate::disk;
use crate::disk::gnupg::PRIVATE_KEYS;
use crate::disk::token_server::P11_KIT;
use crate::openpgp;
use crate::openpgp::token;
use crate::openpgp::verdict::Reason;
use crate::openpgp::weakness::Weakness;
use crate::text::{Safe, quoted};

/// What to do about a key whose certificate the server does not take.
pub const UNREADABLE: &str = "remove from the key what the server cannot read (gpg --edit-key KEY, then key N, delkey, save).\nExport its secret key again, and take that:\n  plugsign import --replace FILE\nOr make a key for releases only:\n  plugsign keygen";

pub(super) const PASSPHRASE: &str =
    "give it with --passphrase-fd N, --passphrase-file FILE or PLUGSIGN_PASSPHRASE";

pub(super) fn of_openpgp(error: &openpgp::Error) -> Option<String> {
    use openpgp::Error;
    Some(match error {
        Error::UnknownKey(query) if query.is_empty() => {
            "give one in PLUGSIGN_KEY or with --key-file FILE.\nOr import one:\n  plugsign import FILE\nOr make one:\n  plugsign keygen".into()
        }
        Error::UnknownKey(query) if looks_like_file(query) => {
            "if that is a file: export writes it with -o FILE, sign reads it with --key-file FILE".into()
        }
        Error::UnknownKey(_) => "see which keys there are:\n  plugsign list".into(),
        Error::NoSecret(_) => {
            "see which keys there are:\n  plugsign list\nIf its secret part is in a token, name it there:\n  -u 'pkcs11:token=NAME'".into()
        }
        Error::AmbiguousKey { candidates, query } => {
            let choose = if query.is_empty() { "choose one with -u and" } else { "name one by" };
            let line = |(key, user_id): &(_, String)| format!("\n- {key}  {}", Safe::text(user_id));
            format!("{choose} its fingerprint:{}", candidates.iter().map(line).collect::<String>())
        }
        Error::NamesSubkey { subkey, key } => {
            format!("name the whole key: {key}.\nTo revoke only this subkey:\n  plugsign revoke {key} --subkey {subkey} --reason REASON")
        }
        Error::ShortKeyId(_) => {
            "give all 40 digits of the fingerprint, or its last 16: anybody can make a key with the same eight".into()
        }
        Error::PassphrasesDiffer { key, .. } => {
            format!("nothing was changed. Give the home's key the passphrase of the file:\n  plugsign passwd {key}\nThen import the file again")
        }
        Error::PrimaryElsewhere(key) => {
            format!("lend it to this command with --primary FILE. That is the file that export --offline-primary wrote.\nIf it is lost, use a stored revocation certificate:\n  plugsign revoke {key} --stored --reason REASON")
        }
        Error::OnlyPrimarySigns(key) => format!("make a signing subkey first:\n  plugsign rotate {key}"),
        Error::OtherKey { .. } => "give --primary the file with the primary key of KEY".into(),
        Error::ClockBehind { .. } => "set the clock right, or wait until that time has passed".into(),
        Error::ForeignRevocation(_) => {
            "nothing was changed: only a key itself can revoke it.\nTo see whose certificate this is:\n  plugsign import FILE".into()
        }
        Error::UnknownUserId(_) => "copy one from this list:\n  plugsign list".into(),
        Error::LastUserId(_) => "add another one first:\n  plugsign adduid KEY --user-id UID\nTo end the key instead:\n  plugsign revoke KEY --reason REASON".into(),
        Error::PassphraseNeeded(_) => PASSPHRASE.into(),
        Error::WrongPassphrase(_) => {
            "nobody can bring back a forgotten passphrase. Take a copy of the key whose passphrase you know:\n  plugsign import --replace FILE\nOr end the key with its stored revocation certificate, and make a new one:\n  plugsign revoke KEY --stored --reason REASON".into()
        }
        Error::GnupgFile(_) => {
            "let gpg write the key to a file, and import that:\n  gpg --export-secret-keys KEY > FILE\n  plugsign import FILE".into()
        }
        Error::NotUnlocked(key) => {
            format!("import each key in a command of its own. If gpg has it:\n  gpg --export-secret-keys {key} > FILE\n  plugsign import FILE")
        }
        Error::NotRead(_) => {
            "write only this key to a file:\n  gpg --export KEY > FILE".into()
        }
        Error::KeyUnread { .. } => {
            "what cannot be read may be its revocation. Get a new copy of the key from its owner".into()
        }
        Error::NoKey(_) => {
            "use a file that `gpg --export` or `plugsign export` writes, armored or not".into()
        }
        Error::NotGood(bad) if bad.reason() == Reason::ServerRefuses => {
            format!("no signature was written.\n{UNREADABLE}")
        }
        Error::NotGood(_) => "no signature was written. To look at the key:\n  plugsign list".into(),
        Error::Refused { key, weakness } => match weakness {
            Weakness::Algorithm(_) | Weakness::Version(_) => {
                "the Mattermost server reads version 4 RSA keys, and neither Ed25519 nor Curve25519.\nIf the key is yours, make one for releases:\n  plugsign keygen\nIf it is somebody else's, ask its owner for the certificate of such a key".into()
            }
            Weakness::TooShort(_) | Weakness::Modulus | Weakness::Exponent => {
                "make an RSA key of 3072 bits:\n  plugsign keygen".into()
            }
            Weakness::SharedPrime(_) => {
                "trust neither key: a bad random generator made both.\nMake new ones on another machine:\n  plugsign keygen".into()
            }
            Weakness::Inconsistent => {
                "do not use this key file, because somebody or something changed it. Restore it from a backup".into()
            }
            Weakness::Unprotected => {
                "give it a passphrase. If it shall have none, say --no-passphrase, or --unprotected for export".into()
            }
            Weakness::Revoked(_) => {
                format!("a revoked key stays revoked. Make a new one:\n  plugsign keygen\nThen tell your users:\n  plugsign announce NEWKEY --replaces {key} --out DIR")
            }
            Weakness::RevokedSubkey(..) => {
                format!("the key itself is not revoked. Sign with another subkey, or make a new one where the primary key is:\n  plugsign rotate {key}\nFor a CI, export --ci again")
            }
            Weakness::Expired(_) => {
                format!("see what has expired:\n  plugsign list {key}\nIf it is a subkey:\n  plugsign rotate {key}\nIf it is the whole key:\n  plugsign extend {key} --expires 1y\nIf gpg has the key, extend it there, then export and import it again:\n  gpg --quick-set-expire {key} 1y\nFor a CI, do this where you keep the key, then export --ci again")
            }
            Weakness::Unbound(_) | Weakness::Hash(_) => {
                format!("it needs a user ID, and self-signatures with SHA-256 or stronger.\nRenew them during the import:\n  plugsign import --refresh FILE\nOr in the home:\n  plugsign refresh {key}\nOr where the key was made, then export and import it again:\n  gpg --cert-digest-algo SHA256 --quick-set-expire {key} 0")
            }
            Weakness::OnCard(_) => {
                "let the card sign through PKCS #11:\n  plugsign sign --key 'pkcs11:token=NAME' FILE\nOr sign with a key or subkey that has its secret part in a file.\nFor the certificate of this one:\n  gpg --export KEY > FILE".into()
            }
            Weakness::NotYetValid(_) => {
                "set the clock right, unset SOURCE_DATE_EPOCH, or give a later --time".into()
            }
            Weakness::ManySecretParts { .. } => {
                "remove the ended subkeys from a copy (gpg --edit-key KEY, then key N, delkey, save).\nExport that copy, and take it:\n  plugsign import --replace FILE".into()
            }
            Weakness::SecretElsewhere => "import the key with its secret part".into(),
            _ => return None,
        },
        Error::Token(error) => return of_token(error),
        _ => return None,
    })
}

fn of_token(error: &token::Error) -> Option<String> {
    use token::Error;
    let named = |names: &[String]| -> String {
        names.iter().map(|name| format!("\n- {}", Safe::text(name))).collect()
    };
    Some(match error {
        Error::NoProgram(program) if program == P11_KIT => {
            "install p11-kit, which leads to the token: apt install p11-kit, or dnf install p11-kit-server.\nOr reach a host that has it: --token-command 'ssh HOST p11-kit remote ...'".into()
        }
        Error::NoModule(_) => {
            "install the module, or name its file: ?module-path=/usr/lib/softhsm/libsofthsm2.so.\nSee those that p11-kit knows:\n  p11-kit list-modules".into()
        }
        Error::Unreachable { .. } => {
            "try the way by itself:\n  p11-kit list-tokens\nOver ssh, the command must start p11-kit remote there and print nothing else".into()
        }
        Error::Version(_) => "use p11-kit 0.23 to 0.26 on the other side".into(),
        Error::Garbage(_) => {
            "the command or the socket must lead to p11-kit remote or p11-kit server, which print nothing else".into()
        }
        Error::Late(_) => {
            "if the token waits for a touch or a PIN of its own, give it that in time. Else see whether the host and the token are there".into()
        }
        Error::Lost(_) => {
            "what was signed so far is good. Run it again: it signs the rest alone".into()
        }
        Error::NoToken(_) => "see which tokens there are:\n  plugsign list --token".into(),
        Error::SeveralTokens { tokens, .. } => {
            format!("name one of them with serial= or token=:{}", named(tokens))
        }
        Error::NoKey { .. } | Error::NoNumbers(_) => {
            "see its keys:\n  plugsign list --token URI --passphrase-file FILE\nTo make one:\n  plugsign keygen --on URI".into()
        }
        Error::SeveralKeys { keys, .. } => {
            format!("name one by its id= or object=, or its certificate with --certificate FILE:{}", named(keys))
        }
        Error::OtherKey { .. } => {
            "name the key's own certificate with --certificate FILE, or import it.\nIf the key has none yet:\n  plugsign import --certificate-for URI".into()
        }
        Error::NotRsa(_) | Error::Exportable(_) => {
            "make an RSA key of 3072 bits in the token:\n  plugsign keygen --on URI".into()
        }
        Error::Taken(_) => "give the new key another name: object=NAME in the URI".into(),
        Error::WrongPin { .. } => "plugsign tried it once, because the token counts wrong ones".into(),
        Error::PinLocked(_) => {
            "set a new PIN with the token's own tool and the security officer's PIN".into()
        }
        Error::Refused { code: 0x50, .. } => {
            "touch the token when it blinks. To touch it once for a release: sign --checksums --list-only".into()
        }
        Error::Refused { code: 0x101, .. } => PASSPHRASE.into(),
        _ => return None,
    })
}

pub(super) fn of_disk(error: &disk::Error) -> Option<String> {
    use disk::Error;
    Some(match error {
        Error::OpenPgp(error) => return of_openpgp(error),
        Error::Stale(_) => "if the file is what it should be, sign it again with --force".into(),
        Error::OtherList(_) => {
            "remove it and its signature first, or write both again with --force, which also replaces bad signatures".into()
        }
        Error::ByOther { issuer, .. } => {
            format!("to keep both signatures, say -u {issuer} -u KEY: yours becomes FILE.KEYID.sig.\nTo replace this one, say --force")
        }
        Error::Exists(_) => "write to another file, or replace this one with --force".into(),
        Error::NoRevocation { key, there, reason } => {
            let own = format!("revoke it with the key itself:\n  plugsign revoke {key} --reason {reason}\nOr use a copy from elsewhere:\n  plugsign revoke {key} --certificate FILE");
            match there.iter().any(|reason| reason.is_hard()) {
                true => format!("{own}\nThe stored one takes back everything that the key ever signed:\n  plugsign revoke {key} --stored --reason compromised"),
                false => own,
            }
        }
        Error::UnsafeHome { problem, .. } if problem.contains("another user") => {
            "run plugsign as the user that owns the home, or choose your own home".into()
        }
        Error::UnsafeHome { path, problem: "is a link that leads nowhere" } => {
            format!("bring back what it leads to, such as a disk that is not mounted: it may know of a revocation. To see where it leads:\n  readlink {}", quoted(path))
        }
        Error::UnsafeHome { path, problem: "is no regular file" } => {
            format!("look at what it is, and remove it. plugsign makes a new one:\n  rm {}", quoted(path))
        }
        Error::UnsafeHome { problem, .. } if problem.contains("not a folder") => {
            "choose a folder for the home".into()
        }
        Error::UnsafeHome { path, .. } => {
            format!("keep others out:\n  chmod 700 {}", quoted(path))
        }
        Error::Exposed(_) => {
            "nothing was written. Use a disk that keeps permissions. To export to this one anyway, say --readable-by-others".into()
        }
        Error::UnsafeFile { path, problem: "belongs to another user" } => {
            format!("make sure that nobody changed it. Then make it yours:\n  chown $(id -u) {}", quoted(path))
        }
        Error::PartUnreadable { why, .. } if !why.ends_with("can be written to by others") => {
            "make the file readable: it may revoke the key or hold its secret part. If nothing helps, move it out of the home".into()
        }
        Error::UnsafeFile { path, .. } | Error::PartUnreadable { path, .. } => {
            format!("make sure that nobody changed it. Then:\n  chmod go-w {}", quoted(path))
        }
        Error::Kept { .. } => "nothing was written there. Name another file for the output".into(),
        Error::Busy(_) => "try again when it has finished".into(),
        Error::Changed(_) => "try again when nothing writes to it any more".into(),
        Error::LinkOutside(_) => "name the file that the link leads to".into(),
        Error::ForeignLink(path) => {
            format!("see where it leads, and name that path:\n  realpath {}", quoted(path))
        }
        Error::UnknownName(_) => "see the names:\n  plugsign trust list".into(),
        Error::NotForServer { .. } => UNREADABLE.into(),
        Error::ConfigInDatabase(_) => {
            "plugsign edits only config.json.\nIn the database, add the key file as a row of the table ConfigurationFiles, and its name to PluginSettings.SignaturePublicKeyFiles.\nIf the server does read the file, unset MM_CONFIG".into()
        }
        Error::OwnerNeeded { .. } => {
            "run it as the server's user or as root:\n  sudo -u mattermost plugsign ...".into()
        }
        Error::BadDocument { .. } => "correct the file first".into(),
        Error::SamlFile(_) => "use another name: --name NAME".into(),
        Error::NotListed { .. } => "see what it has:\n  plugsign marketplace check --database FILE".into(),
        Error::Duplicate { .. } => "replace it with --replace".into(),
        Error::NotAFile { kind: "a folder", path } if path.join(PRIVATE_KEYS).is_dir() => {
            format!("it is a GnuPG home. To take its keys:\n  plugsign import --from-gnupg {}", quoted(path))
        }
        Error::NotAFile { kind: "a folder", .. } => "name the files in it".into(),
        Error::NotAFile { .. } => {
            "name a regular file; sign, import and --key-file read standard input as -".into()
        }
        Error::Io { path, source, .. }
            if source.kind() == io::ErrorKind::NotFound && looks_like_key(path) =>
        {
            "if that is a key, name it with -u KEY for sign, with --key KEY for verify".into()
        }
        _ => return None,
    })
}

/// Returns advice on one line, for JSON and logs. Advice has a step a line. A line that begins with
/// two blanks is a command, one that begins with a dash is one of several things to choose from.
/// Foreign text has no line ends, so it cannot look like either.
pub fn on_one_line(advice: &str) -> String {
    let (mut line, mut was_command) = (String::new(), false);
    for step in advice.lines() {
        let item = step.strip_prefix("- ");
        let is_command = item.is_some() || step.starts_with("  ");
        line.push_str(match (is_command, was_command) {
            _ if line.is_empty() => "",
            (true, true) => ", ",
            (true, false) => " ",
            (false, _) if line.ends_with('.') => " ",
            (false, _) => ". ",
        });
        line.push_str(item.unwrap_or(step).trim_start());
        was_command = is_command;
    }
    line
}
