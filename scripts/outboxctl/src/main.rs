//! `outboxctl`: shows what is pending, parked or dead in an outbox, and fixes it.

use std::process::ExitCode;

#[tokio::main]
async fn main() -> ExitCode {
    outboxctl::run().await
}
