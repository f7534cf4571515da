//! A function's process, run as in Lambda, and its use of time and memory.

use std::{
    path::Path,
    process::Stdio,
    time::{Duration, Instant},
};

use miette::{Context, IntoDiagnostic, Result, bail, miette};
use nix::{time::clock_getcpuclockid, unistd::Pid};
use tokio::{
    process::{Child, Command},
    time::timeout,
};

use crate::{
    aws::{Aws, Latency},
    batch::Batch,
    contestant::Contestant,
    ledger::RowOutcomes,
    peak_memory::peak_memory,
    runtime_api::RuntimeApi,
};

/// How long a process may take to its first poll, and to a response.
const TIMEOUT: Duration = Duration::from_mins(1);

/// A process, with the services that it calls.
pub(crate) struct Function {
    contestant: Contestant,
    process: Child,
    pid: Pid,
    runtime_api: RuntimeApi,
    aws: Aws,
    /// The time from the start of the process to its first poll.
    pub(crate) exec_to_first_poll: Duration,
}

/// The result of an invocation.
pub(crate) struct Invocation {
    pub(crate) duration: Duration,
    pub(crate) row_outcomes: RowOutcomes,
}

impl Function {
    /// Starts the process, and waits for its first poll.
    pub(crate) async fn start(
        contestant: Contestant,
        paths: &Path,
        latency: Latency,
    ) -> Result<Self> {
        let program = contestant.program(paths);
        Self::start_program(contestant, program, latency).await
    }

    async fn start_program(
        contestant: Contestant,
        mut program: Command,
        latency: Latency,
    ) -> Result<Self> {
        let runtime_api = RuntimeApi::start().await?;
        let aws = Aws::start(latency).await?;
        program
            .env_clear()
            .env("AWS_LAMBDA_RUNTIME_API", runtime_api.address().to_string())
            .env("AWS_ENDPOINT_URL", aws.url())
            .envs(ENVIRONMENT)
            .envs(contestant.environment())
            .stdin(Stdio::null())
            // Lambda reads the output of a function; here it would only cost time.
            .stdout(Stdio::null())
            .kill_on_drop(true);
        let begun = Instant::now();
        let process = program.spawn().into_diagnostic();
        let process = process.wrap_err_with(|| format!("starting {contestant}"))?;
        let first_poll = timeout(TIMEOUT, runtime_api.next_poll(begun)).await;
        let first_poll = first_poll.map_err(|_| miette!("{contestant} has not polled in time"))?;
        let pid = process.id().and_then(|pid| i32::try_from(pid).ok());
        let pid = pid.ok_or_else(|| miette!("{contestant} has ended"))?;
        Ok(Self {
            contestant,
            process,
            pid: Pid::from_raw(pid),
            runtime_api,
            aws,
            exec_to_first_poll: first_poll - begun,
        })
    }

    pub(crate) fn aws(&self) -> &Aws {
        &self.aws
    }

    /// Invokes the function with a batch, and returns the outcomes of its events.
    pub(crate) async fn publish(&self, batch: &Batch) -> Result<Invocation> {
        if self.contestant.skips() {
            self.aws.ledger().begin(std::iter::empty());
            let duration = self.invoke(batch.payload.clone()).await?;
            let row_outcomes = RowOutcomes::default();
            return Ok(Invocation {
                duration,
                row_outcomes,
            });
        }
        self.aws.ledger().begin(batch.rows.iter().cloned());
        let duration = self.invoke(batch.payload.clone()).await?;
        let row_outcomes = self
            .aws
            .ledger()
            .row_outcomes(batch.ids.iter().map(String::as_str));
        Ok(Invocation {
            duration,
            row_outcomes,
        })
    }

    /// Invokes the function, and returns the duration. A failure is an error, because the
    /// services here never fail.
    pub(crate) async fn invoke(&self, payload: bytes::Bytes) -> Result<Duration> {
        let begun = Instant::now();
        let response = timeout(TIMEOUT, self.runtime_api.invoke(payload)).await;
        let response =
            response.map_err(|_| miette!("{} has not responded in time", self.contestant))??;
        let body = match response.result {
            Ok(body) => String::from_utf8_lossy(&body).into_owned(),
            Err(body) => bail!("{}: {}", self.contestant, String::from_utf8_lossy(&body)),
        };
        if body.contains("itemIdentifier") {
            bail!("{} reports failures: {body}", self.contestant);
        }
        Ok(response.at - begun)
    }

    /// Invokes the function, and returns how long it goes on after its response: until it polls for
    /// the next invocation.
    pub(crate) async fn invoke_until_idle(&self, payload: bytes::Bytes) -> Result<Duration> {
        let begun = Instant::now();
        let response = begun + self.invoke(payload).await?;
        let idle = timeout(TIMEOUT, self.runtime_api.next_poll(begun)).await;
        let idle = idle.map_err(|_| miette!("{} has not polled again in time", self.contestant))?;
        Ok(idle.saturating_duration_since(response))
    }

    /// Returns the processor time that the process has used so far.
    pub(crate) fn cpu(&self) -> Result<Duration> {
        let clock = clock_getcpuclockid(self.pid).into_diagnostic()?;
        Ok(clock.now().into_diagnostic()?.into())
    }

    /// Returns the peak memory of the process so far, in bytes.
    pub(crate) fn peak_memory(&self) -> Result<u64> {
        peak_memory(self.pid)
    }

    /// Kills the process.
    pub(crate) async fn stop(mut self) -> Result<()> {
        self.process.kill().await.into_diagnostic()
    }
}

/// The environment that Lambda and the stack give a function.
const ENVIRONMENT: [(&str, &str); 16] = [
    ("AWS_REGION", "eu-central-1"),
    ("AWS_ACCESS_KEY_ID", "test"),
    ("AWS_SECRET_ACCESS_KEY", "test"),
    ("AWS_EC2_METADATA_DISABLED", "true"),
    ("AWS_LAMBDA_FUNCTION_NAME", "measured"),
    ("AWS_LAMBDA_FUNCTION_VERSION", "1"),
    ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "512"),
    ("AWS_LAMBDA_LOG_FORMAT", "JSON"),
    ("AWS_LAMBDA_LOG_LEVEL", "INFO"),
    ("NODE_NO_WARNINGS", "1"),
    ("ORDERS_TABLE", "orders"),
    ("OUTBOX_TABLE", "outbox"),
    ("DEAD_LETTER_QUEUE_URL", "http://127.0.0.1:9/dead-letters"),
    ("EVENT_SOURCES", "orders"),
    ("EVENT_ACCOUNT", "000000000000"),
    ("ALLOW_ANONYMOUS_CALLERS", "true"),
];
