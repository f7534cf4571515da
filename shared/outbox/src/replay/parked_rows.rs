use std::{collections::HashMap, future::Future};

use aws_sdk_dynamodb::{
    error::ProvideErrorMetadata,
    operation::transact_write_items::TransactWriteItemsError,
    types::{AttributeValue, Delete, Put, TransactWriteItem},
};
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, de::IgnoredAny};
use serde_json::value::RawValue;

use crate::{
    OutboxRow, RowKey,
    envelope::string,
    json_text::examine,
    limits,
    relay::{
        CallError, DynamoDbTable, PARKED, SdkItem, StoredRow, attributes, stored_row,
        without_retries,
    },
    row::{AGGREGATE_ID, EDITS},
};

/// How long a discarded row is kept.
const KEPT_FOR: SignedDuration = SignedDuration::from_hours(30 * 24);

/// The attribute by which DynamoDB expires a discarded row; no other row has it.
const EXPIRES_AT: &str = "expiresAt";

/// Characters of the reason why a row is discarded: items have room for it.
const MOST_REASON_CHARS: usize = 500;

/// What a person can do about a row that is set aside.
///
/// Each answers whether it was done: false if the row is no longer set aside,
/// or not as it was seen. Nothing is changed then.
pub trait ParkedRows {
    /// Reads a row, consistently; `None` if it is gone.
    fn read(
        &self,
        key: &RowKey,
    ) -> impl Future<Output = Result<Option<StoredRow>, CallError>> + Send;

    /// Makes a row pending again.
    fn unpark(&self, key: &RowKey) -> impl Future<Output = Result<bool, CallError>> + Send;

    /// Replaces the `detail` that was seen and makes the row pending again.
    fn replace_detail(
        &self,
        key: &RowKey,
        seen: &str,
        detail: &str,
    ) -> impl Future<Output = Result<bool, CallError>> + Send;

    /// Discards a row: its event will never be published. What it held is kept
    /// for 30 days, with who discarded it, when, and why.
    fn discard(
        &self,
        key: &RowKey,
        discard: &Discard,
    ) -> impl Future<Output = Result<bool, CallError>> + Send;
}

/// Who discards a row, when, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Discard {
    by: String,
    at: Timestamp,
    reason: String,
}

/// A `detail` that could not be published, or not as the same event.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct InvalidDetail(String);

impl Discard {
    /// By this principal, for this reason: 1 to 500 characters, else `None`.
    pub fn new(by: impl Into<String>, at: Timestamp, reason: &str) -> Option<Self> {
        let reason = reason.trim();
        let fits = (1..=MOST_REASON_CHARS).contains(&reason.chars().count());
        fits.then(|| Self {
            by: by.into(),
            at,
            reason: reason.to_owned(),
        })
    }
}

/// Checks a new `detail` for a row: a JSON object within the bus's limit that
/// still names the same event.
///
/// # Errors
///
/// Saying what is wrong.
pub fn check_detail(row: &OutboxRow, detail: &str) -> Result<(), InvalidDetail> {
    let invalid = |problem: String| Err(InvalidDetail(problem));
    // Its other values are not read: JSON allows numbers that no type here holds.
    if let Err(error) = serde_json::from_str::<IgnoredAny>(detail) {
        return invalid(format!("it is not JSON: {error}"));
    }
    if !detail.trim_start().starts_with('{') {
        return invalid("it is no JSON object".to_owned());
    }
    let examined = examine(detail);
    if let Some(string) = examined.invalid_string {
        return invalid(format!(
            "{string} stands for no text: consumers could not read it"
        ));
    }
    // The envelope is one level around the data.
    if examined.depth > limits::MAX_EVENT_DEPTH + 1 {
        return invalid(format!(
            "it is nested {} deep, at most {} levels are allowed",
            examined.depth,
            limits::MAX_EVENT_DEPTH + 1
        ));
    }
    let found: Identity<'_> = match serde_json::from_str(detail) {
        Ok(found) => found,
        Err(error) => return invalid(format!("consumers would not agree on it: {error}")),
    };
    for (name, found, expected) in [
        ("id", found.id, row.event_id.to_string()),
        ("source", found.source, row.source.clone()),
        ("type", found.event_type, row.detail_type.clone()),
        ("subject", found.subject, row.key.aggregate_id.clone()),
    ] {
        if found.and_then(string) != Some(expected.clone()) {
            return invalid(format!(
                "its {name:?} must stay {expected:?}: consumers know the event by it"
            ));
        }
    }
    let edited = OutboxRow {
        detail: detail.to_owned(),
        ..row.clone()
    };
    if edited.entry_bytes() > limits::MAX_ENTRY_BYTES {
        return invalid(format!(
            "the event has {} bytes, the bus takes {}",
            edited.entry_bytes(),
            limits::MAX_ENTRY_BYTES
        ));
    }
    Ok(())
}

/// The members of a detail by which consumers know the event.
#[derive(Deserialize)]
struct Identity<'d> {
    #[serde(borrow)]
    id: Option<&'d RawValue>,
    source: Option<&'d RawValue>,
    #[serde(rename = "type")]
    event_type: Option<&'d RawValue>,
    subject: Option<&'d RawValue>,
}

impl ParkedRows for DynamoDbTable {
    async fn read(&self, key: &RowKey) -> Result<Option<StoredRow>, CallError> {
        let Some(item) = item(self, key).await? else {
            return Ok(None);
        };
        let unintelligible = || CallError::Transient("GetItem: an item without a key".to_owned());
        stored_row(item).ok_or_else(unintelligible).map(Some)
    }

    async fn unpark(&self, key: &RowKey) -> Result<bool, CallError> {
        let (client, table) = self.parts();
        let update = client
            .update_item()
            .table_name(table)
            .set_key(Some(attributes(key)))
            .update_expression("REMOVE #parked")
            .condition_expression("attribute_exists(#parked)")
            .expression_attribute_names("#parked", PARKED)
            .customize()
            .config_override(without_retries())
            .send()
            .await;
        self.was_done(update.map(drop))
    }

    async fn replace_detail(
        &self,
        key: &RowKey,
        seen: &str,
        detail: &str,
    ) -> Result<bool, CallError> {
        let (client, table) = self.parts();
        let update = client
            .update_item()
            .table_name(table)
            .set_key(Some(attributes(key)))
            .update_expression(
                "SET #detail = :detail, #edits = if_not_exists(#edits, :none) + :one REMOVE #parked",
            )
            .condition_expression("attribute_exists(#parked) AND #detail = :seen")
            .expression_attribute_names("#parked", PARKED)
            .expression_attribute_names("#detail", "detail")
            .expression_attribute_names("#edits", EDITS)
            .expression_attribute_values(":none", AttributeValue::N("0".to_owned()))
            .expression_attribute_values(":one", AttributeValue::N("1".to_owned()))
            .expression_attribute_values(":seen", AttributeValue::S(seen.to_owned()))
            .expression_attribute_values(":detail", AttributeValue::S(detail.to_owned()))
            .customize()
            .config_override(without_retries())
            .send()
            .await;
        self.was_done(update.map(drop))
    }

    async fn discard(&self, key: &RowKey, discard: &Discard) -> Result<bool, CallError> {
        let Some(mut kept) = item(self, key).await? else {
            return Ok(false);
        };
        let Some(mark) = kept.get(PARKED).cloned() else {
            return Ok(false);
        };
        let discarded_id = key.discarded().aggregate_id;
        let expires_at = discard
            .at
            .checked_add(KEPT_FOR)
            .unwrap_or(Timestamp::MAX)
            .as_second();
        let text = |text: &str| AttributeValue::S(text.to_owned());
        let audit = HashMap::from([
            ("by".to_owned(), text(&discard.by)),
            ("at".to_owned(), text(&discard.at.to_string())),
            ("reason".to_owned(), text(&discard.reason)),
        ]);
        kept.insert(AGGREGATE_ID.to_owned(), text(&discarded_id));
        kept.insert("discarded".to_owned(), AttributeValue::M(audit));
        kept.insert(
            EXPIRES_AT.to_owned(),
            AttributeValue::N(expires_at.to_string()),
        );

        let (client, table) = self.parts();
        let incomplete =
            |error: aws_sdk_dynamodb::error::BuildError| CallError::SetUp(error.to_string());
        let put = Put::builder()
            .table_name(table)
            .set_item(Some(kept))
            .build()
            .map_err(incomplete)?;
        let delete = Delete::builder()
            .table_name(table)
            .set_key(Some(attributes(key)))
            .condition_expression("#parked = :mark")
            .expression_attribute_names("#parked", PARKED)
            .expression_attribute_values(":mark", mark)
            .build()
            .map_err(incomplete)?;
        let moved = client
            .transact_write_items()
            .transact_items(TransactWriteItem::builder().put(put).build())
            .transact_items(TransactWriteItem::builder().delete(delete).build())
            .customize()
            .config_override(without_retries())
            .send()
            .await;
        match moved {
            Ok(_) => Ok(true),
            Err(error) if error.as_service_error().is_some_and(is_condition) => Ok(false),
            Err(error) => Err(self.error("TransactWriteItems", &error)),
        }
    }
}

impl DynamoDbTable {
    fn was_done<E>(
        &self,
        update: Result<(), aws_sdk_dynamodb::error::SdkError<E>>,
    ) -> Result<bool, CallError>
    where
        E: ProvideErrorMetadata + std::error::Error + 'static,
    {
        match update {
            Ok(()) => Ok(true),
            Err(error) if error.code() == Some("ConditionalCheckFailedException") => Ok(false),
            Err(error) => Err(self.error("UpdateItem", &error)),
        }
    }
}

async fn item(table: &DynamoDbTable, key: &RowKey) -> Result<Option<SdkItem>, CallError> {
    let (client, name) = table.parts();
    let output = client
        .get_item()
        .table_name(name)
        .set_key(Some(attributes(key)))
        .consistent_read(true)
        .customize()
        .config_override(without_retries())
        .send()
        .await
        .map_err(|error| table.error("GetItem", &error))?;
    Ok(output.item)
}

fn is_condition(error: &TransactWriteItemsError) -> bool {
    let TransactWriteItemsError::TransactionCanceledException(cancelled) = error else {
        return false;
    };
    let reasons = cancelled.cancellation_reasons();
    reasons
        .iter()
        .any(|reason| reason.code() == Some("ConditionalCheckFailed"))
}
