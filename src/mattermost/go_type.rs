//! JSON as Go's encoding/json reads it into the types of the server and the marketplace.
//!
//! Go finds a member's field without regard to case, the last of two members counts, and objects
//! with one name are merged. Other programs do otherwise. So a name that is there twice is refused,
//! and so is a value that Go cannot read into its field.

use serde_json::{Map, Value};

use super::json::{NotRead, kind};

/// A type of Go.
pub(super) enum GoType {
    /// `any`
    Any,
    /// `string`
    Text,
    /// `bool`
    Bool,
    /// `int64`
    Whole,
    /// `[]T`
    List(&'static GoType),
    /// `map[string]T`
    Map(&'static GoType),
    /// `struct`: its fields by the names that they have in documents.
    Struct(&'static [(&'static str, GoType)]),
}

/// Says whether a member goes into the field of this name.
pub(super) type Matches = fn(key: &str, name: &str) -> bool;

/// Matches names as Go does in JSON (`foldName`): by simple folding, so that the long s and the
/// Kelvin sign are letters of ASCII.
pub(super) fn in_json(key: &str, name: &str) -> bool {
    let fold = |letter: char| match letter {
        '\u{17f}' => 's',
        '\u{212a}' => 'k',
        other => other.to_ascii_lowercase(),
    };
    key.chars().map(fold).eq(name.chars().map(fold))
}

/// Matches names as Go does in YAML.
pub(super) fn in_yaml(key: &str, name: &str) -> bool {
    key == name
}

impl GoType {
    /// Reads a value into this type. Its members have the names of the fields then. Members without
    /// a field, which Go skips, stay as they are.
    pub(super) fn read(&self, value: Value, matches: Matches) -> Result<Value, NotRead> {
        self.read_part(value, matches).map_err(|error| match error {
            NotRead::Wrong(why) if why.starts_with(' ') => NotRead::Wrong(format!("it{why}")),
            NotRead::Unclear(why) if why.starts_with(' ') => NotRead::Unclear(format!("it{why}")),
            other => other,
        })
    }

    fn read_part(&self, value: Value, matches: Matches) -> Result<Value, NotRead> {
        match (self, value) {
            // Go leaves the field as it is.
            (_, Value::Null) => Ok(Value::Null),
            (GoType::Any, value) => Ok(value),
            (GoType::Text, value @ Value::String(_)) | (GoType::Bool, value @ Value::Bool(_)) => {
                Ok(value)
            }
            (GoType::Whole, Value::Number(number)) if number.is_i64() => Ok(Value::Number(number)),
            (GoType::List(of), Value::Array(values)) => {
                let values = values.into_iter().enumerate().map(|(place, value)| {
                    let read = of.read_part(value, matches);
                    read.map_err(|error| error.within(&format!("[{place}]")))
                });
                values.collect::<Result<_, _>>().map(Value::Array)
            }
            (GoType::Map(of), Value::Object(members)) => {
                let members = members.into_iter().map(|(key, value)| {
                    let value = of.read_part(value, matches);
                    let value = value.map_err(|error| error.within(&key))?;
                    Ok((key, value))
                });
                members.collect::<Result<_, _>>().map(Value::Object)
            }
            (GoType::Struct(fields), Value::Object(members)) => {
                read_struct(fields, members, matches).map(Value::Object)
            }
            (_, other) => {
                Err(NotRead::Wrong(format!(" is {}, not {}", kind(&other), self.wanted())))
            }
        }
    }

    fn wanted(&self) -> &'static str {
        match self {
            GoType::Any => "anything",
            GoType::Text => "a string",
            GoType::Bool => "a boolean",
            GoType::Whole => "a whole number",
            GoType::List(_) => "a list",
            GoType::Map(_) | GoType::Struct(_) => "an object",
        }
    }
}

fn read_struct(
    fields: &[(&'static str, GoType)],
    members: Map<String, Value>,
    matches: Matches,
) -> Result<Map<String, Value>, NotRead> {
    let mut read = Map::new();
    for (key, value) in members {
        let Some((name, of)) = fields.iter().find(|(name, _)| matches(&key, name)) else {
            read.insert(key, value);
            continue;
        };
        if read.contains_key(*name) {
            let also = if key == *name { String::new() } else { format!(", also as \"{key}\"") };
            return Err(NotRead::Unclear(format!(" has {name} more than once{also}")));
        }
        let value = of.read_part(value, matches).map_err(|error| error.within(name))?;
        read.insert((*name).to_string(), value);
    }
    Ok(read)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const TYPE: GoType = GoType::Struct(&[
        ("key", GoType::Text),
        ("sizes", GoType::List(&GoType::Whole)),
        ("server", GoType::Struct(&[("on", GoType::Bool)])),
        ("props", GoType::Map(&GoType::Map(&GoType::Any))),
    ]);

    fn why(value: Value) -> String {
        TYPE.read(value, in_json).unwrap_err().to_string()
    }

    #[test]
    fn names_match_by_simple_folding() {
        let odd = json!({"\u{212a}ey": "a", "\u{17f}IZES": [1], "Server": {"ON": true}, "n": 1});
        let plain = json!({"key": "a", "sizes": [1], "server": {"on": true}, "n": 1});
        assert_eq!(TYPE.read(odd.clone(), in_json), Ok(plain));
        assert_eq!(TYPE.read(odd.clone(), in_yaml), Ok(odd));
        // The dotless i and a combining sign are other letters.
        let others = json!({"s\u{131}zes": 1, "key\u{301}": 1, "\u{eb}ey": 1});
        assert_eq!(TYPE.read(others.clone(), in_json), Ok(others));
    }

    #[test]
    fn a_name_in_two_spellings_is_refused() {
        let twice = "it has key more than once, also as \"KEY\": programs read that differently";
        assert_eq!(why(json!({"key": "a", "KEY": "b"})), twice);
        assert!(why(json!({"server": {"on": true, "On": null}})).starts_with("server has on more"));
        // In a map, Go takes them for two.
        assert!(TYPE.read(json!({"props": {"a": {}, "A": {}}}), in_json).is_ok());
    }

    #[test]
    fn a_value_of_another_type_is_refused_with_its_place() {
        assert_eq!(why(json!({"key": 5})), "key is a number, not a string");
        assert_eq!(why(json!({"sizes": [1, 1.5]})), "sizes[1] is a number, not a whole number");
        assert_eq!(why(json!({"sizes": [u64::MAX]})), "sizes[0] is a number, not a whole number");
        assert_eq!(why(json!({"server": {"on": "true"}})), "server.on is a string, not a boolean");
        assert_eq!(why(json!({"props": {"a": 1}})), "props.a is a number, not an object");
        assert_eq!(why(json!([])), "it is a list, not an object");
        let null = json!({"key": null, "sizes": [null], "server": null, "props": {"a": null}});
        assert!(TYPE.read(null, in_json).is_ok());
    }
}
