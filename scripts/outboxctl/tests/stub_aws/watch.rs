//! `status --watch`, and the colours of a status.

use std::{
    io::{BufRead, BufReader},
    process::Stdio,
};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use crate::{
    schemas,
    stub::{Said, StubAws},
};

#[tokio::test(flavor = "multi_thread")]
async fn a_watched_status_is_one_line_of_json_and_ends_with_ctrl_c() {
    let aws = StubAws::start(Said::default()).await;
    let arguments = ["--stack", "mine", "--output", "json", "status", "--watch"];
    let mut command = aws.command(&arguments);
    let mut child = command
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let line = lines.next().unwrap().unwrap();
    let status: Value = serde_json::from_str(&line).unwrap();
    schemas::check_value("status", &status);
    assert_eq!(status["stack"], "mine");
    let pid = Pid::from_raw(i32::try_from(child.id()).unwrap()).unwrap();
    kill_process(pid, Signal::INT).unwrap();
    let output = child.wait_with_output().unwrap();
    // As for the status without --watch: the stub's relay is disabled.
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    assert!(output.stderr.is_empty(), "{output:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_watched_status_begins_with_its_time_and_clears_no_file() {
    let aws = StubAws::start(Said::default()).await;
    let mut command = aws.command(&["--stack", "mine", "status", "--watch"]);
    let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let first = lines.next().unwrap().unwrap();
    assert!(first.starts_with("status at 20"), "{first:?}");
    assert!(
        first.ends_with(", again every 5 s until Ctrl-C"),
        "{first:?}"
    );
    child.kill().unwrap();
    child.wait().unwrap();
}

/// What needs action is red, but not where colours are unwanted.
#[tokio::test(flavor = "multi_thread")]
async fn the_line_that_needs_action_is_coloured() {
    let aws = StubAws::start(Said::default()).await;
    for (variables, expected) in [
        (&[("CLICOLOR_FORCE", "1")][..], true),
        (&[("CLICOLOR_FORCE", "1"), ("NO_COLOR", "")], true),
        (&[("CLICOLOR_FORCE", "1"), ("NO_COLOR", "1")], false),
        (&[("TERM", "xterm")], false),
    ] {
        let mut command = aws.command(&["--stack", "mine", "status"]);
        let output = aws.run(command.envs(variables.iter().copied()));
        let text = String::from_utf8(output.stdout).unwrap();
        let line = "\n\u{1b}[31mpublishing is paused\u{1b}[0m\n  /";
        assert_eq!(text.contains(line), expected, "{variables:?}: {text:?}");
        assert_eq!(text.contains('\u{1b}'), expected, "{variables:?}: {text:?}");
    }
}
