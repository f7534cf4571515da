//! An edit is recorded with the row as it was before.

use serde_json::{Value, json};

use crate::stub::{Said, StubAws, detail, first, row};

#[tokio::test(flavor = "multi_thread")]
async fn who_edited_or_discarded_a_row_and_its_content_before_is_shown() {
    let aws = StubAws::start(Said {
        tag: Some("dev".to_owned()),
        ..Said::default()
    })
    .await;
    let key = first("order#42");
    let reason = Some("InvalidArgument: no");
    let [before, after] =
        ["Jane", "Joan"].map(|name| detail("order#42", "OrderCreated", &json!({"name": name})));
    aws.put(row(&key, "OrderCreated", &before, reason)).await;
    let run = |arguments: &[&str]| -> Value {
        let arguments = [&["--stack", "mine", "--output", "json"], arguments].concat();
        let output = aws.run(&mut aws.command(&arguments));
        serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{output:?}"))
    };
    let history = ["history", "order#42/1"];
    assert_eq!(run(&history)["decisions"], json!([]));

    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("fixed.json");
    std::fs::write(&file, &after).unwrap();
    // The stub's bus accepts nothing: the row stays, and what matters here is its record.
    run(&["edit", "order#42/1", "--detail", file.to_str().unwrap()]);
    let now = aws.attribute(&key, "detail").await.unwrap();
    assert_eq!(now.as_s().unwrap(), &after);
    assert!(aws.attribute(&key, "parked").await.is_none());

    let decisions = &run(&history)["decisions"];
    assert_eq!(decisions[0]["what"], "edited");
    assert_eq!(decisions[0]["by"], "arn:aws:iam::1:user/ada");
    assert_eq!(decisions[0]["parked"], "InvalidArgument: no");
    assert_eq!(decisions[0]["detail"], json!(before));
    // The record is no row: nothing but the edited row is pending, and it can't be changed.
    let record = format!("discarded#order#42/{}#2026", key.position);
    for command in ["unpark", "discard"] {
        let arguments = ["--stack", "mine", command, &record, "--reason", "x"];
        let arguments = &arguments[..if command == "unpark" { 4 } else { 6 }];
        let output = aws.run(&mut aws.command(arguments));
        assert!(!output.status.success());
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(said.contains("no row"), "{said}");
    }
    assert_eq!(run(&["pending"])["total"], 1);
    assert_eq!(run(&["parked"])["rows"], json!([]));

    aws.put(row(&key, "OrderCreated", &after, reason)).await;
    run(&["discard", "order#42/1", "--reason", "sent by mail"]);
    let decisions = run(&history)["decisions"].clone();
    assert_eq!(decisions.as_array().unwrap().len(), 2);
    assert_eq!(decisions[1]["what"], "discarded");
    assert_eq!(decisions[1]["reason"], "sent by mail");
    assert_eq!(decisions[1]["detail"], json!(after));
    assert_eq!(run(&["pending"])["total"], 0);
}

/// An operator must not publish under a name that the outbox doesn't have.
#[tokio::test(flavor = "multi_thread")]
async fn a_row_of_another_source_is_not_published() {
    let aws = StubAws::start(Said {
        tag: Some("dev".to_owned()),
        ..Said::default()
    })
    .await;
    let key = first("order#42");
    let content = detail("order#42", "OrderCreated", &json!({}));
    let mut forged = row(&key, "OrderCreated", &content, Some("ForeignSource: no"));
    forged["source"] = json!({"S": "payments"});
    aws.put(forged).await;
    let arguments = [
        "--stack",
        "mine",
        "--output",
        "json",
        "unpark",
        "order#42/1",
    ];
    let output = aws.run(&mut aws.command(&arguments));
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(said.contains("ForeignSource"), "{output:?}");
    assert!(aws.attribute(&key, "detail").await.is_some());
}

#[tokio::test(flavor = "multi_thread")]
async fn no_error_about_an_edit_quotes_the_event() {
    let aws = StubAws::start(Said {
        tag: Some("dev".to_owned()),
        ..Said::default()
    })
    .await;
    let key = first("order#42");
    let before = detail("order#42", "OrderCreated", &json!({"name": "Jane Doe"}));
    let reason = Some("InvalidArgument: no");
    aws.put(row(&key, "OrderCreated", &before, reason)).await;
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("new.json");
    for (text, expected) in [
        ("Jane Doe".to_owned(), "it is not JSON: "),
        (r#"["Jane Doe"]"#.to_owned(), "it is not a JSON object"),
        (
            before.replace("Jane Doe", r"Jane Doe\ud800"),
            "data.name stands for no text",
        ),
        (
            before.replace("\"orders\"", "\"Jane Doe\""),
            "its \"source\" must stay \"orders\"",
        ),
        (
            before.replacen('{', r#"{"id":"Jane Doe","#, 1),
            "consumers would read it differently: duplicate field `id`",
        ),
    ] {
        std::fs::write(&file, &text).unwrap();
        let file = file.to_str().unwrap();
        let arguments = ["--stack", "mine", "edit", "order#42/1", "--detail", file];
        let output = aws.run(&mut aws.command(&arguments));
        let error = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{error}");
        assert!(error.contains(expected), "{error}");
        assert!(!error.contains("Jane"), "{error}");
    }
}
