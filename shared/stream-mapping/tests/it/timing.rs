//! Time, size, and batches that are in flight at once.

use jiff::{SignedDuration, Timestamp};
use serde_json::json;
use stream_mapping::{Action, Consequence, Outcome, Record, Settings};

use super::drive::{
    Drive, WRITTEN_AT, failure_from, invocation, numbers, record, record_of, records, settings,
    shard, start, success,
};

fn after(seconds: i64) -> Timestamp {
    start() + SignedDuration::from_secs(seconds)
}

fn window(seconds: i64) -> Settings {
    Settings {
        batch_size: 3,
        maximum_batching_window: SignedDuration::from_secs(seconds),
        ..settings()
    }
}

#[test]
fn a_batch_waits_for_its_window() {
    let mut shard = shard(window(5));
    shard.push(vec![record(1)], after(0));
    shard.push(vec![record(2)], after(4));
    assert!(matches!(shard.next(after(4)), Action::WaitUntil(time) if time == after(5)));
    let Action::Invoke(_, batch) = shard.next(after(5)) else {
        panic!("the window is over")
    };
    assert_eq!(numbers(batch), [1, 2]);
}

#[test]
fn a_full_batch_does_not_wait_and_the_next_has_a_window_of_its_own() {
    let mut shard = shard(window(5));
    shard.push(records(1..=4), after(0));
    let Action::Invoke(lane, batch) = shard.next(after(1)) else {
        panic!("the batch is full")
    };
    assert_eq!(numbers(batch), [1, 2, 3]);
    shard.completed(lane, &success(), &invocation(), after(2));
    assert!(matches!(shard.next(after(2)), Action::WaitUntil(time) if time == after(7)));
}

#[test]
fn a_window_begins_when_the_last_invocation_has_ended() {
    let mut shard = shard(window(5));
    shard.push(records(1..=3), after(0));
    let Action::Invoke(lane, _) = shard.next(after(0)) else {
        panic!("the batch is full")
    };
    shard.push(vec![record(4)], after(1));
    shard.completed(lane, &success(), &invocation(), after(10));
    assert!(matches!(shard.next(after(10)), Action::WaitUntil(time) if time == after(15)));
    assert!(matches!(shard.next(after(15)), Action::Invoke(_, batch) if batch.len() == 1));
}

#[test]
fn a_record_after_the_window_starts_a_new_one() {
    let mut shard = shard(window(5));
    shard.push(records(1..=3), after(0));
    let Action::Invoke(lane, _) = shard.next(after(0)) else {
        panic!("the batch is full")
    };
    shard.completed(lane, &success(), &invocation(), after(1));
    shard.push(vec![record(4)], after(60));
    assert!(matches!(shard.next(after(60)), Action::WaitUntil(time) if time == after(65)));
}

#[test]
fn pauses_grow_for_an_unreached_function() {
    let mut shard = shard(settings());
    shard.push(records(1..=1), start());
    let mut now = start();
    let mut pauses = Vec::new();
    for _ in 0..3 {
        let Action::Invoke(lane, _) = shard.next(now) else {
            panic!("nothing to do")
        };
        shard.completed(lane, &Outcome::NotReached, &invocation(), now);
        let Action::WaitUntil(time) = shard.next(now) else {
            panic!("no pause")
        };
        pauses.push(time.duration_since(now).as_millis());
        now = time;
    }
    assert_eq!(pauses, [500, 1000, 2000]);
}

#[test]
fn without_limits_a_record_is_retried_until_it_expires() {
    let settings = Settings {
        maximum_retry_attempts: None,
        maximum_record_age: None,
        ..settings()
    };
    let mut drive = Drive::new(settings, records(1..=1));
    drive.run(|_, _| Outcome::FunctionError);
    assert_eq!(drive.given_up(), [(1, 1)]);
    let age = drive.now.duration_since(start());
    assert!(age > SignedDuration::from_hours(24), "{age}");
    assert!(age < SignedDuration::from_hours(25), "{age}");
}

#[test]
fn a_batch_is_full_at_the_payload_limit() {
    let large = |number: u64| {
        Record::from_json(json!({
            "eventName": "INSERT",
            "dynamodb": {
                "SequenceNumber": number.to_string(),
                "ApproximateCreationDateTime": WRITTEN_AT,
                "NewImage": {"text": {"S": "x".repeat(2_000_000)}},
            },
        }))
        .unwrap()
    };
    let mut drive = Drive::new(settings(), (1..=4).map(large).collect());
    drive.run(|_, _| success());
    assert_eq!(drive.batches, [vec![1, 2, 3], vec![4]]);

    let windowed = Settings {
        batch_size: 100,
        ..window(300)
    };
    let mut shard = shard(windowed);
    shard.push((1..=4).map(large).collect(), after(0));
    assert!(matches!(shard.next(after(0)), Action::Invoke(_, batch) if batch.len() == 3));
}

#[test]
fn pauses_grow_up_to_a_minute() {
    let settings = Settings {
        maximum_retry_attempts: None,
        ..settings()
    };
    let mut shard = shard(settings);
    shard.push(records(1..=1), start());
    let mut now = start();
    let mut pauses = Vec::new();
    for _ in 0..11 {
        let Action::Invoke(lane, _) = shard.next(now) else {
            panic!("nothing to do")
        };
        shard.completed(lane, &Outcome::FunctionError, &invocation(), now);
        let Action::WaitUntil(time) = shard.next(now) else {
            panic!("no pause")
        };
        pauses.push(time.duration_since(now));
        now = time;
    }
    assert_eq!(pauses[0], SignedDuration::from_millis(500));
    assert!(pauses.is_sorted());
    assert_eq!(*pauses.last().unwrap(), SignedDuration::from_mins(1));
}

#[test]
fn parallelization_factor_batches_are_in_flight() {
    for factor in [1, 2, 10] {
        let settings = Settings {
            batch_size: 1,
            parallelization_factor: factor,
            ..settings()
        };
        let mut shard = shard(settings);
        shard.push(records(1..=200), start());
        let mut under_way = 0;
        while let Action::Invoke(..) = shard.next(start()) {
            under_way += 1;
        }
        assert_eq!(under_way, factor);
    }
}

#[test]
fn an_item_has_one_batch_in_flight_and_blocks_no_other() {
    let settings = Settings {
        batch_size: 1,
        parallelization_factor: 10,
        bisect_batch_on_function_error: false,
        ..settings()
    };
    let mut shard = shard(settings);
    shard.push(
        (1..=3).map(|number| record_of("a", number)).collect(),
        start(),
    );
    let Action::Invoke(lane, batch) = shard.next(start()) else {
        panic!("nothing to do")
    };
    assert_eq!(numbers(batch), [1]);
    assert!(matches!(shard.next(start()), Action::Idle));

    shard.completed(lane, &Outcome::FunctionError, &invocation(), start());
    shard.push(records(10..=30), start());
    let mut others = Vec::new();
    while let Action::Invoke(_, batch) = shard.next(start()) {
        others.extend(numbers(batch));
    }
    assert!(!others.is_empty(), "other items go on");
    assert!(!others.contains(&2), "the item's next record waits");
}

#[test]
fn the_checkpoint_is_before_the_first_record_not_done() {
    let settings = Settings {
        batch_size: 1,
        parallelization_factor: 10,
        ..settings()
    };
    let mut shard = shard(settings);
    shard.push(records(1..=20), start());
    let mut lanes = Vec::new();
    while let Action::Invoke(lane, batch) = shard.next(start()) {
        lanes.push((lane, numbers(batch)[0]));
    }
    let (first, _) = *lanes.iter().find(|(_, number)| *number == 1).unwrap();
    for (lane, number) in lanes {
        if number != 1 {
            shard.completed(lane, &success(), &invocation(), start());
        }
    }
    assert_eq!(shard.checkpoint(), None, "the first record is not done");
    shard.completed(first, &success(), &invocation(), start());
    assert!(shard.checkpoint().is_some());
}

#[test]
fn a_partial_failure_moves_the_checkpoint() {
    let mut shard = shard(settings());
    shard.push(records(1..=5), start());
    let Action::Invoke(lane, _) = shard.next(start()) else {
        panic!("nothing to do")
    };
    shard.completed(lane, &failure_from(3), &invocation(), start());
    assert_eq!(shard.checkpoint().unwrap().as_str(), "2");
    assert_eq!(shard.backlog(), 3);
}

#[test]
fn completed_returns_the_consequence() {
    let settings = Settings {
        maximum_retry_attempts: Some(0),
        ..settings()
    };
    let mut shard = shard(settings);
    shard.push(records(1..=5), start());
    let mut now = start();
    let mut follows = |outcome: &Outcome| {
        let lane = loop {
            match shard.next(now) {
                Action::WaitUntil(time) => now = time,
                Action::Invoke(lane, _) => break lane,
                other => panic!("expected an invocation, not {other:?}"),
            }
        };
        shard.completed(lane, outcome, &invocation(), now)
    };
    let again = |done, again: &[usize], milliseconds| Consequence {
        done,
        again: again.into(),
        not_before: Some(start() + SignedDuration::from_millis(milliseconds)),
        given_up: 0,
    };
    assert_eq!(follows(&Outcome::NotReached), again(0, &[5], 500));
    assert_eq!(follows(&failure_from(3)), again(2, &[3], 1000));
    assert_eq!(follows(&Outcome::FunctionError), again(0, &[2, 1], 1500));
    assert_eq!(follows(&Outcome::FunctionError), again(0, &[1, 1], 2000));
    let given_up = Consequence {
        given_up: 1,
        ..Consequence::default()
    };
    assert_eq!(follows(&Outcome::FunctionError), given_up);
}

#[test]
fn next_changes_nothing_while_a_batch_is_in_flight() {
    let mut shard = shard(settings());
    shard.push(records(1..=2), start());
    let Action::Invoke(lane, _) = shard.next(start()) else {
        panic!("nothing to do")
    };
    assert!(matches!(shard.next(start()), Action::Idle));
    shard.completed(lane, &success(), &invocation(), start());
    shard.completed(lane, &Outcome::FunctionError, &invocation(), start());
    assert_eq!(shard.backlog(), 0);
}
