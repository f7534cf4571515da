//! Operations on parked rows in Amazon DynamoDB.

use std::collections::HashMap;

use aws_sdk_dynamodb::{
    error::ProvideErrorMetadata,
    operation::transact_write_items::TransactWriteItemsError,
    types::{AttributeValue, Delete, Put, TransactWriteItem},
};
use jiff::{SignedDuration, Timestamp};

use super::{
    DynamoDbTable,
    dynamodb::{PARKED, SdkItem, attributes, stored_row, without_retries},
};
use crate::{
    RowKey,
    ports::{CallError, Discard, ParkedRows, StoredRow},
    row::{AGGREGATE_ID, EDITS},
};

/// How long a discarded row is kept, as an audit record.
const KEPT_FOR: SignedDuration = SignedDuration::from_hours(30 * 24);

/// The attribute by which DynamoDB expires a discarded row; no other row has it.
const EXPIRES_AT: &str = "expiresAt";

impl ParkedRows for DynamoDbTable {
    async fn read(&self, key: &RowKey) -> Result<Option<StoredRow>, CallError> {
        let Some(item) = item(self, key).await? else {
            return Ok(None);
        };
        let unintelligible =
            || CallError::Transient("GetItem: the item has no key of a row".to_owned());
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
        let incomplete = |error: aws_sdk_dynamodb::error::BuildError| {
            CallError::Configuration(error.to_string())
        };
        let put = Put::builder()
            .table_name(table)
            .set_item(Some(kept))
            .build()
            .map_err(incomplete)?;
        let delete = Delete::builder()
            .table_name(table)
            .set_key(Some(attributes(key)))
            // The same mark, or the row was unparked and parked again since it was read.
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
    /// Returns whether an update was applied; false if its condition did not hold.
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

/// Returns whether a condition of the transaction did not hold.
fn is_condition(error: &TransactWriteItemsError) -> bool {
    let TransactWriteItemsError::TransactionCanceledException(cancelled) = error else {
        return false;
    };
    let reasons = cancelled.cancellation_reasons();
    reasons
        .iter()
        .any(|reason| reason.code() == Some("ConditionalCheckFailed"))
}
