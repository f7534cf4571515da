//! Distinguishes faults of rows, which are parked, from faults of permissions and
//! configuration, after which nothing is parked.

use std::time::Duration;

use outbox::{
    Candidate, Unreadable,
    ports::{CallError, EntryError, EventBus},
    relay::{Failure, Halt, Settled},
};
use outbox_testing::{Call, Fault, Happened, Operation};
use serde_json::json;
use tokio::time::Instant;

use super::publish::{failures, insert, publish, settled_as};
use crate::memory::{
    LIMITS, Rows, denied_call, in_memory, poison, refuse, reject, row_with_detail, transient_call,
};

#[tokio::test(start_paused = true)]
async fn without_a_confirmed_bus_nothing_is_sent_or_parked() {
    for answer in [
        Ok(false),
        Err(CallError::Configuration("AccessDenied".into())),
        Err(transient_call()),
    ] {
        let aws = in_memory();
        match answer.clone() {
            Ok(_) => aws.delete_bus(),
            Err(error) => aws.always_fail_with(Operation::DescribeEventBus, error),
        }
        let mut candidates = insert(&aws, &[("a", 1)]);
        candidates.push(aws.insert_row(row_with_detail("b", 1, "no json")));
        let outcome = publish(&aws, candidates).await;

        let failures = failures(&outcome);
        assert_eq!(failures.len(), 2, "{answer:?}");
        assert!(
            failures
                .iter()
                .all(|(_, failure)| matches!(failure, Failure::Halted(Halt::Bus(_))))
        );
        assert_eq!(aws.happened(), []);
        assert!(aws.calls(Operation::PutEvents).is_empty());
    }
}

#[tokio::test(start_paused = true)]
async fn a_configuration_fault_stops_everything_and_parks_nothing() {
    let aws = in_memory();
    aws.fail_always(Operation::PutEvents, Fault::denied());
    let candidates = (0..2_000)
        .map(|index| aws.insert(&format!("a{index}"), 1))
        .collect();
    let begun = Instant::now();
    let outcome = publish(&aws, candidates).await;

    assert_eq!(failures(&outcome).len(), 2_000);
    assert!(
        aws.calls(Operation::PutEvents).len() <= 128,
        "no request after the first response"
    );
    assert!(
        begun.elapsed() < Duration::from_secs(1),
        "nothing is retried"
    );
    assert_eq!(aws.pending_rows().len(), 2_000);
    assert_eq!(aws.letters_sent(), 0);
}

#[tokio::test(start_paused = true)]
async fn an_entry_without_permission_fails_and_holds_back_its_aggregate() {
    let aws = in_memory();
    aws.set_fault_plan(refuse(
        "a/1",
        EntryError::Configuration("NotAuthorizedForSourceException".into()),
    ));
    let mut candidates = insert(&aws, &[("b", 1)]);
    candidates.extend((1..=11).map(|sequence| aws.insert("a", sequence)));
    let outcome = publish(&aws, candidates).await;
    let failures = failures(&outcome);
    assert!(matches!(failures[0].1, Failure::Configuration(_)));
    assert_eq!(failures[1].0, "a/11");
    assert!(matches!(failures[1].1, Failure::HeldBack(_)));
    assert_eq!(aws.letters_sent(), 0);
}

#[tokio::test(start_paused = true)]
async fn poison_gets_a_dead_letter_then_is_parked_and_the_rest_is_published() {
    let aws = in_memory();
    aws.set_fault_plan(refuse("a/1", poison()));
    let mut candidates = insert(&aws, &[("a", 1), ("a", 2), ("b", 1)]);
    candidates.push(aws.insert_row(row_with_detail("c", 1, "{no json")));
    candidates.push(aws.insert_row(row_with_detail(
        "d",
        1,
        &format!("{{\"x\":\"{}\"}}", "y".repeat(LIMITS.bytes)),
    )));
    candidates.push(Candidate {
        row: Err(Unreadable::Malformed(
            "attribute \"detail\" is missing".into(),
        )),
        ..aws.insert("e", 1)
    });
    let outcome = publish(&aws, candidates).await;

    assert_eq!(failures(&outcome), []);
    assert_eq!(settled_as(&outcome, &Settled::Published), 2);
    let mut codes: Vec<_> = aws
        .letters()
        .iter()
        .map(|letter| (letter.key.to_string(), letter.code.clone()))
        .collect();
    codes.sort();
    assert_eq!(
        codes,
        [
            ("a/1", "InvalidArgument"),
            ("c/1", "MalformedDetail"),
            ("d/1", "TooLarge"),
            ("e/1", "Undecodable")
        ]
        .map(|(row, code)| (row.to_owned(), code.to_owned()))
    );
    let happened = aws.happened();
    let position = |entry: &Happened| happened.iter().position(|other| other == entry).unwrap();
    for letter in aws.letters() {
        let sent = position(&Happened::LetterSent(letter.key.clone()));
        assert!(sent < position(&Happened::Parked(letter.key)));
    }
    assert!(aws.pending_rows().is_empty());
}

#[tokio::test(start_paused = true)]
async fn an_event_is_too_large_from_one_byte_over_the_limit_on() {
    let aws = in_memory();
    let sized = |sequence, bytes| {
        let filled = |length| {
            let detail = json!({"x": "y".repeat(length)}).to_string();
            row_with_detail("a", sequence, &detail)
        };
        filled(bytes - aws.entry_bytes(&filled(0)))
    };
    let largest = aws.insert_row(sized(1, LIMITS.bytes));
    let larger = aws.insert_row(sized(2, LIMITS.bytes + 1));
    let outcome = publish(&aws, vec![largest, larger]).await;
    assert_eq!(settled_as(&outcome, &Settled::Published), 1);
    let letter = aws.letters().pop().unwrap();
    assert_eq!(
        (letter.key.to_string(), letter.code),
        ("a/2".into(), "TooLarge".into())
    );
    assert_eq!(
        letter.message,
        "the event has 4001 bytes, the bus takes 4000"
    );
}

#[tokio::test(start_paused = true)]
async fn a_dead_letter_names_the_event_and_does_not_contain_it() {
    let aws = in_memory();
    let candidate = aws.insert_row(row_with_detail("c", 1, "{secret"));
    publish(&aws, vec![candidate.clone()]).await;
    let letter = aws.letters().pop().unwrap();
    assert_eq!(letter.key, candidate.key);
    assert_eq!(
        letter.event_id.as_deref(),
        Some("019ad0c5-0a4c-7000-8000-000000000001")
    );
    assert_eq!(letter.bytes, 7);
    // printf '{secret' | sha256sum
    assert_eq!(
        letter.sha256,
        "ff3418b3dc870b67f2c67a96112f30c842068f9e4fe8881823e652821da58ffc"
    );
    assert!(!serde_json::to_string(&letter).unwrap().contains("secret"));
}

#[tokio::test(start_paused = true)]
async fn a_rejected_event_is_not_poison_while_nothing_is_accepted() {
    let aws = in_memory();
    aws.set_fault_plan(refuse("a/1", poison()));
    let outcome = publish(&aws, insert(&aws, &[("a", 1)])).await;
    assert!(matches!(failures(&outcome)[0].1, Failure::Suspected(_)));
    assert_eq!(aws.happened(), []);
}

#[tokio::test(start_paused = true)]
async fn unsent_events_are_not_waited_for_past_the_deadline() {
    let aws = in_memory();
    aws.set_latency(Operation::PutEvents, Duration::from_secs(4));
    aws.always_fail_with(Operation::PutEvents, transient_call());
    // More than can be in flight at once: some are not sent before the deadline.
    let names: Vec<String> = (0..200).map(|index| format!("aggregate{index}")).collect();
    let candidates = names.iter().map(|name| aws.insert(name, 1)).collect();
    let deadline = Instant::now() + Duration::from_secs(10);
    let outcome = aws.relay().publish(candidates, deadline).await;
    assert_eq!(failures(&outcome).len(), 200);
    assert!(Instant::now() < deadline);
}

#[tokio::test(start_paused = true)]
async fn more_than_ten_at_once_are_not_poison() {
    let aws = in_memory();
    aws.set_fault_plan(reject(|key| (key.aggregate_id != "good").then(poison)));
    let mut candidates = insert(&aws, &[("good", 1)]);
    candidates.extend(
        (0..5).map(|index| aws.insert_row(row_with_detail(&format!("local{index}"), 1, "x"))),
    );
    candidates.extend((0..20).map(|index| aws.insert(&format!("bad{index}"), 1)));
    let outcome = publish(&aws, candidates).await;
    assert_eq!(aws.letters_sent(), 10);
    let failures = failures(&outcome);
    assert_eq!(failures.len(), 15);
    assert!(
        failures
            .iter()
            .all(|(_, failure)| matches!(failure, Failure::TooManyPoisoned(_)))
    );
}

#[tokio::test(start_paused = true)]
async fn a_rejected_request_is_split_until_the_bad_event_is_alone() {
    let aws = in_memory();
    aws.set_fault_plan(|call: &Call<'_>| {
        let is_put = call.operation == Operation::PutEvents;
        let culprit = is_put && call.rows.iter().any(|key| key.to_string() == "a/7");
        culprit.then(|| Fault::Error(CallError::Content("ValidationException".into())))
    });
    let candidates = (1..=10).map(|sequence| aws.insert("a", sequence)).collect();
    let outcome = publish(&aws, candidates).await;
    assert_eq!(failures(&outcome), []);
    let expected: Vec<String> = (1..=6).map(|s| format!("a/{s}")).collect();
    assert_eq!(aws.published_rows(), expected, "in sequence");
    assert_eq!(aws.pending_rows(), ["a/8", "a/9", "a/10"], "held");
    assert_eq!(aws.letters()[0].key.to_string(), "a/7");
}

#[tokio::test(start_paused = true)]
async fn a_row_whose_letter_or_park_fails_is_retried() {
    for (letter, park) in [(true, false), (false, true)] {
        let aws = in_memory();
        let candidate = aws.insert_row(row_with_detail("a", 1, "x"));
        aws.fail_with(Operation::SendMessage, letter.then(denied_call));
        aws.fail_with(Operation::UpdateItem, park.then(denied_call));
        let outcome = publish(&aws, vec![candidate]).await;
        assert!(matches!(
            failures(&outcome)[0].1,
            Failure::DeadLetter(_) | Failure::Park(_)
        ));
        assert_eq!(aws.pending_rows(), ["a/1"]);
    }
}

#[tokio::test(start_paused = true)]
async fn a_newer_format_fails_and_is_never_parked() {
    let aws = in_memory();
    let candidate = Candidate {
        row: Err(Unreadable::NewerFormat(2)),
        ..aws.insert("a", 1)
    };
    let outcome = publish(&aws, vec![candidate, aws.insert("b", 1)]).await;
    assert_eq!(failures(&outcome).len(), 1);
    assert_eq!(aws.published_rows(), ["b/1"]);
    assert_eq!(aws.letters_sent(), 0);
}
