//! On a terminal of 80 columns every report fits, and nothing that is to be copied is broken.

use std::{os::unix::process::CommandExt, process::Command};

use outbox::RowKey;
use serde_json::json;

use crate::{
    stub::{Said, StubAws, detail, row},
    terminal::shown,
};

const WIDTH: u16 = 80;

const TOO_LARGE: &str =
    "TooLarge: the event has 300000 bytes, the bus takes 262144 bytes in one entry of a request";

/// A time after all others.
const NEVER: &str = "2999-01-01T00:00:00Z";

/// The aggregate of most rows.
const ORDER: &str = "order#019ad0c5-0a4c-7000-8000-000000000001";

/// Every command that prints a report.
const COMMANDS: [&[&str]; 24] = [
    &["status"],
    &["pending"],
    &["pending", "--limit", "1"],
    &["parked"],
    &["parked", "--flat"],
    &["show", "order#019ad0c5-0a4c-7000-8000-000000000001/1"],
    &["show", "order#019ad0c5-0a4c-7000-8000-000000000001/2"],
    &["show", "order#019ad0c5-0a4c-7000-8000-000000000009/1"],
    &["dlq", "list"],
    &["dlq", "list", "--flat"],
    &["dlq", "show", "letter-0"],
    &["dlq", "show", "letter-1"],
    &["dlq", "replay", "--dry-run"],
    &["dlq", "replay", "--group", "TooLarge"],
    &["dlq", "replay", "--group", "TooLarge", "--until", NEVER],
    &["publish", "order#019ad0c5-0a4c-7000-8000-000000000001/2"],
    &["publish", "--older-than", "0s"],
    &["unpark", "order#019ad0c5-0a4c-7000-8000-000000000001/1"],
    &["unpark", "--group", "TooLarge"],
    &["unpark", "--group", "TooLarge", "--until", NEVER],
    &[
        "discard",
        "order#019ad0c5-0a4c-7000-8000-000000000001/1",
        "--reason",
        "sent by mail",
    ],
    &[
        "discard",
        "--group",
        "TooLarge",
        "--until",
        NEVER,
        "--reason",
        "sent by mail",
    ],
    &["history", "order#019ad0c5-0a4c-7000-8000-000000000001/1"],
    &["pause"],
];

fn key(aggregate_id: &str, sequence: u64) -> RowKey {
    RowKey {
        aggregate_id: aggregate_id.to_owned(),
        position: format!("{sequence:020}#019ad0c5-0a4c-7000-8000-{sequence:012}"),
    }
}

/// Parked rows, one of which holds another, a pending one, one that can't be read, and dead letters.
async fn outbox(accepts_events: bool) -> StubAws {
    let letter = |code: &str, message: &str| {
        json!({
            "table": "outbox", "aggregateId": ORDER, "position": key(ORDER, 1).position,
            "eventId": "019ad0c5-0a4c-7000-8000-000000000001", "code": code, "message": message,
            "bytes": 1, "sha256": "0", "at": "2026-11-24T09:00:00Z",
        })
        .to_string()
    };
    let aws = StubAws::start(Said {
        tag: Some("dev".to_owned()),
        letters: vec![letter("TooLarge", TOO_LARGE), "nonsense".to_owned()],
        accepts_events,
        ..Said::default()
    })
    .await;
    let another = ORDER.replace("0001", "0002");
    for (key, parked) in [
        (key(ORDER, 1), Some(TOO_LARGE)),
        (key(ORDER, 2), None),
        (key(&another, 1), Some("RequestRefused: no")),
        (key(&ORDER.replace("0001", "0003"), 1), None),
    ] {
        let detail = detail(&key.aggregate_id, "OrderCreated", &json!({}));
        let mut row = row(&key, "OrderCreated", &detail, parked);
        row["sequence"] = json!({"N": key.sequence().unwrap().to_string()});
        row["eventId"] = json!({"S": key.event_id()});
        aws.put(row).await;
    }
    let mut newer = row(
        &key(&ORDER.replace("0001", "0009"), 1),
        "OrderCreated",
        "{}",
        None,
    );
    newer["v"] = json!({"N": "99"});
    aws.put(newer).await;
    aws
}

/// Returns what is to be copied: names of rows, and ids.
fn copied(text: &str) -> Vec<&str> {
    let words =
        text.split(|character: char| character.is_whitespace() || "',;".contains(character));
    let words = words.map(|word| word.trim_end_matches([':', '.']));
    words
        .filter(|word| word.contains("019ad0c5") || word.starts_with("letter-"))
        .collect()
}

/// Returns whether a line is left to the terminal: a command that can be pasted, or content.
fn is_left_to_the_terminal(line: &str) -> bool {
    let line = line.trim_start();
    line.starts_with("outboxctl ") || line.starts_with("| ") || line.starts_with('"')
}

#[tokio::test(flavor = "multi_thread")]
async fn every_report_fits_80_columns_and_no_name_is_broken() {
    for arguments in COMMANDS {
        for accepts_events in [true, false] {
            let arguments = [&["--stack", "mine"], arguments].concat();
            let aws = outbox(accepts_events).await;
            let mut command = prepared(&aws, &arguments);
            let whole = aws.run(&mut command);
            let whole = String::from_utf8(whole.stdout).unwrap();
            assert!(!whole.is_empty(), "{arguments:?}");

            let aws = outbox(accepts_events).await;
            let command = prepared(&aws, &arguments);
            aws.all_letters_are_visible();
            let text = shown(command, WIDTH);
            for line in text.lines() {
                let fits = console::measure_text_width(line) <= usize::from(WIDTH);
                assert!(
                    fits || is_left_to_the_terminal(line),
                    "{arguments:?}: {line}\n{text}"
                );
            }
            assert_eq!(
                sorted(copied(&text)),
                sorted(copied(&whole)),
                "{arguments:?}: {text}"
            );
        }
    }
}

/// Returns a command, with something for it to show.
fn prepared(aws: &StubAws, arguments: &[&str]) -> Command {
    if arguments.contains(&"history") {
        let row = format!("{ORDER}/1");
        let discard = ["--stack", "mine", "discard", &row, "--reason", TOO_LARGE];
        assert!(aws.run(&mut aws.command(&discard)).status.code() < Some(2));
    }
    let mut command = aws.command(arguments);
    command.arg0("outboxctl");
    command
}

fn sorted(mut words: Vec<&str>) -> Vec<&str> {
    words.sort_unstable();
    words
}

#[test]
fn every_report_is_shown() {
    // The JSON of each has a schema, so these are all of them.
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("schemas");
    for file in std::fs::read_dir(folder).unwrap() {
        let name = file.unwrap().file_name().into_string().unwrap();
        let name = name.trim_end_matches(".json");
        // The same as others: edit publishes one row, resume is the other way round. An error is
        // no report.
        if ["edit", "resume", "error"].contains(&name) {
            continue;
        }
        let words: Vec<&str> = name.split('-').collect();
        let is_shown = COMMANDS.iter().any(|command| command.starts_with(&words));
        assert!(is_shown, "{name}");
    }
}

#[test]
fn what_is_to_be_copied_is_found() {
    let text = "letter-0 stays: order#019ad0c5-1/1 is parked; 'order#019ad0c5-2/1', none";
    let expected = ["letter-0", "order#019ad0c5-1/1", "order#019ad0c5-2/1"];
    assert_eq!(copied(text), expected);
}
