//! A process of the command.

use std::{
    io::{BufRead, BufReader},
    process::{Child, Command, ExitStatus, Stdio},
    sync::{Arc, Mutex},
    time::Duration,
};

use dynamodb_in_process::Address;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tokio::time::{sleep, timeout};

use super::{lambda::Lambda, queue::Queue};

pub(crate) struct StreamMapping {
    child: Child,
    log: Arc<Mutex<Vec<Value>>>,
}

/// Returns the command with its endpoints, a destination, and a JSON log.
pub(crate) fn stream_mapping(
    streams: impl Into<Address>,
    lambda: &Lambda,
    queue: &Queue,
) -> Command {
    let mut command = in_environment(streams, lambda, queue);
    command
        .args(["--function-name", "function", "--log", "json"])
        .args([
            "--destination-config",
            r#"{"OnFailure": {"Destination": "arn:aws:sqs:eu-central-1:000000000000:dead"}}"#,
        ]);
    command
}

/// Returns the command with its endpoints.
pub(crate) fn in_environment(
    streams: impl Into<Address>,
    lambda: &Lambda,
    queue: &Queue,
) -> Command {
    let streams = streams.into();
    let mut command = Command::new(env!("CARGO_BIN_EXE_stream-mapping"));
    command
        .env_clear()
        .env("AWS_ACCESS_KEY_ID", streams.access_key_id())
        .env("AWS_SECRET_ACCESS_KEY", "test")
        .env("AWS_REGION", "eu-central-1")
        .env("AWS_EC2_METADATA_DISABLED", "true")
        .env(
            "AWS_ENDPOINT_URL_DYNAMODB_STREAMS",
            format!("http://{streams}"),
        )
        .env(
            "AWS_ENDPOINT_URL_LAMBDA",
            format!("http://{}", lambda.address),
        )
        .env("AWS_ENDPOINT_URL_SQS", format!("http://{}", queue.address));
    command
}

impl StreamMapping {
    pub(crate) fn start(mut command: Command) -> Self {
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let log: Arc<Mutex<Vec<Value>>> = Arc::default();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let written = Arc::clone(&log);
        std::thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                written
                    .lock()
                    .unwrap()
                    .push(serde_json::from_str(&line).unwrap());
            }
        });
        Self { child, log }
    }

    pub(crate) fn log(&self) -> Vec<Value> {
        self.log.lock().unwrap().clone()
    }

    /// Waits until the log shows something.
    pub(crate) async fn until(&self, shows: impl Fn(&[Value]) -> bool) {
        let wait = async {
            while !shows(&self.log()) {
                sleep(Duration::from_millis(20)).await;
            }
        };
        let waited = timeout(Duration::from_secs(30), wait).await;
        assert!(waited.is_ok(), "not shown: {:#?}", self.log());
    }

    /// Presses Ctrl-C. Returns the status and the counts.
    pub(crate) async fn stop(mut self) -> (ExitStatus, Value) {
        let pid = Pid::from_raw(i32::try_from(self.child.id()).unwrap()).unwrap();
        kill_process(pid, Signal::INT).unwrap();
        let status = self.child.wait().unwrap();
        let is_metrics = |entry: &Value| entry["event"] == "metrics";
        self.until(|log| log.iter().any(is_metrics)).await;
        let counts = self.log().into_iter().find(is_metrics).unwrap();
        (status, counts["counts"].clone())
    }
}

impl Drop for StreamMapping {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

/// Returns the number of records that are done or given up, from the log.
pub(crate) fn settled(log: &[Value]) -> u64 {
    let count = |entry: &Value, name: &str| entry[name].as_u64().unwrap_or_default();
    log.iter()
        .map(|entry| count(entry, "done") + count(entry, "givenUp"))
        .sum()
}
