//! The programs in `examples/`, run as they are.

use std::{
    io::Write,
    path::PathBuf,
    process::{Child, Command, Output, Stdio},
    time::Duration,
};

use dynamodb_in_process::{Address, client, create_table, items};
use outbox::OutboxRow;
use serde_json::{Value, json};
use tokio::{sync::mpsc, time::timeout};
use wiremock::{
    Mock, MockServer, Request, ResponseTemplate,
    matchers::{method, path_regex},
};

use crate::{
    aws::stubs::{accept_all, event_bridge, published_ids},
    relay::on_aws::everything,
};

/// Cargo builds the examples together with the tests.
fn program(example: &str) -> PathBuf {
    let test = std::env::current_exe().unwrap();
    let profile = test.ancestors().nth(2).unwrap();
    let program = profile.join("examples").join(example);
    assert!(
        program.exists(),
        "{} is not built: run 'cargo build --workspace --examples'",
        program.display()
    );
    program
}

/// The command of an example, with every service on loopback.
pub(crate) fn example(name: &str, dynamodb: Address) -> Command {
    let mut command = Command::new(program(name));
    command
        .env_clear()
        .env("AWS_ENDPOINT_URL_DYNAMODB", format!("http://{dynamodb}"))
        .env("AWS_REGION", "eu-central-1")
        .env("AWS_ACCESS_KEY_ID", dynamodb.access_key_id())
        .env("AWS_SECRET_ACCESS_KEY", "test")
        .env("AWS_CONFIG_FILE", "/dev/null")
        .env("AWS_SHARED_CREDENTIALS_FILE", "/dev/null")
        .env("AWS_EC2_METADATA_DISABLED", "true");
    command
}

pub(crate) fn lines(output: &Output) -> Vec<&str> {
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{errors}");
    std::str::from_utf8(&output.stdout)
        .unwrap()
        .lines()
        .collect()
}

/// Creates a table of outbox rows and one of things.
pub(crate) async fn tables() -> (Address, aws_sdk_dynamodb::Client) {
    let address = dynamodb_in_process::listen().await;
    let client = client(address);
    create_table(&client, "things", "pk", None).await;
    create_table(&client, "outbox", "aggregateId", Some("position")).await;
    (address, client)
}

fn append(address: Address) -> Command {
    producer("append", address)
}

/// The command of an example that appends events.
pub(crate) fn producer(name: &str, dynamodb: Address) -> Command {
    let mut producer = example(name, dynamodb);
    producer.env("ITEMS_TABLE", "things");
    producer.env("OUTBOX_TABLE", "outbox");
    producer
}

/// Waits on another thread than the one that serves the tables.
async fn output(mut command: Command) -> Output {
    let output = tokio::task::spawn_blocking(move || command.output());
    output.await.unwrap().unwrap()
}

#[tokio::test]
async fn append_saves_a_thing_with_its_events() {
    let (address, client) = tables().await;
    let output = output(append(address)).await;
    assert_eq!(
        lines(&output),
        ["made, event thing#1/1", "renamed, event thing#1/2"]
    );
    let things: Vec<Value> = items(&client, "things").await;
    let thing = json!({
        "pk": "thing#1", "name": "teapot",
        "aggregateId": "thing#1", "version": 2, "lastSequence": 2,
    });
    assert_eq!(things, [thing]);
    assert_eq!(items::<OutboxRow>(&client, "outbox").await.len(), 2);
}

/// Runs the example of a consumer with this input.
async fn consume(name: &str, dynamodb: Address, events: String) -> Output {
    let mut program = example(name, dynamodb);
    program.env("COUNTERS_TABLE", "counters");
    with_input(program, events).await
}

/// Runs a program with this input, on another thread than the one that serves the tables.
pub(crate) async fn with_input(mut program: Command, input: String) -> Output {
    let output = tokio::task::spawn_blocking(move || {
        let pipes = program.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = pipes.stderr(Stdio::piped()).spawn().unwrap();
        let mut stdin = child.stdin.take().unwrap();
        stdin.write_all(input.as_bytes()).unwrap();
        drop(stdin);
        child.wait_with_output().unwrap()
    });
    output.await.unwrap()
}

#[tokio::test]
async fn consume_in_order_leaves_what_is_too_early() {
    let address = dynamodb_in_process::listen().await;
    create_table(&client(address), "counters", "pk", None).await;
    let event = |sequence: u64| {
        let event = json!({
            "specversion": "1.0", "id": sequence.to_string(), "source": "things",
            "type": "ThingMade", "subject": "thing#1", "sequence": format!("{sequence:020}"),
            "time": jiff::Timestamp::now(),
        });
        event.to_string()
    };
    let first = consume(
        "consume_in_order",
        address,
        event(2) + &event(1) + &event(4),
    )
    .await;
    let waits = "event 4 of thing#1 from things waits for event 3, which counter has not handled";
    assert_eq!(lines(&first), ["event 1 handled", "event 2 handled", waits]);
    let then = consume("consume_in_order", address, event(4) + &event(3)).await;
    assert_eq!(lines(&then), ["event 3 handled", "event 4 handled"]);
}

#[tokio::test]
async fn consume_once_counts_once() {
    let address = dynamodb_in_process::listen().await;
    let client = client(address);
    create_table(&client, "counters", "pk", None).await;
    let event = json!({
        "specversion": "1.0",
        "id": "1",
        "source": "things",
        "type": "ThingMade",
        "time": jiff::Timestamp::now(),
    });
    let consumed = consume("consume_once", address, event.to_string()).await;
    assert_eq!(lines(&consumed), ["counted", "counted before"]);
    let counters: Vec<Value> = items(&client, "counters").await;
    let counter = json!({"pk": "ThingMade", "happened": 1});
    assert!(counters.contains(&counter), "{counters:?}");
}

/// Ends a function at the end of the test.
struct Function(Child);

impl Drop for Function {
    fn drop(&mut self) {
        self.0.kill().ok();
        self.0.wait().ok();
    }
}

/// Lambda's Runtime API with one event. The function's response goes to the channel.
async fn runtime_api(event: Value) -> (MockServer, mpsc::UnboundedReceiver<(String, Value)>) {
    let stub = MockServer::start().await;
    let next = || Mock::given(method("GET")).and(path_regex("/invocation/next$"));
    let invocation = ResponseTemplate::new(200)
        .insert_header("lambda-runtime-aws-request-id", "request-1")
        .insert_header("lambda-runtime-deadline-ms", "4102444800000")
        .insert_header("lambda-runtime-invoked-function-arn", "arn:function")
        .set_body_json(event);
    next()
        .respond_with(invocation)
        .up_to_n_times(1)
        .mount(&stub)
        .await;
    let never = ResponseTemplate::new(200).set_delay(Duration::from_hours(1));
    next().respond_with(never).mount(&stub).await;

    let (answers, answered) = mpsc::unbounded_channel();
    let answer = move |request: &Request| {
        let answer = (request.url.path().to_owned(), request.body_json().unwrap());
        answers.send(answer).ok();
        ResponseTemplate::new(202)
    };
    Mock::given(method("POST"))
        .respond_with(answer)
        .mount(&stub)
        .await;
    (stub, answered)
}

#[tokio::test]
async fn relay_publishes_rows_within_lambda() {
    let (address, client) = tables().await;
    lines(&output(append(address)).await);
    let rows: Vec<OutboxRow> = items(&client, "outbox").await;
    let ids: Vec<String> = rows.iter().map(|row| row.event_id.to_string()).collect();

    let bus = event_bridge(accept_all).await;
    let (lambda, mut answered) = runtime_api(everything(&client).await).await;
    let mut relay = example("relay", address);
    relay
        .env("OUTBOX_TABLE", "outbox")
        .env("EVENT_BUS_NAME", "things")
        .env("DEAD_LETTER_QUEUE_URL", "http://queue/dead-letters")
        .env("AWS_ENDPOINT_URL_EVENTBRIDGE", bus.uri())
        .env("AWS_LAMBDA_RUNTIME_API", lambda.address().to_string())
        .env("AWS_LAMBDA_FUNCTION_NAME", "relay")
        .env("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "128")
        .env("AWS_LAMBDA_FUNCTION_VERSION", "1");
    let _function = Function(relay.spawn().unwrap());

    let answer = timeout(Duration::from_secs(30), answered.recv()).await;
    let (path, answer) = answer.expect("an answer").unwrap();
    assert!(path.ends_with("/request-1/response"), "{path}: {answer}");
    assert_eq!(answer, json!({"batchItemFailures": []}));
    assert_eq!(published_ids(&bus).await, ids);
    assert!(items::<OutboxRow>(&client, "outbox").await.is_empty());
}
