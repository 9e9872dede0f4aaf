//! Adds an entry to the list or takes one out. Every other byte stays.

use std::ops::Range;

use super::list::{KEY, List, ListPlace, Member, SECTION};

/// Returns the text with a name added at the end of the list, laid out like its neighbours.
pub(super) fn with(text: &str, list: &List, name: &str) -> Option<String> {
    let name = serde_json::to_string(name).ok()?;
    match &list.place {
        ListPlace::Array { span, indent } => match list.entries.last() {
            Some((_, last)) => {
                let before = match list.entries.iter().rev().nth(1) {
                    Some((_, previous)) => text.get(previous.end..last.start)?.split_once(',')?.1,
                    None => text.get(span.start + 1..last.start)?,
                };
                // A space parts neighbours on one line, whatever stands before the first one.
                let before = match before.is_empty() && list.entries.len() == 1 {
                    true => " ",
                    false => before,
                };
                Some(replaced(text, last.end..last.end, &format!(",{before}{name}")))
            }
            None if span.len() == 2 => {
                let member = text.get(indent.0.clone())?;
                let section = text.get(indent.1.clone())?;
                Some(replaced(text, span.clone(), &array(&name, member, section)))
            }
            // The white space of an empty list stays, and is all that is left when the name goes.
            None => Some(replaced(text, span.start + 1..span.start + 1, &name)),
        },
        ListPlace::Null(span) => Some(replaced(text, span.clone(), &format!("[{name}]"))),
        ListPlace::NoKey { section, members, indent } => {
            let outer = text.get(indent.clone())?;
            let inner = before_members(text, members, outer)?;
            let member = format!("\"{KEY}\": {}", array(&name, &inner, outer));
            Some(insert(text, section, members, &inner, outer, &member))
        }
        ListPlace::NoSection { object, members } => {
            let inner = before_members(text, members, "")?;
            let deeper = deeper(&inner, "");
            let list = array(&name, &deeper, &inner);
            let close = if inner.contains('\n') { inner.as_str() } else { "" };
            let member = format!("\"{SECTION}\": {{{deeper}\"{KEY}\": {list}{close}}}");
            let outer = if inner.contains('\n') { "\n" } else { "" };
            Some(insert(text, object, members, &inner, outer, &member))
        }
    }
}

/// Returns the text without the entries of a name.
pub(super) fn without(text: &str, list: &List, name: &str) -> Option<String> {
    let ListPlace::Array { span, .. } = &list.place else { return None };
    let (first, last) = (&list.entries.first()?.1, &list.entries.last()?.1);
    let Some(kept) = list.entries.iter().position(|(entry, _)| entry != name) else {
        // The white space around the only entries goes with them.
        let gap = match first.start == span.start + 1 {
            true => first.start..last.end,
            false => span.start + 1..span.end - 1,
        };
        return Some(replaced(text, gap, ""));
    };
    let (_, start) = list.entries.get(kept)?;
    let mut edited = text.get(..first.start)?.to_string();
    let mut at = start.start;
    for pair in list.entries.get(kept..)?.windows(2) {
        let [(_, previous), (entry, place)] = pair else { continue };
        if entry == name {
            edited.push_str(text.get(at..previous.end)?);
            at = place.end;
        }
    }
    edited.push_str(text.get(at..)?);
    Some(edited)
}

/// Writes a list of one name. It takes several lines if its key stands on a line of its own.
fn array(name: &str, member: &str, section: &str) -> String {
    match member.contains('\n') {
        true => format!("[{}{name}{member}]", deeper(member, section)),
        false => format!("[{name}]"),
    }
}

/// Returns the white space one level deeper than `inner`, which is one deeper than `outer`.
fn deeper(inner: &str, outer: &str) -> String {
    if !inner.contains('\n') {
        return inner.to_string();
    }
    let line = |space: &str| space.rsplit('\n').next().unwrap_or_default().to_string();
    let (own, parent) = (line(inner), line(outer));
    let unit = own.strip_prefix(parent.as_str()).filter(|unit| !unit.is_empty());
    format!("{inner}{}", unit.unwrap_or("    "))
}

/// Returns the white space that stands before the members of an object, or that would.
fn before_members(text: &str, members: &[Member], outer: &str) -> Option<String> {
    match members.last() {
        Some(member) => text.get(member.before.clone()).map(str::to_string),
        None if outer.contains('\n') => Some(deeper(outer, "")),
        None => Some(String::new()),
    }
}

/// Adds a member at the end of an object.
fn insert(
    text: &str,
    object: &Range<usize>,
    members: &[Member],
    inner: &str,
    outer: &str,
    member: &str,
) -> String {
    match members.last().map(|last| last.value.end) {
        Some(end) => replaced(text, end..end, &format!(",{inner}{member}")),
        None => {
            let close = if inner.contains('\n') { outer } else { "" };
            replaced(text, object.clone(), &format!("{{{inner}{member}{close}}}"))
        }
    }
}

fn replaced(text: &str, span: Range<usize>, with: &str) -> String {
    let (before, after) = (text.get(..span.start), text.get(span.end..));
    format!("{}{with}{}", before.unwrap_or_default(), after.unwrap_or_default())
}
