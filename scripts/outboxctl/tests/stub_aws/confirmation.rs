//! A stack is changed only after a confirmation, unless it is known to be for development.

use std::process::Output;

use crate::stub::{Said, StubAws};

const NOW: &str = "2026-11-24T09:00:00Z";

async fn tagged(tag: Option<&str>) -> StubAws {
    let tag = tag.map(str::to_owned);
    StubAws::start(Said {
        tag,
        ..Said::default()
    })
    .await
}

fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_confirmation_only_a_stack_for_development_is_changed() {
    for (tag, expected) in [
        (Some("dev"), Ok(())),
        (Some("local"), Ok(())),
        (
            None,
            Err("it has no tag environment that says it is for development"),
        ),
        (Some("prod"), Err("its environment is prod")),
        (Some("staging"), Err("its environment is staging")),
        (
            Some("dev\u{202e}\u{9b}"),
            Err(r"its environment is dev\u{202e}\u{9b}"),
        ),
    ] {
        let aws = tagged(tag).await;
        let pause = ["--stack", "mine", "pause"];
        let output = aws.run(&mut aws.command(&pause));
        let text = stderr(&output);
        let is_changed = aws.called().await.contains(&"DisableRule".to_owned());
        assert_eq!(is_changed, expected.is_ok(), "{tag:?}: {text}");
        match expected {
            Ok(()) => assert_eq!(output.status.code(), Some(0), "{text}"),
            Err(reason) => {
                assert_eq!(output.status.code(), Some(2), "{text}");
                let expected = format!(
                    "a change of mine must be confirmed, because {reason}; nothing was changed"
                );
                assert!(text.contains(&expected), "{text}");
                assert!(text.contains("--yes"), "{text}");
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_command_that_changes_something_asks() {
    let aws = tagged(None).await;
    for command in [
        &["pause"][..],
        &["resume"],
        &["publish", "a/1"],
        &["publish", "--older-than", "0s"],
        &["unpark", "--all"],
        &["unpark", "--group", "TooLarge", "--until", NOW],
        &[
            "discard", "--group", "TooLarge", "--until", NOW, "--reason", "no",
        ],
        &["dlq", "replay", "--group", "TooLarge", "--until", NOW],
        &["edit", "a/1", "--detail", "/dev/null"],
        &["discard", "a/1", "--reason", "no"],
        &["dlq", "replay"],
    ] {
        for format in ["table", "json"] {
            let arguments = [&["--stack", "mine", "--output", format], command].concat();
            let output = aws.run(&mut aws.command(&arguments));
            let text = stderr(&output);
            assert_eq!(output.status.code(), Some(2), "{command:?}: {text}");
            assert!(text.contains("must be confirmed"), "{command:?}: {text}");
        }
    }
    let changes = [
        "DisableRule",
        "EnableRule",
        "PutEvents",
        "DeleteMessageBatch",
    ];
    let called = aws.called().await;
    assert!(!called.iter().any(|name| changes.contains(&name.as_str())));
}

#[tokio::test(flavor = "multi_thread")]
async fn scripts_say_yes_and_reading_needs_no_confirmation() {
    let aws = tagged(Some("prod")).await;
    let pause = ["--stack", "mine", "--yes", "pause"];
    let output = aws.run(&mut aws.command(&pause));
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    assert!(aws.called().await.contains(&"DisableRule".to_owned()));
    for command in [&["pending"][..], &["dlq", "replay", "--dry-run"]] {
        let arguments = [&["--stack", "mine"], command].concat();
        let output = aws.run(&mut aws.command(&arguments));
        assert_eq!(output.status.code(), Some(0), "{output:?}");
    }
}
