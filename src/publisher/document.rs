//! Documents from templates, with foreign text that stays text.

use super::show::first_user_id;
use crate::openpgp::certificate::Certificate;

/// Puts values in the places of `{{NAME}}`, in one pass: a place within a value stays as it is.
pub fn fill(template: &str, values: &[(&str, String)]) -> String {
    let mut filled = String::new();
    let mut rest = template;
    while let Some((before, after)) = rest.split_once("{{") {
        filled.push_str(before);
        let value = |name: &str| values.iter().find(|(known, _)| *known == name);
        let named = after.split_once("}}").and_then(|(name, tail)| Some((value(name)?, tail)));
        let (value, tail) = named.map_or(("{{", after), |((_, value), tail)| (value, tail));
        filled.push_str(value);
        rest = tail;
    }
    filled.push_str(rest);
    filled
}

/// Returns a certificate's user ID on one line, for text and for code blocks. Nothing in it
/// passes for the start or end of armor.
pub fn user_id(certificate: &Certificate) -> String {
    first_user_id(certificate).replace("-----", "- - -")
}

/// Returns the name in a user ID: what is before the comment and the address.
pub fn name_in(user_id: &str) -> &str {
    let name = user_id.split(['(', '<']).next().unwrap_or_default().trim();
    if name.is_empty() { user_id } else { name }
}

/// Escapes one line of text for the running text of a markdown document: no links, emphasis,
/// code, HTML or list marks come of it.
pub fn markdown(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    let mut characters = text.chars().peekable();
    while let Some(character) = characters.next() {
        let starts = escaped.is_empty();
        let ends_word = characters.peek().is_none_or(|next| next.is_whitespace());
        let is_mark = match character {
            '+' | '-' | '=' | ')' => starts || character == ')',
            '.' => !ends_word || escaped.bytes().all(|byte| byte.is_ascii_digit()),
            ',' | '\'' | '"' | '/' | '%' | ';' | '?' => false,
            other => other.is_ascii_punctuation(),
        };
        if is_mark {
            escaped.push('\\');
        }
        escaped.push(character);
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_filled_once() {
        let values = [("A", "{{B}}".to_string()), ("B", "b".to_string())];
        assert_eq!(fill("{{A}} {{B}} {{C}} {{", &values), "{{B}} b {{C}} {{");
    }

    #[test]
    fn names_are_what_is_before_the_rest() {
        assert_eq!(name_in("Example Org (releases) <r@example.org>"), "Example Org");
        assert_eq!(name_in("<r@example.org>"), "<r@example.org>");
    }

    #[test]
    fn markdown_in_foreign_text_is_text() {
        assert_eq!(markdown("Example, Inc."), "Example, Inc.");
        assert_eq!(markdown("# a"), "\\# a");
        assert_eq!(markdown("- a"), "\\- a");
        assert_eq!(markdown("1. a"), "1\\. a");
        assert_eq!(markdown("[a](b)"), "\\[a\\]\\(b\\)");
        assert_eq!(markdown("`<b>`"), "\\`\\<b\\>\\`");
        assert_eq!(markdown("www.a.b https://x"), "www\\.a\\.b https\\://x");
    }
}
