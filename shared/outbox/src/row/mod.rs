#[cfg(feature = "relay")]
pub(crate) mod decode;

use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::event::sequence_text;

/// The row format this library writes, and the newest it reads.
pub(crate) const FORMAT: u64 = 1;

/// The outbox table's partition key.
pub(crate) const AGGREGATE_ID: &str = "aggregateId";

/// The outbox table's sort key.
pub(crate) const POSITION: &str = "position";

/// The attribute that counts a row's edits.
#[cfg(feature = "relay")]
pub(crate) const EDITS: &str = "edits";

/// What the aggregate id of a discarded row begins with. Such a row is kept for
/// a while to tell who discarded what; nobody publishes it.
pub(crate) const DISCARDED: &str = "discarded#";

/// Names a row of the outbox, and with it one event for ever: the event's id is
/// part of the sort key, so no other event ever gets the same one.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RowKey {
    /// The aggregate the event happened to, the partition key.
    pub aggregate_id: String,
    /// `<sequence, 20 digits>#<event id>`, the sort key.
    pub position: String,
}

impl RowKey {
    pub(crate) fn new(aggregate_id: &str, sequence: u64, event_id: Uuid) -> Self {
        Self {
            aggregate_id: aggregate_id.to_owned(),
            position: format!("{}#{event_id}", sequence_text(sequence)),
        }
    }

    /// Position in the aggregate's history; `None` if the key is none that this
    /// library writes.
    pub fn sequence(&self) -> Option<u64> {
        self.position.split('#').next()?.parse().ok()
    }

    /// The event's id, as the key tells it.
    pub fn event_id(&self) -> Option<&str> {
        Some(self.position.split_once('#')?.1)
    }

    /// About when the event was committed, as its id tells: a UUIDv7 holds the
    /// time it was made.
    pub fn event_time(&self) -> Option<Timestamp> {
        let (seconds, nanoseconds) = self
            .event_id()?
            .parse::<Uuid>()
            .ok()?
            .get_timestamp()?
            .to_unix();
        let seconds = i64::try_from(seconds).ok()?;
        Timestamp::new(seconds, i32::try_from(nanoseconds).ok()?).ok()
    }

    /// Whether DynamoDB takes it for a key. For one that it does not take, it refuses
    /// whatever else a request is about.
    #[cfg(feature = "relay")]
    pub(crate) fn is_possible(&self) -> bool {
        (1..=2048).contains(&self.aggregate_id.len()) && (1..=1024).contains(&self.position.len())
    }

    /// Where the row is kept once it is discarded.
    #[cfg(feature = "replay")]
    #[must_use]
    pub fn discarded(&self) -> Self {
        Self {
            aggregate_id: format!("{DISCARDED}{}", self.aggregate_id),
            position: self.position.clone(),
        }
    }

    /// Whether this is what is left of a discarded row.
    #[cfg(feature = "relay")]
    pub(crate) fn is_discarded(&self) -> bool {
        self.aggregate_id.starts_with(DISCARDED)
    }
}

impl fmt::Display for RowKey {
    /// `AGGREGATE/SEQUENCE`, as people name a row.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.sequence() {
            Some(sequence) => write!(f, "{}/{sequence}", self.aggregate_id),
            None => write!(f, "{}/{}", self.aggregate_id, self.position),
        }
    }
}

/// A row of the outbox: one event that is not settled yet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct OutboxRow {
    /// Which event.
    #[serde(flatten)]
    pub key: RowKey,
    /// The row format.
    pub(crate) v: u64,
    /// Position in the aggregate's history, from 1.
    pub sequence: u64,
    /// The CloudEvents id.
    pub event_id: Uuid,
    /// EventBridge's `Source`.
    pub source: String,
    /// EventBridge's `DetailType`.
    pub detail_type: String,
    /// The CloudEvents JSON, ready to send.
    pub detail: String,
    /// When the transaction was built, by the writer's clock.
    #[serde(with = "jiff::fmt::serde::timestamp::millisecond::required")]
    pub committed_at: Timestamp,
    /// The X-Ray trace the event belongs to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub trace_header: Option<String>,
    /// How often a person has replaced the detail. The stream shows the row as
    /// it was before.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub edits: u64,
    /// Why and since when the row is set aside; nobody publishes it but a
    /// person.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub parked: Option<Parked>,
}

impl OutboxRow {
    /// The size of the event as EventBridge counts it ("Calculating event entry
    /// size" in its user guide); 14 bytes are for `Time`, which is always sent.
    pub fn entry_bytes(&self) -> usize {
        14 + self.source.len() + self.detail_type.len() + self.detail.len()
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde's signature")]
fn is_zero(number: &u64) -> bool {
    *number == 0
}

/// The mark on a row that cannot be published.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Parked {
    /// Why, for a person.
    pub reason: String,
    /// Since when.
    #[serde(with = "jiff::fmt::serde::timestamp::millisecond::required")]
    pub at: Timestamp,
}

impl Parked {
    /// What kind of fault: the reason up to its colon.
    pub fn code(&self) -> &str {
        self.reason.split(':').next().unwrap_or_default()
    }
}

#[cfg(all(test, feature = "relay"))]
mod tests {
    use super::*;

    #[test]
    fn a_key_tells_when_its_event_was_made() {
        let key = |position: &str| RowKey {
            aggregate_id: "a".into(),
            position: position.into(),
        };
        let made = key("00000000000000000001#019ad0c5-0a4c-7000-8000-000000000001");
        let expected = Timestamp::from_millisecond(0x019a_d0c5_0a4c).unwrap();
        assert_eq!(made.event_time(), Some(expected));
        for other in ["", "1#nonsense", "1#936da01f-9abd-4d9d-80c7-02af85c822a8"] {
            assert_eq!(key(other).event_time(), None, "{other}");
        }
    }
}
