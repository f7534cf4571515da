//! Why the local stack failed, and what to do.

use std::path::PathBuf;

use aws_sdk_dynamodb::error::BoxError;
use miette::Diagnostic;

use crate::{endpoint::NotLoopback, faults::UnknownFault};

/// Why a command of the local stack failed.
#[derive(Debug, thiserror::Error, Diagnostic)]
#[non_exhaustive]
pub enum Error {
    /// A required program is not installed in the project.
    #[error("{} is missing", .0.display())]
    #[diagnostic(help("run it through make, which installs what it needs: make demo"))]
    NotInstalled(PathBuf),
    /// Neither the program nor the current directory is in a project.
    #[error("neither this program nor the current directory is in the project")]
    #[diagnostic(help("run it through make, in the project's folder: make demo"))]
    NoProject,
    /// A folder that contains no service.
    #[error("there is no service in {}", .0.display())]
    #[diagnostic(help(
        "APP is the folder of a service: its CDK app is described in infra/cdk.json there"
    ))]
    NoService(PathBuf),
    /// The emulator ended, or did not answer in time.
    #[error("the emulator did not start: {reason}")]
    #[diagnostic(help("its log is {}", log.display()))]
    EmulatorDidNotStart {
        /// How it failed.
        reason: String,
        /// The file with its output.
        log: PathBuf,
    },
    /// A command of the CDK failed.
    #[error("cdk {command} failed")]
    #[diagnostic(help("{output}"))]
    Deployment {
        /// `bootstrap` or `deploy`.
        command: &'static str,
        /// What it printed.
        output: String,
    },
    /// The stack lacks an output.
    #[error("the deployed stack has no output {0}")]
    #[diagnostic(help(
        "add it with CfnOutput; the construct adds those of the outbox: addOperatorOutputs()"
    ))]
    NoOutput(&'static str),
    /// The CDK app deployed no stack, or several.
    #[error("the CDK app deployed {} stacks: {}", .0.len(), .0.join(", "))]
    #[diagnostic(help("with the context env=local it must have one stack, with an output"))]
    Stacks(Vec<String>),
    /// The calls of a service's demo can't be read.
    #[error("{} has no calls for a demo: {reason}", file.display())]
    #[diagnostic(help(
        "it is a JSON array of calls: {{\"function\": NAME, \"payload\": …, \"events\": [TYPE, …]}}"
    ))]
    DemoCalls {
        /// The file.
        file: PathBuf,
        /// Why not.
        reason: String,
    },
    /// A function failed in the demo.
    #[error("the function {function} failed: {reason}")]
    #[diagnostic(help("its log is in target/devstack"))]
    FunctionFailed {
        /// The name of its crate.
        function: String,
        /// How it failed.
        reason: String,
    },
    /// A mapping has a setting that is not supported.
    #[error("a deployed event source mapping cannot be driven: {0}")]
    #[diagnostic(help(
        "the documentation of the stream-mapping crate lists the supported settings"
    ))]
    Mapping(String),
    /// A call to the emulator failed.
    #[error("{what} failed")]
    Call {
        /// Which call.
        what: &'static str,
        /// Why.
        #[source]
        source: BoxError,
    },
    /// The bus was broken, but the relay did not call it.
    #[error("no event reached the broken bus")]
    #[diagnostic(help("is the relay invoked? see its log in target/devstack"))]
    BusNotCalled,
    /// The retries did not run out, or Lambda sent no dead letter.
    #[error("no dead letter arrived for a batch that ran out of retries")]
    #[diagnostic(help("is the relay invoked? see its log in target/devstack"))]
    NoDeadLetters,
    /// `outboxctl` did not end as the demo expects.
    #[error("outboxctl {command} ended with {status}")]
    #[diagnostic(help("see its output above"))]
    Outboxctl {
        /// The command.
        command: String,
        /// How it ended.
        status: std::process::ExitStatus,
    },
    /// The console ended, or printed no address.
    #[error("the console did not start: {0}")]
    ConsoleEnded(String),
    /// An invalid fault.
    #[error(transparent)]
    UnknownFault(#[from] UnknownFault),
    /// The running stack rejected a fault.
    #[error("{0}")]
    FaultRejected(String),
    /// A function that is not deployed, or has no such variable.
    #[error("no function {function} with a variable {variable} is deployed")]
    NoVariable {
        /// The name of its crate.
        function: String,
        /// The variable that it was not to get.
        variable: String,
    },
    /// Functions can no longer be called.
    #[error("the server of the functions has ended")]
    FunctionsEnded,
    /// Another `make dev` is running in this project.
    #[error("make dev is running already")]
    #[diagnostic(help("stop it with Ctrl-C where it runs"))]
    AlreadyRunning,
    /// No `make dev` is running in this project.
    #[error("no stack is running")]
    #[diagnostic(help("start one with make dev, in another terminal"))]
    NotRunning,
    /// An endpoint that is not on this machine.
    #[error(transparent)]
    #[diagnostic(help("use 127.0.0.1: other machines must not reach the local stack"))]
    NotLoopback(#[from] NotLoopback),
    /// A file or process could not be used.
    #[error("{what}: {source}")]
    Io {
        /// The operation.
        what: String,
        /// Why it failed.
        source: std::io::Error,
    },
}

impl Error {
    /// Converts the error of a call to the emulator.
    pub(crate) fn call(what: &'static str) -> impl Fn(BoxError) -> Self {
        move |source| Self::Call { what, source }
    }

    /// Converts an I/O error; `what` names the operation.
    pub(crate) fn io(what: impl Into<String>) -> impl FnOnce(std::io::Error) -> Self {
        let what = what.into();
        move |source| Self::Io { what, source }
    }
}
