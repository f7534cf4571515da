//! The outbox table on Amazon DynamoDB.

use std::collections::{BTreeSet, HashMap, HashSet};

use aws_sdk_dynamodb::{
    Client,
    config::{Builder, retry::RetryConfig},
    error::ProvideErrorMetadata,
    operation::query::builders::QueryFluentBuilder,
    types::{AttributeValue, DeleteRequest, KeysAndAttributes, WriteRequest},
};
use jiff::Timestamp;
use serde_dynamo::Item;

use crate::{
    Candidate, Parked, RowKey,
    aws::{error::call_error, own_task::in_own_task},
    ports::{CallError, OutboxTable, Page, RowState, Segment, StoredRow},
    row::{AGGREGATE_ID, EDITS, POSITION, decode},
};

/// The attribute that marks a parked row.
pub(crate) const PARKED: &str = "parked";

/// The outbox table in Amazon DynamoDB.
#[derive(Debug, Clone)]
pub struct DynamoDbTable {
    client: Client,
    name: String,
}

impl DynamoDbTable {
    /// Creates a table from its name. The client's own retries are switched off.
    pub fn new(client: Client, name: impl Into<String>) -> Self {
        Self {
            client,
            name: name.into(),
        }
    }

    /// Returns the table's client and name, for the operators' commands.
    #[cfg(feature = "replay")]
    pub(crate) fn parts(&self) -> (&Client, &str) {
        (&self.client, &self.name)
    }

    /// Returns a page of rows from a response.
    fn page(
        &self,
        operation: &str,
        items: Option<Vec<SdkItem>>,
        last: Option<&SdkItem>,
    ) -> Result<Page, CallError> {
        let rows = items.unwrap_or_default();
        let rows = rows.into_iter().map(stored_row);
        let mut rows: Vec<_> = rows
            .collect::<Option<_>>()
            .ok_or_else(|| self.unintelligible(operation))?;
        rows.retain(|row| !row.candidate.key.is_discarded());
        let next = last.map(|key| row_key(key).ok_or_else(|| self.unintelligible(operation)));
        Ok(Page {
            rows,
            next: next.transpose()?,
        })
    }

    /// Names a call in messages.
    fn what(&self, operation: &str) -> String {
        format!("{operation} {}", self.name)
    }

    /// Returns the error of a response without the keys of rows. It counts as no response,
    /// or a row might be taken for published that is not.
    fn unintelligible(&self, operation: &str) -> CallError {
        CallError::Unanswered(format!(
            "{}: the response has items without the keys of a row",
            self.what(operation)
        ))
    }

    /// Returns the error of a failed call. All of its content is ours, so if DynamoDB rejects
    /// the content, the configuration is at fault, not the row.
    pub(crate) fn error<E>(
        &self,
        operation: &str,
        error: &aws_sdk_dynamodb::error::SdkError<E>,
    ) -> CallError
    where
        E: ProvideErrorMetadata + std::error::Error + 'static,
    {
        match call_error(&self.what(operation), error) {
            CallError::Content(message) => CallError::Configuration(message),
            other => other,
        }
    }
}

/// Switches off the SDK's retries for a request; the relay has its own.
pub(crate) fn without_retries() -> Builder {
    Builder::new().retry_config(RetryConfig::disabled())
}

impl OutboxTable for DynamoDbTable {
    fn name(&self) -> &str {
        &self.name
    }

    async fn look_up(&self, keys: &[RowKey]) -> Result<HashMap<RowKey, RowState>, CallError> {
        let operation = "BatchGetItem";
        let request = KeysAndAttributes::builder()
            .set_keys(Some(distinct(keys).map(attributes).collect()))
            // An eventually consistent read could miss a delete, and the event would be
            // published twice; or miss the row, and the event would be lost.
            .consistent_read(true)
            .projection_expression("#aggregateId, #position, #parked, #edits")
            .expression_attribute_names("#aggregateId", AGGREGATE_ID)
            .expression_attribute_names("#position", POSITION)
            .expression_attribute_names("#parked", PARKED)
            .expression_attribute_names("#edits", EDITS)
            .build()
            .map_err(|error| CallError::Configuration(error.to_string()))?;
        let request = self
            .client
            .batch_get_item()
            .request_items(&self.name, request)
            .customize()
            .config_override(without_retries());
        let output = in_own_task(request.send())
            .await
            .map_err(|error| self.error(operation, &error))?;

        let Some(found) = output.responses().and_then(|tables| tables.get(&self.name)) else {
            let message = format!("{}: no response for the table", self.what(operation));
            return Err(CallError::Transient(message));
        };
        let unprocessed: HashSet<RowKey> = output
            .unprocessed_keys()
            .into_iter()
            .flat_map(HashMap::values)
            .flat_map(KeysAndAttributes::keys)
            .map(row_key)
            .collect::<Option<_>>()
            .ok_or_else(|| self.unintelligible(operation))?;
        let found: HashMap<RowKey, RowState> = found
            .iter()
            .map(found_state)
            .collect::<Option<_>>()
            .ok_or_else(|| self.unintelligible(operation))?;
        let state = |key: &RowKey| match found.get(key) {
            Some(state) => Some((key.clone(), *state)),
            None if unprocessed.contains(key) => None,
            None => Some((key.clone(), RowState::Absent)),
        };
        Ok(keys.iter().filter_map(state).collect())
    }

    async fn delete(&self, keys: &[RowKey]) -> Result<Vec<RowKey>, CallError> {
        let operation = "BatchWriteItem";
        let requests = distinct(keys)
            .map(delete_request)
            .collect::<Result<Vec<_>, _>>()?;
        let request = self
            .client
            .batch_write_item()
            .request_items(&self.name, requests)
            .customize()
            .config_override(without_retries());
        let output = in_own_task(request.send())
            .await
            .map_err(|error| self.error(operation, &error))?;
        output
            .unprocessed_items()
            .into_iter()
            .flat_map(HashMap::values)
            .flatten()
            .map(|request| row_key(request.delete_request()?.key()))
            .collect::<Option<_>>()
            .ok_or_else(|| self.unintelligible(operation))
    }

    async fn park(
        &self,
        key: &RowKey,
        edits: Option<u64>,
        mark: &Parked,
    ) -> Result<bool, CallError> {
        let operation = "UpdateItem";
        let mark: AttributeValue = serde_dynamo::to_attribute_value(mark)
            .map_err(|error| CallError::Configuration(error.to_string()))?;
        let condition = "attribute_exists(#aggregateId) AND attribute_not_exists(#parked)";
        let mut update = self
            .client
            .update_item()
            .table_name(&self.name)
            .set_key(Some(attributes(key)))
            .update_expression("SET #parked = :mark")
            .condition_expression(condition)
            .expression_attribute_names("#parked", PARKED)
            .expression_attribute_names("#aggregateId", AGGREGATE_ID)
            .expression_attribute_values(":mark", mark);
        if let Some(edits) = edits {
            // A row that was never edited has no count.
            let as_it_was = "(attribute_not_exists(#edits) OR #edits <= :edits)";
            update = update
                .condition_expression(format!("{condition} AND {as_it_was}"))
                .expression_attribute_names("#edits", EDITS)
                .expression_attribute_values(":edits", AttributeValue::N(edits.to_string()));
        }
        let parked = update
            .customize()
            .config_override(without_retries())
            .send()
            .await;
        match parked {
            Ok(_) => Ok(true),
            // The row is gone, parked or edited: there is nothing to park.
            Err(error) if error.code() == Some("ConditionalCheckFailedException") => Ok(false),
            Err(error) => Err(self.error(operation, &error)),
        }
    }

    async fn scan(&self, segment: Segment, after: Option<&RowKey>) -> Result<Page, CallError> {
        let operation = "Scan";
        // Segments are few: both numbers are far below the limit of either type.
        let number = |number: u32| i32::try_from(number).unwrap_or(i32::MAX);
        let output = self
            .client
            .scan()
            .table_name(&self.name)
            .consistent_read(true)
            .segment(number(segment.index))
            .total_segments(number(segment.of))
            .set_exclusive_start_key(after.map(attributes))
            .customize()
            .config_override(without_retries())
            .send()
            .await
            .map_err(|error| self.error(operation, &error))?;
        self.page(operation, output.items, output.last_evaluated_key.as_ref())
    }

    async fn read_before(
        &self,
        row: &RowKey,
        after: Option<&RowKey>,
        most: usize,
    ) -> Result<Page, CallError> {
        let Some(through) = row.behind_predecessors() else {
            return Ok(Page::default());
        };
        let limit = i32::try_from(most).unwrap_or(i32::MAX);
        let query = self.query_aggregate(&row.aggregate_id, after, Some(&through));
        self.send_query(query.map(|query| query.limit(limit))).await
    }

    async fn query(
        &self,
        aggregate_id: &str,
        after: Option<&RowKey>,
        through: Option<&RowKey>,
    ) -> Result<Page, CallError> {
        self.send_query(self.query_aggregate(aggregate_id, after, through))
            .await
    }
}

impl DynamoDbTable {
    /// Returns a consistent query of an aggregate; `None` if no row can be in the range.
    fn query_aggregate(
        &self,
        aggregate_id: &str,
        after: Option<&RowKey>,
        through: Option<&RowKey>,
    ) -> Option<QueryFluentBuilder> {
        // The page before may have ended with the last wanted row. DynamoDB rejects a start
        // key behind which the requested range is empty.
        if let (Some(after), Some(through)) = (after, through)
            && after.position >= through.position
        {
            return None;
        }
        let query = self
            .client
            .query()
            .table_name(&self.name)
            .consistent_read(true)
            .key_condition_expression("#aggregateId = :aggregateId")
            .expression_attribute_names("#aggregateId", AGGREGATE_ID)
            .expression_attribute_values(":aggregateId", AttributeValue::S(aggregate_id.to_owned()))
            .set_exclusive_start_key(after.map(attributes));
        let Some(through) = through else {
            return Some(query);
        };
        let position = AttributeValue::S(through.position.clone());
        Some(
            query
                .key_condition_expression("#aggregateId = :aggregateId AND #position <= :through")
                .expression_attribute_names("#position", POSITION)
                .expression_attribute_values(":through", position),
        )
    }

    async fn send_query(&self, query: Option<QueryFluentBuilder>) -> Result<Page, CallError> {
        let operation = "Query";
        let Some(query) = query else {
            return Ok(Page::default());
        };
        let output = query
            .customize()
            .config_override(without_retries())
            .send()
            .await
            .map_err(|error| self.error(operation, &error))?;
        self.page(operation, output.items, output.last_evaluated_key.as_ref())
    }
}

/// An item as the AWS SDK knows it.
pub(crate) type SdkItem = HashMap<String, AttributeValue>;

/// Returns the row of an item; `None` if the item doesn't have the key of a row.
pub(crate) fn stored_row(item: SdkItem) -> Option<StoredRow> {
    let item = readable(item);
    let key = decode::key(&item)?;
    let parked = item.get(PARKED).map(|mark| {
        serde_dynamo::from_attribute_value(mark.clone()).unwrap_or_else(|_| Parked {
            reason: "Unknown: the mark cannot be read".to_owned(),
            at: Timestamp::UNIX_EPOCH,
        })
    });
    let row = decode::row(&key, &item);
    let candidate = Candidate {
        key,
        row,
        written_at: None,
    };
    Some(StoredRow { candidate, parked })
}

/// Returns each key once: DynamoDB rejects a request with a key twice.
fn distinct(keys: &[RowKey]) -> impl Iterator<Item = &RowKey> {
    keys.iter().collect::<BTreeSet<_>>().into_iter()
}

/// Returns the item with NULL for values of a type that is newer than this SDK: their
/// conversion would panic.
fn readable(mut item: SdkItem) -> Item {
    for value in item.values_mut().filter(|value| !is_known(value)) {
        *value = AttributeValue::Null(true);
    }
    item.into()
}

/// Returns whether this SDK knows the types of the value and of all nested ones.
fn is_known(value: &AttributeValue) -> bool {
    match value {
        AttributeValue::L(values) => values.iter().all(is_known),
        AttributeValue::M(values) => values.values().all(is_known),
        value => !value.is_unknown(),
    }
}

/// Returns the key attributes of a row.
pub(crate) fn attributes(key: &RowKey) -> SdkItem {
    HashMap::from([
        (
            AGGREGATE_ID.to_owned(),
            AttributeValue::S(key.aggregate_id.clone()),
        ),
        (POSITION.to_owned(), AttributeValue::S(key.position.clone())),
    ])
}

/// Returns the key of a row from its attributes.
fn row_key(attributes: &HashMap<String, AttributeValue>) -> Option<RowKey> {
    let text = |name| attributes.get(name)?.as_s().ok().cloned();
    Some(RowKey {
        aggregate_id: text(AGGREGATE_ID)?,
        position: text(POSITION)?,
    })
}

/// Returns the key and the state of a row that a look-up has found.
fn found_state(item: &HashMap<String, AttributeValue>) -> Option<(RowKey, RowState)> {
    let edits = |edits: &AttributeValue| edits.as_n().ok()?.parse().ok();
    let state = match item.get(EDITS) {
        _ if item.contains_key(PARKED) => RowState::Parked,
        None => RowState::Pending,
        // A count that can't be read counts as edited. An error would make the states of the
        // other rows unknown, too.
        Some(count) => RowState::Edited(edits(count).unwrap_or(u64::MAX)),
    };
    Some((row_key(item)?, state))
}

fn delete_request(key: &RowKey) -> Result<WriteRequest, CallError> {
    let request = DeleteRequest::builder()
        .set_key(Some(attributes(key)))
        .build()
        .map_err(|error| CallError::Configuration(error.to_string()))?;
    Ok(WriteRequest::builder().delete_request(request).build())
}
