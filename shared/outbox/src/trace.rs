//! The X-Ray trace header, as Lambda hands it out and EventBridge takes it.

/// `TraceHeader` of a `PutEvents` entry is at most 500 characters (EventBridge
/// API reference, `PutEventsRequestEntry`).
const MAX_LENGTH: usize = 500;

/// A well-formed X-Ray trace header.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TraceHeader {
    text: String,
    traceparent: Option<String>,
}

impl TraceHeader {
    /// `None` if the text is no trace header: an event is worth more than its
    /// trace, so a broken one is dropped, never stored.
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
            traceparent: parent.map(|parent| format!("00-{root}-{parent}-{flags}")),
        })
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.text
    }

    /// The same trace in W3C's notation; `None` without a parent segment.
    pub(crate) fn traceparent(&self) -> Option<&str> {
        self.traceparent.as_deref()
    }
}

/// `1-<8 hex digits>-<24 hex digits>` as the 32 hex digits W3C writes.
fn trace_id(id: &str) -> Option<String> {
    let (seconds, random) = id.strip_prefix("1-")?.split_once('-')?;
    Some(format!("{}{}", hex(seconds, 8)?, hex(random, 24)?))
}

fn hex(digits: &str, length: usize) -> Option<String> {
    let valid = digits.len() == length && digits.bytes().all(|byte| byte.is_ascii_hexdigit());
    valid.then(|| digits.to_ascii_lowercase())
}

#[cfg(test)]
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
            assert_eq!(header.traceparent(), traceparent);
        }
    }

    #[test]
    fn anything_else_is_dropped() {
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
    }
}
