//! AWS as a stub: each call has a fixed response, and the table is in DynamoDB in process.

use std::{
    collections::HashMap,
    process::{Command, Output, Stdio},
    sync::{Arc, Mutex},
};

use aws_sdk_dynamodb::{Client, types::AttributeValue};
use dynamodb_in_process::{Address, create_table};
use outbox::RowKey;
use serde_json::{Value, json};
use wiremock::{Mock, MockServer, Request, ResponseTemplate, matchers::any};

use crate::{metrics::metric_data, schemas};

/// What AWS says.
#[derive(Debug, Clone, Default)]
pub(crate) struct Said {
    /// The stack's tag `environment`.
    pub(crate) tag: Option<String>,
    /// Part of every text that AWS returns. XML can't have all characters.
    pub(crate) text: String,
    pub(crate) text_in_xml: String,
    /// The bodies of dead letters.
    pub(crate) letters: Vec<String>,
    /// Whether the bus accepts every event; it denies them otherwise.
    pub(crate) accepts_events: bool,
    /// The value of each metric, by the id of its query; `None` if they can't be read.
    pub(crate) metrics: Option<Vec<(&'static str, f64)>>,
}

/// A stack with an outbox.
pub(crate) struct StubAws {
    server: MockServer,
    address: Address,
    pub(crate) database: Client,
    /// The letters that weren't received yet in this run.
    unread: Arc<Mutex<Vec<Value>>>,
    letters: Vec<Value>,
}

impl StubAws {
    pub(crate) async fn start(said: Said) -> Self {
        let address = dynamodb_in_process::listen().await;
        let database = dynamodb_in_process::client(address);
        create_table(&database, "outbox", "aggregateId", Some("position")).await;
        let server = MockServer::start().await;
        let letters = said.letters.iter().enumerate().map(|(index, body)| {
            json!({
                "MessageId": format!("letter-{index}"), "ReceiptHandle": index.to_string(),
                "Body": body, "Attributes": {
                    "SentTimestamp": (1_795_510_800_500_u64 + index as u64).to_string(),
                    "ApproximateReceiveCount": "4",
                },
            })
        });
        let letters: Vec<Value> = letters.collect();
        let unread = Arc::new(Mutex::new(Vec::new()));
        let responses = Responses {
            uri: server.uri(),
            said,
            letters: letters.clone(),
            unread: Arc::clone(&unread),
        };
        Mock::given(any())
            .respond_with(move |request: &Request| responses.to(request))
            .mount(&server)
            .await;
        Self {
            server,
            address,
            database,
            unread,
            letters,
        }
    }

    /// Writes an item of the outbox table, in DynamoDB's JSON.
    pub(crate) async fn put(&self, item: Value) {
        let item: serde_dynamo::Item = serde_json::from_value(item).unwrap();
        let put = self.database.put_item().table_name("outbox");
        put.set_item(Some(item.into())).send().await.unwrap();
    }

    /// Deletes a row, as if it were published.
    pub(crate) async fn delete(&self, key: &RowKey) {
        let delete = self.database.delete_item().table_name("outbox");
        let delete = delete.key("aggregateId", AttributeValue::S(key.aggregate_id.clone()));
        let delete = delete.key("position", AttributeValue::S(key.position.clone()));
        delete.send().await.unwrap();
    }

    /// Parks a row.
    pub(crate) async fn park(&self, key: &RowKey, reason: &str) {
        let text = |text: &str| AttributeValue::S(text.to_owned());
        let at = AttributeValue::N("1795510800500".to_owned());
        let mark = HashMap::from([("reason".to_owned(), text(reason)), ("at".to_owned(), at)]);
        let update = self.database.update_item().table_name("outbox");
        let update = update.key("aggregateId", text(&key.aggregate_id));
        let update = update.key("position", text(&key.position));
        let update = update.update_expression("SET parked = :mark");
        let update = update.expression_attribute_values(":mark", AttributeValue::M(mark));
        update.send().await.unwrap();
    }

    /// Returns an attribute of a row.
    pub(crate) async fn attribute(&self, key: &RowKey, name: &str) -> Option<AttributeValue> {
        let text = |text: &str| AttributeValue::S(text.to_owned());
        let get = self.database.get_item().table_name("outbox");
        let get = get.key("aggregateId", text(&key.aggregate_id));
        let got = get.key("position", text(&key.position)).send().await;
        got.unwrap().item?.remove(name)
    }

    /// Returns `outboxctl` on this AWS.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_outboxctl"));
        command
            .args(arguments)
            .env_clear()
            .env("AWS_REGION", "eu-central-1")
            .env("AWS_EC2_METADATA_DISABLED", "true")
            .env("AWS_CONFIG_FILE", "/dev/null")
            .env("AWS_SHARED_CREDENTIALS_FILE", "/dev/null")
            .env("AWS_MAX_ATTEMPTS", "1")
            .env("AWS_ENDPOINT_URL", self.server.uri())
            .env(
                "AWS_ENDPOINT_URL_DYNAMODB",
                format!("http://{}", self.address),
            )
            .env("AWS_ACCESS_KEY_ID", self.address.access_key_id())
            .env("AWS_SECRET_ACCESS_KEY", "test")
            .stdin(Stdio::null());
        command
    }

    /// Makes all letters visible again.
    pub(crate) fn all_letters_are_visible(&self) {
        self.unread.lock().unwrap().clone_from(&self.letters);
    }

    /// Runs a command; the queue has all its letters again. What it prints as JSON must match its
    /// schema.
    pub(crate) fn run(&self, command: &mut Command) -> Output {
        self.all_letters_are_visible();
        let output = command.output().unwrap();
        schemas::check(command, &output);
        output
    }

    /// Returns the names of the operations that were called, but for DynamoDB's.
    pub(crate) async fn called(&self) -> Vec<String> {
        let requests = self.server.received_requests().await.unwrap();
        requests.iter().map(operation).collect()
    }
}

/// Returns the name of the operation.
fn operation(request: &Request) -> String {
    if let Some(target) = request.headers.get("x-amz-target") {
        let target = target.to_str().unwrap();
        return target.rsplit('.').next().unwrap().to_owned();
    }
    let body = String::from_utf8_lossy(&request.body);
    let action = body
        .split('&')
        .find_map(|pair| pair.strip_prefix("Action="));
    action.map_or_else(
        || format!("{} {}", request.method, request.url.path()),
        str::to_owned,
    )
}

struct Responses {
    uri: String,
    said: Said,
    letters: Vec<Value>,
    unread: Arc<Mutex<Vec<Value>>>,
}

impl Responses {
    fn to(&self, request: &Request) -> ResponseTemplate {
        let text = &self.said.text;
        let ok = |body: Value| ResponseTemplate::new(200).set_body_json(body);
        let refused = || {
            let body = json!({"__type": "AccessDeniedException", "message": text});
            ResponseTemplate::new(400).set_body_json(body)
        };
        match operation(request).as_str() {
            "GetCallerIdentity" => xml(&format!(
                "<GetCallerIdentityResponse><GetCallerIdentityResult>\
                 <Arn>arn:aws:iam::1:user/ada{}</Arn><Account>123456789012</Account>\
                 </GetCallerIdentityResult></GetCallerIdentityResponse>",
                self.said.text_in_xml
            )),
            "DescribeStacks" => self.stack(request),
            "GetQueueAttributes" => ok(json!({"Attributes": {
                "ApproximateNumberOfMessages": self.said.letters.len().to_string(),
                "ApproximateNumberOfMessagesNotVisible": "0",
            }})),
            "ReceiveMessage" => {
                let mut messages = std::mem::take(&mut *self.unread.lock().unwrap());
                // SQS reports only the attributes that were asked for.
                let body: Value = serde_json::from_slice(&request.body).unwrap();
                let asked = body["MessageSystemAttributeNames"].as_array().unwrap();
                for message in &mut messages {
                    let attributes = message["Attributes"].as_object_mut().unwrap();
                    attributes.retain(|name, _| asked.contains(&json!(name)));
                }
                ok(json!({"Messages": messages}))
            }
            "ChangeMessageVisibilityBatch" => {
                let body: Value = serde_json::from_slice(&request.body).unwrap();
                let entries = body["Entries"].as_array().unwrap().iter();
                let visible = entries.filter(|entry| entry["VisibilityTimeout"] == 0);
                let index = |entry: &Value| entry["ReceiptHandle"].as_str()?.parse().ok();
                let visible = visible.filter_map(index);
                let visible = visible.map(|index: usize| self.letters[index].clone());
                self.unread.lock().unwrap().extend(visible);
                ok(json!({"Successful": [], "Failed": []}))
            }
            "DeleteMessageBatch" => ok(json!({"Successful": [], "Failed": []})),
            "PutEvents" if self.said.accepts_events => {
                let body: Value = serde_json::from_slice(&request.body).unwrap();
                let entries = body["Entries"].as_array().unwrap();
                let accepted: Vec<Value> =
                    entries.iter().map(|_| json!({"EventId": "1"})).collect();
                ok(json!({"FailedEntryCount": 0, "Entries": accepted}))
            }
            "DescribeEventBus" => ok(json!({"Name": "orders"})),
            "DescribeRule" => ok(json!({
                "State": format!("DISABLED{text}"), "ScheduleExpression": format!("rate{text}"),
            })),
            "DisableRule" | "EnableRule" => ok(json!({})),
            path if path.contains("event-source-mappings") => ok(json!({
                "State": format!("Disabled{text}"),
                "LastProcessingResult": format!("PROBLEM{text}"),
                "FunctionArn": format!("arn:aws:lambda:eu-central-1:1:function:{text}"),
            })),
            path if path.ends_with("/GetMetricData") => {
                let metrics = self.said.metrics.as_deref();
                metrics.map_or_else(refused, metric_data)
            }
            _ => refused(),
        }
    }

    fn stack(&self, request: &Request) -> ResponseTemplate {
        let text = &self.said.text_in_xml;
        let body = String::from_utf8_lossy(&request.body);
        if !body.contains("StackName=mine") {
            return ResponseTemplate::new(400).set_body_raw(
                format!(
                    "<ErrorResponse><Error><Code>Throttling{text}</Code>\
                     <Message>no{text}</Message></Error></ErrorResponse>"
                ),
                "text/xml",
            );
        }
        let outputs = [
            ("OutboxTableName", "outbox"),
            ("EventBusName", "orders"),
            ("EventSources", "orders,invoices"),
            ("DeadLetterQueueUrl", &format!("{}/1/dead", self.uri)),
            ("StreamMappingId", "mapping"),
            ("SweepScheduleName", "schedule"),
        ]
        .map(|(key, value)| {
            format!(
                "<member><OutputKey>{key}</OutputKey><OutputValue>{value}</OutputValue></member>"
            )
        })
        .concat();
        let tags = self.said.tag.as_ref().map_or_else(String::new, |tag| {
            format!("<member><Key>environment</Key><Value>{tag}</Value></member>")
        });
        xml(&format!(
            "<DescribeStacksResponse><DescribeStacksResult><Stacks><member>\
             <StackName>mine</StackName><CreationTime>2026-11-24T09:00:00Z</CreationTime>\
             <StackStatus>CREATE_COMPLETE</StackStatus>\
             <Outputs>{outputs}</Outputs><Tags>{tags}</Tags>\
             </member></Stacks></DescribeStacksResult></DescribeStacksResponse>"
        ))
    }
}

fn xml(body: &str) -> ResponseTemplate {
    ResponseTemplate::new(200).set_body_raw(body.to_owned(), "text/xml")
}

/// Returns the key of the first event of an aggregate.
pub(crate) fn first(aggregate_id: &str) -> RowKey {
    RowKey {
        aggregate_id: aggregate_id.to_owned(),
        position: "00000000000000000001#019ad0c5-0a4c-7000-8000-000000000001".to_owned(),
    }
}

/// Returns a row in DynamoDB's JSON, parked if there is a reason.
pub(crate) fn row(key: &RowKey, event_type: &str, detail: &str, parked: Option<&str>) -> Value {
    let mut row = json!({
        "aggregateId": {"S": key.aggregate_id}, "position": {"S": key.position},
        "v": {"N": "1"}, "sequence": {"N": "1"},
        "eventId": {"S": "019ad0c5-0a4c-7000-8000-000000000001"},
        "source": {"S": "orders"}, "detailType": {"S": event_type}, "detail": {"S": detail},
        "committedAt": {"N": "1795510800500"},
    });
    if let Some(reason) = parked {
        row["parked"] = json!({"M": {"reason": {"S": reason}, "at": {"N": "1795510800500"}}});
    }
    row
}

/// Returns the detail of the first event of an aggregate.
pub(crate) fn detail(aggregate_id: &str, event_type: &str, data: &Value) -> String {
    json!({
        "specversion": "1.0", "id": "019ad0c5-0a4c-7000-8000-000000000001", "source": "orders",
        "type": event_type, "subject": aggregate_id, "time": "2026-11-24T09:00:00.500Z",
        "data": data,
    })
    .to_string()
}
