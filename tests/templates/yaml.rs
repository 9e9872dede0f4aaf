//! Workflows as their readers see them.

use saphyr_parser::{Event, Parser, ScalarStyle};
use serde_json::{Map, Value};

/// Returns the documents of a file. All scalars are text, as a shell gets them.
pub fn documents(text: &str) -> Vec<Value> {
    let mut events = Parser::new_from_str(text).map(|event| event.unwrap().0);
    let mut documents = Vec::new();
    while let Some(event) = events.next() {
        match event {
            Event::StreamStart
            | Event::StreamEnd
            | Event::DocumentStart(_)
            | Event::DocumentEnd
            | Event::Nothing => {}
            event => documents.push(value(event, &mut events)),
        }
    }
    documents
}

fn value<'a>(event: Event<'a>, events: &mut impl Iterator<Item = Event<'a>>) -> Value {
    match event {
        Event::Scalar(text, ScalarStyle::Plain, ..) if text.is_empty() => Value::Null,
        Event::Scalar(text, ..) => Value::String(text.into_owned()),
        Event::SequenceStart(..) => {
            let mut list = Vec::new();
            loop {
                match events.next().unwrap() {
                    Event::SequenceEnd => return Value::Array(list),
                    event => list.push(value(event, events)),
                }
            }
        }
        Event::MappingStart(..) => {
            let mut members = Map::new();
            loop {
                let Event::Scalar(key, ..) = events.next().unwrap() else {
                    return Value::Object(members);
                };
                let event = events.next().unwrap();
                let old = members.insert(key.to_string(), value(event, events));
                assert!(old.is_none(), "{key} stands there twice");
            }
        }
        other => panic!("{other:?}"),
    }
}

/// Returns the texts of a list.
pub fn texts(list: &Value) -> Vec<String> {
    list.as_array().unwrap().iter().map(|text| text.as_str().unwrap().to_string()).collect()
}

/// Puts values in the place of what stands between these marks. All of them must be known.
pub fn filled(text: &str, marks: (&str, &str), known: &dyn Fn(&str) -> String) -> String {
    let mut filled = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once(marks.0) {
        let (name, after) = after.split_once(marks.1).unwrap();
        filled += before;
        filled += &known(name.trim());
        rest = after;
    }
    filled + rest
}
