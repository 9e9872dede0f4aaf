//! Command lines in gpg's manner: long options that may be abbreviated, joined short ones,
//! `--option=value`, and everything from the first other word on is a file or a name.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt, OsStringExt};

use plugsign::text::Safe;

use super::table::{Kind, Opt, Table};

/// One option or command, under one name.
pub struct Spec {
    /// The row of its table. Names in one row are the same option.
    row: usize,
    pub long: &'static str,
    short: Option<u8>,
    takes_value: bool,
    is: Kind,
}

/// Returns all options of a table, one a name.
pub fn specs(table: Table) -> impl Iterator<Item = Spec> {
    table.iter().enumerate().flat_map(|(row, (names, is))| {
        names.split_whitespace().map(move |name| {
            let (name, takes_value) = match name.strip_suffix('=') {
                Some(name) => (name, true),
                None => (name, false),
            };
            let (long, short) = name.split_once('|').unwrap_or((name, ""));
            Spec { row, long, short: short.bytes().next(), takes_value, is: *is }
        })
    })
}

/// A command line taken apart.
#[derive(Default)]
pub struct Parsed {
    /// The options in their order, with their values.
    pub options: Vec<(Opt, OsString)>,
    /// The options that were passed over and are worth a word.
    pub passed_over: Vec<&'static str>,
    /// Files and names.
    pub words: Vec<OsString>,
    /// Words that look like options and come too late to be any.
    pub late: Vec<OsString>,
}

/// Takes a command line apart. The message of an error is fit to show.
pub fn parse(
    table: Table,
    arguments: impl IntoIterator<Item = OsString>,
) -> Result<Parsed, String> {
    let mut parsed = Parsed::default();
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
        for (spec, value) in found {
            match spec.is {
                Kind::Done(option) => parsed.options.push((option, value)),
                Kind::Silent => {}
                Kind::Told => parsed.passed_over.push(spec.long),
                Kind::Refused(why) => return Err(format!("--{}: {why}", spec.long)),
            }
        }
    }
    Ok(parsed)
}

/// Reads `--long`, `--long=value` or `--long value`, abbreviated as far as it is clear.
fn read_long(
    table: Table,
    long: &[u8],
    rest: &mut impl Iterator<Item = OsString>,
) -> Result<(Spec, OsString), String> {
    let (name, joined) = match long.iter().position(|byte| *byte == b'=') {
        Some(equals) => (&long[..equals], Some(&long[equals + 1..])),
        None => (long, None),
    };
    let shown = Safe::bytes(name);
    let spec = match specs(table).find(|spec| spec.long.as_bytes() == name) {
        Some(exact) => exact,
        None => {
            let mut matching = specs(table).filter(|spec| spec.long.as_bytes().starts_with(name));
            let first = matching.next().filter(|_| !name.is_empty());
            let first = first.ok_or_else(|| format!("invalid option \"--{shown}\""))?;
            let is_other = |it: Spec| (it.row, it.takes_value) != (first.row, first.takes_value);
            if matching.any(is_other) {
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
    Ok((spec, value))
}

/// Reads `-bsau VALUE` or `-bsauVALUE`.
fn read_shorts(
    table: Table,
    shorts: &[u8],
    rest: &mut impl Iterator<Item = OsString>,
) -> Result<Vec<(Spec, OsString)>, String> {
    let mut found = Vec::new();
    for (place, short) in shorts.iter().enumerate() {
        let shown = Safe::bytes(std::slice::from_ref(short));
        let spec = specs(table)
            .find(|spec| spec.short == Some(*short))
            .ok_or_else(|| format!("invalid option \"-{shown}\""))?;
        if !spec.takes_value {
            found.push((spec, OsString::new()));
            continue;
        }
        let value = match &shorts[place + 1..] {
            [] => rest.next().ok_or_else(|| missing(&format!("-{shown}")))?,
            joined => OsStr::from_bytes(joined).to_owned(),
        };
        found.push((spec, value));
        break;
    }
    Ok(found)
}

fn missing(option: &str) -> String {
    format!("missing argument for option \"{option}\"")
}

#[cfg(test)]
mod tests {
    use super::super::table::{GPG, Task};
    use super::*;

    const DETACH: Opt = Opt::Task(Task::DetachSign);
    const SIGN: Opt = Opt::Task(Task::Sign);

    fn read(line: &str) -> Result<Parsed, String> {
        parse(GPG, line.split(' ').map(OsString::from))
    }

    #[track_caller]
    fn options(line: &str) -> Vec<(Opt, String)> {
        let parsed = read(line).unwrap_or_else(|error| panic!("{line}: {error}"));
        let shown = |(option, value): (Opt, OsString)| (option, value.into_string().unwrap());
        parsed.options.into_iter().map(shown).collect()
    }

    #[test]
    fn joined_short_options_end_with_a_value() {
        let all = [DETACH, SIGN, Opt::Armor].map(|id| (id, String::new()));
        for line in ["-bsau KEY", "-bsauKEY"] {
            let mut expected = all.to_vec();
            expected.push((Opt::LocalUser, "KEY".into()));
            assert_eq!(options(line), expected, "{line}");
        }
        assert_eq!(
            options("-sbo SIG -- -FILE"),
            [(SIGN, String::new()), (DETACH, String::new()), (Opt::Output, "SIG".into())]
        );
        assert_eq!(read("-sbo SIG -- -FILE").unwrap().words, ["-FILE"]);
    }

    #[test]
    fn long_options_may_be_abbreviated_while_that_is_clear() {
        assert_eq!(options("--detach-sig f"), [(DETACH, String::new())]);
        assert_eq!(options("--local=a=b"), [(Opt::LocalUser, "a=b".into())]);
        assert_eq!(options("--local a"), [(Opt::LocalUser, "a".into())]);
        assert!(read("--list f").err().unwrap().contains("ambiguous"));
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
        let parsed = read("--use-agent --cipher-algo x --armor").unwrap();
        assert_eq!(parsed.passed_over, ["cipher-algo"]);
        assert_eq!(parsed.options.len(), 1);
        assert!(read("--encrypt").err().unwrap().starts_with("--encrypt: plugsign only signs"));
    }
}
