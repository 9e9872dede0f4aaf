//! JSON that keeps its order: manifests and marketplace entries are read and written by people.

use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde::ser::{Serialize, SerializeMap, Serializer};
use serde_json::Number;

/// A JSON value, the members of its objects in their order.
#[derive(Clone, Debug, PartialEq)]
pub enum Json {
    /// `null`
    Null,
    /// `true` or `false`
    Bool(bool),
    /// A number.
    Number(Number),
    /// A string.
    String(String),
    /// An array.
    Array(Vec<Json>),
    /// An object. A name may be there more than once; the last one counts, as it does in Go.
    Object(Vec<(String, Json)>),
}

impl Json {
    /// Makes a string.
    pub fn string(text: impl Into<String>) -> Json {
        Json::String(text.into())
    }

    /// Makes an object.
    pub fn object<const N: usize>(members: [(&str, Json); N]) -> Json {
        Json::Object(members.into_iter().map(|(name, value)| (name.into(), value)).collect())
    }

    /// Returns a member of an object.
    pub fn get(&self, name: &str) -> Option<&Json> {
        self.members().iter().rev().find(|(key, _)| key == name).map(|(_, value)| value)
    }

    /// Returns the members of an object, or none.
    pub fn members(&self) -> &[(String, Json)] {
        match self {
            Json::Object(members) => members,
            _ => &[],
        }
    }

    /// Returns the elements of an array, or none.
    pub fn elements(&self) -> &[Json] {
        match self {
            Json::Array(elements) => elements,
            _ => &[],
        }
    }

    /// Returns a string's text.
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Json::String(text) => Some(text),
            _ => None,
        }
    }

    /// Returns the text of a string member, or "" if there is none.
    pub fn text(&self, name: &str) -> &str {
        self.get(name).and_then(Json::as_str).unwrap_or_default()
    }

    /// Returns what kind of value it is, for messages.
    pub fn kind(&self) -> &'static str {
        match self {
            Json::Null => "null",
            Json::Bool(_) => "a boolean",
            Json::Number(_) => "a number",
            Json::String(_) => "a string",
            Json::Array(_) => "a list",
            Json::Object(_) => "an object",
        }
    }

    /// Reads the first value of some bytes, as Go's decoder does: what follows is not looked at,
    /// and what is not UTF-8 is replaced.
    ///
    /// # Errors
    ///
    /// The parser's. Nesting is limited to 128 levels.
    pub fn first(bytes: &[u8]) -> serde_json::Result<Json> {
        let text = String::from_utf8_lossy(bytes);
        Json::deserialize(&mut serde_json::Deserializer::from_str(&text))
    }

    /// Writes it as Go's encoder does with an indentation of two spaces and without escaping for
    /// HTML. A line end follows.
    ///
    /// # Errors
    ///
    /// None that a value of this type has.
    pub fn pretty(&self) -> serde_json::Result<String> {
        let mut text = serde_json::to_string_pretty(self)?;
        text.push('\n');
        // Go escapes these even so; outside of strings there are none.
        Ok(text.replace('\u{2028}', "\\u2028").replace('\u{2029}', "\\u2029"))
    }
}

/// Checks, before a text is parsed, that it has no more values and names than `most`: each costs
/// some hundred bytes of memory, however short it is.
///
/// # Errors
///
/// That it has more.
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

impl Serialize for Json {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Json::Null => serializer.serialize_unit(),
            Json::Bool(value) => serializer.serialize_bool(*value),
            Json::Number(value) => value.serialize(serializer),
            Json::String(value) => serializer.serialize_str(value),
            Json::Array(elements) => elements.serialize(serializer),
            Json::Object(members) => {
                let mut map = serializer.serialize_map(Some(members.len()))?;
                for (name, value) in members {
                    map.serialize_entry(name, value)?;
                }
                map.end()
            }
        }
    }
}

impl<'de> Deserialize<'de> for Json {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Json, D::Error> {
        deserializer.deserialize_any(AnyValue)
    }
}

struct AnyValue;

impl<'de> Visitor<'de> for AnyValue {
    type Value = Json;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Json, E> {
        Ok(Json::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Json, E> {
        Ok(Json::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Json, E> {
        Ok(Json::Number(value.into()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Json, E> {
        Ok(Json::Number(value.into()))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Json, E> {
        Ok(Number::from_f64(value).map_or(Json::Null, Json::Number))
    }

    fn visit_str<E>(self, value: &str) -> Result<Json, E> {
        Ok(Json::String(value.into()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut sequence: A) -> Result<Json, A::Error> {
        let mut elements = Vec::new();
        while let Some(element) = sequence.next_element()? {
            elements.push(element);
        }
        Ok(Json::Array(elements))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Json, A::Error> {
        let mut members = Vec::new();
        while let Some(member) = map.next_entry()? {
            members.push(member);
        }
        Ok(Json::Object(members))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn order_and_what_follows_are_as_in_go() {
        let json =
            Json::first(b"{\"b\": [], \"a\": {\"x\": \"<&>\"}, \"c\": 1.0} and more").unwrap();
        let text = "{\n  \"b\": [],\n  \"a\": {\n    \"x\": \"<&>\"\n  },\n  \"c\": 1.0\n}\n";
        assert_eq!(json.pretty().unwrap(), text);
    }

    #[test]
    fn the_last_of_two_members_counts() {
        let json = Json::first(b"{\"a\": \"1\", \"a\": \"2\"}").unwrap();
        assert_eq!(json.text("a"), "2");
    }

    #[test]
    fn values_are_counted_outside_of_strings_only() {
        let text = br#"{"a, [b:{\"": [1, "\\"], "c": ","}"#;
        assert!(check_values(text, 6).is_ok());
        assert!(check_values(text, 5).is_err());
    }

    #[test]
    fn nesting_is_bounded() {
        assert!(Json::first(&b"[".repeat(1_000_000)).is_err());
    }
}
