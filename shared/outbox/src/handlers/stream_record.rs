//! Reads the records of the outbox table's stream, as Lambda passes them to a function.

use std::{
    borrow::Cow,
    collections::HashMap,
    panic::{AssertUnwindSafe, catch_unwind},
};

use jiff::Timestamp;
use serde::Deserialize;
use serde_dynamo::{AttributeValue, Item};
use serde_json::value::RawValue;

use crate::{Candidate, row::decode};

/// The payload that Lambda passes to the function behind a DynamoDB stream. Each record is
/// parsed on its own, so that a malformed one fails alone and its sequence number is
/// still known.
///
/// ```
/// use outbox::handlers::StreamEvent;
///
/// let event: StreamEvent = serde_json::from_str(r#"{"Records": []}"#)?;
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Debug, Clone, Deserialize)]
pub struct StreamEvent {
    /// The records, not parsed yet.
    #[serde(rename = "Records")]
    pub(super) records: Vec<Box<RawValue>>,
}

/// The parts of a record that the relay uses. `I` is an item, or its raw JSON.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ChangeRecord<'r, I> {
    /// `INSERT`, `MODIFY` or `REMOVE`.
    #[serde(borrow)]
    event_name: Option<&'r RawValue>,
    /// What has changed.
    #[serde(borrow)]
    dynamodb: Option<Change<'r, I>>,
}

/// The change of a row that a record describes.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Change<'r, I> {
    /// The record's place in the shard.
    #[serde(borrow)]
    sequence_number: Option<&'r RawValue>,
    /// When DynamoDB wrote the row, in whole seconds.
    #[serde(borrow)]
    approximate_creation_date_time: Option<&'r RawValue>,
    keys: Option<I>,
    /// The row after the change.
    new_image: Option<I>,
}

/// A record, as far as it can be read.
pub(super) struct Record {
    /// Its place in the shard; `None` if the record has no readable one.
    pub(super) sequence_number: Option<String>,
    /// What it is about.
    pub(super) content: Content,
}

/// What a record is about.
pub(super) enum Content {
    /// Nothing to do: a row was parked, edited or deleted.
    NotAnInsert,
    /// Nothing to do: the record of an event that an operator discarded.
    Discarded,
    /// A new row.
    Candidate(Candidate),
    /// The record has to be retried: a newer relay may be able to read it.
    Unreadable(UnreadableRecord),
}

/// Why a record can't be read. It is retried: a newer relay may be able to read it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum UnreadableRecord {
    #[error("cannot be read: not a record of a DynamoDB stream")]
    NoStreamRecord,
    #[error("cannot be read: the record has no known eventName")]
    UnknownEventName,
    #[error("cannot be read: the record describes no change: it has no dynamodb member")]
    NoChange,
    #[error("cannot be read: the record's keys are not those of an outbox row")]
    NoRowKey,
    #[error("cannot be read: the record has no new image: is the stream view type NEW_IMAGE?")]
    NoNewImage,
    /// This is a bug.
    #[error("the relay panicked while reading it")]
    Panicked,
}

/// Returns the rows of the records that are about new rows.
pub(super) fn candidates_of<'r>(
    records: impl IntoIterator<Item = &'r Record>,
) -> impl Iterator<Item = &'r Candidate> {
    let records = records.into_iter();
    records.filter_map(|record| match &record.content {
        Content::Candidate(candidate) => Some(candidate),
        _ => None,
    })
}

/// Reads a record. One that can't be read fails alone.
pub(super) fn read(raw: &RawValue) -> Record {
    // A panic over one record would otherwise fail the whole batch, again and again.
    catch_unwind(AssertUnwindSafe(|| read_record(raw))).unwrap_or_else(|_| {
        let record: Option<ChangeRecord<'_, &RawValue>> = parsed(raw);
        Record {
            sequence_number: record.as_ref().and_then(sequence_number),
            content: Content::Unreadable(UnreadableRecord::Panicked),
        }
    })
}

fn read_record(raw: &RawValue) -> Record {
    let record = parsed(raw).or_else(|| read_leniently(raw));
    Record {
        sequence_number: record.as_ref().and_then(sequence_number),
        content: read_content(record),
    }
}

fn sequence_number<I>(record: &ChangeRecord<'_, I>) -> Option<String> {
    parsed(record.dynamodb.as_ref()?.sequence_number?)
}

/// Parses items attribute by attribute. An attribute that can't be parsed, such as a value
/// of a type newer than this relay, becomes NULL, so that the key is still known.
fn read_leniently(raw: &RawValue) -> Option<ChangeRecord<'_, Item>> {
    let record: ChangeRecord<'_, &RawValue> = parsed(raw)?;
    let change = record.dynamodb.map(|change| Change {
        sequence_number: change.sequence_number,
        approximate_creation_date_time: change.approximate_creation_date_time,
        keys: change.keys.map(item),
        new_image: change.new_image.map(item),
    });
    Some(ChangeRecord {
        event_name: record.event_name,
        dynamodb: change,
    })
}

fn item(raw: &RawValue) -> Item {
    let attributes: HashMap<String, &RawValue> = parsed(raw).unwrap_or_default();
    let read = |value| parsed(value).unwrap_or(AttributeValue::Null(true));
    let attributes = attributes.into_iter();
    let attributes: HashMap<_, _> = attributes
        .map(|(name, value)| (name, read(value)))
        .collect();
    attributes.into()
}

fn read_content(record: Option<ChangeRecord<'_, Item>>) -> Content {
    let Some(record) = record else {
        return Content::Unreadable(UnreadableRecord::NoStreamRecord);
    };
    let event_name: Option<Cow<'_, str>> = record.event_name.and_then(parsed);
    match event_name.as_deref() {
        Some("INSERT") => {}
        Some("MODIFY" | "REMOVE") => return Content::NotAnInsert,
        _ => return Content::Unreadable(UnreadableRecord::UnknownEventName),
    }
    let Some(change) = record.dynamodb else {
        return Content::Unreadable(UnreadableRecord::NoChange);
    };
    let Some(key) = change.keys.as_ref().and_then(decode::key) else {
        return Content::Unreadable(UnreadableRecord::NoRowKey);
    };
    if key.is_discarded() {
        return Content::Discarded;
    }
    let Some(image) = change.new_image else {
        return Content::Unreadable(UnreadableRecord::NoNewImage);
    };
    Content::Candidate(Candidate {
        row: decode::row(&key, &image),
        key,
        written_at: change.approximate_creation_date_time.and_then(written_at),
    })
}

/// Parses raw JSON as `T`.
fn parsed<'r, T: Deserialize<'r>>(raw: &'r RawValue) -> Option<T> {
    serde_json::from_str(raw.get()).ok()
}

/// Returns when DynamoDB wrote the row. The stream says it in whole seconds.
fn written_at(raw: &RawValue) -> Option<Timestamp> {
    let seconds: f64 = parsed(raw)?;
    #[expect(clippy::cast_possible_truncation, reason = "whole seconds are wanted")]
    Timestamp::from_second(seconds.floor() as i64).ok()
}
