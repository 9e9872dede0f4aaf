//! Reads the first document of a `plugin.yaml` as JSON, without aliases, within bounds.
//!
//! The server reads it with yaml.v2 into typed fields, so that an unquoted `1.10` is the text
//! "1.10" where a string is wanted. Here the field's name tells where one is.

use std::borrow::Cow;

use saphyr_parser::{Event, Parser, ScalarStyle, StrInput, Tag};
use serde_json::{Map, Number, Value};

use crate::mattermost::json::NotRead;

/// How deep lists and objects may be nested.
const MAX_DEPTH: usize = 64;

/// The fields of the manifest that are strings, wherever they are.
const STRINGS: [&str; 24] = [
    "id",
    "name",
    "description",
    "homepage_url",
    "support_url",
    "release_notes_url",
    "icon_path",
    "version",
    "min_server_version",
    "executable",
    "bundle_path",
    "header",
    "footer",
    "key",
    "display_name",
    "type",
    "help_text",
    "regenerate_help_text",
    "placeholder",
    "value",
    "hosting",
    "title",
    "subtitle",
    "color",
];

/// Reads the first document.
pub(super) fn read(bytes: &[u8]) -> Result<Value, NotRead> {
    let text = std::str::from_utf8(bytes).map_err(wrong)?;
    let mut reader = YamlReader(Parser::new_from_str(text));
    loop {
        match reader.next()? {
            Event::StreamStart | Event::DocumentStart(_) | Event::Nothing => {}
            Event::StreamEnd | Event::DocumentEnd => return Ok(Value::Null),
            event => return reader.value(event, "", false, 0),
        }
    }
}

struct YamlReader<'a>(Parser<'a, StrInput<'a>>);

impl<'a> YamlReader<'a> {
    fn next(&mut self) -> Result<Event<'a>, NotRead> {
        let (event, _) =
            self.0.next_event().ok_or_else(|| wrong("it ends too early"))?.map_err(wrong)?;
        Ok(event)
    }

    /// Reads the value that begins with this event. `name` is the name of its field.
    fn value(
        &mut self,
        event: Event<'a>,
        name: &str,
        strings: bool,
        depth: usize,
    ) -> Result<Value, NotRead> {
        if depth > MAX_DEPTH {
            return Err(NotRead::Unclear(format!("it is more than {MAX_DEPTH} levels deep")));
        }
        match event {
            Event::Scalar(text, style, _, tag) => {
                Ok(scalar(text, style, tag, strings || STRINGS.contains(&name)))
            }
            Event::SequenceStart(..) => {
                let mut elements = Vec::new();
                loop {
                    match self.next()? {
                        Event::SequenceEnd => return Ok(Value::Array(elements)),
                        event => elements.push(self.value(event, "", false, depth + 1)?),
                    }
                }
            }
            Event::MappingStart(..) => {
                let mut members = Map::new();
                loop {
                    let key = match self.next()? {
                        Event::MappingEnd => return Ok(Value::Object(members)),
                        Event::Scalar(key, ..) => key.into_owned(),
                        Event::Alias(_) => return Err(NotRead::Unclear(ALIAS.into())),
                        _ => return Err(wrong("a key of it is no text")),
                    };
                    if key == "<<" {
                        return Err(NotRead::Unclear(ALIAS.into()));
                    }
                    let value = self.next()?;
                    let strings = name == "executables";
                    let value = self.value(value, &key, strings, depth + 1)?;
                    if members.contains_key(&key) {
                        return Err(NotRead::Unclear(format!("it has {key} more than once")));
                    }
                    members.insert(key, value);
                }
            }
            Event::Alias(_) => Err(NotRead::Unclear(ALIAS.into())),
            _ => Err(wrong("it ends too early")),
        }
    }
}

fn wrong(why: impl ToString) -> NotRead {
    NotRead::Wrong(why.to_string())
}

const ALIAS: &str = "it uses aliases, which plugsign does not follow: write the values out";

fn scalar(
    text: Cow<'_, str>,
    style: ScalarStyle,
    tag: Option<Cow<'_, Tag>>,
    wants_string: bool,
) -> Value {
    let is_string = tag.is_some_and(|tag| tag.is_yaml_core_schema() && tag.suffix == "str");
    let text = text.into_owned();
    if is_string || style != ScalarStyle::Plain {
        return Value::String(text);
    }
    match text.as_str() {
        "" | "~" | "null" | "Null" | "NULL" => Value::Null,
        _ if wants_string => Value::String(text),
        "true" | "True" | "TRUE" | "yes" | "Yes" | "YES" | "on" | "On" | "ON" => Value::Bool(true),
        "false" | "False" | "FALSE" | "no" | "No" | "NO" | "off" | "Off" | "OFF" => {
            Value::Bool(false)
        }
        _ => number(&text).map_or(Value::String(text), Value::Number),
    }
}

fn number(text: &str) -> Option<Number> {
    if !text.starts_with(|c: char| c.is_ascii_digit() || "+-.".contains(c)) {
        return None;
    }
    let whole =
        text.parse::<i64>().map(Number::from).or_else(|_| text.parse::<u64>().map(Number::from));
    whole.ok().or_else(|| Number::from_f64(text.parse().ok()?))
}
