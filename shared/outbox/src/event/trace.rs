//! The context of a trace, in the formats of AWS X-Ray and of W3C.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::value::RawValue;

use crate::event::string;

/// A position in a trace: the `traceparent` of W3C's Trace Context,
/// `00-<trace id>-<parent id>-<flags>`.
///
/// If producers and consumers log its [`trace_id`](Self::trace_id), all log lines of a trace
/// can be searched for together.
///
/// ```
/// use outbox::Traceparent;
///
/// let header = "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1";
/// let traceparent = Traceparent::from_x_ray(header).expect("a header with a parent");
/// assert_eq!(traceparent.as_str(), "00-5759e988bd862e3fe1be46a994272793-53995c3f42cd8ad8-01");
/// assert_eq!(traceparent.trace_id(), "5759e988bd862e3fe1be46a994272793");
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Traceparent(String);

impl Traceparent {
    /// Parses a `traceparent` of version 00; `None` if it is malformed. The event is worth
    /// more than its trace, so a malformed trace is dropped and is no error.
    ///
    /// ```
    /// use outbox::Traceparent;
    ///
    /// let header = "00-5759e988bd862e3fe1be46a994272793-53995c3f42cd8ad8-01";
    /// assert!(Traceparent::parse(header).is_some());
    /// assert!(Traceparent::parse("unknown").is_none());
    /// ```
    pub fn parse(text: &str) -> Option<Self> {
        let fields: Vec<&str> = text.trim().split('-').collect();
        let [version, trace_id, parent_id, flags] = fields[..] else {
            return None;
        };
        if version != "00" {
            return None;
        }
        let (trace_id, parent_id) = (hex(trace_id, 32)?, hex(parent_id, 16)?);
        let all_zero = |id: &str| id.bytes().all(|digit| digit == b'0');
        if all_zero(&trace_id) || all_zero(&parent_id) {
            return None;
        }
        Some(Self::new(&trace_id, &parent_id, &hex(flags, 2)?))
    }

    /// Returns the position that an X-Ray trace header names; `None` if it has no parent, or
    /// is malformed. See [`Traceparent`] for an example.
    pub fn from_x_ray(header: &str) -> Option<Self> {
        TraceHeader::parse(header)?.traceparent
    }

    fn new(trace_id: &str, parent_id: &str, flags: &str) -> Self {
        Self(format!("00-{trace_id}-{parent_id}-{flags}"))
    }

    /// Returns the text as it is sent.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns the id of the trace: 32 hexadecimal digits. See [`Traceparent`] for an example.
    pub fn trace_id(&self) -> &str {
        self.0.get(3..35).unwrap_or_default()
    }

    #[cfg(feature = "append")]
    fn parent_id(&self) -> &str {
        self.0.get(36..52).unwrap_or_default()
    }

    /// Returns whether the trace is recorded: the lowest bit of the flags.
    #[cfg(feature = "append")]
    fn is_sampled(&self) -> bool {
        let flags = self.0.get(53..).unwrap_or_default();
        u8::from_str_radix(flags, 16).is_ok_and(|flags| flags & 1 == 1)
    }
}

impl fmt::Display for Traceparent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl Serialize for Traceparent {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(to)
    }
}

/// Deserializes a `traceparent`; a malformed one, or another JSON value, is read as `None`.
pub(crate) fn if_valid<'de, D: Deserializer<'de>>(
    from: D,
) -> Result<Option<Traceparent>, D::Error> {
    let found = Box::<RawValue>::deserialize(from)?;
    Ok(string(&found).as_deref().and_then(Traceparent::parse))
}

/// Returns the `traceparent` of an event in JSON, which is not checked beyond that.
#[cfg(all(feature = "opentelemetry", feature = "relay"))]
pub(crate) fn of_event(json: &str) -> Option<Traceparent> {
    #[derive(Deserialize)]
    struct Traced {
        #[serde(default, deserialize_with = "if_valid")]
        traceparent: Option<Traceparent>,
    }
    serde_json::from_str::<Traced>(json).ok()?.traceparent
}

/// `TraceHeader` of a `PutEvents` entry is at most 500 characters (EventBridge
/// API reference, `PutEventsRequestEntry`).
const MAX_LENGTH: usize = 500;

/// The X-Ray trace header, as Lambda passes it to functions and EventBridge accepts it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TraceHeader {
    /// The header, as it is sent.
    text: String,
    /// The same position in W3C's format, if the header has a parent.
    traceparent: Option<Traceparent>,
}

impl TraceHeader {
    /// Parses a trace header; `None` if it is malformed.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        if text.len() > MAX_LENGTH {
            return None;
        }
        let mut root = None;
        let mut parent = None;
        let mut sampled = None;
        for field in text.split(';') {
            match field.trim().split_once('=')? {
                ("Root", id) => root = Some(trace_id(id)?),
                ("Parent", id) => parent = Some(hex(id, 16)?),
                ("Sampled", flag) => sampled = Some(flag),
                _ => {}
            }
        }
        let root = root?;
        let flags = if sampled == Some("1") { "01" } else { "00" };
        Some(Self {
            text: text.to_owned(),
            traceparent: parent.map(|parent| Traceparent::new(&root, &parent, flags)),
        })
    }

    #[cfg(feature = "append")]
    pub(crate) fn as_str(&self) -> &str {
        &self.text
    }

    /// Returns the same position in W3C's format; `None` without a parent segment.
    #[cfg(feature = "append")]
    pub(crate) fn traceparent(&self) -> Option<&Traceparent> {
        self.traceparent.as_ref()
    }
}

#[cfg(feature = "append")]
impl From<&Traceparent> for TraceHeader {
    /// Converts to X-Ray's format, which accepts any W3C trace id ("X-Ray concepts" in its
    /// developer guide).
    fn from(traceparent: &Traceparent) -> Self {
        let (seconds, random) = traceparent.trace_id().split_at(8);
        let parent = traceparent.parent_id();
        let sampled = u8::from(traceparent.is_sampled());
        Self {
            text: format!("Root=1-{seconds}-{random};Parent={parent};Sampled={sampled}"),
            traceparent: Some(traceparent.clone()),
        }
    }
}

/// Converts X-Ray's `1-<8 hex digits>-<24 hex digits>` to W3C's 32 hex digits.
fn trace_id(id: &str) -> Option<String> {
    let (seconds, random) = id.strip_prefix("1-")?.split_once('-')?;
    Some(format!("{}{}", hex(seconds, 8)?, hex(random, 24)?))
}

/// Returns hexadecimal digits in lower case; `None` if the text is anything else.
fn hex(digits: &str, length: usize) -> Option<String> {
    let valid = digits.len() == length && digits.bytes().all(|byte| byte.is_ascii_hexdigit());
    valid.then(|| digits.to_ascii_lowercase())
}

#[cfg(all(test, feature = "append"))]
mod tests {
    use super::*;

    #[test]
    fn a_header_becomes_a_traceparent() {
        let cases = [
            (
                "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1",
                Some("00-5759e988bd862e3fe1be46a994272793-53995c3f42cd8ad8-01"),
            ),
            (
                "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=0;Lineage=a:1",
                Some("00-5759e988bd862e3fe1be46a994272793-53995c3f42cd8ad8-00"),
            ),
            ("Root=1-5759e988-bd862e3fe1be46a994272793", None),
        ];
        for (text, traceparent) in cases {
            let header = TraceHeader::parse(text).unwrap();
            assert_eq!(header.as_str(), text);
            assert_eq!(header.traceparent().map(Traceparent::as_str), traceparent);
        }
    }

    #[test]
    fn a_traceparent_becomes_a_header() {
        for (flags, sampled) in [("01", "1"), ("00", "0"), ("03", "1"), ("02", "0")] {
            let text = format!("00-5759e988bd862e3fe1be46a994272793-53995c3f42cd8ad8-{flags}");
            let traceparent = Traceparent::parse(&text).unwrap();
            assert_eq!(traceparent.as_str(), text);
            assert_eq!(
                TraceHeader::from(&traceparent).as_str(),
                format!(
                    "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled={sampled}"
                )
            );
        }
    }

    #[test]
    fn malformed_headers_are_dropped() {
        let too_long = format!(
            "Root=1-5759e988-bd862e3fe1be46a994272793;Self={}",
            "x".repeat(500)
        );
        for text in [
            "",
            "Root=",
            "Parent=53995c3f42cd8ad8",
            "Root=1-5759e988-bd862e3fe1be46a99427279",
            "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=xyz",
            "Root=1-5759e988-bd862e3fe1be46a994272793;nonsense",
            &too_long,
        ] {
            assert_eq!(TraceHeader::parse(text), None, "{text}");
        }
        assert!(TraceHeader::parse(&too_long[..500]).is_some());
        assert!(TraceHeader::parse(&too_long[..501]).is_none());
        for text in [
            "",
            "00",
            "00-5759e988bd862e3fe1be46a994272793-53995c3f42cd8ad8",
            "00-5759e988bd862e3fe1be46a994272793-53995c3f42cd8ad8-01-more",
            "ff-5759e988bd862e3fe1be46a994272793-53995c3f42cd8ad8-01",
            "00-00000000000000000000000000000000-53995c3f42cd8ad8-01",
            "00-5759e988bd862e3fe1be46a994272793-0000000000000000-01",
            "00-5759e988bd862e3fe1be46a99427279é-53995c3f42cd8ad8-01",
        ] {
            assert_eq!(Traceparent::parse(text), None, "{text}");
        }
    }
}
