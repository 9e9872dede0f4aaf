//! Command lines in gpg's manner: long options that may be abbreviated, joined short ones,
//! `--option=value`, and everything from the first other word on is a file or a name.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt, OsStringExt};

use plugsign::text::Safe;

/// An option or command that there is.
pub struct Spec<I: 'static> {
    pub long: &'static str,
    pub short: Option<u8>,
    pub takes_value: bool,
    pub is: Kind<I>,
}

/// What becomes of an option.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind<I: 'static> {
    /// It does what gpg's does.
    Done(I),
    /// It has no meaning here, and nobody misses it.
    Silent,
    /// It has no meaning here, which is said.
    Told,
    /// It would change what is signed, trusted or written, or asks for something that there is
    /// not; and why.
    Refused(&'static str),
}

/// All options that there are, in groups.
pub type Table<I> = &'static [&'static [Spec<I>]];

/// A command line taken apart.
pub struct Parsed<I: 'static> {
    /// The options in their order, with their values.
    pub options: Vec<(I, OsString)>,
    /// The options that were passed over and are worth a word.
    pub passed_over: Vec<&'static str>,
    /// Files and names.
    pub words: Vec<OsString>,
    /// Words that look like options and come too late to be any.
    pub late: Vec<OsString>,
}

/// An option as it stands on the command line.
struct FoundOption<I: 'static> {
    spec: &'static Spec<I>,
    value: OsString,
}

/// Takes a command line apart. The message of an error is fit to show.
pub fn parse<I: Copy + PartialEq>(
    table: Table<I>,
    arguments: impl IntoIterator<Item = OsString>,
) -> Result<Parsed<I>, String> {
    let mut parsed = Parsed {
        options: Vec::new(),
        passed_over: Vec::new(),
        words: Vec::new(),
        late: Vec::new(),
    };
    let mut arguments = arguments.into_iter();
    while let Some(argument) = arguments.next() {
        let bytes = argument.as_bytes();
        let found = match bytes {
            b"--" => {
                parsed.words.extend(arguments);
                return Ok(parsed);
            }
            [b'-', b'-', long @ ..] => vec![read_long(table, long, &mut arguments)?],
            [b'-', shorts @ ..] if !shorts.is_empty() => {
                read_shorts(table, shorts, &mut arguments)?
            }
            _ => {
                parsed.words.push(argument);
                parsed.words.extend(arguments);
                let looks = |word: &&OsString| word.len() > 1 && word.as_bytes().starts_with(b"-");
                parsed.late = parsed.words.iter().skip(1).filter(looks).cloned().collect();
                return Ok(parsed);
            }
        };
        for FoundOption { spec, value } in found {
            match spec.is {
                Kind::Done(id) => parsed.options.push((id, value)),
                Kind::Silent => {}
                Kind::Told => parsed.passed_over.push(spec.long),
                Kind::Refused(why) => return Err(format!("--{}: {why}", spec.long)),
            }
        }
    }
    Ok(parsed)
}

/// Reads `--long`, `--long=value` or `--long value`, abbreviated as far as it is clear.
fn read_long<I: Copy + PartialEq>(
    table: Table<I>,
    long: &[u8],
    rest: &mut impl Iterator<Item = OsString>,
) -> Result<FoundOption<I>, String> {
    let (name, joined) = match long.iter().position(|byte| *byte == b'=') {
        Some(equals) => (&long[..equals], Some(&long[equals + 1..])),
        None => (long, None),
    };
    let shown = Safe::bytes(name);
    let specs = || table.iter().copied().flatten();
    let exact = specs().find(|spec| spec.long.as_bytes() == name);
    let spec = match exact {
        Some(spec) => spec,
        None => {
            let mut matching = specs().filter(|spec| spec.long.as_bytes().starts_with(name));
            let first = matching.next().filter(|_| !name.is_empty());
            let first = first.ok_or_else(|| format!("invalid option \"--{shown}\""))?;
            // One option may have several names.
            if matching.any(|other| other.is != first.is || other.takes_value != first.takes_value)
            {
                return Err(format!("option \"--{shown}\" is ambiguous"));
            }
            first
        }
    };
    let value = match (spec.takes_value, joined) {
        (true, Some(value)) => OsString::from_vec(value.to_vec()),
        (true, None) => rest.next().ok_or_else(|| missing(&format!("--{shown}")))?,
        (false, None) => OsString::new(),
        (false, Some(_)) => {
            return Err(format!("option \"--{shown}\" does not expect an argument"));
        }
    };
    Ok(FoundOption { spec, value })
}

/// Reads `-bsau VALUE` or `-bsauVALUE`.
fn read_shorts<I: Copy>(
    table: Table<I>,
    shorts: &[u8],
    rest: &mut impl Iterator<Item = OsString>,
) -> Result<Vec<FoundOption<I>>, String> {
    let mut found = Vec::new();
    for (place, short) in shorts.iter().enumerate() {
        let shown = Safe::bytes(std::slice::from_ref(short));
        let spec = table
            .iter()
            .copied()
            .flatten()
            .find(|spec| spec.short == Some(*short))
            .ok_or_else(|| format!("invalid option \"-{shown}\""))?;
        if !spec.takes_value {
            found.push(FoundOption { spec, value: OsString::new() });
            continue;
        }
        let joined = &shorts[place + 1..];
        let value = match joined.is_empty() {
            true => rest.next().ok_or_else(|| missing(&format!("-{shown}")))?,
            false => OsStr::from_bytes(joined).to_owned(),
        };
        found.push(FoundOption { spec, value });
        break;
    }
    Ok(found)
}

fn missing(option: &str) -> String {
    format!("missing argument for option \"{option}\"")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Clone, Copy, PartialEq, Eq, Debug)]
    enum Id {
        Detach,
        Sign,
        Armor,
        User,
        Output,
        DetachOther,
    }

    const fn spec(long: &'static str, short: u8, takes_value: bool, is: Kind<Id>) -> Spec<Id> {
        let short = if short == 0 { None } else { Some(short) };
        Spec { long, short, takes_value, is }
    }

    static SPECS: &[Spec<Id>] = &[
        spec("detach-sign", b'b', false, Kind::Done(Id::Detach)),
        spec("detach-other", 0, false, Kind::Done(Id::DetachOther)),
        spec("sign", b's', false, Kind::Done(Id::Sign)),
        spec("armor", b'a', false, Kind::Done(Id::Armor)),
        spec("local-user", b'u', true, Kind::Done(Id::User)),
        spec("output", b'o', true, Kind::Done(Id::Output)),
        spec("use-agent", 0, false, Kind::Silent),
        spec("comment", 0, true, Kind::Told),
        spec("clear-sign", 0, false, Kind::Refused("not here")),
    ];

    static TABLE: Table<Id> = &[SPECS];

    fn read(line: &str) -> Result<Parsed<Id>, String> {
        parse(TABLE, line.split(' ').map(OsString::from))
    }

    #[track_caller]
    fn options(line: &str) -> Vec<(Id, String)> {
        let parsed = read(line).unwrap_or_else(|error| panic!("{line}: {error}"));
        parsed
            .options
            .into_iter()
            .map(|(id, value)| (id, value.to_string_lossy().into_owned()))
            .collect()
    }

    #[test]
    fn joined_short_options_end_with_a_value() {
        let all = [Id::Detach, Id::Sign, Id::Armor].map(|id| (id, String::new()));
        for line in ["-bsau KEY", "-bsauKEY"] {
            let mut expected = all.to_vec();
            expected.push((Id::User, "KEY".into()));
            assert_eq!(options(line), expected, "{line}");
        }
        assert_eq!(
            options("-sbo SIG -- -FILE"),
            [(Id::Sign, String::new()), (Id::Detach, String::new()), (Id::Output, "SIG".into())]
        );
        assert_eq!(read("-sbo SIG -- -FILE").unwrap().words, ["-FILE"]);
    }

    #[test]
    fn long_options_may_be_abbreviated_while_that_is_clear() {
        assert_eq!(options("--detach-sig f"), [(Id::Detach, String::new())]);
        assert_eq!(options("--local=a=b"), [(Id::User, "a=b".into())]);
        assert_eq!(options("--local a"), [(Id::User, "a".into())]);
        assert!(read("--detach f").err().unwrap().contains("ambiguous"));
        assert!(read("--nonsense").err().unwrap().contains("invalid option"));
        assert!(read("--=x").is_err());
        assert!(read("--armor=x").is_err());
        assert!(read("--output").err().unwrap().contains("missing argument"));
        assert!(read("-bu").err().unwrap().contains("missing argument"));
        assert!(read("-bx").is_err());
    }

    #[test]
    fn the_first_other_word_ends_the_options() {
        let parsed = read("--armor FILE --sign -").unwrap();
        assert_eq!(parsed.words, ["FILE", "--sign", "-"]);
        assert_eq!(parsed.late, ["--sign"]);
        assert_eq!(read("--armor -").unwrap().words, ["-"]);
    }

    #[test]
    fn what_has_no_meaning_here_is_passed_over_and_what_is_not_here_is_refused() {
        let parsed = read("--use-agent --comment x --armor").unwrap();
        assert_eq!(parsed.passed_over, ["comment"]);
        assert_eq!(parsed.options.len(), 1);
        assert_eq!(read("--clear").err().unwrap(), "--clear-sign: not here");
    }
}
