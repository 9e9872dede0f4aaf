//! Where the list of key files is in a configuration's text.
//!
//! The text has been parsed before, so it is well-formed. If it were not, the answer would be
//! `None`, never a panic.

use std::ops::Range;

use serde::de::IgnoredAny;
use serde_json::Deserializer;

use crate::mattermost::go_type::in_json;

/// The section of a configuration that is about plugins.
pub(super) const SECTION: &str = "PluginSettings";

/// The list of key files in it.
pub(super) const KEY: &str = "SignaturePublicKeyFiles";

/// Where the list of key files is, or where it would go.
#[derive(Clone, Debug)]
pub(super) struct List {
    pub(super) place: ListPlace,
    /// The entries, each with its place.
    pub(super) entries: Vec<(String, Range<usize>)>,
}

/// What there is of the list.
#[derive(Clone, Debug)]
pub(super) enum ListPlace {
    /// The list, with its brackets.
    Array {
        span: Range<usize>,
        /// What stands before the list's key, and before its section's.
        indent: (Range<usize>, Range<usize>),
    },
    /// The list's value is null.
    Null(Range<usize>),
    /// The section has no list. Here are its place, with its braces, and its members.
    NoKey { section: Range<usize>, members: Vec<Member>, indent: Range<usize> },
    /// The configuration has no section. Here are its place, with its braces, and its members.
    NoSection { object: Range<usize>, members: Vec<Member> },
}

/// A member of an object, or an element of an array.
#[derive(Clone, Debug)]
pub(super) struct Member {
    name: String,
    /// The white space before its key.
    pub(super) before: Range<usize>,
    pub(super) value: Range<usize>,
}

impl List {
    /// Finds the list in a JSON text.
    pub(super) fn find(text: &str) -> Result<List, String> {
        let start = skip_space(text.as_bytes(), 0);
        let members = items(text, start, b"{}").ok_or("it is not a JSON object")?;
        let Some(section) = only(&members, SECTION)? else {
            let object = start..end_of_value(text, start).ok_or("it does not end")?;
            return Ok(List::empty(ListPlace::NoSection { object, members }));
        };
        let (indent, section) = (section.before.clone(), section.value.clone());
        let inner = items(text, section.start, b"{}")
            .ok_or_else(|| format!("{SECTION} is not a JSON object"))?;
        let Some(key) = only(&inner, KEY)? else {
            return Ok(List::empty(ListPlace::NoKey { section, members: inner, indent }));
        };
        let span = key.value.clone();
        if text.get(span.clone()) == Some("null") {
            return Ok(List::empty(ListPlace::Null(span)));
        }
        let string = |item: Member| Some((string(text, &item.value)?, item.value));
        let entries = items(text, span.start, b"[]")
            .and_then(|items| items.into_iter().map(string).collect())
            .ok_or_else(|| format!("{SECTION}.{KEY} is not a list of strings"))?;
        Ok(List { place: ListPlace::Array { span, indent: (key.before.clone(), indent) }, entries })
    }

    fn empty(place: ListPlace) -> List {
        List { place, entries: Vec::new() }
    }

    pub(super) fn names(&self) -> Vec<&str> {
        self.entries.iter().map(|(name, _)| name.as_str()).collect()
    }
}

fn only<'a>(members: &'a [Member], name: &str) -> Result<Option<&'a Member>, String> {
    let mut named = members.iter().filter(|member| in_json(&member.name, name));
    match (named.next(), named.next()) {
        (found, None) => Ok(found),
        _ => Err(format!("it has {name} more than once")),
    }
}

/// Returns what stands in the brackets that open here. The elements of an array have no name.
fn items(text: &str, start: usize, brackets: &[u8; 2]) -> Option<Vec<Member>> {
    let bytes = text.as_bytes();
    let [open, close] = brackets;
    let mut items = Vec::new();
    let mut at = after(bytes, start, *open)?;
    loop {
        let mut value = skip_space(bytes, at);
        if items.is_empty() && bytes.get(value) == Some(close) {
            return Some(items);
        }
        let before = at..value;
        let mut name = String::new();
        if *open == b'{' {
            let key = value..end_of_value(text, value)?;
            value = skip_space(bytes, after(bytes, skip_space(bytes, key.end), b':')?);
            name = string(text, &key)?;
        }
        let end = end_of_value(text, value)?;
        items.push(Member { name, before, value: value..end });
        let next = skip_space(bytes, end);
        match bytes.get(next)? {
            b',' => at = next + 1,
            byte if byte == close => return Some(items),
            _ => return None,
        }
    }
}

fn string(text: &str, span: &Range<usize>) -> Option<String> {
    serde_json::from_str(text.get(span.clone())?).ok()
}

fn after(bytes: &[u8], at: usize, expected: u8) -> Option<usize> {
    (bytes.get(at) == Some(&expected)).then_some(at + 1)
}

fn skip_space(bytes: &[u8], at: usize) -> usize {
    let ahead = bytes.get(at..).unwrap_or_default();
    at + ahead.iter().take_while(|byte| b" \t\r\n".contains(byte)).count()
}

/// Returns the end of the value that starts here.
fn end_of_value(text: &str, start: usize) -> Option<usize> {
    let mut values = Deserializer::from_str(text.get(start..)?).into_iter::<IgnoredAny>();
    values.next()?.ok()?;
    Some(start + values.byte_offset())
}
