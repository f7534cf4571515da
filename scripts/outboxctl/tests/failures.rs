//! How `outboxctl` fails: with one line that says what to do, as JSON for programs, and
//! without a panic if the reader closes the pipe. These tests need no AWS.
#![allow(clippy::unwrap_used)]

use std::{
    io::{Read, Write, pipe},
    net::{SocketAddr, TcpListener},
    process::{Command, Output},
    thread,
};

use serde_json::Value;

/// Returns `outboxctl` with credentials, and AWS at this address.
fn outboxctl(aws: SocketAddr) -> Command {
    let mut command = not_signed_in();
    command
        .env("AWS_ENDPOINT_URL", format!("http://{aws}"))
        .env("AWS_ACCESS_KEY_ID", "test")
        .env("AWS_SECRET_ACCESS_KEY", "test");
    command
}

fn not_signed_in() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_outboxctl"));
    command
        .env_clear()
        .env("AWS_REGION", "eu-central-1")
        .env("AWS_EC2_METADATA_DISABLED", "true")
        .env("AWS_CONFIG_FILE", "/dev/null")
        .env("AWS_SHARED_CREDENTIALS_FILE", "/dev/null");
    command
}

/// Returns an address where no server listens.
fn nowhere() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap()
}

/// Starts an AWS that rejects every call with this code. It ends with the test process.
fn refusing(code: &'static str) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let body = format!(
                "<ErrorResponse><Error><Type>Sender</Type><Code>{code}</Code>\
                 <Message>by the test</Message></Error></ErrorResponse>"
            );
            let _ = stream.read(&mut [0; 8192]);
            let _ = write!(
                stream,
                "HTTP/1.1 403 Forbidden\r\ncontent-type: text/xml\r\nconnection: close\r\n\
                 content-length: {}\r\n\r\n{body}",
                body.len()
            );
        }
    });
    address
}

fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

/// Returns the JSON error that a program reads.
fn failure(output: &Output) -> Value {
    assert_eq!(output.status.code(), Some(2), "{output:?}");
    assert!(output.stdout.is_empty(), "{output:?}");
    let text = stderr(output);
    assert_eq!(text.lines().count(), 1, "{text}");
    let failure: Value = serde_json::from_str(&text).unwrap_or_else(|_| panic!("{text}"));
    assert!(failure["error"]["message"].is_string(), "{text}");
    failure["error"].clone()
}

#[test]
fn an_access_problem_is_one_line_that_says_what_to_do() {
    let status = ["--stack", "mine", "status"];
    for (mut command, expected, what_to_do) in [
        (
            not_signed_in(),
            "error: no AWS credentials: ",
            "export AWS_PROFILE=",
        ),
        (
            outboxctl(nowhere()),
            "error: AWS cannot be reached: ",
            "check the network",
        ),
        (
            outboxctl(refusing("ExpiredToken")),
            "error: AWS does not accept your credentials: ",
            "sign in again",
        ),
        (
            outboxctl(refusing("InvalidClientTokenId")),
            "error: AWS does not accept your credentials: ",
            "sign in again",
        ),
    ] {
        let output = command.args(status).output().unwrap();
        let text = stderr(&output);
        assert_eq!(output.status.code(), Some(2), "{text}");
        assert_eq!(text.lines().count(), 1, "{text}");
        assert!(
            text.starts_with(expected) && text.contains(what_to_do),
            "{text}"
        );
        // Type names would show that the error's debug form is printed.
        assert!(!text.contains("DispatchFailure"), "{text}");
        assert!(text.len() < 300, "{text}");

        let error = failure(&command.args(["--output", "json"]).output().unwrap());
        let message = error["message"].as_str().unwrap();
        // Two calls run at once: which of them fails first, in brackets, is chance.
        let (message, _) = message.split_once(" (").unwrap();
        assert!(text.contains(message), "{message}");
    }
}

/// Starts an AWS that reads one call, answers nothing, and returns the headers of the call.
fn first_call() -> (SocketAddr, thread::JoinHandle<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let call = thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut headers = [0; 8192];
        let length = stream.read(&mut headers).unwrap();
        String::from_utf8_lossy(&headers[..length]).into_owned()
    });
    (address, call)
}

#[test]
fn a_typed_profile_counts_more_than_keys_in_the_environment() {
    let directory = tempfile::tempdir().unwrap();
    let config = directory.path().join("config");
    let profile =
        "[profile operator]\naws_access_key_id = OPERATOR\naws_secret_access_key = secret\n";
    std::fs::write(&config, profile).unwrap();
    let (aws, call) = first_call();
    let typed = [
        "--stack",
        "mine",
        "--profile",
        "operator",
        "--region",
        "us-east-1",
    ];
    let output = outboxctl(aws)
        .env("AWS_CONFIG_FILE", &config)
        .env("AWS_MAX_ATTEMPTS", "1")
        .args(typed)
        .arg("status")
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(2));
    let headers = call.join().unwrap();
    assert!(headers.contains("Credential=OPERATOR/"), "{headers}");
    assert!(headers.contains("/us-east-1/"), "{headers}");

    let unknown = ["--stack", "mine", "--profile", "unknown", "status"];
    let text = stderr(&outboxctl(nowhere()).args(unknown).output().unwrap());
    let expected =
        "error: no AWS credentials: sign in, or choose a profile of your AWS configuration";
    assert!(text.starts_with(expected), "{text}");
}

#[test]
fn the_role_of_a_typed_profile_is_assumed_in_its_region() {
    let directory = tempfile::tempdir().unwrap();
    let config = directory.path().join("config");
    let profiles = "[profile me]\naws_access_key_id = ME\naws_secret_access_key = secret\n\
                    [profile operator]\nrole_arn = arn:aws:iam::123456789012:role/operator\n\
                    source_profile = me\nregion = eu-west-1\n";
    std::fs::write(&config, profiles).unwrap();
    let (aws, call) = first_call();
    let output = outboxctl(aws)
        .env_remove("AWS_REGION")
        .env("AWS_CONFIG_FILE", &config)
        .env("AWS_MAX_ATTEMPTS", "1")
        .args(["--stack", "mine", "--profile", "operator", "status"])
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(2));
    // Without a call, the server would wait for ever.
    assert!(!stderr(&output).contains("Region"), "{}", stderr(&output));
    let headers = call.join().unwrap();
    assert!(headers.contains("Credential=ME/"), "{headers}");
    assert!(headers.contains("/eu-west-1/sts/"), "{headers}");
}

#[test]
fn the_local_stack_takes_no_account() {
    for account in [["--profile", "operator"], ["--region", "us-east-1"]] {
        let mut command = outboxctl(nowhere());
        let output = command.args(["--env", "local", "status"]).args(account);
        let text = stderr(&output.output().unwrap());
        let expected =
            "error: --env local is a stack on this machine: it takes no --profile and no";
        assert!(text.starts_with(expected), "{text}");
    }
}

#[test]
fn another_stack_may_be_on_the_local_aws() {
    let (aws, call) = first_call();
    let output = outboxctl(aws)
        .env_remove("AWS_REGION")
        .args(["--env", "local", "--stack", "mine", "status"])
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(2));
    let headers = call.join().unwrap();
    assert!(headers.contains("Credential=test/"), "{headers}");

    let mut command = not_signed_in();
    let output = command.args(["--env", "local", "--stack", "mine", "status"]);
    let text = stderr(&output.output().unwrap());
    let expected = "make outboxctl ENV=local STACK=mine ARGS=status\n";
    assert!(text.ends_with(expected), "{text}");

    let mut command = outboxctl(nowhere());
    let output = command.args(["--env", "dev", "--stack", "mine", "status"]);
    let text = stderr(&output.output().unwrap());
    let expected = "error: --env dev and --stack name two outboxes: leave one out";
    assert!(text.starts_with(expected), "{text}");
}

#[test]
fn the_stack_may_come_from_the_environment() {
    let mut command = outboxctl(refusing("ExpiredToken"));
    let output = command
        .env("OUTBOXCTL_STACK", "mine")
        .arg("status")
        .output();
    let text = stderr(&output.unwrap());
    let expected = "error: AWS does not accept your credentials: ";
    assert!(text.starts_with(expected), "{text}");
}

#[test]
fn an_invalid_command_line_is_reported_as_json_too() {
    for arguments in [
        &["--output", "json", "--env", "nowhere", "status"][..],
        &["--output=json", "--stack", "mine", "nonsense"],
        &["--output", "json"],
        &["--stack", "mine", "publish", "order", "--output", "json"],
    ] {
        let output = not_signed_in().args(arguments).output().unwrap();
        let error = failure(&output);
        let message = error["message"].as_str().unwrap();
        assert!(!message.starts_with("error"), "{message}");
        assert!(!message.is_empty(), "{output:?}");
    }
    let output = not_signed_in()
        .args(["--stack", "mine", "nonsense"])
        .output();
    assert!(stderr(&output.unwrap()).starts_with("error: unrecognized subcommand"));
}

#[test]
fn a_closed_pipe_is_no_panic() {
    let closed = || {
        let (_, writer) = pipe().unwrap();
        writer
    };
    for arguments in [&["--help"][..], &["--version"], &["generate", "man"]] {
        let mut command = not_signed_in();
        let status = command.args(arguments).stdout(closed()).status();
        assert_eq!(status.unwrap().code(), Some(0), "{arguments:?}");
    }
    for arguments in [
        &["nonsense"][..],
        &["--output", "json", "nonsense"],
        &["--stack", "mine", "status"],
        &["--stack", "mine", "--output", "json", "status"],
    ] {
        let mut command = not_signed_in();
        command.args(arguments).stdout(closed()).stderr(closed());
        assert_eq!(command.status().unwrap().code(), Some(2), "{arguments:?}");
    }
}

#[test]
fn the_man_page_and_completions_need_no_outbox() {
    for (page, begins) in [("man", ".ie"), ("zsh", "#compdef outboxctl\n")] {
        let output = not_signed_in().args(["generate", page]).output().unwrap();
        assert_eq!(output.status.code(), Some(0), "{output:?}");
        let text = String::from_utf8(output.stdout).unwrap();
        assert!(text.starts_with(begins) && text.ends_with('\n'), "{text}");
        assert!(output.stderr.is_empty());
    }
}

#[test]
fn suggested_commands_start_as_this_one_was_started() {
    let usage = not_signed_in()
        .args(["--env", "local", "unpark", "--help"])
        .env("OUTBOXCTL_STARTED_BY", "make")
        .output()
        .unwrap();
    let help = String::from_utf8(usage.stdout).unwrap();
    let example = "  make outboxctl ENV=local ARGS=\"unpark 'order#42/7'\"";
    assert!(help.contains(example), "{help}");
}
