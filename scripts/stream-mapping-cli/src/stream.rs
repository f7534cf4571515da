//! Reads a DynamoDB stream.

use std::time::Duration;

use aws_sdk_dynamodbstreams::{
    Client,
    error::{BoxError, ProvideErrorMetadata, SdkError},
    operation::describe_stream::DescribeStreamError,
    types::ShardIteratorType,
};
use stream_mapping::{KnownShard, Record, SequenceNumber, StartingPosition, StreamArn};

use tokio::time::timeout;

use crate::{
    create_error::CreateError, endpoint::EndpointRecorder, event::reason, record::lambda_record,
};

/// A DynamoDB stream.
#[derive(Debug, Clone)]
pub struct Stream {
    client: Client,
    pub(crate) arn: String,
    /// The endpoint of the calls.
    endpoint: EndpointRecorder,
}

/// The timeout of the check that a stream exists, retries included: the user waits
/// for it.
const LONGEST_CHECK: Duration = Duration::from_secs(10);

/// The position at which reading continues.
#[derive(Debug, Clone)]
pub(crate) enum Place {
    Begin(StartingPosition),
    After(SequenceNumber),
    /// The iterator that the last read returned.
    Iterator(String),
    /// The shard is closed and read to its end.
    End,
}

impl Stream {
    /// Creates a stream with this ARN.
    pub fn new(client: Client, arn: impl Into<String>) -> Self {
        Self {
            client,
            arn: arn.into(),
            endpoint: EndpointRecorder::default(),
        }
    }

    /// Checks that the stream exists. Returns the endpoint that was called.
    pub(crate) async fn check(&self) -> Result<String, CreateError> {
        let arn: StreamArn = self.arn.parse()?;
        let described = timeout(LONGEST_CHECK, self.shards()).await;
        let endpoint = self.endpoint.recorded();
        let endpoint = endpoint.unwrap_or_else(|| "DynamoDB Streams".to_owned());
        match described {
            Ok(Ok(_)) => Ok(endpoint),
            Ok(Err(error)) => Err(self.create_error(&arn, endpoint, &error)),
            Err(_) => Err(CreateError::NoResponse {
                endpoint,
                reason: format!("no response within {} s", LONGEST_CHECK.as_secs()),
            }),
        }
    }

    /// Converts an error of `DescribeStream`.
    fn create_error(&self, arn: &StreamArn, endpoint: String, error: &BoxError) -> CreateError {
        let described = error.downcast_ref::<SdkError<DescribeStreamError>>();
        match described.and_then(ProvideErrorMetadata::code) {
            Some("ResourceNotFoundException") => CreateError::StreamNotFound {
                arn: self.arn.clone(),
                table: arn.table().to_owned(),
                region: arn.region().to_owned(),
                endpoint,
            },
            Some(code) => CreateError::Rejected {
                endpoint,
                arn: self.arn.clone(),
                code: code.to_owned(),
                message: described
                    .and_then(ProvideErrorMetadata::message)
                    .unwrap_or("no message")
                    .to_owned(),
            },
            None => CreateError::NoResponse {
                endpoint,
                reason: reason(&**error),
            },
        }
    }

    /// Returns all shards of the stream.
    pub(crate) async fn shards(&self) -> Result<Vec<KnownShard>, BoxError> {
        let mut known = Vec::new();
        let mut page_after = None;
        loop {
            let described = self
                .client
                .describe_stream()
                .stream_arn(&self.arn)
                .set_exclusive_start_shard_id(page_after)
                .customize()
                .interceptor(self.endpoint.clone())
                .send()
                .await?;
            let Some(description) = described.stream_description else {
                return Err("the response of DescribeStream has no description".into());
            };
            for shard in description.shards.unwrap_or_default() {
                let Some(id) = shard.shard_id else { continue };
                known.push(KnownShard {
                    id,
                    parent: shard.parent_shard_id,
                });
            }
            page_after = description.last_evaluated_shard_id;
            if page_after.is_none() {
                return Ok(known);
            }
        }
    }

    /// Reads records from a place on, and returns where to continue. An empty page is not
    /// the end of a shard.
    pub(crate) async fn read(
        &self,
        shard: &str,
        place: &Place,
    ) -> Result<(Vec<Record>, Place), BoxError> {
        let iterator = match place {
            Place::End => return Ok((Vec::new(), Place::End)),
            Place::Iterator(iterator) => Some(iterator.clone()),
            place => self.iterator(shard, place).await?,
        };
        let Some(iterator) = iterator else {
            return Err("the response of GetShardIterator has no iterator".into());
        };
        let read = self
            .client
            .get_records()
            .shard_iterator(iterator)
            .send()
            .await?;
        let records = read.records.unwrap_or_default();
        let records = records
            .iter()
            .map(|record| lambda_record(record, &self.arn))
            .collect::<Result<_, _>>()?;
        let next = read.next_shard_iterator.map_or(Place::End, Place::Iterator);
        Ok((records, next))
    }

    async fn iterator(&self, shard: &str, place: &Place) -> Result<Option<String>, BoxError> {
        let request = self
            .client
            .get_shard_iterator()
            .stream_arn(&self.arn)
            .shard_id(shard);
        let request = match place {
            Place::After(number) => request
                .shard_iterator_type(ShardIteratorType::AfterSequenceNumber)
                .sequence_number(number.as_str()),
            Place::Begin(StartingPosition::Latest) => {
                request.shard_iterator_type(ShardIteratorType::Latest)
            }
            _ => request.shard_iterator_type(ShardIteratorType::TrimHorizon),
        };
        Ok(request.send().await?.shard_iterator)
    }
}

/// Returns where to continue after a failed read. Iterators expire after 15 minutes,
/// and records after 24 hours.
pub(crate) fn place_after_failure(
    error: &BoxError,
    place: Place,
    last_read: Option<&SequenceNumber>,
    begin: StartingPosition,
) -> Place {
    use aws_sdk_dynamodbstreams::operation::{
        get_records::GetRecordsError, get_shard_iterator::GetShardIteratorError,
    };
    let code = |error: &BoxError| {
        let records =
            error.downcast_ref::<aws_sdk_dynamodbstreams::error::SdkError<GetRecordsError>>();
        let iterator =
            error.downcast_ref::<aws_sdk_dynamodbstreams::error::SdkError<GetShardIteratorError>>();
        records
            .and_then(ProvideErrorMetadata::code)
            .or_else(|| iterator.and_then(ProvideErrorMetadata::code))
            .map(str::to_owned)
    };
    match code(error).as_deref() {
        Some("ExpiredIteratorException") => match last_read {
            Some(number) => Place::After(number.clone()),
            None => Place::Begin(begin),
        },
        Some("TrimmedDataAccessException") => Place::Begin(StartingPosition::TrimHorizon),
        _ => place,
    }
}
