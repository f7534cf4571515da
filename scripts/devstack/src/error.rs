use std::path::PathBuf;

use aws_sdk_dynamodb::error::BoxError;
use miette::Diagnostic;

use crate::{endpoint::NotLoopback, faults::UnknownFault};

/// Why the local stack could not do something.
#[derive(Debug, thiserror::Error, Diagnostic)]
#[non_exhaustive]
pub enum Error {
    /// A program the stack needs is not installed in the project.
    #[error("{} is missing", .0.display())]
    #[diagnostic(help("run it through make, which installs what it needs: make demo"))]
    NotInstalled(PathBuf),
    /// Neither the program nor the current directory is in a project.
    #[error("there is no project around this program or the current directory")]
    #[diagnostic(help("run it through make, in the project's folder: make demo"))]
    NoProject,
    /// The emulator ended or never answered.
    #[error("the emulator did not start: {reason}")]
    #[diagnostic(help("its log is {}", log.display()))]
    EmulatorDidNotStart {
        /// What was seen.
        reason: String,
        /// Where its output is.
        log: PathBuf,
    },
    /// The CDK refused to deploy.
    #[error("cdk {command} failed")]
    #[diagnostic(help("{output}"))]
    Deployment {
        /// `bootstrap` or `deploy`.
        command: &'static str,
        /// What it printed.
        output: String,
    },
    /// The stack does not have an output the tool needs.
    #[error("the deployed stack has no output {0}")]
    #[diagnostic(help("does infra/orders/orders-stack.ts still declare it?"))]
    NoOutput(&'static str),
    /// A mapping this tool cannot drive faithfully.
    #[error("a deployed event source mapping cannot be driven: {0}")]
    #[diagnostic(help("the stream-mapping crate lists what it covers"))]
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
    /// The bus was broken, and nobody tried to publish.
    #[error("no event reached the broken bus")]
    #[diagnostic(help("is the relay invoked? its log is in target/devstack"))]
    RelayNotRefused,
    /// The retries did not run out, or nobody was told.
    #[error("no dead letter came for a batch that was given up")]
    #[diagnostic(help("is the relay invoked? its log is in target/devstack"))]
    NoDeadLetters,
    /// The operators' tool could not do what the demo shows.
    #[error("outboxctl {command} ended with {status}")]
    #[diagnostic(help("what it said is above"))]
    Outboxctl {
        /// The command.
        command: String,
        /// How it ended.
        status: std::process::ExitStatus,
    },
    /// A fault that makes no sense.
    #[error(transparent)]
    UnknownFault(#[from] UnknownFault),
    /// The running stack refused a fault.
    #[error("{0}")]
    FaultRefused(String),
    /// `cargo lambda watch` ended or never answered.
    #[error("cargo lambda watch did not start")]
    #[diagnostic(help("what it said is above"))]
    WatchDidNotStart,
    /// Functions can no longer be called.
    #[error("cargo lambda watch has ended")]
    #[diagnostic(help("what it said is above"))]
    WatchEnded,
    /// Another stack is being developed with.
    #[error("make dev is running already")]
    #[diagnostic(help("stop it with Ctrl-C where it runs"))]
    AlreadyRunning,
    /// No stack is being developed with.
    #[error("no stack is running")]
    #[diagnostic(help("start one with make dev, in another terminal"))]
    NotRunning,
    /// An endpoint that is not on this machine.
    #[error(transparent)]
    #[diagnostic(help("the local stack never leaves this machine: use 127.0.0.1"))]
    NotLoopback(#[from] NotLoopback),
    /// A file or process could not be used.
    #[error("{what}: {source}")]
    Io {
        /// What was tried.
        what: String,
        /// Why it failed.
        source: std::io::Error,
    },
}

impl Error {
    pub(crate) fn call(what: &'static str) -> impl Fn(BoxError) -> Self {
        move |source| Self::Call { what, source }
    }

    pub(crate) fn io(what: impl Into<String>) -> impl FnOnce(std::io::Error) -> Self {
        let what = what.into();
        move |source| Self::Io { what, source }
    }
}
