//! The records of what operators decide, as items of the outbox table. They are kept under the
//! prefix of discarded rows, which every version of the relay leaves alone.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::AttributeValue;
use jiff::{SignedDuration, Timestamp};

use super::dynamodb::{PARKED, SdkItem, attributes};
use crate::{
    RowKey,
    ports::{Decided, Decision, Discard, Edit},
    row::{AGGREGATE_ID, DISCARDED, POSITION},
};

/// How long a record is kept.
const KEPT_FOR: SignedDuration = SignedDuration::from_hours(30 * 24);

/// The attribute by which DynamoDB expires a record; no row has it.
const EXPIRES_AT: &str = "expiresAt";

/// The attribute of a record that says who discarded the row, when, and why.
const DISCARD: &str = "discarded";

/// The attribute of a record that says who edited the row, and when.
const EDIT: &str = "edited";

/// Returns the record of an edit: the item as it was before.
pub(crate) fn of_edit(before: SdkItem, key: &RowKey, edit: &Edit) -> SdkItem {
    let details = [("by", edit.by.clone()), ("at", edit.at.to_string())];
    record(before, &key.replaced(edit.at), EDIT, &details, edit.at)
}

/// Returns the record of a discard: the item as it was.
pub(crate) fn of_discard(before: SdkItem, key: &RowKey, discard: &Discard) -> SdkItem {
    let details = [
        ("by", discard.by.clone()),
        ("at", discard.at.to_string()),
        ("reason", discard.reason.clone()),
    ];
    record(before, &key.discarded(), DISCARD, &details, discard.at)
}

fn record(
    mut item: SdkItem,
    key: &RowKey,
    name: &str,
    details: &[(&str, String)],
    at: Timestamp,
) -> SdkItem {
    let details = details.iter();
    let details = details.map(|(name, value)| ((*name).to_owned(), text(value)));
    let expires_at = at.checked_add(KEPT_FOR).unwrap_or(Timestamp::MAX);
    item.extend(attributes(key));
    item.insert(name.to_owned(), AttributeValue::M(details.collect()));
    let expires_at = AttributeValue::N(expires_at.as_second().to_string());
    item.insert(EXPIRES_AT.to_owned(), expires_at);
    item
}

/// Reads a record; `None` if the item is none. A record of a damaged row is read as far as
/// possible.
pub(crate) fn decision(item: &SdkItem) -> Option<Decision> {
    let of = |attributes: &SdkItem, name: &str| attributes.get(name)?.as_s().ok().cloned();
    let map = |name: &str| item.get(name)?.as_m().ok();
    let aggregate_id = of(item, AGGREGATE_ID)?;
    let aggregate_id = aggregate_id.strip_prefix(DISCARDED)?.to_owned();
    let position = of(item, POSITION)?;
    let (position, details, what) = match (map(EDIT), map(DISCARD)) {
        (Some(details), None) => {
            let (position, _) = position.rsplit_once('#')?;
            (position.to_owned(), details, Decided::Edited)
        }
        (_, Some(details)) => {
            let reason = of(details, "reason").unwrap_or_default();
            (position, details, Decided::Discarded { reason })
        }
        (None, None) => return None,
    };
    let mark = item.get(PARKED).cloned();
    Some(Decision {
        row: RowKey {
            aggregate_id,
            position,
        },
        what,
        by: of(details, "by").unwrap_or_default(),
        at: of(details, "at").and_then(|at| at.parse().ok()),
        parked: mark.and_then(|mark| serde_dynamo::from_attribute_value(mark).ok()),
        detail: of(item, "detail"),
    })
}

fn text(text: &str) -> AttributeValue {
    AttributeValue::S(text.to_owned())
}

/// Returns the key condition of the records about an aggregate, and its values.
pub(crate) fn key_condition(aggregate_id: &str) -> (&'static str, HashMap<String, AttributeValue>) {
    let id = text(&format!("{DISCARDED}{aggregate_id}"));
    ("aggregateId = :id", HashMap::from([(":id".to_owned(), id)]))
}
