//! Drives an event source mapping of an SQS queue.

use std::{collections::HashSet, time::Duration};

use aws_sdk_dynamodb::error::BoxError;
use aws_sdk_lambda::types::{EventSourceMappingConfiguration, FunctionResponseType};
use aws_sdk_sqs::types::{DeleteMessageBatchRequestEntry, Message, MessageSystemAttributeName};
use serde_json::{Map, Value, json};
use stream_mapping::Outcome;
use stream_mapping_cli::{Function, Invoked};
use tokio::time::sleep;

use crate::{clients::Clients, deployed_mapping::required, error::Error, log::log_line};

/// How long to wait after the queue could not be read, or the function not be reached.
const PAUSE_AFTER_FAILURE: Duration = Duration::from_secs(1);

/// SQS's limit of messages in one call.
const MOST_MESSAGES: i32 = 10;

/// Passes messages of a queue to a function by Lambda's rules for [standard queues][sqs]:
/// handled messages are deleted, and the others are redelivered after the queue's visibility
/// timeout.
///
/// [sqs]: https://docs.aws.amazon.com/lambda/latest/dg/with-sqs.html
pub(crate) struct QueueMapping {
    sqs: aws_sdk_sqs::Client,
    queue_url: String,
    queue_arn: String,
    function: Function,
    batch_size: i32,
    /// Whether the function reports failures of single messages.
    reports_failures: bool,
    pause_after_failure: Duration,
}

impl QueueMapping {
    /// Creates the mapping with its deployed settings.
    ///
    /// # Errors
    ///
    /// If a setting is not supported, or the queue doesn't exist.
    pub(crate) async fn new(
        clients: &Clients,
        deployed: &EventSourceMappingConfiguration,
        function: Function,
    ) -> Result<Self, Error> {
        let queue_arn = required(deployed.event_source_arn(), "EventSourceArn")?;
        let filters = deployed.filter_criteria().map(|all| all.filters().len());
        if filters.is_some_and(|filters| filters > 0) {
            let problem = format!("{queue_arn}: FilterCriteria of queues are not supported");
            return Err(Error::Mapping(problem));
        }
        let batch_size = deployed.batch_size().unwrap_or(MOST_MESSAGES);
        let window = deployed
            .maximum_batching_window_in_seconds()
            .unwrap_or_default();
        if batch_size > MOST_MESSAGES || window > 0 {
            let problem = format!(
                "{queue_arn}: BatchSize {batch_size} over {MOST_MESSAGES} and a batching window \
                 of {window} s are not supported"
            );
            return Err(Error::Mapping(problem));
        }
        let name = queue_arn.rsplit(':').next().unwrap_or(queue_arn);
        let found = clients.sqs.get_queue_url().queue_name(name).send().await;
        let found = found.map_err(|error| Error::call("GetQueueUrl")(error.into()))?;
        let types = deployed.function_response_types();
        Ok(Self {
            sqs: clients.sqs.clone(),
            queue_url: required(found.queue_url(), "QueueUrl")?.to_owned(),
            queue_arn: queue_arn.to_owned(),
            function,
            batch_size,
            reports_failures: types.contains(&FunctionResponseType::ReportBatchItemFailures),
            pause_after_failure: PAUSE_AFTER_FAILURE,
        })
    }

    /// Drives the function until dropped.
    pub(crate) async fn run(&self) {
        loop {
            if let Err(error) = self.poll().await {
                log_line("batch", format_args!("{}: {error}", self.queue_arn));
                sleep(self.pause_after_failure).await;
            }
        }
    }

    /// Receives a batch, invokes the function, and deletes the handled messages.
    async fn poll(&self) -> Result<(), BoxError> {
        let received = self
            .sqs
            .receive_message()
            .queue_url(&self.queue_url)
            .max_number_of_messages(self.batch_size)
            .message_system_attribute_names(MessageSystemAttributeName::All)
            .message_attribute_names("All")
            .wait_time_seconds(1)
            .send()
            .await?;
        let messages = received.messages.unwrap_or_default();
        if messages.is_empty() {
            return Ok(());
        }
        let records = messages.iter().map(|message| self.record(message));
        let Invoked { outcome, error, .. } = self.reach(records.collect()).await;
        let done = done(&outcome, &messages, self.reports_failures);
        let failed = error.unwrap_or_else(|| "failures reported".to_owned());
        let count = plural(messages.len());
        if done.len() == messages.len() {
            log_line("batch", format_args!("{count} -> success"));
        } else {
            let rest = messages.len() - done.len();
            let counts = format!("{} done, {rest} to retry", done.len());
            log_line("batch", format_args!("{count} -> {failed}: {counts}"));
        }
        self.delete(done).await
    }

    /// Invokes the function, and retries as long as it is not reached, for example because it
    /// doesn't compile. The messages stay in flight meanwhile: receiving them again would
    /// count towards the dead-letter queue.
    async fn reach(&self, records: Vec<Value>) -> Invoked {
        let mut logged = None;
        loop {
            let invoked = self.function.invoke(&records).await;
            if invoked.outcome != Outcome::NotReached {
                return invoked;
            }
            if logged != invoked.error {
                let reason = invoked.error.as_deref().unwrap_or_default();
                let count = plural(records.len());
                let what = format_args!("{count} -> not reached, retrying: {reason}");
                log_line("batch", what);
                logged = invoked.error;
            }
            sleep(self.pause_after_failure).await;
        }
    }

    fn record(&self, message: &Message) -> Value {
        let attributes = message.attributes.iter().flatten();
        let attributes: Map<String, Value> = attributes
            .map(|(name, value)| (name.as_str().to_owned(), value.clone().into()))
            .collect();
        json!({
            "messageId": message.message_id(),
            "receiptHandle": message.receipt_handle(),
            "body": message.body(),
            "attributes": attributes,
            "messageAttributes": message_attributes(message),
            "md5OfBody": message.md5_of_body(),
            "eventSource": "aws:sqs",
            "eventSourceARN": self.queue_arn,
            "awsRegion": self.queue_arn.split(':').nth(3),
        })
    }

    async fn delete(&self, done: Vec<&Message>) -> Result<(), BoxError> {
        if done.is_empty() {
            return Ok(());
        }
        let entries = done
            .into_iter()
            .enumerate()
            .map(|(index, message)| {
                DeleteMessageBatchRequestEntry::builder()
                    .id(index.to_string())
                    .set_receipt_handle(message.receipt_handle.clone())
                    .build()
            })
            .collect::<Result<Vec<_>, _>>()?;
        // A message that isn't deleted is redelivered, as with Lambda.
        self.sqs
            .delete_message_batch()
            .queue_url(&self.queue_url)
            .set_entries(Some(entries))
            .send()
            .await?;
        Ok(())
    }
}

fn plural(messages: usize) -> String {
    match messages {
        1 => "1 message".to_owned(),
        count => format!("{count} messages"),
    }
}

fn message_attributes(message: &Message) -> Value {
    let attributes = message.message_attributes.iter().flatten();
    attributes
        .map(|(name, value)| {
            let attribute = json!({
                "dataType": value.data_type(),
                "stringValue": value.string_value(),
            });
            (name.clone(), attribute)
        })
        .collect::<Map<String, Value>>()
        .into()
}

/// Returns the messages that the function has handled. A response that names anything but
/// messages of the batch is a failure of the whole batch.
fn done<'m>(
    outcome: &Outcome,
    messages: &'m [Message],
    reports_failures: bool,
) -> Vec<&'m Message> {
    let Outcome::Answered { payload } = outcome else {
        return Vec::new();
    };
    let failed = if reports_failures {
        failed(payload, messages)
    } else {
        Some(HashSet::new())
    };
    let Some(failed) = failed else {
        return Vec::new();
    };
    let is_done = |message: &&Message| {
        let id = message.message_id().unwrap_or_default();
        !failed.contains(id)
    };
    messages.iter().filter(is_done).collect()
}

/// Returns the ids of the failed messages, or `None` if the whole batch failed.
fn failed(payload: &str, messages: &[Message]) -> Option<HashSet<String>> {
    if payload.trim().is_empty() {
        return Some(HashSet::new());
    }
    let answer: Value = serde_json::from_str(payload).ok()?;
    let failures = match answer.get("batchItemFailures") {
        None | Some(Value::Null) => return Some(HashSet::new()),
        Some(failures) => failures.as_array()?,
    };
    let known: HashSet<&str> = messages.iter().filter_map(Message::message_id).collect();
    failures
        .iter()
        .map(|failure| {
            let id = failure.get("itemIdentifier")?.as_str()?;
            known.contains(id).then(|| id.to_owned())
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use std::{
        net::SocketAddr,
        sync::{Arc, Mutex},
    };

    use axum::{
        Router,
        body::Bytes,
        extract::State,
        http::{HeaderMap, StatusCode},
        routing::{any, post},
    };

    use super::*;
    use crate::endpoint::LocalEndpoint;

    #[test]
    fn the_response_says_which_messages_are_done() {
        let messages: Vec<Message> = ["a", "b"]
            .map(|id| Message::builder().message_id(id).build())
            .into();
        let ids = |payload: &str, reports| {
            let outcome = Outcome::Answered {
                payload: payload.into(),
            };
            let done = done(&outcome, &messages, reports).into_iter();
            done.filter_map(Message::message_id).collect::<String>()
        };
        let failure_of_a = r#"{"batchItemFailures": [{"itemIdentifier": "a"}]}"#;
        for (payload, reports, expected) in [
            (failure_of_a, true, "b"),
            (failure_of_a, false, "ab"),
            ("", true, "ab"),
            ("null", true, "ab"),
            (r#"{"batchItemFailures": null}"#, true, "ab"),
            (r#"{"batchItemFailures": []}"#, true, "ab"),
            (
                r#"{"batchItemFailures": [{"itemIdentifier": "x"}]}"#,
                true,
                "",
            ),
            (
                r#"{"batchItemFailures": [{"itemIdentifier": ""}]}"#,
                true,
                "",
            ),
            (
                r#"{"batchItemFailures": [{"itemIdentifier": null}]}"#,
                true,
                "",
            ),
            (r#"{"batchItemFailures": [{"id": "a"}]}"#, true, ""),
            ("no JSON", true, ""),
        ] {
            assert_eq!(ids(payload, reports), expected, "{payload} {reports}");
        }
        assert!(done(&Outcome::FunctionError, &messages, false).is_empty());
        assert!(done(&Outcome::NotReached, &messages, false).is_empty());
    }

    /// Calls that reached a stub of SQS and Lambda, by name.
    type Calls = Arc<Mutex<Vec<(String, Value)>>>;

    async fn start() -> (SocketAddr, Calls) {
        let calls = Calls::default();
        let sqs = async |State(calls): State<Calls>, headers: HeaderMap, body: Bytes| {
            let target = headers["x-amz-target"].to_str().unwrap();
            let operation = target.trim_start_matches("AmazonSQS.").to_owned();
            let request = serde_json::from_slice(&body).unwrap();
            calls.lock().unwrap().push((operation.clone(), request));
            let message = |id: &str| json!({"MessageId": id, "ReceiptHandle": format!("handle {id}"), "Body": "{}"});
            match operation.as_str() {
                "GetQueueUrl" => json!({"QueueUrl": "http://queue/shipping"}),
                "ReceiveMessage" => json!({"Messages": [message("a"), message("b")]}),
                _ => json!({"Successful": [], "Failed": []}),
            }
            .to_string()
        };
        let lambda = async |State(calls): State<Calls>, body: Bytes| {
            let request = serde_json::from_slice(&body).unwrap();
            let mut calls = calls.lock().unwrap();
            let is_first = !calls.iter().any(|(call, _)| call == "Invoke");
            calls.push(("Invoke".to_owned(), request));
            if is_first {
                let not_built = r#"{"Message": "it does not compile"}"#;
                return (StatusCode::SERVICE_UNAVAILABLE, not_built);
            }
            let failed = r#"{"batchItemFailures": [{"itemIdentifier": "a"}]}"#;
            (StatusCode::OK, failed)
        };
        let router = Router::new()
            .route("/", any(sqs))
            .route("/2015-03-31/functions/{name}/invocations", post(lambda))
            .with_state(Arc::clone(&calls));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move { axum::serve(listener, router).await });
        (address, calls)
    }

    #[tokio::test]
    async fn messages_are_deleted_once_the_function_handles_them() {
        let (address, calls) = start().await;
        let clients = Clients::new(LocalEndpoint::new(address).unwrap());
        let deployed = EventSourceMappingConfiguration::builder()
            .event_source_arn("arn:aws:sqs:eu-central-1:000000000000:shipping")
            .batch_size(5)
            .function_response_types(FunctionResponseType::ReportBatchItemFailures)
            .build();
        let function = Function::new(clients.lambda.clone(), "start-shipping");
        let mapping = QueueMapping::new(&clients, &deployed, function).await;
        let mapping = QueueMapping {
            pause_after_failure: Duration::ZERO,
            ..mapping.unwrap()
        };
        mapping.poll().await.unwrap();

        let calls = calls.lock().unwrap();
        let call = |name: &str| &calls.iter().find(|(call, _)| call == name).unwrap().1;
        assert_eq!(call("GetQueueUrl")["QueueName"], "shipping");
        assert_eq!(call("ReceiveMessage")["MaxNumberOfMessages"], 5);
        let count = |name: &str| calls.iter().filter(|(call, _)| call == name).count();
        assert_eq!((count("ReceiveMessage"), count("Invoke")), (1, 2));
        let record = &call("Invoke")["Records"][1];
        assert_eq!(record["messageId"], "b");
        assert_eq!(record["eventSource"], "aws:sqs");
        assert_eq!(record["awsRegion"], "eu-central-1");
        let deleted = &call("DeleteMessageBatch")["Entries"];
        assert_eq!(deleted.as_array().unwrap().len(), 1);
        assert_eq!(deleted[0]["ReceiptHandle"], "handle b");
    }

    #[tokio::test]
    async fn unsupported_settings_are_rejected() {
        use aws_sdk_lambda::types::{Filter, FilterCriteria};
        let clients = Clients::new(LocalEndpoint::new(([127, 0, 0, 1], 9).into()).unwrap());
        let filter = Filter::builder().pattern("{}").build();
        let criteria = FilterCriteria::builder().filters(filter).build();
        let mapping = || {
            EventSourceMappingConfiguration::builder()
                .event_source_arn("arn:aws:sqs:eu-central-1:000000000000:shipping")
        };
        for (deployed, problem) in [
            (
                mapping().filter_criteria(criteria),
                "FilterCriteria of queues",
            ),
            (mapping().batch_size(11), "BatchSize 11 over 10"),
            (
                mapping().maximum_batching_window_in_seconds(5),
                "batching window of 5 s",
            ),
        ] {
            let function = Function::new(clients.lambda.clone(), "start-shipping");
            let rejected = QueueMapping::new(&clients, &deployed.build(), function).await;
            let said = rejected.err().unwrap().to_string();
            assert!(said.contains(problem), "{said}");
        }
    }
}
