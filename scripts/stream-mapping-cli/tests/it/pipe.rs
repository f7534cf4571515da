//! A reader that ends before the command, such as `head` or `true`.

use std::{
    io::{BufRead, BufReader, Read},
    process::{Command, Stdio},
};

use super::{
    lambda::{Dialect, Lambda},
    process::in_environment,
    queue::Queue,
    table::Table,
};

/// 128 plus the number of SIGPIPE, as with other tools.
const READER_GONE: i32 = 141;

/// Reads some lines and closes the pipe. The command must end by itself, without a
/// message.
fn read_and_leave(mut command: Command, lines: usize) {
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdout = BufReader::new(child.stdout.take().unwrap()).lines();
    for _ in 0..lines {
        stdout.next().unwrap().unwrap();
    }
    drop(stdout);
    let status = child.wait().unwrap();
    let mut said = String::new();
    let mut stderr = child.stderr.take().unwrap();
    stderr.read_to_string(&mut said).unwrap();
    assert_eq!(said, "");
    assert_eq!(status.code(), Some(READER_GONE));
}

#[tokio::test]
async fn a_closed_pipe_ends_the_command_silently() {
    for format in ["json", "pretty"] {
        for lines in [0, 1, 2] {
            let table = Table::start().await;
            table.put(1..=3).await;
            // Every invocation is throttled, so the command never stops printing.
            let lambda = Lambda::start(Dialect::Aws, u32::MAX).await;
            let queue = Queue::start().await;
            let mut command = in_environment(table.address, &lambda, &queue);
            command
                .args(["--function-name", "function"])
                .args(["--event-source-arn", &table.stream_arn])
                .args(["--starting-position", "TRIM_HORIZON", "--log", format]);
            let left = tokio::task::spawn_blocking(move || read_and_leave(command, lines));
            left.await.unwrap();
        }
    }
}

#[test]
fn help_without_a_reader_is_no_error() {
    let mut command = Command::new(env!("CARGO_BIN_EXE_stream-mapping"));
    let mut child = command
        .arg("--help")
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert_eq!(String::from_utf8(output.stderr).unwrap(), "");
}

#[test]
fn an_error_without_a_reader_is_no_panic() {
    let mut command = Command::new(env!("CARGO_BIN_EXE_stream-mapping"));
    let mut child = command
        .args(["--event-source-arn", "None", "--function-name", "function"])
        .args(["--starting-position", "LATEST"])
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stderr.take());
    assert_eq!(child.wait().unwrap().code(), Some(1));
}
