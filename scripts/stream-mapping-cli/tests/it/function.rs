//! A function in a process of its own: this test program, started a second time.

use std::{
    net::SocketAddr,
    process::{Child, Command, Stdio},
};

use lambda_runtime::{Error, LambdaEvent, service_fn};
use serde_json::{Value, json};

/// The item at which the function fails.
pub(crate) const POISON: &str = "42";

/// How the function reports a failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FailsBy {
    /// With an error.
    Error,
    /// With the record's sequence number.
    Report,
}

pub(crate) struct Function(Child);

impl Function {
    pub(crate) fn start(runtime_api: SocketAddr, fails_by: FailsBy) -> Self {
        let child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "function::process", "--ignored", "--nocapture"])
            .env("FAILS_BY", format!("{fails_by:?}"))
            .env("AWS_LAMBDA_RUNTIME_API", runtime_api.to_string())
            .env("AWS_LAMBDA_FUNCTION_NAME", "function")
            .env("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "128")
            .env("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST")
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        Self(child)
    }
}

impl Drop for Function {
    fn drop(&mut self) {
        self.0.kill().ok();
        self.0.wait().ok();
    }
}

#[tokio::test]
#[ignore = "the process of the other tests' function"]
async fn process() {
    let reports = std::env::var("FAILS_BY").is_ok_and(|by| by == "Report");
    let handle = service_fn(move |event: LambdaEvent<Value>| async move {
        let records = event.payload["Records"]
            .as_array()
            .cloned()
            .unwrap_or_default();
        let poison = records
            .iter()
            .find(|record| record["dynamodb"]["Keys"]["pk"]["S"] == POISON);
        match poison {
            None => Ok(json!({"batchItemFailures": []})),
            Some(record) if reports => {
                let failure = json!({"itemIdentifier": record["dynamodb"]["SequenceNumber"]});
                Ok(json!({"batchItemFailures": [failure]}))
            }
            Some(_) => Err(Error::from("cannot handle this record")),
        }
    });
    lambda_runtime::run(handle).await.unwrap();
}
