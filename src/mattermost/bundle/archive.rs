//! Reads a bundle to its end, or one file of it.

use std::io::{self, Read};

use super::contents::{Contents, clean, extract};
use super::finding::Findings;
use super::kind::{HEAD, other_kind};
use super::stop::Stop;
use super::stream::{EntryKind, MAX_ENTRIES, MAX_MEMBERS, MAX_UNPACKED, Meter, walk};

/// Reads a bundle to its end and notes down what the server would extract. `name` is its file name.
pub(super) fn read(
    mut bundle: impl Read,
    name: &str,
    findings: &mut Findings,
) -> io::Result<Contents> {
    let meter = Meter::default();
    let mut contents = Contents::default();
    let mut head = Vec::with_capacity(HEAD);
    bundle.by_ref().take(HEAD as u64).read_to_end(&mut head)?;
    let bundle = head.as_slice().chain(bundle);
    let walked = walk(bundle, &meter, |entry, body| extract(entry, body, &mut contents, findings));
    if let Some(error) = meter.source.take() {
        return Err(error);
    }
    contents.cut_short = !matches!(walked, Ok(()) | Err(Stop::DamagedEnd(_)));
    match walked {
        Ok(()) => {}
        Err(Stop::DamagedEnd(why)) => findings.warning(
            "damaged-end",
            format!("there is something wrong behind the last file: {why}"),
            "the server does not read so far, but other programs do",
        ),
        Err(Stop::Damaged(why)) if !meter.exceeded.get() => {
            contents.other_kind = other_kind(&head);
            let signed = name.strip_suffix(".sig").or_else(|| name.strip_suffix(".asc"));
            let (what, consequence) = match (signed, contents.other_kind) {
                (Some(signed), _) => (
                    "it is a signature, and no bundle".into(),
                    format!("check looks at the signature beside a bundle: name {signed}"),
                ),
                (None, Some(kind)) => (
                    format!("it is {kind}, and no gzip tar"),
                    "the server does not install it, and who goes by its name cannot unpack it"
                        .into(),
                ),
                (None, None) => (
                    format!("it is no gzip tar, or it is damaged: {why}"),
                    "the server does not install it".into(),
                ),
            };
            findings.error("damaged", what, consequence);
        }
        Err(Stop::Unclear(why)) => findings.error(
            "unclear-archive",
            format!("it cannot be relied on: {why}"),
            "the server may read it, in another way than other programs",
        ),
        Err(Stop::TooLarge | Stop::Damaged(_)) => findings.error(
            "too-large",
            format!("it unpacks to more than {} MiB", MAX_UNPACKED >> 20),
            "the server has no limit, and would fill its disk",
        ),
        Err(Stop::TooMany) => findings.error(
            "too-many-entries",
            format!("it has more than {MAX_ENTRIES} entries, or too long paths in them"),
            "the server has no limit, and would fill its disk",
        ),
        Err(Stop::TooManyMembers) => findings.error(
            "too-many-members",
            format!("it is more than {MAX_MEMBERS} gzip files in a row"),
            "plugsign reads no more, and no honest bundle has them",
        ),
        Err(Stop::Source) => {}
    }
    Ok(contents)
}

/// Returns the last file with this path, if there is one and it has at most `limit` bytes. The
/// path is cleaned as Go cleans it. Errors are the reader's.
pub fn read_file(bundle: impl Read, path: &str, limit: u64) -> io::Result<Option<Vec<u8>>> {
    let meter = Meter::default();
    let wanted = clean(path.as_bytes());
    let mut found = None;
    let walked = walk(bundle, &meter, |entry, body| {
        if entry.kind == EntryKind::File && wanted.is_some() && clean(&entry.name) == wanted {
            let mut bytes = Vec::new();
            body.take(limit + 1).read_to_end(&mut bytes).map_err(|error| meter.stop(&error))?;
            found = (bytes.len() as u64 <= limit).then_some(bytes);
        }
        Ok(())
    });
    match (meter.source.take(), walked) {
        (Some(error), _) => Err(error),
        (None, Ok(()) | Err(Stop::DamagedEnd(_))) => Ok(found),
        (None, Err(_)) => Ok(None),
    }
}
