//! Reads a row from the attributes of its item.
//!
//! By hand rather than by serde: the error becomes part of a dead letter, which must not
//! contain the event. Serde's messages quote values; these only name attributes.

use std::sync::Arc;

use jiff::Timestamp;
use serde_dynamo::{AttributeValue, Item};
use uuid::Uuid;

use crate::{
    OutboxRow, Parked, RowKey, Unreadable,
    row::{self, AGGREGATE_ID, EDITS, POSITION},
};

/// Returns the row's key, or `None` if the attributes don't contain one.
pub(crate) fn key(attributes: &Item) -> Option<RowKey> {
    let key = RowKey {
        aggregate_id: text(attributes, AGGREGATE_ID).ok()?.to_owned(),
        position: text(attributes, POSITION).ok()?.to_owned(),
    };
    key.is_possible().then_some(key)
}

/// Returns the row. Attributes that this version doesn't know are ignored.
pub(crate) fn row(key: &RowKey, item: &Item) -> Result<Arc<OutboxRow>, Unreadable> {
    // First, for a newer format may have changed everything else.
    let v = number::<u64>(item, "v")?;
    if v > row::FORMAT {
        return Err(Unreadable::NewerFormat(v));
    }
    let sequence = number(item, "sequence")?;
    let event_id = text(item, "eventId")?
        .parse::<Uuid>()
        .map_err(|_| malformed("eventId", "is not a UUID"))?;
    if *key != RowKey::new(&key.aggregate_id, sequence, event_id) {
        return Err(malformed(POSITION, "does not match sequence and eventId"));
    }
    let committed_at = Timestamp::from_millisecond(number(item, "committedAt")?)
        .map_err(|_| malformed("committedAt", "is out of range"))?;
    let row = OutboxRow {
        key: key.clone(),
        v,
        sequence,
        event_id,
        source: non_empty(item, "source")?,
        detail_type: non_empty(item, "detailType")?,
        detail: text(item, "detail")?.to_owned(),
        committed_at,
        trace_header: text(item, "traceHeader").ok().map(str::to_owned),
        edits: edits(item)?,
        parked: parked(item)?,
    };
    Ok(Arc::new(row))
}

/// Returns how often the row was edited; a row that never was has no count.
pub(crate) fn edits(item: &Item) -> Result<u64, Unreadable> {
    if item.contains_key(EDITS) {
        number(item, EDITS)
    } else {
        Ok(0)
    }
}

fn parked(item: &Item) -> Result<Option<Parked>, Unreadable> {
    item.get("parked")
        .map(|mark| serde_dynamo::from_attribute_value(mark.clone()))
        .transpose()
        .map_err(|_| malformed("parked", "is not the mark of a parked row"))
}

fn text<'i>(item: &'i Item, name: &str) -> Result<&'i str, Unreadable> {
    match item.get(name) {
        Some(AttributeValue::S(text)) => Ok(text),
        Some(_) => Err(malformed(name, "is not text")),
        None => Err(malformed(name, "is missing")),
    }
}

fn non_empty(item: &Item, name: &str) -> Result<String, Unreadable> {
    match text(item, name)? {
        "" => Err(malformed(name, "is empty")),
        text => Ok(text.to_owned()),
    }
}

fn number<N: std::str::FromStr>(item: &Item, name: &str) -> Result<N, Unreadable> {
    match item.get(name) {
        Some(AttributeValue::N(number)) => number
            .parse()
            .map_err(|_| malformed(name, "is not an integer in range")),
        Some(_) => Err(malformed(name, "is not a number")),
        None => Err(malformed(name, "is missing")),
    }
}

fn malformed(name: &str, what: &str) -> Unreadable {
    Unreadable::Malformed(format!("attribute {name:?} {what}"))
}
