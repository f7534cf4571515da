//! Operations on parked rows in Amazon DynamoDB.

use aws_sdk_dynamodb::{
    error::{BuildError, ProvideErrorMetadata},
    operation::transact_write_items::TransactWriteItemsError,
    types::{AttributeValue, Delete, Put, TransactWriteItem, Update},
};

use super::{
    DynamoDbTable, decisions,
    dynamodb::{PARKED, SdkItem, attributes, stored_row, without_retries},
};
use crate::{
    RowKey,
    ports::{CallError, Decision, Discard, Edit, ParkedRows, StoredRow},
    row::EDITS,
};

/// The attribute with the event.
const DETAIL: &str = "detail";

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

    async fn replace_detail(&self, key: &RowKey, edit: &Edit) -> Result<bool, CallError> {
        let Some((before, mark)) = parked(self, key).await? else {
            return Ok(false);
        };
        let seen = AttributeValue::S(edit.seen.clone());
        if before.get(DETAIL) != Some(&seen) {
            return Ok(false);
        }
        let update = Update::builder()
            .table_name(self.parts().1)
            .set_key(Some(attributes(key)))
            .update_expression(
                "SET #detail = :detail, #edits = if_not_exists(#edits, :none) + :one REMOVE #parked",
            )
            // Also the same mark, or the record would not be of the row that is replaced.
            .condition_expression("#parked = :mark AND #detail = :seen")
            .expression_attribute_names("#parked", PARKED)
            .expression_attribute_names("#detail", DETAIL)
            .expression_attribute_names("#edits", EDITS)
            .expression_attribute_values(":none", AttributeValue::N("0".to_owned()))
            .expression_attribute_values(":one", AttributeValue::N("1".to_owned()))
            .expression_attribute_values(":mark", mark)
            .expression_attribute_values(":seen", seen)
            .expression_attribute_values(":detail", AttributeValue::S(edit.detail.clone()))
            .build()
            .map_err(incomplete)?;
        let update = TransactWriteItem::builder().update(update).build();
        let record = decisions::of_edit(before, key, edit);
        self.decide(record, update).await
    }

    async fn discard(&self, key: &RowKey, discard: &Discard) -> Result<bool, CallError> {
        let Some((before, mark)) = parked(self, key).await? else {
            return Ok(false);
        };
        let delete = Delete::builder()
            .table_name(self.parts().1)
            .set_key(Some(attributes(key)))
            // The same mark, or the row was unparked and parked again since it was read.
            .condition_expression("#parked = :mark")
            .expression_attribute_names("#parked", PARKED)
            .expression_attribute_values(":mark", mark)
            .build()
            .map_err(incomplete)?;
        let delete = TransactWriteItem::builder().delete(delete).build();
        let record = decisions::of_discard(before, key, discard);
        self.decide(record, delete).await
    }

    async fn decisions(&self, aggregate_id: &str) -> Result<Vec<Decision>, CallError> {
        let (client, table) = self.parts();
        let (condition, values) = decisions::key_condition(aggregate_id);
        let mut found = Vec::new();
        let mut after = None;
        loop {
            let page = client
                .query()
                .table_name(table)
                .consistent_read(true)
                .key_condition_expression(condition)
                .set_expression_attribute_values(Some(values.clone()))
                .set_exclusive_start_key(after)
                .customize()
                .config_override(without_retries())
                .send()
                .await
                .map_err(|error| self.error("Query", &error))?;
            found.extend(page.items().iter().filter_map(decisions::decision));
            after = page.last_evaluated_key;
            if after.is_none() {
                return Ok(found);
            }
        }
    }
}

impl DynamoDbTable {
    /// Writes the record of a decision and changes its row, both or neither. Returns false if
    /// the row is not as it was seen.
    async fn decide(&self, record: SdkItem, change: TransactWriteItem) -> Result<bool, CallError> {
        let (client, table) = self.parts();
        let put = Put::builder()
            .table_name(table)
            .set_item(Some(record))
            .build()
            .map_err(incomplete)?;
        let decided = client
            .transact_write_items()
            .transact_items(TransactWriteItem::builder().put(put).build())
            .transact_items(change)
            .customize()
            .config_override(without_retries())
            .send()
            .await;
        match decided {
            Ok(_) => Ok(true),
            Err(error) if error.as_service_error().is_some_and(is_condition) => Ok(false),
            Err(error) => Err(self.error("TransactWriteItems", &error)),
        }
    }

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

#[expect(clippy::needless_pass_by_value, reason = "the signature of map_err")]
fn incomplete(error: BuildError) -> CallError {
    CallError::Configuration(error.to_string())
}

/// Returns the item of a parked row, and its mark.
async fn parked(
    table: &DynamoDbTable,
    key: &RowKey,
) -> Result<Option<(SdkItem, AttributeValue)>, CallError> {
    let found = item(table, key).await?;
    Ok(found.and_then(|item| {
        let mark = item.get(PARKED)?.clone();
        Some((item, mark))
    }))
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
