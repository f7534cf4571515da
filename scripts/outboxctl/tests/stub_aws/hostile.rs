//! What a row, a dead letter, AWS or the command line contains can neither command the
//! terminal nor forge a line, whatever the command.

use std::{collections::BTreeSet, process::Output};

use outbox::RowKey;
use serde_json::{Value, json};

use crate::stub::{Said, StubAws, detail, first, row};

/// Sets the window's title, writes to the clipboard, forges a line, colours it, and reorders
/// and hides text.
const HOSTILE: &str = "\u{1b}]0;pwned\u{7}\u{1b}]52;c;cHduZWQ=\u{7}\u{1b}[201~\r\nFORGED\n\
     \u{1b}[31mFORGED\u{9b}32mFORGED\u{8}\u{7f}\u{85}\u{202e}\u{202a}\u{2066}\u{2069}\u{200e}\
     \u{200f}\u{61c}\u{2028}\u{2029}\u{200b}\u{feff}\u{e0041}$(touch pwned)'\"`touch pwned`";

/// A time after all others.
const NEVER: &str = "2999-01-01T00:00:00Z";

/// As much of it as XML can have.
const HOSTILE_IN_XML: &str = "&#10;FORGED\u{7f}\u{9b}32mFORGED\u{202e}\u{2066}\u{2028}\u{200b}";

/// Returns whether a terminal would hide or execute the character.
fn is_hidden(character: char) -> bool {
    character.is_control()
        || matches!(
            character,
            '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
                | '\u{feff}' | '\u{e0001}'..='\u{e007f}'
        )
}

/// Checks what a person sees. A forged line would begin with its text.
fn check(what: &str, text: &str) {
    let hidden = text
        .chars()
        .find(|character| *character != '\n' && is_hidden(*character));
    assert_eq!(hidden, None, "{what}: {text:?}");
    let forged = text
        .lines()
        .find(|line| line.trim_start().starts_with("FORGED"));
    assert_eq!(forged, None, "{what}: {text}");
}

/// Removes the tool's own colours. Those of a row are escaped before.
fn without_colours(what: &str, text: &str) -> String {
    assert!(!text.contains("\u{1b}[31mFORGED"), "{what}: {text:?}");
    let mut plain = String::new();
    let mut parts = text.split("\u{1b}[");
    plain.push_str(parts.next().unwrap_or_default());
    for part in parts {
        let (code, rest) = part.split_once('m').unwrap_or((part, ""));
        let is_colour = code
            .chars()
            .all(|character| "0123456789;".contains(character));
        assert!(is_colour, "{what}: {text:?}");
        plain.push_str(rest);
    }
    plain
}

fn texts(output: &Output) -> [String; 2] {
    [&output.stdout, &output.stderr].map(|bytes| String::from_utf8(bytes.clone()).unwrap())
}

async fn hostile_aws() -> StubAws {
    let aggregate_id = format!("order{HOSTILE}");
    let reference = json!({
        "table": "outbox", "aggregateId": aggregate_id, "position": first("").position,
        "eventId": HOSTILE, "code": HOSTILE, "message": HOSTILE, "bytes": 1, "sha256": HOSTILE,
        "at": "2026-11-24T09:00:00Z",
    });
    let mut of_parked = reference.clone();
    of_parked["aggregateId"] = json!(format!("parked{HOSTILE}"));
    let mut foreign = reference.clone();
    foreign["table"] = json!(HOSTILE);
    let pointer = json!({
        "requestContext": {"condition": HOSTILE}, "timestamp": "2019-11-14T00:13:49.717Z",
        "DDBStreamBatchInfo": {
            "shardId": HOSTILE, "startSequenceNumber": "1", "endSequenceNumber": "2",
            "batchSize": 2, "streamArn": HOSTILE,
        },
    });
    let letters = [reference, of_parked, foreign, pointer, json!(HOSTILE)];
    let mut letters: Vec<String> = letters.iter().map(ToString::to_string).collect();
    letters.push(HOSTILE.to_owned());
    let aws = StubAws::start(Said {
        tag: Some(format!("dev{HOSTILE_IN_XML}")),
        text: HOSTILE.to_owned(),
        text_in_xml: HOSTILE_IN_XML.to_owned(),
        letters,
        accepts_events: false,
        metrics: None,
    })
    .await;
    let mark = format!("Code{HOSTILE}: {HOSTILE}");
    for (name, parked) in [("order", None), ("parked", Some(mark.as_str()))] {
        let key = first(&format!("{name}{HOSTILE}"));
        let detail = detail(&key.aggregate_id, HOSTILE, &json!({HOSTILE: HOSTILE}));
        aws.put(row(&key, HOSTILE, &detail, parked)).await;
    }
    let broken = first(&format!("broken{HOSTILE}"));
    aws.put(row(&broken, HOSTILE, HOSTILE, Some(&mark))).await;
    for name in ["odd", "odder"] {
        let odd = RowKey {
            aggregate_id: format!("{name}{HOSTILE}"),
            position: HOSTILE.to_owned(),
        };
        let parked = Some(mark.as_str()).filter(|_| name == "odd");
        aws.put(row(&odd, HOSTILE, HOSTILE, parked)).await;
    }
    aws
}

/// Returns the commands of a help text.
fn commands(aws: &StubAws, of: &[&str]) -> BTreeSet<String> {
    let output = aws.run(&mut aws.command(&[of, &["--help"]].concat()));
    let [help, _] = texts(&output);
    let lines = help.lines().skip_while(|line| *line != "Commands:").skip(1);
    let lines = lines.take_while(|line| !line.is_empty());
    // The description of a command may be wrapped below it.
    let names = lines.filter_map(|line| {
        line.strip_prefix("  ")
            .filter(|line| !line.starts_with(' '))
    });
    let names = names.filter_map(|line| line.split_whitespace().next());
    names
        .filter(|name| *name != "help")
        .map(str::to_owned)
        .collect()
}

/// Every command in a way that shows as much as possible, and ways in which it fails.
fn invocations(file: &str, broken: &str) -> Vec<Vec<String>> {
    let name = |name: &str| format!("{name}{HOSTILE}/1");
    let [order, parked, broken_row] = ["order", "parked", "broken"].map(name);
    let odd = format!("odd{HOSTILE}/{HOSTILE}");
    let [missing, hostile_option] = [format!("missing{HOSTILE}/1"), format!("--all{HOSTILE}")];
    let no_file = format!("/no/such{HOSTILE}");
    let aggregate_id = format!("order{HOSTILE}");
    let code = format!("Code{HOSTILE}");
    let invocations: Vec<Vec<&str>> = vec![
        vec!["status"],
        vec!["pending"],
        vec!["pending", "--aggregate", &aggregate_id],
        vec!["pending", "--older-than", HOSTILE],
        vec!["parked"],
        vec!["parked", "--flat"],
        vec!["parked", "--group", &code],
        vec!["parked", "--group", HOSTILE],
        vec!["show", &order],
        vec!["show", &parked],
        vec!["show", &broken_row],
        vec!["show", &odd],
        vec!["show", &missing],
        vec!["dlq", "list"],
        vec!["dlq", "list", "--flat"],
        vec!["dlq", "list", "--group", HOSTILE],
        vec!["dlq", "list", "--group", &code],
        vec!["dlq", "show", "letter-0"],
        vec!["dlq", "show", "letter-1"],
        vec!["dlq", "show", "letter-2"],
        vec!["dlq", "show", "letter-3"],
        vec!["dlq", "show", "letter-4"],
        vec!["dlq", "show", "letter-5"],
        vec!["dlq", "show", HOSTILE],
        vec!["dlq", "replay", "--dry-run"],
        vec!["dlq", "replay"],
        vec!["dlq", "replay", HOSTILE],
        vec!["dlq", "replay", "--group", HOSTILE],
        vec!["dlq", "replay", "--group", HOSTILE, "--until", NEVER],
        vec!["dlq", "replay", "--group", &code],
        vec!["publish", &order],
        vec!["publish", &missing],
        vec!["publish", HOSTILE],
        vec!["publish", "--older-than", "0s"],
        vec!["edit", &parked, "--detail", broken],
        vec!["edit", &parked, "--detail", &no_file],
        vec!["edit", &parked],
        vec!["edit", &order],
        vec!["edit", &odd],
        vec!["edit", &missing],
        vec!["edit", &broken_row, "--detail", broken],
        vec!["edit", &parked, "--detail", file],
        vec!["history", &parked],
        vec!["unpark", &missing],
        vec!["unpark", &order],
        vec!["unpark", "--group", &code],
        vec!["unpark", "--group", HOSTILE],
        vec!["unpark", "--group", &code, "--until", HOSTILE],
        vec!["discard", "--group", &code, "--reason", HOSTILE],
        vec!["unpark", "--group", &code, "--until", NEVER],
        vec![
            "discard", "--group", &code, "--until", NEVER, "--reason", HOSTILE,
        ],
        vec!["unpark", &hostile_option],
        vec!["discard", &missing, "--reason", HOSTILE],
        vec!["discard", &order, "--reason", HOSTILE],
        vec!["discard", &odd, "--reason", HOSTILE],
        vec!["history", &odd],
        vec!["history", &missing],
        vec!["pause"],
        vec!["resume"],
        // What its pages show has tests of its own.
        vec!["console", "--listen", HOSTILE],
        // What it generates has nothing of others.
        vec!["generate", HOSTILE],
        vec![HOSTILE],
        vec!["status", HOSTILE],
        vec!["--output", HOSTILE, "status"],
        vec!["--env", HOSTILE, "status"],
        vec!["--stack", HOSTILE, "status"],
    ];
    let owned = |words: Vec<&str>| words.into_iter().map(str::to_owned).collect();
    invocations.into_iter().map(owned).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn no_command_prints_a_hidden_character_or_a_forged_line() {
    let directory = tempfile::tempdir().unwrap();
    let (file, broken) = (
        directory.path().join("fixed.json"),
        directory.path().join("broken.json"),
    );
    let fixed = detail(
        &format!("parked{HOSTILE}"),
        HOSTILE,
        &json!({HOSTILE: [HOSTILE]}),
    );
    std::fs::write(&file, fixed).unwrap();
    std::fs::write(&broken, format!("{{\"id\":\"{HOSTILE}\"}}")).unwrap();
    let invocations = invocations(file.to_str().unwrap(), broken.to_str().unwrap());
    let aws = hostile_aws().await;

    let first_words = |of: &[&str]| -> BTreeSet<String> {
        let words = invocations
            .iter()
            .filter(|words| words.starts_with_words(of));
        let words = words.filter_map(|words| words.get(of.len()));
        words.cloned().collect()
    };
    for of in [&[][..], &["dlq"]] {
        let untested: Vec<String> = commands(&aws, of)
            .difference(&first_words(of))
            .cloned()
            .collect();
        assert!(untested.is_empty(), "{of:?}: {untested:?} are not tested");
    }

    for (options, is_coloured) in [
        (&["--yes"][..], false),
        (&[], false),
        (&["--yes"], true),
        (&["--yes", "--output", "json"], false),
    ] {
        let aws = hostile_aws().await;
        let mut colours = 0;
        for invocation in &invocations {
            let arguments: Vec<&str> = invocation.iter().map(String::as_str).collect();
            let has_own = ["--env", "--stack"].contains(&arguments[0]);
            let stack = ["--stack", "mine"];
            let stack = if has_own { &stack[..0] } else { &stack[..] };
            let arguments = [stack, options, &arguments].concat();
            let what = format!("{arguments:?}");
            let mut command = aws.command(&arguments);
            command.env("EDITOR", format!("/no/such{HOSTILE}"));
            command.env("TMPDIR", directory.path());
            if is_coloured {
                command.env("CLICOLOR_FORCE", "1");
            }
            let output = aws.run(command.current_dir(directory.path()));
            for text in texts(&output) {
                if is_coloured {
                    colours += text.matches("\u{1b}[31m").count();
                    check(&what, &without_colours(&what, &text));
                } else {
                    check(&what, &text);
                }
                if options.contains(&"json") && !text.is_empty() {
                    let is_json = serde_json::from_str::<Value>(&text).is_ok();
                    let is_of_parser = has_own || arguments.contains(&HOSTILE);
                    assert!(is_json || is_of_parser, "{what}: {text}");
                }
            }
        }
        assert_eq!(colours > 0, is_coloured, "{options:?}");
        for argument in ["--help", "unpark", "help"] {
            let name = format!("mine{HOSTILE}");
            let arguments = ["--stack", &name, argument, "--help"];
            let output = aws.run(&mut aws.command(&arguments));
            for text in texts(&output) {
                check(argument, &text);
            }
        }
    }
    assert!(!directory.path().join("pwned").exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn json_has_the_data_as_it_is() {
    let aws = hostile_aws().await;
    let run = |arguments: &[&str]| -> Value {
        let arguments = [&["--stack", "mine", "--output", "json"], arguments].concat();
        let output = aws.run(&mut aws.command(&arguments));
        let [out, _] = texts(&output);
        check("json", &out);
        serde_json::from_str(&out).unwrap_or_else(|_| panic!("{output:?}"))
    };
    let names = |listed: &Value| -> BTreeSet<String> {
        let rows = listed["rows"].as_array().unwrap().iter();
        rows.map(|row| row["row"].as_str().unwrap().to_owned())
            .collect()
    };
    let name = |name: &str| format!("{name}{HOSTILE}/1");
    let pending = run(&["pending"]);
    let odder = format!("odder{HOSTILE}/{HOSTILE}");
    assert_eq!(names(&pending), BTreeSet::from([name("order"), odder]));
    let parked = run(&["parked"]);
    let odd = format!("odd{HOSTILE}/{HOSTILE}");
    let expected = BTreeSet::from([name("parked"), name("broken"), odd]);
    assert_eq!(names(&parked), expected);
    let reason = format!("Code{HOSTILE}: {HOSTILE}");
    assert_eq!(parked["rows"][0]["reason"], json!(reason));
    let shown = run(&["dlq", "show", "letter-2"]);
    assert_eq!(shown["message"]["table"], json!(HOSTILE));
}

/// Whether words begin with others.
trait StartsWithWords {
    fn starts_with_words(&self, others: &[&str]) -> bool;
}

impl StartsWithWords for Vec<String> {
    fn starts_with_words(&self, others: &[&str]) -> bool {
        self.len() >= others.len() && self.iter().zip(others).all(|(word, other)| word == other)
    }
}
