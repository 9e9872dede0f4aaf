//! Where things are in a JSON text.
//!
//! The text has been parsed before, so what is scanned here is well-formed; anything else ends
//! in `None`, never in a panic.

use std::ops::Range;

use super::{KEY, SECTION, is};

/// Where the list of key files is, or where it would go.
#[derive(Clone, Debug)]
pub(super) struct List {
    pub(super) place: Place,
    /// The entries, each with its place.
    pub(super) entries: Vec<(String, Range<usize>)>,
}

#[derive(Clone, Debug)]
pub(super) enum Place {
    /// Brackets and all.
    Array {
        span: Range<usize>,
        /// What stands before the list's key, and before its section's.
        indent: (Range<usize>, Range<usize>),
    },
    /// The list's value is null.
    Null(Range<usize>),
    /// The section has no list. Its braces are here, and its members.
    NoKey { section: Range<usize>, members: Vec<Member>, indent: Range<usize> },
    /// The configuration has no section. Its braces are here, and its members.
    NoSection { object: Range<usize>, members: Vec<Member> },
}

/// A member of an object.
#[derive(Clone, Debug)]
pub(super) struct Member {
    pub(super) name: String,
    /// The white space before its key.
    pub(super) before: Range<usize>,
    pub(super) value: Range<usize>,
}

impl List {
    /// Finds the list in a configuration's text.
    pub(super) fn find(text: &str) -> Result<List, String> {
        let no_object = || "it is not a JSON object".to_string();
        let start = skip_space(text.as_bytes(), 0);
        let members = members(text, start).ok_or_else(no_object)?;
        let object = start..end_of_value(text.as_bytes(), start).ok_or_else(no_object)?;
        let Some(section) = only(&members, SECTION)? else {
            return Ok(List { place: Place::NoSection { object, members }, entries: Vec::new() });
        };
        let (indent, section) = (section.before.clone(), section.value.clone());
        let inner = self::members(text, section.start)
            .ok_or_else(|| format!("{SECTION} is not a JSON object"))?;
        let Some(key) = only(&inner, KEY)? else {
            let place = Place::NoKey { section, members: inner, indent };
            return Ok(List { place, entries: Vec::new() });
        };
        if text.get(key.value.clone()) == Some("null") {
            return Ok(List { place: Place::Null(key.value.clone()), entries: Vec::new() });
        }
        let entries = elements(text, key.value.start)
            .and_then(|spans| {
                spans
                    .into_iter()
                    .map(|span| Some((string(text, span.clone())?, span)))
                    .collect::<Option<Vec<_>>>()
            })
            .ok_or_else(|| format!("{SECTION}.{KEY} is not a list of strings"))?;
        let place = Place::Array { span: key.value.clone(), indent: (key.before.clone(), indent) };
        Ok(List { place, entries })
    }

    pub(super) fn names(&self) -> Vec<&str> {
        self.entries.iter().map(|(name, _)| name.as_str()).collect()
    }
}

fn only<'a>(members: &'a [Member], name: &str) -> Result<Option<&'a Member>, String> {
    let mut named = members.iter().filter(|member| is(&member.name, name));
    match (named.next(), named.next()) {
        (found, None) => Ok(found),
        _ => Err(format!("it has {name} more than once")),
    }
}

/// Returns the members of the object that starts here.
fn members(text: &str, start: usize) -> Option<Vec<Member>> {
    let bytes = text.as_bytes();
    let mut members = Vec::new();
    let mut at = after(bytes, start, b'{')?;
    loop {
        let key = skip_space(bytes, at);
        if members.is_empty() && bytes.get(key) == Some(&b'}') {
            return Some(members);
        }
        let key_end = end_of_string(bytes, key)?;
        let value = after(bytes, skip_space(bytes, key_end), b':')?;
        let value = skip_space(bytes, value);
        let end = end_of_value(bytes, value)?;
        members.push(Member {
            name: string(text, key..key_end)?,
            before: at..key,
            value: value..end,
        });
        let next = skip_space(bytes, end);
        match bytes.get(next)? {
            b',' => at = next + 1,
            b'}' => return Some(members),
            _ => return None,
        }
    }
}

/// Returns the places of the elements of the array that starts here.
fn elements(text: &str, start: usize) -> Option<Vec<Range<usize>>> {
    let bytes = text.as_bytes();
    let mut elements = Vec::new();
    let mut at = skip_space(bytes, after(bytes, start, b'[')?);
    if bytes.get(at) == Some(&b']') {
        return Some(elements);
    }
    loop {
        let end = end_of_value(bytes, at)?;
        elements.push(at..end);
        let next = skip_space(bytes, end);
        match bytes.get(next)? {
            b',' => at = skip_space(bytes, next + 1),
            b']' => return Some(elements),
            _ => return None,
        }
    }
}

fn string(text: &str, span: Range<usize>) -> Option<String> {
    serde_json::from_str(text.get(span)?).ok()
}

fn after(bytes: &[u8], at: usize, expected: u8) -> Option<usize> {
    (bytes.get(at) == Some(&expected)).then_some(at + 1)
}

fn skip_space(bytes: &[u8], mut at: usize) -> usize {
    while bytes.get(at).is_some_and(|byte| b" \t\r\n".contains(byte)) {
        at += 1;
    }
    at
}

fn end_of_string(bytes: &[u8], start: usize) -> Option<usize> {
    let mut at = after(bytes, start, b'"')?;
    loop {
        match bytes.get(at)? {
            b'"' => return Some(at + 1),
            b'\\' => at += 2,
            _ => at += 1,
        }
    }
}

/// Returns where the value ends that starts here, by counting brackets.
fn end_of_value(bytes: &[u8], start: usize) -> Option<usize> {
    let mut depth = 0usize;
    let mut at = start;
    loop {
        match bytes.get(at)? {
            b'"' => at = end_of_string(bytes, at)?,
            b'{' | b'[' => {
                depth += 1;
                at += 1;
            }
            b'}' | b']' => {
                depth = depth.checked_sub(1)?;
                at += 1;
            }
            b',' | b':' | b' ' | b'\t' | b'\r' | b'\n' if depth > 0 => at += 1,
            // A number or a word.
            _ => {
                let is_end = |byte: &u8| b",:]}{[\" \t\r\n".contains(byte);
                let rest = bytes.get(at..)?;
                match rest.iter().position(is_end).unwrap_or(rest.len()) {
                    0 => return None,
                    length => at += length,
                }
            }
        }
        if depth == 0 {
            return Some(at);
        }
    }
}
