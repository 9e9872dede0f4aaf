//! JSON as Go reads and writes it. Objects keep their order, because people read what is written.

use std::fmt;

use serde::de::{Deserialize, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

/// Why a document is not read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum NotRead {
    /// Go does not read it either.
    Wrong(String),
    /// Go reads it, or may read it, but what it reads there others do not.
    Unclear(String),
}

impl fmt::Display for NotRead {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            NotRead::Wrong(why) => f.write_str(why),
            NotRead::Unclear(why) => write!(f, "{why}: programs read that differently"),
        }
    }
}

impl From<NotRead> for String {
    fn from(error: NotRead) -> String {
        error.to_string()
    }
}

impl NotRead {
    /// Puts a step in front of the path that it begins with.
    pub(super) fn within(self, step: &str) -> NotRead {
        let join = |why: String| match why.starts_with(['.', '[', ' ']) {
            true => format!("{step}{why}"),
            false => format!("{step}.{why}"),
        };
        match self {
            NotRead::Wrong(why) => NotRead::Wrong(join(why)),
            NotRead::Unclear(why) => NotRead::Unclear(join(why)),
        }
    }
}

/// Reads the first value of some bytes, as Go's decoder does: it ignores what follows, and
/// replaces what is not UTF-8. The parser takes at most 128 levels.
pub(super) fn first(bytes: &[u8]) -> Result<Value, NotRead> {
    let text = String::from_utf8_lossy(bytes);
    let read = Strict::deserialize(&mut serde_json::Deserializer::from_str(&text));
    read.map(|strict| strict.0).map_err(|error| not_read(&error))
}

/// Reads bytes that are one value, and nothing else.
pub(super) fn whole(bytes: &[u8]) -> Result<Value, NotRead> {
    let read = serde_json::from_slice::<Strict>(bytes);
    read.map(|strict| strict.0).map_err(|error| not_read(&error))
}

/// Go takes deeper values, larger numbers, and half a surrogate pair.
fn not_read(error: &serde_json::Error) -> NotRead {
    const ONLY_HERE: [&str; 4] =
        ["recursion limit exceeded", "number out of range", "surrogate", "end of hex escape"];
    let why = error.to_string();
    match error.is_data() || ONLY_HERE.iter().any(|words| why.contains(words)) {
        true => NotRead::Unclear(why),
        false => NotRead::Wrong(why),
    }
}

/// A value without two members of one name. Go takes the last of them, or both together.
struct Strict(Value);

impl<'de> Deserialize<'de> for Strict {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Strict, D::Error> {
        deserializer.deserialize_any(StrictVisitor).map(Strict)
    }
}

struct StrictVisitor;

impl<'de> Visitor<'de> for StrictVisitor {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_unit<E: Error>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Value, E> {
        Ok(Number::from_f64(value).map_or(Value::Null, Value::Number))
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut access: A) -> Result<Value, A::Error> {
        let mut values = Vec::new();
        while let Some(Strict(value)) = access.next_element()? {
            values.push(value);
        }
        Ok(Value::Array(values))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Value, A::Error> {
        let mut members = Map::new();
        while let Some(name) = access.next_key::<String>()? {
            if members.contains_key(&name) {
                return Err(Error::custom(format_args!("it has {name} more than once")));
            }
            let Strict(value) = access.next_value()?;
            members.insert(name, value);
        }
        Ok(Value::Object(members))
    }
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
    fn two_members_of_one_name_are_refused() {
        let why = |text: &str| first(text.as_bytes()).unwrap_err();
        let twice = why("{\"a\": {\"b\": 1, \"\\u0062\": 1}}");
        assert_eq!(twice, NotRead::Unclear("it has b more than once at line 1 column 23".into()));
        assert!(first(b"{\"a\": {\"b\": 1}, \"A\": {\"b\": 1}}").is_ok());
    }

    #[test]
    fn what_go_reads_is_not_said_to_be_wrong() {
        let deep = format!("{}{}", "[".repeat(200), "]".repeat(200));
        for text in ["\"\\ud800\"", "\"\\ud800\\u0041\"", "\"\\udc00\"", "1e999", &deep] {
            assert!(matches!(first(text.as_bytes()), Err(NotRead::Unclear(_))), "{text}");
        }
        for text in ["", "{", "\"\\uzzzz\"", "[1,]", "{\"a\" 1}", "\"\t\"", "nil", "\u{feff}{}"] {
            assert!(matches!(first(text.as_bytes()), Err(NotRead::Wrong(_))), "{text}");
        }
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
