//! The row of the outbox table: its key, its attributes, and the mark of a parked row.

#[cfg(feature = "relay")]
mod candidate;
#[cfg(feature = "relay")]
pub(crate) mod decode;

use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::event::sequence_text;

#[cfg(feature = "relay")]
pub use candidate::{Candidate, Unreadable};

/// The row format this library writes, and the newest it reads.
pub(crate) const FORMAT: u64 = 1;

/// The outbox table's partition key.
pub(crate) const AGGREGATE_ID: &str = "aggregateId";

/// The outbox table's sort key.
pub(crate) const POSITION: &str = "position";

/// The attribute that counts a row's edits.
#[cfg(feature = "relay")]
pub(crate) const EDITS: &str = "edits";

/// The prefix of the aggregate id of what operators gave up: rows that were discarded, and rows
/// as they were before an edit. It is kept for a while as an audit record, and never published.
pub(crate) const DISCARDED: &str = "discarded#";

/// The key of a row, and so of one event: the event's id is part of the sort key, so a key
/// is never used for another event.
///
/// ```
/// use outbox::RowKey;
///
/// let key = RowKey {
///     aggregate_id: "order#42".into(),
///     position: "00000000000000000007#019ad0c5-0a4c-7000-8000-000000000001".into(),
/// };
/// assert_eq!(key.sequence(), Some(7));
/// assert_eq!(key.to_string(), "order#42/7");
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RowKey {
    /// The aggregate the event happened to, the partition key.
    pub aggregate_id: String,
    /// `<sequence, 20 digits>#<event id>`, the sort key.
    pub position: String,
}

impl RowKey {
    /// Creates the key of an event.
    pub(crate) fn new(aggregate_id: &str, sequence: u64, event_id: Uuid) -> Self {
        Self {
            aggregate_id: aggregate_id.to_owned(),
            position: format!("{}#{event_id}", sequence_text(sequence)),
        }
    }

    /// Returns the position in the aggregate's history; `None` if this library did not write
    /// the key. See [`RowKey`] for an example.
    pub fn sequence(&self) -> Option<u64> {
        self.position.split('#').next()?.parse().ok()
    }

    /// Returns the event's id, from the key; `None` if this library did not write the key.
    ///
    /// ```
    /// # use outbox::RowKey;
    /// let key = RowKey { aggregate_id: "order#42".into(), position: "7#an-id".into() };
    /// assert_eq!(key.event_id(), Some("an-id"));
    /// ```
    pub fn event_id(&self) -> Option<&str> {
        Some(self.position.split_once('#')?.1)
    }

    /// Returns about when the event was committed: its id is a UUIDv7, which contains the
    /// time of its creation.
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

    /// Returns whether DynamoDB accepts it as a key. One key that it doesn't accept makes it
    /// reject the whole request.
    #[cfg(feature = "relay")]
    pub(crate) fn is_possible(&self) -> bool {
        (1..=2048).contains(&self.aggregate_id.len()) && (1..=1024).contains(&self.position.len())
    }

    /// Returns the key of the row once it is discarded.
    ///
    /// ```
    /// # use outbox::RowKey;
    /// let key = RowKey { aggregate_id: "order#42".into(), position: "7#an-id".into() };
    /// assert_eq!(key.discarded().aggregate_id, "discarded#order#42");
    /// ```
    #[cfg(feature = "replay")]
    #[must_use]
    pub fn discarded(&self) -> Self {
        Self {
            aggregate_id: format!("{DISCARDED}{}", self.aggregate_id),
            position: self.position.clone(),
        }
    }

    /// Returns the key of the record of an edit at this time: the row as it was before.
    ///
    /// ```
    /// # use outbox::RowKey;
    /// let key = RowKey { aggregate_id: "order#42".into(), position: "7#an-id".into() };
    /// let record = key.replaced("2026-11-24T09:00:00Z".parse()?);
    /// assert_eq!(record.aggregate_id, "discarded#order#42");
    /// assert_eq!(record.position, "7#an-id#2026-11-24T09:00:00.000Z");
    /// # Ok::<(), jiff::Error>(())
    /// ```
    #[cfg(feature = "replay")]
    #[must_use]
    pub fn replaced(&self, at: Timestamp) -> Self {
        let Self {
            aggregate_id,
            position,
        } = self.discarded();
        Self {
            aggregate_id,
            // An edit takes longer than a millisecond, so no two have the same time.
            position: format!("{position}#{at:.3}"),
        }
    }

    /// Returns whether this is an earlier event of the same aggregate. False if one of the two
    /// has no readable sequence, and so no place in the order.
    ///
    /// ```
    /// # use outbox::RowKey;
    /// let key = |position: &str| RowKey {
    ///     aggregate_id: "order#42".into(),
    ///     position: position.into(),
    /// };
    /// assert!(key("00000000000000000007#a").precedes(&key("00000000000000000008#b")));
    /// assert!(!key("00000000000000000007#a").precedes(&key("00000000000000000007#b")));
    /// assert!(!key("first").precedes(&key("00000000000000000007#a")));
    /// ```
    #[cfg(feature = "relay")]
    pub fn precedes(&self, other: &Self) -> bool {
        let sequences = self.sequence().zip(other.sequence());
        self.aggregate_id == other.aggregate_id
            && sequences.is_some_and(|(earlier, later)| earlier < later)
    }

    /// Returns a key behind all rows with lower sequences, and before those with this one; `None` if
    /// the sequence can't be read. No row has it.
    #[cfg(feature = "relay")]
    pub(crate) fn behind_predecessors(&self) -> Option<Self> {
        Some(Self {
            aggregate_id: self.aggregate_id.clone(),
            position: sequence_text(self.sequence()?),
        })
    }

    /// Returns whether this is the key of a record, of a discarded or an edited row.
    #[cfg(feature = "relay")]
    pub(crate) fn is_discarded(&self) -> bool {
        self.aggregate_id.starts_with(DISCARDED)
    }
}

impl fmt::Display for RowKey {
    /// Writes `AGGREGATE/SEQUENCE`, the name of a row in commands and messages.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.sequence() {
            Some(sequence) => write!(f, "{}/{sequence}", self.aggregate_id),
            None => write!(f, "{}/{}", self.aggregate_id, self.position),
        }
    }
}

/// A row of the outbox: one event that is not settled yet.
///
/// A test reads the rows that a service has written:
///
/// ```
/// use std::collections::HashMap;
///
/// use aws_sdk_dynamodb::types::AttributeValue;
/// use outbox::OutboxRow;
///
/// fn event_types(
///     items: Vec<HashMap<String, AttributeValue>>,
/// ) -> Result<Vec<String>, serde_dynamo::Error> {
///     let rows: Vec<OutboxRow> = serde_dynamo::from_items(items)?;
///     Ok(rows.into_iter().map(|row| row.detail_type).collect())
/// }
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct OutboxRow {
    /// The key.
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
    /// How often an operator has replaced the detail. The stream's record of the insert shows
    /// the row before all edits.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub edits: u64,
    /// Why and since when the row is parked, if it is. A parked row is published only after
    /// an operator unparks it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub parked: Option<Parked>,
}

#[cfg(all(test, feature = "relay"))]
impl OutboxRow {
    /// Returns a row with this key, of which nothing else matters.
    pub(crate) fn example(key: RowKey) -> Self {
        Self {
            v: FORMAT,
            sequence: key.sequence().unwrap_or_default(),
            key,
            event_id: Uuid::nil(),
            source: "orders".to_owned(),
            detail_type: "OrderCreated".to_owned(),
            detail: "{}".to_owned(),
            committed_at: Timestamp::UNIX_EPOCH,
            trace_header: None,
            edits: 0,
            parked: None,
        }
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde's signature")]
fn is_zero(number: &u64) -> bool {
    *number == 0
}

/// The mark on a row that can't be published.
///
/// ```
/// use outbox::Parked;
///
/// let parked = Parked {
///     reason: "TooLarge: the event has 300000 bytes, the bus takes 100000".into(),
///     at: "2026-11-24T09:00:00Z".parse()?,
/// };
/// assert_eq!(parked.code(), "TooLarge");
/// # Ok::<(), jiff::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Parked {
    /// Why, for the operator: `CODE: message`.
    pub reason: String,
    /// Since when the row is parked.
    #[serde(with = "jiff::fmt::serde::timestamp::millisecond::required")]
    pub at: Timestamp,
}

impl Parked {
    /// Returns the kind of fault: the reason up to its colon. See [`Parked`] for an example.
    pub fn code(&self) -> &str {
        self.reason.split(':').next().unwrap_or_default()
    }
}

#[cfg(all(test, feature = "relay"))]
mod tests {
    use super::*;

    #[test]
    fn a_row_keeps_how_often_it_was_edited() {
        let key = RowKey {
            aggregate_id: "a".into(),
            position: "00000000000000000001#1".into(),
        };
        for (edits, attribute) in [(0, None), (2, Some("2"))] {
            let row = OutboxRow {
                edits,
                ..OutboxRow::example(key.clone())
            };
            let item: std::collections::HashMap<String, aws_sdk_dynamodb::types::AttributeValue> =
                serde_dynamo::to_item(&row).unwrap();
            let written = item
                .get("edits")
                .map(|edits| edits.as_n().unwrap().as_str());
            assert_eq!(written, attribute);
            assert_eq!(serde_dynamo::from_item::<_, OutboxRow>(item).unwrap(), row);
        }
    }

    #[test]
    fn the_code_of_a_parked_row_is_the_reason_up_to_its_colon() {
        for (reason, code) in [
            ("TooLarge: of: 3", "TooLarge"),
            ("Other", "Other"),
            ("", ""),
        ] {
            let at = Timestamp::UNIX_EPOCH;
            let reason = reason.to_owned();
            assert_eq!(Parked { reason, at }.code(), code);
        }
    }

    #[test]
    fn the_time_of_an_event_is_read_from_its_key() {
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
