//! `plugsign import`

use std::io::{self, Write};
use std::path::PathBuf;

use clap::Args;
use plugsign::openpgp;
use plugsign::openpgp::validity::parse_time;
use plugsign::publisher::failure::Failure;
use plugsign::publisher::import::{Fate, Imported, ImportedKey, Importer, Taking};
use plugsign::publisher::make_in_token::Adopted;
use plugsign::text::Safe;

use crate::edge::asking::{Asking, PassphraseSource};
use crate::edge::identity::Identity;
use crate::edge::page::Page;
use crate::edge::report::{Words, usage};
use crate::edge::streams::{is_dash, read_key_file};
use crate::edge::tokens::TokenSource;
use crate::edge::world::World;

/// Import certificates and secret keys into the home
///
/// Reads what gpg and others export: binary, armored or base64, one key or many in a file. Unlocks
/// a secret key once, to prove that it is whole. Stores it under the passphrase that it has.
#[derive(Args)]
pub struct Arguments {
    /// Files with keys; - is standard input
    #[arg(value_name = "FILE", required_unless_present_any = ["from_gnupg", "certificate_for"])]
    files: Vec<PathBuf>,
    /// Import the keys of this GnuPG home; without DIR, of $GNUPGHOME or ~/.gnupg. Needs no gpg and
    /// changes nothing there
    #[arg(long, value_name = "DIR", num_args = 0..=1, conflicts_with = "files")]
    from_gnupg: Option<Option<PathBuf>>,
    /// Replace secret keys of the home, and their passphrases. Parts that only the home has stay
    #[arg(long)]
    replace: bool,
    /// Renew self-signatures over SHA-1 with SHA-256. This needs the primary key
    #[arg(long)]
    refresh: bool,
    /// Store a secret key without a passphrase if it comes without one
    #[arg(long)]
    no_passphrase: bool,
    /// Make the certificate of a key that is in a token: 'pkcs11:token=NAME;object=NAME'. Say once
    /// when the key was made, and whose it is
    #[arg(long, value_name = "URI", conflicts_with_all = ["files", "from_gnupg", "replace", "refresh", "no_passphrase"])]
    certificate_for: Option<String>,
    /// When the token's key was made: ISO 8601, or seconds since 1970. Its fingerprint depends on
    /// that
    #[arg(long, value_name = "TIME", requires = "certificate_for")]
    created: Option<String>,
    #[command(flatten)]
    identity: Identity,
    #[command(flatten)]
    token: TokenSource,
    #[command(flatten)]
    passphrase: PassphraseSource,
}

pub fn run(arguments: Arguments, world: &World) -> Result<Imported, Failure> {
    if arguments.passphrase.uses_stdin() && arguments.files.iter().any(|file| is_dash(file)) {
        return usage("standard input cannot be both a key file and the passphrase");
    }
    let asking = Asking::new(world).key(&arguments.passphrase);
    if let Some(uri) = &arguments.certificate_for {
        let created = arguments.created.as_deref().map(parse_time).transpose()?;
        let user_id = match arguments.identity.is_given() {
            true => Some(arguments.identity.user_id()?),
            false => None,
        };
        let tokens = arguments.token.tokens(None, None)?;
        let publisher = world.publisher_with(&asking, &tokens);
        return publisher.adopt(&Adopted { uri, created, user_id });
    }
    if arguments.identity.is_given() {
        return usage("a name or an address goes with --certificate-for: other keys have theirs");
    }
    let publisher = world.publisher(&asking);
    let Arguments { replace, refresh, no_passphrase, .. } = arguments;
    let mut importer =
        Importer::new(&publisher, Taking { replace, refresh, no_passphrase, ..Taking::default() })?;
    if let Some(folder) = &arguments.from_gnupg {
        let folder = folder.clone().or_else(|| world.gnupg_home()).ok_or_else(|| {
            Failure::Usage("name GnuPG's home with --from-gnupg DIR or GNUPGHOME".into())
        })?;
        importer.gnupg_home(&folder)?;
    }
    importer.warn_of_absent(arguments.files.iter().filter(|file| !is_dash(file)));
    for file in &arguments.files {
        importer.file(file, read_key_file(file));
    }
    Ok(importer.finish())
}

impl Words for Imported {
    fn results(&self, out: &mut Page) -> io::Result<()> {
        self.keys.iter().for_each(|key| out.entry("", &line(key)));
        Ok(())
    }

    fn remarks(&self, talk: &mut Page) -> io::Result<()> {
        if self.keys.iter().any(|key| key.secret && key.outcome == Fate::Unchanged) {
            writeln!(
                talk,
                "A secret key that the home already had stays as it is, with its passphrase. To take the new one: --replace"
            )?;
        }
        let came = |key: &ImportedKey| matches!(key.outcome, Fate::New | Fate::Updated);
        if let Some(home) = self.home.as_ref().filter(|_| self.keys.iter().any(came)) {
            writeln!(talk, "What is new is in plugsign's home: {}", Safe::path(home))?;
        }
        if self.is_untrusted {
            writeln!(
                talk,
                "An imported certificate is not trusted yet. To accept its signatures, compare its fingerprint, then:\n  plugsign trust add FILE"
            )?;
        }
        Ok(())
    }

    fn problems(&self, talk: &mut Page) -> io::Result<()> {
        talk.hints(self.keys.iter().filter_map(|key| key.error.as_ref()));
        Ok(())
    }
}

fn line(key: &ImportedKey) -> String {
    let word = match key.outcome {
        Fate::New => "new",
        Fate::Updated => "updated",
        Fate::Unchanged => "unchanged",
        Fate::Skipped => "skipped",
        Fate::Refused => "refused",
        Fate::Unreadable => "unreadable",
    };
    let fingerprint = key.fingerprint.as_ref().map(ToString::to_string);
    let what = fingerprint.or(key.file.clone()).unwrap_or_default();
    let user_id = key.user_id.as_ref().map(|user_id| format!("  {user_id}")).unwrap_or_default();
    match &key.error {
        Some(why @ Failure::OpenPgp(openpgp::Error::Refused { .. })) => {
            format!("{word}  {}{user_id}", why.one_line())
        }
        Some(why) => format!("{word}  {what}: {}{user_id}", why.one_line()),
        None => format!("{word}  {what}  {}{user_id}", key.kind.unwrap_or_default()),
    }
}
