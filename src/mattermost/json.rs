//! JSON as Go reads and writes it. Objects keep their order, because people read what is written.

use serde::Deserialize;
use serde_json::Value;

/// Reads the first value of some bytes, as Go's decoder does: it ignores what follows, and
/// replaces what is not UTF-8. Of two members with one name the last one counts. The parser takes
/// at most 128 levels.
pub(super) fn first(bytes: &[u8]) -> serde_json::Result<Value> {
    let text = String::from_utf8_lossy(bytes);
    Value::deserialize(&mut serde_json::Deserializer::from_str(&text))
}

/// Writes a value as Go's encoder does with an indentation of two spaces and without escaping for
/// HTML. A line end follows.
pub(super) fn pretty(value: &Value) -> serde_json::Result<String> {
    let mut text = serde_json::to_string_pretty(value)?;
    text.push('\n');
    // Go escapes these even so. Outside of strings there are none.
    Ok(text.replace('\u{2028}', "\\u2028").replace('\u{2029}', "\\u2029"))
}

/// Returns the text of a string member, or "" if there is none.
pub(super) fn text<'a>(object: &'a Value, name: &str) -> &'a str {
    object.get(name).and_then(Value::as_str).unwrap_or_default()
}

/// Returns what kind of value it is, for messages.
pub(super) fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}

/// Checks, before a text is parsed, that it has no more values and names than `most`: each costs
/// some hundred bytes of memory, however short it is.
pub(super) fn check_values(text: &[u8], most: usize) -> Result<(), String> {
    let (mut values, mut is_string, mut is_escaped) = (0usize, false, false);
    for byte in text {
        match byte {
            _ if is_escaped => is_escaped = false,
            b'\\' if is_string => is_escaped = true,
            b'"' => is_string = !is_string,
            b',' | b':' | b'[' | b'{' if !is_string => values += 1,
            _ => {}
        }
    }
    match values > most {
        true => Err(format!("it has more than {most} values, the most that plugsign reads")),
        false => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn order_and_what_follows_are_as_in_go() {
        let json = first(b"{\"b\": [], \"a\": {\"x\": \"<&>\"}, \"c\": 1.0} and more").unwrap();
        let text = "{\n  \"b\": [],\n  \"a\": {\n    \"x\": \"<&>\"\n  },\n  \"c\": 1.0\n}\n";
        assert_eq!(pretty(&json).unwrap(), text);
    }

    #[test]
    fn the_last_of_two_members_counts() {
        let json = first(b"{\"a\": \"1\", \"a\": \"2\"}").unwrap();
        assert_eq!(text(&json, "a"), "2");
    }

    #[test]
    fn values_are_counted_outside_of_strings_only() {
        let text = br#"{"a, [b:{\"": [1, "\\"], "c": ","}"#;
        assert!(check_values(text, 6).is_ok());
        assert!(check_values(text, 5).is_err());
    }

    #[test]
    fn nesting_is_bounded() {
        assert!(first(&b"[".repeat(1_000_000)).is_err());
    }
}
