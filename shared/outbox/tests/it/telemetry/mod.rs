//! Spans, from the command to the consumer, as a collector receives them.
//!
//! A process has one subscriber, and the variables that it was started with. So what is traced runs
//! as a process of its own: a test of this binary, or an example.

mod collector;
mod function;
mod off;
mod pipeline;
mod position;
mod unreachable;

use std::{
    net::TcpListener,
    process::{Command, Output},
};

/// Runs an ignored test of this binary, with these variables only.
fn run(program: &str, variables: &[(&str, &str)]) -> Output {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command
        .args([program, "--exact", "--ignored", "--nocapture"])
        .env_clear()
        .env("AWS_LAMBDA_LOG_FORMAT", "JSON")
        .envs(variables.iter().copied());
    let output = command.output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    // A name without a test would pass.
    assert!(said.contains("1 passed"), "{output:#?}");
    output
}

/// Returns the lines of the log.
fn log(output: &Output) -> Vec<&str> {
    let lines = std::str::from_utf8(&output.stdout).unwrap().lines();
    lines.filter(|line| line.starts_with('{')).collect()
}

/// Returns an endpoint that refuses connections.
fn unused_endpoint() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    format!("http://{}", listener.local_addr().unwrap())
}
