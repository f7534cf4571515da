//! `outboxctl` on the local AWS: `make test-end-to-end` builds what these tests
//! need and runs them.
#![allow(clippy::unwrap_used)]

mod deployed;
mod row;

use std::{
    collections::{BTreeMap, BTreeSet},
    io::pipe,
    process::{Child, Stdio},
    sync::Arc,
    time::{Duration, Instant},
};

use deployed::{CommandOutput, Deployed};
use devstack::{Fault, Functions, Kind, Mappings, Stack};
use row::Row;
use serde_json::{Value, json};
use stream_mapping_cli::{Event, Observer};
use tokio::time::sleep;

#[tokio::test]
#[ignore = "needs the local AWS: make test-end-to-end"]
async fn an_operator_sees_what_is_wrong_and_fixes_it() {
    let deployed = Deployed::start().await;
    let well = deployed.run(&["status"]);
    assert_eq!(well.status, Some(0), "{well:?}");
    assert!(well.out.contains("all is well"));

    let rows = [Row::new(), Row::parked(), Row::parked(), Row::parked()];
    deployed.write(&rows).await;
    let table = &deployed.0.deployment.outbox_table;
    let letters: Vec<String> = rows[1..].iter().map(|row| row.letter(table)).collect();
    deployed.dead(&letters).await;
    deployed.dead(&["hello".to_owned()]).await;
    let [pending, fixed, republished, given_up] = &rows;

    status_says_what_to_do(&deployed);
    lists_show_rows_and_letters(&deployed, pending, fixed);
    letters_of_parked_rows_stay(&deployed, given_up);
    a_detail_is_edited(&deployed, fixed, republished);
    the_rest_is_settled(&deployed, pending, republished, given_up);
    publishing_is_paused_and_resumed(&deployed);
    deployed.0.stop().await.unwrap();
}

fn status_says_what_to_do(deployed: &Deployed) {
    let status = deployed.json(&["status"]);
    assert_eq!(status["pending"], 1);
    assert_eq!(status["parkedByReason"], json!({"InvalidArgument": 3}));
    assert_eq!(status["deadLetters"]["visible"], 4);
    let problems = status["problems"].as_array().unwrap();
    let next: Vec<&str> = problems
        .iter()
        .map(|problem| problem["next"].as_str().unwrap())
        .collect();
    let expected = [
        "outboxctl --env local parked",
        "outboxctl --env local dlq list",
    ];
    assert_eq!(next, expected);
    assert_eq!(deployed.run(&["status"]).status, Some(1));
    let mut by_make = deployed.command(&["status"]);
    let by_make = CommandOutput::of(
        &by_make
            .env("OUTBOXCTL_STARTED_BY", "make")
            .output()
            .unwrap(),
    );
    assert!(
        by_make
            .out
            .contains("\n  make outboxctl ENV=local ARGS='dlq list'"),
        "{by_make:?}"
    );
    a_closed_pipe_keeps_the_exit_status(deployed, &["status"], 1);
    a_closed_pipe_keeps_the_exit_status(deployed, &["dlq", "replay", "--dry-run"], 1);
}

/// The exit status says how the command ended, even if the reader closed the pipe.
fn a_closed_pipe_keeps_the_exit_status(deployed: &Deployed, arguments: &[&str], expected: i32) {
    let closed = || {
        let (_, writer) = pipe().unwrap();
        writer
    };
    let mut command = deployed.command(arguments);
    command.stdout(closed()).stderr(closed());
    let status = command.status().unwrap();
    assert_eq!(status.code(), Some(expected), "{arguments:?}");
}

fn lists_show_rows_and_letters(deployed: &Deployed, pending: &Row, fixed: &Row) {
    let listed = deployed.json(&["pending"]);
    assert_eq!(listed["rows"][0]["row"], pending.name());
    assert_eq!(
        deployed.json(&["pending", "--older-than", "15m"])["total"],
        0
    );
    let of_other = deployed.json(&["pending", "--aggregate", &fixed.aggregate_id]);
    assert_eq!(of_other["total"], 0);
    let parked = deployed.json(&["parked", "--group", "InvalidArgument"]);
    assert_eq!(parked["rows"].as_array().unwrap().len(), 3);

    let letters = deployed.json(&["dlq", "list"]);
    let letters = letters["letters"].as_array().unwrap();
    assert_eq!(letters.len(), 4);
    let about = |row: &Row| {
        letters
            .iter()
            .find(|letter| letter["about"] == row.name())
            .unwrap()
    };
    let shown = deployed.json(&["dlq", "show", about(fixed)["id"].as_str().unwrap()]);
    assert_eq!(
        shown["rows"],
        json!([{"row": fixed.name(), "state": "parked"}])
    );
    let unknown = deployed.run(&["dlq", "show", "nothing"]);
    assert_eq!(unknown.status, Some(2));
    assert!(
        unknown.err.contains("there is no dead letter nothing"),
        "{unknown:?}"
    );
}

fn letters_of_parked_rows_stay(deployed: &Deployed, given_up: &Row) {
    let dry = deployed.json(&["dlq", "replay", "--dry-run"]);
    assert_eq!(
        (&dry["settled"], dry["left"].as_array().unwrap().len()),
        (&json!(0), 4)
    );
    let stays = deployed.run(&["dlq", "replay"]);
    assert_eq!(stays.status, Some(1));
    let row = given_up.name();
    let advice = format!(
        "{row} is parked\n  outboxctl --env local edit '{row}'\n  outboxctl --env local unpark"
    );
    assert!(stays.err.contains(&advice), "{stays:?}");
    assert!(
        stays.err.contains("not a dead letter: it is not JSON"),
        "{stays:?}"
    );
    assert!(
        stays
            .err
            .contains("in account 000000000000, Region eu-central-1")
    );
}

fn a_detail_is_edited(deployed: &Deployed, fixed: &Row, republished: &Row) {
    let file = std::env::temp_dir().join(format!("{}.json", fixed.event_id));
    std::fs::write(
        &file,
        fixed
            .detail
            .replace("\"data\":{", "\"data\":{\"fixed\":true,"),
    )
    .unwrap();
    let edit = ["edit", &fixed.name(), "--detail", file.to_str().unwrap()];
    let edited = deployed.run(&edit);
    assert_eq!(
        (edited.status, edited.out.trim()),
        (Some(0), "1 row published")
    );
    assert!(edited.err.contains("+     \"fixed\": true,"), "{edited:?}");
    std::fs::write(&file, "{}").unwrap();
    let edit = [
        "edit",
        &republished.name(),
        "--detail",
        file.to_str().unwrap(),
    ];
    let refused = deployed.run(&edit);
    assert_eq!(refused.status, Some(2));
    assert!(refused.err.contains("its \"id\" must stay"), "{refused:?}");
    std::fs::remove_file(&file).unwrap();
    let parked = deployed.run(&["parked"]);
    let suggested = format!("\n  outboxctl --env local unpark '{}'", republished.name());
    assert!(parked.out.contains(&suggested), "{parked:?}");
}

fn the_rest_is_settled(deployed: &Deployed, pending: &Row, republished: &Row, given_up: &Row) {
    let not_parked = deployed.run(&["unpark", &pending.name()]);
    assert!(not_parked.err.contains("is not parked"), "{not_parked:?}");
    assert_eq!(
        deployed.json(&["unpark", &republished.name()])["published"],
        1
    );
    let discard = ["discard", &given_up.name(), "--reason", "sent by mail"];
    assert_eq!(deployed.run(&discard).status, Some(0));
    let again = deployed.run(&discard);
    assert!(again.err.contains("there is no row"), "{again:?}");
    assert_eq!(deployed.json(&["publish", &pending.name()])["published"], 1);
    assert_eq!(
        deployed.json(&["publish", "--older-than", "0s"])["published"],
        0
    );

    let failed = deployed.run(&["--output", "json", "unpark", "order#42/7"]);
    assert_eq!((failed.status, failed.out.as_str()), (Some(2), ""));
    let failed: Value = serde_json::from_str(&failed.err).unwrap();
    assert_eq!(failed["error"]["message"], "there is no row order#42/7");

    let replayed = deployed.json(&["dlq", "replay"]);
    assert_eq!(
        (&replayed["settled"], &replayed["published"]),
        (&json!(3), &json!(0))
    );
    assert_eq!(
        replayed["left"].as_array().unwrap().len(),
        1,
        "the message that is no letter"
    );
}

fn publishing_is_paused_and_resumed(deployed: &Deployed) {
    assert_eq!(deployed.json(&["pause"])["sweeper"], "paused");
    let paused = deployed.json(&["status"]);
    assert_eq!(paused["sweeper"]["state"], "DISABLED");
    assert_eq!(
        paused["problems"][0]["next"],
        "outboxctl --env local resume"
    );
    assert_eq!(deployed.json(&["resume"])["sweeper"], "running");
    assert_eq!(deployed.json(&["status"])["sweeper"]["state"], "ENABLED");
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the local AWS: make test-end-to-end"]
async fn unedited_parts_of_a_detail_are_published_unchanged() {
    let deployed = Deployed::start().await;
    let mut calls = deployed.0.faults.calls();
    let numbers =
        r#"{"ratio":98.88339545701953,"big":123456789012345678901234567890,"one":1.0,"wrong":1}"#;
    let mut row = Row::parked();
    let data = format!(r#""data":{{"numbers":{numbers},"#);
    row.detail = row.detail.replace(r#""data":{"#, &data);
    deployed.write(std::slice::from_ref(&row)).await;
    let directory = tempfile::tempdir().unwrap();
    let edit = |editor: &str| {
        let mut command = deployed.command(&["edit", &row.name()]);
        // An empty variable counts as not set.
        command.env("VISUAL", "").env("EDITOR", editor);
        command.env("TMPDIR", directory.path());
        let aws = deployed.0.faults.endpoint().to_string();
        CommandOutput::of(&command.env("AWS_ENDPOINT_URL", aws).output().unwrap())
    };
    let drafts = || std::fs::read_dir(directory.path()).unwrap().count();

    let saved = edit("true");
    assert_eq!((saved.status, drafts()), (Some(2), 0), "{saved:?}");
    assert!(
        saved.err.contains("is unchanged; nothing was done"),
        "{saved:?}"
    );
    let missing = edit("/no/such/editor");
    assert_eq!((missing.status, drafts()), (Some(2), 0), "{missing:?}");
    assert!(
        missing.err.contains("EDITOR=/no/such/editor cannot be run"),
        "{missing:?}"
    );
    let broken = edit(r#"sh -c 'echo oops >> "$0"'"#);
    assert_eq!((broken.status, drafts()), (Some(2), 1), "{broken:?}");
    assert!(broken.err.contains("your edit is kept in"), "{broken:?}");
    let edited = edit(r#"sed -i 's/"wrong": 1$/"wrong": 2/'"#);
    assert_eq!((edited.status, drafts()), (Some(0), 1), "{edited:?}");
    let changes = edited
        .err
        .lines()
        .filter(|line| line.starts_with(['+', '-']));
    assert_eq!(changes.count(), 2, "{edited:?}");

    let mut published = Vec::new();
    while let Ok(call) = calls.try_recv() {
        if call.action == "PutEvents" {
            let request: Value = serde_json::from_slice(&call.request).unwrap();
            published.push(request["Entries"][0]["Detail"].as_str().unwrap().to_owned());
        }
    }
    let expected = row.detail.replace(r#""wrong":1"#, r#""wrong":2"#);
    assert_eq!(published, [expected]);
    deployed.0.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the local AWS: make test-end-to-end"]
async fn status_shows_failures_until_publishing_succeeds() {
    let deployed = Deployed::start().await;
    let Stack {
        faults,
        clients,
        deployment,
        ..
    } = &deployed.0;
    let observer: Observer = Arc::new(|_: &Event| {});
    let functions = Functions::Deployed;
    let mappings = Mappings::take_over(clients, deployment, &functions, |_| {}, observer).await;
    let _mappings = mappings.unwrap();
    assert_eq!(
        deployed.json(&["status"])["relay"]["lastResult"],
        "none yet"
    );
    let denied = Fault {
        action: "PutEvents".to_owned(),
        kind: Kind::Deny,
        probability: 1.0,
        count: None,
    };
    faults.rules().add(denied).unwrap();
    deployed.write(&[Row::new()]).await;
    let fails = until(&deployed, |status| {
        let result = status["relay"]["lastResult"].as_str().unwrap();
        result.starts_with("FAILED: 1 of 1 records") && status["recent"]["failed"] != 0
    });
    let problem = fails["problems"][0]["what"].as_str().unwrap();
    assert!(problem.starts_with("events are not published: "), "{fails}");
    assert_eq!(deployed.run(&["status"]).status, Some(1));

    faults.rules().clear(None);
    until(&deployed, |status| {
        let result = status["relay"]["lastResult"].as_str().unwrap();
        result.starts_with("OK: 1 of 1 records") && status["pending"] == 0
    });
    let well = deployed.run(&["status"]);
    assert_eq!(well.status, Some(0), "{well:?}");
    assert!(
        well.out
            .contains("all events that failed are published or parked now"),
        "{well:?}"
    );
    deployed.0.stop().await.unwrap();
}

/// Returns the status once it fulfils this condition.
fn until(deployed: &Deployed, is_fulfilled: impl Fn(&Value) -> bool) -> Value {
    let give_up_at = Instant::now() + Duration::from_mins(1);
    loop {
        let status = deployed.json(&["status"]);
        if is_fulfilled(&status) {
            return status;
        }
        assert!(Instant::now() < give_up_at, "it stays {status}");
    }
}

#[tokio::test]
#[ignore = "needs the local AWS: make test-end-to-end"]
async fn a_killed_replay_loses_nothing_and_repeats_little() {
    const BACKLOG: usize = 500;
    const KILLS: usize = 20;
    let deployed = Deployed::start().await;
    let mut subscriber = deployed.subscriber().await;
    let rows: Vec<Row> = (0..BACKLOG).map(|_| Row::new()).collect();
    deployed.write(&rows).await;
    let table = &deployed.0.deployment.outbox_table;
    let letters: Vec<String> = rows.iter().map(|row| row.letter(table)).collect();
    deployed.dead(&letters).await;

    // Published, but the row was not deleted yet when the replay was killed: only these may
    // be published again.
    let mut in_between: BTreeSet<String> = BTreeSet::new();
    let mut before: BTreeMap<String, u32> = BTreeMap::new();
    for _ in 0..KILLS {
        let mut replay = replay(&deployed);
        sleep(Duration::from_millis(fastrand::u64(100..900))).await;
        replay.kill().unwrap();
        replay.wait().unwrap();
        while !subscriber.receive().await.unwrap().is_empty() {}
        let pending = deployed.pending().await;
        for (id, delivered) in &subscriber.events {
            if pending.contains(id) && before.get(id) != Some(&delivered.times) {
                in_between.insert(id.clone());
            }
            before.insert(id.clone(), delivered.times);
        }
    }
    let by_killed = before.len();
    assert!(by_killed > 0, "every kill came before the work");
    // Letters that were in flight in killed replays become visible again after a while.
    let give_up_at = Instant::now() + Duration::from_mins(2);
    while deployed.letters().await > 0 {
        assert!(Instant::now() < give_up_at, "letters stay in the queue");
        replay(&deployed).wait().unwrap();
    }
    while !subscriber.receive().await.unwrap().is_empty() {}

    assert!(deployed.pending().await.is_empty());
    assert_eq!(subscriber.events.len(), BACKLOG, "each at least once");
    let twice: BTreeSet<String> = subscriber
        .events
        .iter()
        .filter(|(_, delivered)| delivered.times > 1)
        .map(|(id, _)| id.clone())
        .collect();
    println!(
        "{BACKLOG} dead events, {KILLS} kills: {by_killed} delivered by killed replays, {} in the end; \
         {} once, {} more than once; {} were published and not deleted at a kill",
        subscriber.events.len(),
        BACKLOG - twice.len(),
        twice.len(),
        in_between.len(),
    );
    let unexplained: Vec<&String> = twice.difference(&in_between).collect();
    assert!(
        unexplained.is_empty(),
        "repeated without a kill: {unexplained:?}"
    );
    deployed.0.stop().await.unwrap();
}

fn replay(deployed: &Deployed) -> Child {
    let mut command = deployed.command(&["dlq", "replay"]);
    command.stdout(Stdio::null()).stderr(Stdio::null());
    command.spawn().unwrap()
}

#[tokio::test]
#[ignore = "takes minutes: make measure-outboxctl"]
async fn measure_a_replay_of_10_000_and_the_status_of_100_000_events() {
    let deployed = Deployed::start().await;
    let rows: Vec<Row> = (0..10_000).map(|_| Row::new()).collect();
    deployed.write(&rows).await;
    let table = &deployed.0.deployment.outbox_table;
    let letters: Vec<String> = rows.iter().map(|row| row.letter(table)).collect();
    deployed.dead(&letters).await;
    let started = Instant::now();
    let mut replay = replay(&deployed);
    let mut most_kilobytes = 0;
    let status = loop {
        let status = std::fs::read_to_string(format!("/proc/{}/status", replay.id()));
        most_kilobytes = most_kilobytes.max(status.map_or(0, |status| peak_kilobytes(&status)));
        if let Some(status) = replay.try_wait().unwrap() {
            break status;
        }
        sleep(Duration::from_millis(20)).await;
    };
    println!(
        "replay of 10,000 dead events: {:.1} s, {:.1} MB at most",
        started.elapsed().as_secs_f64(),
        f64::from(most_kilobytes) / 1024.0
    );
    assert!(status.success());
    assert!(deployed.pending().await.is_empty());
    assert!(most_kilobytes < 100 * 1024);

    let rows: Vec<Row> = (0..100_000).map(|_| Row::new()).collect();
    deployed.write(&rows).await;
    let mut times = Vec::new();
    for _ in 0..5 {
        let started = Instant::now();
        let status = deployed.json(&["status"]);
        times.push(started.elapsed().as_secs_f64());
        println!(
            "status of 100,000 pending rows: {:.2} s, {}{}",
            times.last().unwrap(),
            if status["atLeast"] == true {
                "at least "
            } else {
                ""
            },
            status["pending"]
        );
        assert!(status["pending"].as_u64().unwrap() > 0);
    }
    times.sort_by(f64::total_cmp);
    println!("median {:.2} s, longest {:.2} s", times[2], times[4]);
    assert!(times[2] < 2.0);
    deployed.0.stop().await.unwrap();
}

fn peak_kilobytes(status: &str) -> u32 {
    let line = status.lines().find(|line| line.starts_with("VmHWM:"));
    let number = line.and_then(|line| line.split_whitespace().nth(1));
    number.and_then(|number| number.parse().ok()).unwrap_or(0)
}
