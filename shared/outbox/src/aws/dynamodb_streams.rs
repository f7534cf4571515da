//! The stream of the outbox table on Amazon DynamoDB Streams.

use aws_sdk_dynamodbstreams::{
    Client,
    config::{Builder, http::HttpResponse, retry::RetryConfig},
    error::{ProvideErrorMetadata, SdkError},
    types::{AttributeValue, OperationType, Record, ShardIteratorType},
};

use crate::{
    RowKey,
    aws::error::call_error,
    ports::{CallError, Place, ShardPosition, StreamError, StreamPage, StreamReader, StreamRecord},
    row::{AGGREGATE_ID, POSITION},
};

/// The streams of Amazon DynamoDB.
#[derive(Debug, Clone)]
pub struct DynamoDbStreams {
    client: Client,
}

impl DynamoDbStreams {
    /// Creates a reader with this client, whose own retries are switched off.
    pub fn new(client: Client) -> Self {
        Self { client }
    }
}

fn without_retries() -> Builder {
    Builder::new().retry_config(RetryConfig::disabled())
}

impl StreamReader for DynamoDbStreams {
    async fn open(&self, place: &Place<'_>) -> Result<String, StreamError> {
        let (kind, number) = match place.from {
            ShardPosition::At(number) => (ShardIteratorType::AtSequenceNumber, number),
            ShardPosition::After(number) => (ShardIteratorType::AfterSequenceNumber, number),
        };
        let output = self
            .client
            .get_shard_iterator()
            .stream_arn(place.stream_arn)
            .shard_id(place.shard_id)
            .shard_iterator_type(kind)
            .sequence_number(number)
            .customize()
            .config_override(without_retries())
            .send()
            .await
            .map_err(|error| stream_error("GetShardIterator", &error))?;
        output.shard_iterator.ok_or_else(|| {
            let message = "GetShardIterator returned no iterator".to_owned();
            StreamError::Call(CallError::Transient(message))
        })
    }

    async fn read(&self, iterator: &str) -> Result<StreamPage, StreamError> {
        let output = self
            .client
            .get_records()
            .shard_iterator(iterator)
            .customize()
            .config_override(without_retries())
            .send()
            .await
            .map_err(|error| stream_error("GetRecords", &error))?;
        let records = output.records.unwrap_or_default();
        Ok(StreamPage {
            records: records.iter().map(record).collect::<Result<_, _>>()?,
            next: output.next_shard_iterator,
        })
    }
}

fn record(record: &Record) -> Result<StreamRecord, StreamError> {
    let unintelligible = || {
        let message = "GetRecords returned a record that is not of an outbox table".to_owned();
        StreamError::Call(CallError::Content(message))
    };
    let change = record.dynamodb().ok_or_else(unintelligible)?;
    let inserted = match record.event_name() {
        Some(OperationType::Insert) => {
            let text = |name| match change.keys()?.get(name)? {
                AttributeValue::S(text) => Some(text.clone()),
                _ => None,
            };
            Some(RowKey {
                aggregate_id: text(AGGREGATE_ID).ok_or_else(unintelligible)?,
                position: text(POSITION).ok_or_else(unintelligible)?,
            })
        }
        Some(OperationType::Modify | OperationType::Remove) => None,
        _ => return Err(unintelligible()),
    };
    let number = change.sequence_number();
    Ok(StreamRecord {
        sequence_number: number.ok_or_else(unintelligible)?.to_owned(),
        inserted,
    })
}

fn stream_error<E>(operation: &str, error: &SdkError<E, HttpResponse>) -> StreamError
where
    E: ProvideErrorMetadata + std::error::Error + 'static,
{
    let call = call_error(operation, error);
    match error.code() {
        Some("ExpiredIteratorException") => StreamError::Expired,
        Some("TrimmedDataAccessException" | "ResourceNotFoundException") => {
            StreamError::Gone(call.to_string())
        }
        _ => StreamError::Call(call),
    }
}
