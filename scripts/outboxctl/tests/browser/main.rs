//! The console in a real browser: `make test-browser` builds what these tests need and runs
//! them. Pictures of the pages are in `target/console` afterwards.
#![allow(clippy::unwrap_used)]

mod access;
mod accessibility;
mod browser;
mod console;
mod fixing;
mod hostile;
mod large;
mod local_stack;
#[path = "../stub_aws/metrics.rs"]
mod metrics;
#[allow(dead_code)]
#[path = "../stub_aws/schemas.rs"]
mod schemas;
#[allow(dead_code)]
#[path = "../stub_aws/stub.rs"]
mod stub;

use std::time::Duration;

use self::{console::Console, stub::StubAws};

/// How long a console may take to start.
const START: Duration = Duration::from_secs(30);

/// Starts the console of a stack that isn't known to be for development.
async fn console_of(aws: &StubAws) -> Console {
    let arguments = ["--stack", "mine", "console", "--no-open"];
    Console::start(aws.command(&arguments), START).await
}
