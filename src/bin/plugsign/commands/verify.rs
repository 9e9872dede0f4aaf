//! `plugsign verify`

use std::collections::{BTreeSet, HashMap};
use std::io::{self, Write};
use std::num::NonZero;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use clap::Args;
use plugsign::disk::Error;
use plugsign::openpgp::times::show_time;
use plugsign::openpgp::validity::parse_time;
use plugsign::openpgp::verdict::{Bad, Reason};
use plugsign::publisher::as_server::AskedServer;
use plugsign::publisher::failure::Failure;
use plugsign::publisher::server_keys::ServerFile;
use plugsign::publisher::show::shown_user_id;
use plugsign::publisher::verified::{Answer, By, Line, Verified};
use plugsign::publisher::verify::Verify;
use plugsign::text::{Safe, quoted};

use crate::edge::asking::Asking;
use crate::edge::page::{BAD, GOOD, Page};
use crate::edge::report::{Words, usage};
use crate::edge::streams::{input_file, is_dash};
use crate::edge::world::World;

/// Verify files, signatures and folders
///
/// An artifact is good if it has exactly one detached signature over exactly these bytes, by an
/// accepted signer. The key must have been valid when it signed and be valid now, and the
/// Mattermost server must accept the signature. Without a signature of its own, an artifact is
/// good if it stands in a list of checksums (SHA256SUMS and the like) that has a good signature. A
/// list that is named is compared with its files. Exits with 0 if every artifact is good, else
/// with 1.
#[derive(Args)]
pub struct Arguments {
    /// Artifacts, signatures, or folders; with --signature, - is standard input
    #[arg(value_name = "PATH", required = true)]
    paths: Vec<PathBuf>,
    /// Accept signatures by this certificate file or key of the home. Without it, those by the
    /// trusted certificates and the home's own secret keys count
    #[arg(long = "key", value_name = "FILE|KEY")]
    keys: Vec<String>,
    /// The signature of the artifact, if it is not beside it
    #[arg(long, value_name = "SIG")]
    signature: Option<PathBuf>,
    /// Say only what the Mattermost server would say, with exactly these key files in this order
    #[arg(long)]
    as_server: bool,
    /// With --as-server: the server that has this configuration file. Its built-in keys come first,
    /// then its key files. --key gives the file of a built-in key
    #[arg(long, value_name = "CONFIG.JSON", requires = "as_server")]
    config: Option<PathBuf>,
    /// How many different certificates must have made a good signature: FILE.sig, and
    /// FILE.KEYID.sig by others. Two keys of one certificate count once
    #[arg(long, value_name = "N", default_value = "1", conflicts_with = "as_server")]
    signers: NonZero<usize>,
    /// Judge whether it was good at this time in the past: ISO 8601, in UTC unless it names a zone,
    /// or seconds since 1970
    #[arg(long, value_name = "TIME", conflicts_with = "as_server")]
    at: Option<String>,
    /// Leave out files that are on a list of checksums and not here
    #[arg(long, conflicts_with = "as_server")]
    ignore_missing: bool,
    /// Verify this many files at once, up to 64
    #[arg(short, long, value_name = "N")]
    jobs: Option<NonZero<usize>>,
}

/// Returns the time to judge as of. It cannot be in the future: nobody knows its revocations yet.
fn past(at: Option<&str>, world: &World) -> Result<Option<SystemTime>, Failure> {
    match at.map(parse_time).transpose()? {
        Some(at) if at > world.now => {
            usage(format!("--at takes a time in the past, and {} is in the future", show_time(at)))
        }
        at => Ok(at),
    }
}

pub fn run(arguments: Arguments, world: &World) -> Result<Verified, Failure> {
    let at = past(arguments.at.as_deref(), world)?;
    let is_one = arguments.paths.len() == 1 && !arguments.paths[0].is_dir();
    if arguments.signature.is_some() && !is_one {
        return usage("--signature goes with exactly one artifact");
    }
    let environment = world.variable("MM_CONFIG").unwrap_or_default();
    let environment = environment.to_string_lossy();
    let as_server = match (&arguments.config, arguments.as_server) {
        (Some(config), _) => {
            let environment = &environment;
            Some(AskedServer::Configured(ServerFile { config, environment }))
        }
        (None, true) if arguments.keys.is_empty() => {
            return usage(
                "--as-server needs the server's keys: --key FILE, or --config CONFIG.JSON",
            );
        }
        (None, true) => Some(AskedServer::WithKeyFiles),
        (None, false) => None,
    };
    let request = Verify {
        paths: &arguments.paths,
        keys: &arguments.keys,
        signature: arguments.signature.as_deref(),
        as_server,
        signers: arguments.signers,
        at,
        ignore_missing: arguments.ignore_missing,
        jobs: arguments.jobs,
    };
    let asking = Asking::new(world);
    let publisher = world.publisher(&asking);
    if !arguments.paths.iter().any(|path| is_dash(path)) {
        return publisher.verify(&request);
    }
    match &arguments.signature {
        Some(signature) if is_one && !arguments.as_server => {
            let stdin = Path::new("standard input");
            let stream = input_file().map_err(Error::io("read", stdin))?;
            publisher.verify_stream(&request, stream, signature)
        }
        _ => usage("standard input is verified alone, with its signature: --signature SIG -"),
    }
}

impl Words for Verified {
    fn results(&self, out: &mut Page) -> io::Result<()> {
        if out.is_screen() && !out.look.verbose {
            return on_screen(&self.lines, out);
        }
        for line in &self.lines {
            let path = Safe::path(&line.about);
            match &line.answer {
                Answer::Good { .. } if out.look.quiet => {}
                Answer::Good { signer, also } => {
                    write!(out, "{GOOD}good{GOOD:#}  {path}  {}", by_words(signer, also))?;
                    match &line.list {
                        Some(list) => writeln!(out, "  by the list {}", Safe::path(list))?,
                        None => writeln!(out)?,
                    }
                }
                Answer::Bad(bad) => {
                    let (reason, detail) = (bad.reason(), bad.detail());
                    writeln!(out, "{BAD}BAD{BAD:#}   {path}  {reason}: {detail}")?;
                    for word in &line.server_keys {
                        let (key, words) = (Safe::text(&word.name), Safe::text(&word.words));
                        writeln!(out, "      {key}  {}: {words}", word.verdict)?;
                    }
                }
                Answer::Unknown { .. } => {}
            }
        }
        Ok(())
    }

    fn remarks(&self, talk: &mut Page) -> io::Result<()> {
        if self.lines.len() + self.passed_over > 1 {
            let good = self.lines.iter().filter(|line| line.is_good()).count();
            let bad = self.lines.iter().filter_map(Line::bad).count();
            write!(talk, "{good} good, {bad} bad")?;
            if self.passed_over > 0 {
                write!(talk, ", {} passed over", self.passed_over)?;
            }
            writeln!(talk)?;
        }
        if let [one, other] = &self.lines[..]
            && one.bad().is_some_and(|bad| bad.reason() == Reason::MissingSignature)
            && other.bad().is_some_and(|bad| bad.reason() == Reason::OrphanSignature)
        {
            let (artifact, signature) = (quoted(&one.path), quoted(&other.path));
            talk.hint(
                0,
                &format!(
                    "if one is the signature of the other:\n  plugsign verify --signature {signature} {artifact}"
                ),
            );
        }
        if self.lines.iter().filter_map(Line::bad).any(Bad::made_while_valid) {
            talk.hint(
                0,
                "ask the signer for a renewed certificate.\nIf you know from elsewhere when the signature was made, judge as of that time: --at TIME",
            );
        }
        let mut reasons = self.lines.iter().filter_map(Line::bad).map(Bad::reason);
        if reasons.any(|reason| reason == Reason::UnknownSigner) {
            talk.hint(
                0,
                "to accept a signer, get the certificate from its owner and compare the fingerprint. Then:\n  plugsign trust add FILE",
            );
        }
        if let Some(at) = &self.as_of {
            writeln!(talk, "judged as of {at}, not as of now")?;
        }
        Ok(())
    }

    fn problems(&self, talk: &mut Page) -> io::Result<()> {
        talk.failures(self.lines.iter().filter_map(|line| match &line.answer {
            Answer::Unknown { error } => {
                Some((format!("cannot verify {}", Safe::path(&line.about)), &**error))
            }
            _ => None,
        }));
        if self.lines.is_empty() {
            writeln!(talk, "there is nothing to verify: no release artifacts and no signatures")?;
        }
        Ok(())
    }
}

fn by_words(signer: &By, also: &[By]) -> String {
    let words = |by: &By| match by {
        By::Signer(good) => {
            let certificate = &good.signer().certificate;
            let user_id = shown_user_id(good.user_id());
            format!("{certificate}  {user_id}  {}", show_time(good.created()))
        }
        By::Server(server) => {
            let key = server.with.as_ref().map(|key| format!(", with {}", Safe::text(key)));
            format!("the server accepts it, by {}{}", server.key_id, key.unwrap_or_default())
        }
    };
    let all: Vec<String> = std::iter::once(signer).chain(also).map(words).collect();
    all.join("  and  ")
}

/// What one signer, or several together, made good: with signatures, or with one of a list.
struct Group<'a> {
    by: Vec<&'a By>,
    list: Option<&'a Path>,
    lines: Vec<&'a Line>,
}

/// Names every signer once, above what is good by it. What is not good comes last, by the prompt.
fn on_screen(lines: &[Line], out: &mut Page) -> io::Result<()> {
    let mut groups: Vec<Group<'_>> = Vec::new();
    let mut places = HashMap::new();
    for line in lines.iter().filter(|_| !out.look.quiet) {
        let Answer::Good { signer, also } = &line.answer else { continue };
        let by: Vec<&By> = std::iter::once(signer).chain(also).collect();
        let list = line.list.as_deref();
        let names: Vec<(String, String)> = by.iter().map(|by| signer_of(by)).collect();
        let place = *places.entry((names, list)).or_insert_with(|| {
            groups.push(Group { by, list, lines: Vec::new() });
            groups.len() - 1
        });
        groups[place].lines.push(line);
    }
    let mut named = BTreeSet::new();
    for group in &groups {
        group.head(out, &mut named);
        for line in &group.lines {
            writeln!(out, "{GOOD}good{GOOD:#}  {}", Safe::path(&line.about))?;
        }
        writeln!(out)?;
    }
    for line in lines {
        if let Answer::Bad(bad) = &line.answer {
            writeln!(out, "{BAD}BAD{BAD:#}   {}", Safe::path(&line.about))?;
            out.entry("      ", &format!("{}: {}", bad.reason(), bad.detail()));
            for word in &line.server_keys {
                let (key, words) = (Safe::text(&word.name), Safe::text(&word.words));
                out.entry("      ", &format!("{key}  {}: {words}", word.verdict));
            }
        }
    }
    Ok(())
}

impl Group<'_> {
    /// Says who signed, and when. Who was `named` before is not described again.
    fn head(&self, out: &mut Page, named: &mut BTreeSet<String>) {
        let mut lead = match self.list {
            Some(list) => {
                out.entry("", &format!("on the list {}", Safe::path(list)));
                "  signed by "
            }
            None => "signed by ",
        };
        for by in &self.by {
            let (fingerprint, user_id) = signer_of(by);
            let By::Signer(good) = by else {
                out.entry("", &user_id);
                continue;
            };
            out.entry(lead, &user_id);
            if named.insert(fingerprint) {
                let under = " ".repeat(lead.len());
                out.entry(&under, &out.fingerprint(&good.signer().certificate));
            }
            lead = if self.list.is_some() { "        and " } else { "      and " };
        }
        let times = || {
            self.lines.iter().filter_map(|line| match &line.answer {
                Answer::Good { signer: By::Signer(good), .. } => Some(good.created()),
                _ => None,
            })
        };
        if let (Some(first), Some(last)) = (times().min(), times().max()) {
            let words = match first == last {
                true => format!("on {}", show_time(first)),
                false => format!("from {} to {}", show_time(first), show_time(last)),
            };
            out.entry(&" ".repeat(lead.len()), &words);
        }
    }
}

/// Returns the certificate and the name of who made a signature.
fn signer_of(by: &By) -> (String, String) {
    match by {
        By::Signer(good) => (good.signer().certificate.to_string(), shown_user_id(good.user_id())),
        By::Server { .. } => (String::new(), by_words(by, &[])),
    }
}
