//! Reads a `CloudEvent` from JSON, with its extensions.
//!
//! By a map that stands between the text and the derived code: serde's own way to collect what is
//! left, `flatten`, reads everything from a buffer, in which numbers lose their spelling.

use std::fmt;

use jiff::Timestamp;
use serde::{
    Deserialize, Deserializer,
    de::{
        DeserializeSeed, Error, IgnoredAny, MapAccess, Visitor,
        value::{MapAccessDeserializer, StringDeserializer},
    },
};
use serde_json::value::RawValue;

use crate::event::{
    CloudEvent, EventData, ExtensionValue, Traceparent,
    cloud_event::SpecVersion,
    extension::{Extensions, OWN_ATTRIBUTES, is_extension},
    trace,
};

impl<'de> Deserialize<'de> for CloudEvent {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_map(EventVisitor)
    }
}

struct EventVisitor;

impl<'de> Visitor<'de> for EventVisitor {
    type Value = CloudEvent;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("struct CloudEvent")
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<CloudEvent, A::Error> {
        let mut extensions = Extensions::new();
        let map = WithoutExtensions {
            map,
            extensions: &mut extensions,
        };
        let event = OwnAttributes::deserialize(MapAccessDeserializer::new(map))?;
        Ok(CloudEvent {
            extensions,
            ..event
        })
    }
}

/// How the attributes are read that this library knows: those of [`CloudEvent`], which describes
/// them.
#[derive(Deserialize)]
#[serde(remote = "CloudEvent")]
struct OwnAttributes {
    specversion: SpecVersion,
    id: String,
    source: String,
    #[serde(rename = "type")]
    event_type: String,
    subject: Option<String>,
    time: Timestamp,
    datacontenttype: Option<String>,
    dataschema: Option<String>,
    #[serde(default, deserialize_with = "sequence_of_text")]
    sequence: Option<u64>,
    #[serde(default, deserialize_with = "trace::if_valid")]
    traceparent: Option<Traceparent>,
    #[serde(default, deserialize_with = "text_of_a_scalar")]
    correlationid: Option<String>,
    #[serde(default, deserialize_with = "text_of_a_scalar")]
    causationid: Option<String>,
    #[serde(skip)]
    extensions: Extensions,
    #[serde(default)]
    data: EventData,
    #[serde(default, deserialize_with = "only_null")]
    data_base64: (),
}

/// The members of an event that are attributes of this library. The others are passed over, and
/// the extensions among them are kept. Of two with one name the last counts.
struct WithoutExtensions<'e, A> {
    map: A,
    extensions: &'e mut Extensions,
}

impl<'de, A: MapAccess<'de>> MapAccess<'de> for WithoutExtensions<'_, A> {
    type Error = A::Error;

    fn next_key_seed<K: DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, A::Error> {
        while let Some(name) = self.map.next_key::<String>()? {
            if OWN_ATTRIBUTES.contains(&name.as_str()) {
                let name: StringDeserializer<A::Error> = StringDeserializer::new(name);
                return seed.deserialize(name).map(Some);
            }
            if !is_extension(&name) {
                self.map.next_value::<IgnoredAny>()?;
                continue;
            }
            // Not parsed as what it is: a number of any size must not make an event unreadable.
            let value = self.map.next_value::<Box<RawValue>>()?;
            match ExtensionValue::from_json(value.get()) {
                Some(value) => self.extensions.insert(name, value),
                None => self.extensions.remove(&name),
            };
        }
        Ok(None)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, A::Error> {
        self.map.next_value_seed(seed)
    }
}

fn sequence_of_text<'de, D: Deserializer<'de>>(from: D) -> Result<Option<u64>, D::Error> {
    let found = Box::<RawValue>::deserialize(from)?;
    Ok(string(&found).and_then(|text| text.parse().ok()))
}

/// Deserializes an attribute that other producers may send as a number or a boolean, whose
/// spelling is kept. Empty text is read as `None`.
fn text_of_a_scalar<'de, D: Deserializer<'de>>(from: D) -> Result<Option<String>, D::Error> {
    let found = Box::<RawValue>::deserialize(from)?;
    Ok(match found.get() {
        "null" => None,
        text if text.starts_with('"') => string(&found).filter(|text| !text.is_empty()),
        list_or_object if list_or_object.starts_with(['[', '{']) => None,
        scalar => Some(scalar.to_owned()),
    })
}

/// Returns the text of a JSON string; `None` for any other JSON value.
pub(crate) fn string(value: &RawValue) -> Option<String> {
    serde_json::from_str(value.get()).ok()
}

/// Deserializes an attribute that must be missing or null.
fn only_null<'de, D: Deserializer<'de>>(from: D) -> Result<(), D::Error> {
    match Option::<IgnoredAny>::deserialize(from)? {
        None => Ok(()),
        Some(_) => Err(D::Error::custom(
            "data_base64 cannot be read, only JSON in data",
        )),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;

    /// Returns the JSON of an event with these further members, as they are spelled.
    fn with(members: &str) -> String {
        format!(
            r#"{{"specversion":"1.0","id":"1","source":"s","type":"t",
                "time":"2026-11-24T09:00:00Z"{members},"data":{{"total":1e400}}}}"#
        )
    }

    fn read(members: &str) -> CloudEvent {
        serde_json::from_str(&with(members)).unwrap()
    }

    fn extensions(event: &CloudEvent) -> Vec<(&str, String)> {
        let extensions = event.extensions();
        extensions
            .map(|(name, value)| (name, value.to_string()))
            .collect()
    }

    #[test]
    fn extensions_are_read_and_written() {
        let event = read(r#","tenantid":"t-17","replayed":true,"partition":-7"#);
        assert_eq!(event.extension("tenantid"), Some(&"t-17".into()));
        assert_eq!(event.extension("replayed"), Some(&true.into()));
        assert_eq!(event.extension("partition"), Some(&(-7).into()));
        assert_eq!(event.extension("other"), None);
        assert_eq!(event.data.as_json(), r#"{"total":1e400}"#);

        let written = serde_json::to_string(&event).unwrap();
        let again: CloudEvent = serde_json::from_str(&written).unwrap();
        assert_eq!(again, event);
        for member in [
            r#""tenantid":"t-17""#,
            r#""replayed":true"#,
            r#""partition":-7"#,
        ] {
            assert!(written.contains(member), "{written}");
        }
    }

    #[test]
    fn what_is_no_extension_is_ignored_and_makes_no_event_unreadable() {
        let event = read(
            r#","Tenant":"a","tenant-id":"b","tenant_id":1,"":"c","é":2,"float":1.5,
               "large":12345678901234567890123,"huge":1e400,"list":["a"],"object":{"a":[{}]},
               "none":null,"surrogate":"\ud800","averyveryverylongextensionname":"kept""#,
        );
        let kept = ("averyveryverylongextensionname", "kept".to_owned());
        assert_eq!(extensions(&event), [kept]);
    }

    #[test]
    fn the_last_of_two_extensions_with_one_name_counts() {
        let event = read(r#","a":"first","b":"gone","a":"last","b":[]"#);
        assert_eq!(extensions(&event), [("a", "last".to_owned())]);
    }

    #[test]
    fn an_attribute_of_the_library_is_no_extension_and_may_occur_once() {
        let event = read(r#","sequence":"7","tracestate":"a=b""#);
        assert_eq!(event.sequence, Some(7));
        assert_eq!(extensions(&event), [("tracestate", "a=b".to_owned())]);
        let twice = serde_json::from_str::<CloudEvent>(&with(r#","id":"2""#));
        let error = twice.unwrap_err().to_string();
        assert!(error.starts_with("duplicate field `id`"), "{error}");
    }

    #[test]
    fn every_attribute_that_is_read_is_known_as_one_of_the_library() {
        for (name, value) in [
            ("subject", json!("a")),
            ("datacontenttype", json!("application/json")),
            ("dataschema", json!("urn:a")),
            ("sequence", json!("00000000000000000007")),
            (
                "traceparent",
                json!("00-5759e988bd862e3fe1be46a994272793-53995c3f42cd8ad8-01"),
            ),
            ("correlationid", json!("a")),
            ("causationid", json!("a")),
        ] {
            let event = read(&format!(r#","{name}":{value}"#));
            assert_eq!(event.extension(name), None);
            let written = serde_json::to_string(&event).unwrap();
            assert!(
                written.contains(&format!(r#""{name}":{value}"#)),
                "{written}"
            );
        }
    }

    #[test]
    fn what_is_no_object_is_an_error_that_quotes_nothing() {
        for (json, problem) in [
            (
                r#"["1.0", "SECRET"]"#,
                "invalid type, expected struct CloudEvent",
            ),
            (r#""SECRET""#, "invalid type, expected struct CloudEvent"),
            ("{}", "missing field `specversion`"),
        ] {
            let error = serde_json::from_str::<CloudEvent>(json).unwrap_err();
            assert_eq!(crate::json_problem(&error), problem);
        }
    }

    proptest! {
        #[test]
        fn no_unknown_member_changes_the_rest_of_an_event(
            members in proptest::collection::vec((any::<String>(), value()), 0..6),
        ) {
            let spelled = members.iter().map(|(name, value)| {
                // None that the library knows, and none that is an extension by accident.
                format!(",{}:{value}", json!(format!("Z{name}")))
            });
            let spelled: String = spelled.collect();
            prop_assert_eq!(read(&spelled), read(""));
        }
    }

    fn value() -> impl Strategy<Value = Value> {
        let scalar = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            any::<f64>().prop_map(Value::from),
            any::<String>().prop_map(Value::from),
        ];
        scalar.prop_recursive(4, 16, 4, |inner| {
            prop_oneof![
                proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                proptest::collection::hash_map(any::<String>(), inner, 0..4)
                    .prop_map(|members| Value::Object(members.into_iter().collect())),
            ]
        })
    }
}
