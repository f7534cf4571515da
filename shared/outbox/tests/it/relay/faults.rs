//! Distinguishes faults of rows, which are parked, from faults of permissions and
//! configuration, after which nothing is parked.

use std::time::Duration;

use outbox::{
    Candidate, Unreadable,
    ports::{CallError, EntryError, PutResult},
    relay::{Failure, RowOutcome, Settled},
};
use tokio::time::Instant;

use super::publish::{failures, in_a_minute, insert, publish, settled_as, transient_call};
use crate::fakes::{LIMITS, World, poison, refuse, row_with_detail};

#[tokio::test(start_paused = true)]
async fn without_a_confirmed_bus_nothing_is_sent_or_parked() {
    for answer in [
        Ok(false),
        Err(CallError::Configuration("AccessDenied".into())),
        Err(transient_call()),
    ] {
        let world = World::default();
        world.with(|state| state.bus_exists = answer.clone());
        let mut candidates = insert(&world, &[("a", 1)]);
        candidates.push(world.insert_row(row_with_detail("b", 1, "no json")));
        let outcome = publish(&world, candidates).await;

        let failures = failures(&outcome);
        assert_eq!(failures.len(), 2, "{answer:?}");
        assert!(
            failures
                .iter()
                .all(|(_, failure)| matches!(failure, Failure::Bus(_)))
        );
        world.with(|state| assert!(state.log.is_empty() && state.requests.is_empty()));
    }
}

#[tokio::test(start_paused = true)]
async fn a_configuration_fault_stops_everything_and_parks_nothing() {
    let world = World::default();
    world.answer(|_| {
        Some(Err(CallError::Configuration(
            "AccessDeniedException".into(),
        )))
    });
    let candidates = (0..1_000)
        .map(|index| world.insert(&format!("a{index}"), 1))
        .collect();
    let begun = Instant::now();
    let outcome = publish(&world, candidates).await;

    assert_eq!(failures(&outcome).len(), 1_000);
    assert!(
        world.with(|state| state.requests.len()) <= 64,
        "no request after the first response"
    );
    assert!(
        begun.elapsed() < Duration::from_secs(1),
        "nothing is retried"
    );
    assert_eq!(world.pending().len(), 1_000);
    world.with(|state| assert!(state.letters.is_empty()));
}

#[tokio::test(start_paused = true)]
async fn an_entry_without_permission_fails_and_holds_back_its_aggregate() {
    let world = World::default();
    world.answer(refuse(
        "a/1",
        EntryError::Configuration("NotAuthorizedForSourceException".into()),
    ));
    let mut candidates = insert(&world, &[("b", 1)]);
    candidates.extend((1..=11).map(|sequence| world.insert("a", sequence)));
    let outcome = publish(&world, candidates).await;
    let failures = failures(&outcome);
    assert!(matches!(failures[0].1, Failure::Configuration(_)));
    assert_eq!(failures[1].0, "a/11");
    assert!(matches!(failures[1].1, Failure::HeldBack(_)));
    world.with(|state| assert!(state.letters.is_empty()));
}

#[tokio::test(start_paused = true)]
async fn poison_gets_a_dead_letter_then_is_parked_and_the_rest_is_published() {
    let world = World::default();
    world.answer(refuse("a/1", poison()));
    let mut candidates = insert(&world, &[("a", 1), ("a", 2), ("b", 1)]);
    candidates.push(world.insert_row(row_with_detail("c", 1, "{no json")));
    candidates.push(world.insert_row(row_with_detail(
        "d",
        1,
        &format!("{{\"x\":\"{}\"}}", "y".repeat(LIMITS.bytes)),
    )));
    candidates.push(Candidate {
        row: Err(Unreadable::Malformed(
            "attribute \"detail\" is missing".into(),
        )),
        ..world.insert("e", 1)
    });
    let outcome = publish(&world, candidates).await;

    assert_eq!(failures(&outcome), []);
    assert_eq!(settled_as(&outcome, &Settled::Published), 2);
    let codes = world.with(|state| {
        let mut codes: Vec<_> = state
            .letters
            .iter()
            .map(|letter| (letter.key.to_string(), letter.code.clone()))
            .collect();
        codes.sort();
        codes
    });
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
    world.with(|state| {
        let position = |entry: &str| state.log.iter().position(|other| other == entry).unwrap();
        for row in ["a/1", "c/1", "d/1", "e/1"] {
            assert!(position(&format!("letter {row}")) < position(&format!("park {row}")));
        }
    });
    assert!(world.pending().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_dead_letter_names_the_event_and_does_not_contain_it() {
    let world = World::default();
    let candidate = world.insert_row(row_with_detail("c", 1, "{secret"));
    publish(&world, vec![candidate.clone()]).await;
    let letter = world.with(|state| state.letters.pop().unwrap());
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
    let world = World::default();
    world.answer(refuse("a/1", poison()));
    let outcome = publish(&world, insert(&world, &[("a", 1)])).await;
    assert!(matches!(failures(&outcome)[0].1, Failure::Suspected(_)));
    world.with(|state| assert!(state.log.is_empty()));
}

#[tokio::test(start_paused = true)]
async fn after_an_hour_a_suspect_is_poison_without_other_evidence() {
    let world = World::default();
    world.answer(refuse("a/1", poison()));
    let relay = world.relay();
    let candidates = insert(&world, &[("a", 1)]);
    for (minutes, parked) in [(59, 0), (1, 1)] {
        tokio::time::advance(Duration::from_mins(minutes)).await;
        let outcome = relay.publish(candidates.clone(), in_a_minute()).await;
        let is_parked = |row_outcome: &RowOutcome| {
            matches!(row_outcome, RowOutcome::Settled(Settled::Parked(_)))
        };
        assert_eq!(outcome.count(is_parked), parked);
    }
    assert_eq!(world.with(|state| state.letters.len()), 1);
}

#[tokio::test(start_paused = true)]
async fn unsent_events_are_not_waited_for_past_the_deadline() {
    let world = World::default();
    world.with(|state| state.put_latency = Duration::from_secs(4));
    world.answer(|_| Some(Err(transient_call())));
    // More than can be in flight at once: some are not sent before the deadline.
    let names: Vec<String> = (0..200).map(|index| format!("aggregate{index}")).collect();
    let candidates = names.iter().map(|name| world.insert(name, 1)).collect();
    let deadline = Instant::now() + Duration::from_secs(10);
    let outcome = world.relay().publish(candidates, deadline).await;
    assert_eq!(failures(&outcome).len(), 200);
    assert!(Instant::now() < deadline);
}

#[tokio::test(start_paused = true)]
async fn more_than_ten_at_once_are_not_poison() {
    let world = World::default();
    world.answer(|keys| {
        let result = |key: &outbox::RowKey| {
            if key.aggregate_id == "good" {
                PutResult::Accepted
            } else {
                PutResult::Rejected(poison())
            }
        };
        Some(Ok(keys.iter().map(result).collect()))
    });
    let mut candidates = insert(&world, &[("good", 1)]);
    candidates.extend(
        (0..5).map(|index| world.insert_row(row_with_detail(&format!("local{index}"), 1, "x"))),
    );
    candidates.extend((0..20).map(|index| world.insert(&format!("bad{index}"), 1)));
    let outcome = publish(&world, candidates).await;
    assert_eq!(world.with(|state| state.letters.len()), 10);
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
    let world = World::default();
    world.answer(|keys| {
        let culprit = keys.iter().any(|key| key.to_string() == "a/7");
        culprit.then(|| Err(CallError::Content("ValidationException".into())))
    });
    let candidates = (1..=10)
        .map(|sequence| world.insert("a", sequence))
        .collect();
    let outcome = publish(&world, candidates).await;
    assert_eq!(failures(&outcome), []);
    let expected: Vec<String> = (1..=10)
        .filter(|s| *s != 7)
        .map(|s| format!("a/{s}"))
        .collect();
    assert_eq!(world.published(), expected, "in sequence");
    assert_eq!(world.with(|state| state.letters[0].key.to_string()), "a/7");
}

#[tokio::test(start_paused = true)]
async fn a_row_whose_letter_or_park_fails_is_retried() {
    for (letter, park) in [(true, false), (false, true)] {
        let world = World::default();
        let candidate = world.insert_row(row_with_detail("a", 1, "x"));
        world.with(|state| {
            let error = CallError::Configuration("AccessDenied".into());
            state.letter_errors.extend(letter.then(|| error.clone()));
            state.park_errors.extend(park.then_some(error));
        });
        let outcome = publish(&world, vec![candidate]).await;
        assert!(matches!(
            failures(&outcome)[0].1,
            Failure::DeadLetter(_) | Failure::Park(_)
        ));
        assert_eq!(world.pending(), ["a/1"]);
    }
}

#[tokio::test(start_paused = true)]
async fn a_newer_format_fails_and_is_never_parked() {
    let world = World::default();
    let candidate = Candidate {
        row: Err(Unreadable::NewerFormat(2)),
        ..world.insert("a", 1)
    };
    let outcome = publish(&world, vec![candidate, world.insert("b", 1)]).await;
    assert_eq!(failures(&outcome).len(), 1);
    assert_eq!(world.published(), ["b/1"]);
    world.with(|state| assert!(state.letters.is_empty()));
}
