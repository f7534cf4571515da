use std::{collections::BTreeMap, time::Duration};

use aws_sdk_dynamodb::error::BoxError;
use aws_sdk_dynamodbstreams::types::{AttributeValue, Record as StreamRecord, ShardIteratorType};
use aws_sdk_lambda::{error::DisplayErrorContext, primitives::Blob};
use jiff::Timestamp;
use serde_dynamo::Item;
use serde_json::{Value, json};
use stream_mapping::{Action, Invocation, Outcome, Record, Shard};
use tokio::{task::JoinHandle, time::sleep};

use crate::{clients::Clients, deployment::Deployment, error::Error, mapping::Mapping};

/// Lambda polls each shard four times a second; locally nobody wants to wait.
const POLL_INTERVAL: Duration = Duration::from_millis(50);

/// No more is read while this much waits.
const MOST_BACKLOG: usize = 1_000;

/// Drives the deployed stream mapping, as long as it lives, by the rules of the
/// `stream-mapping` crate.
#[derive(Debug)]
pub struct StreamDriver {
    task: JoinHandle<()>,
}

/// One shard, and where to read on.
struct ShardReader {
    shard: Shard,
    iterator: Option<String>,
}

impl StreamDriver {
    /// Takes the mapping over from the emulator and begins to drive it.
    ///
    /// # Errors
    ///
    /// If the mapping cannot be read, or cannot be driven as deployed.
    pub async fn start(clients: &Clients, deployment: &Deployment) -> Result<Self, Error> {
        let mapping = Mapping::take_over(clients, deployment).await?;
        // Checks the settings now rather than in the background.
        Shard::new("", "", mapping.settings.clone())
            .map_err(|error| Error::Mapping(error.to_string()))?;
        let clients = clients.clone();
        let task = tokio::spawn(async move { drive(&clients, &mapping).await });
        Ok(Self { task })
    }
}

impl Drop for StreamDriver {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Errors are shown and the same is tried again, as Lambda does: nothing is
/// passed over.
async fn drive(clients: &Clients, mapping: &Mapping) {
    let mut shards = BTreeMap::new();
    loop {
        if let Err(error) = discover(clients, mapping, &mut shards).await {
            warn("the stream cannot be read", &*error);
        }
        for reader in shards.values_mut() {
            if let Err(error) = poll(clients, mapping, reader).await {
                warn("the stream cannot be driven", &*error);
            }
        }
        sleep(POLL_INTERVAL).await;
    }
}

fn warn(what: &str, error: &(dyn std::error::Error + 'static)) {
    eprintln!("{what}, trying again: {}", DisplayErrorContext(error));
}

/// Adds the shards not known yet, from their beginning (`TRIM_HORIZON`).
async fn discover(
    clients: &Clients,
    mapping: &Mapping,
    shards: &mut BTreeMap<String, ShardReader>,
) -> Result<(), BoxError> {
    let described = clients
        .streams
        .describe_stream()
        .stream_arn(&mapping.stream_arn)
        .send()
        .await?;
    let found = described
        .stream_description
        .and_then(|stream| stream.shards);
    for id in found
        .into_iter()
        .flatten()
        .filter_map(|shard| shard.shard_id)
    {
        if shards.contains_key(&id) {
            continue;
        }
        let iterator = clients
            .streams
            .get_shard_iterator()
            .stream_arn(&mapping.stream_arn)
            .shard_id(&id)
            .shard_iterator_type(ShardIteratorType::TrimHorizon)
            .send()
            .await?
            .shard_iterator;
        let shard = Shard::new(&id, &mapping.stream_arn, mapping.settings.clone())?;
        shards.insert(id, ShardReader { shard, iterator });
    }
    Ok(())
}

/// Reads what is new, then does what can be done now.
async fn poll(
    clients: &Clients,
    mapping: &Mapping,
    reader: &mut ShardReader,
) -> Result<(), BoxError> {
    if reader.shard.backlog() < MOST_BACKLOG
        && let Some(iterator) = &reader.iterator
    {
        let read = clients
            .streams
            .get_records()
            .shard_iterator(iterator)
            .send()
            .await?;
        let records = read.records.unwrap_or_default();
        let records = records
            .iter()
            .map(lambda_record)
            .collect::<Result<_, _>>()?;
        reader.shard.push(records, Timestamp::now());
        reader.iterator = read.next_shard_iterator;
    }
    loop {
        match reader.shard.next(Timestamp::now()) {
            Action::Idle | Action::WaitUntil(_) => return Ok(()),
            Action::Invoke(lane, batch) => {
                let (outcome, invocation) = invoke(clients, mapping, batch).await;
                reader
                    .shard
                    .completed(lane, &outcome, &invocation, Timestamp::now());
            }
            Action::SendOnFailure(lane, on_failure) => {
                let body = on_failure.message().to_string();
                clients
                    .sqs
                    .send_message()
                    .set_queue_url(mapping.on_failure_queue_url.clone())
                    .message_body(body)
                    .send()
                    .await?;
                reader.shard.on_failure_sent(lane);
            }
        }
    }
}

async fn invoke(clients: &Clients, mapping: &Mapping, batch: &[Record]) -> (Outcome, Invocation) {
    let records: Vec<&Value> = batch.iter().map(Record::json).collect();
    let payload = json!({"Records": records}).to_string();
    let answer = clients
        .lambda
        .invoke()
        .function_name(&mapping.function_arn)
        .payload(Blob::new(payload))
        .send()
        .await;
    let mut invocation = Invocation {
        request_id: uuid::Uuid::now_v7().to_string(),
        function_arn: mapping.function_arn.clone(),
        ..Invocation::default()
    };
    let answer = match answer {
        Ok(answer) => answer,
        Err(error) => {
            warn("the function cannot be invoked", &error);
            return (Outcome::NotReached, invocation);
        }
    };
    invocation.executed_version = answer.executed_version.unwrap_or_default();
    invocation.function_error = answer.function_error;
    let payload = answer.payload.map(Blob::into_inner).unwrap_or_default();
    let payload = String::from_utf8_lossy(&payload).into_owned();
    if let Some(error) = &invocation.function_error {
        eprintln!("the function failed ({error}): {payload}");
        return (Outcome::FunctionError, invocation);
    }
    (Outcome::Answered { payload }, invocation)
}

/// A record of the stream in the form Lambda hands to functions.
fn lambda_record(record: &StreamRecord) -> Result<Record, BoxError> {
    let change = record.dynamodb();
    let time = change.and_then(|change| change.approximate_creation_date_time());
    let mut dynamodb = json!({
        "ApproximateCreationDateTime": time.map(aws_sdk_dynamodb::primitives::DateTime::secs),
        "SequenceNumber": change.and_then(|change| change.sequence_number()),
        "SizeBytes": change.and_then(aws_sdk_dynamodbstreams::types::StreamRecord::size_bytes).unwrap_or_default(),
        "StreamViewType": change
            .and_then(|change| change.stream_view_type())
            .map(aws_sdk_dynamodbstreams::types::StreamViewType::as_str),
    });
    for (name, image) in [
        ("Keys", change.and_then(|change| change.keys())),
        ("NewImage", change.and_then(|change| change.new_image())),
        ("OldImage", change.and_then(|change| change.old_image())),
    ] {
        if let Some(image) = image {
            dynamodb[name] = item_json(image)?;
        }
    }
    let record = json!({
        "eventID": record.event_id(),
        "eventName": record.event_name().map(aws_sdk_dynamodbstreams::types::OperationType::as_str),
        "eventVersion": record.event_version(),
        "eventSource": "aws:dynamodb",
        "awsRegion": record.aws_region(),
        "dynamodb": dynamodb,
    });
    Ok(Record::from_json(record)?)
}

fn item_json(
    item: &std::collections::HashMap<String, AttributeValue>,
) -> Result<Value, serde_json::Error> {
    serde_json::to_value(Item::from(item.clone()))
}
