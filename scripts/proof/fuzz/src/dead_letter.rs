//! What lies in the dead-letter queue.

use std::{cmp::Ordering, collections::HashMap, sync::Arc};

use outbox::{
    OutboxRow, Parked, RowKey,
    ports::{Message, StreamRecord},
    replay::{Letter, LetterOutcome, Replay, Selection, SettleError},
};
use serde_json::json;
use stream_mapping::SequenceNumber;
use tokio::time::Instant;

use crate::{
    runtime,
    world::{TABLE_ARN, World, is_key, start},
};

/// What is understood names a row or a range, and what it names is no longer
/// pending once it is settled. What is not understood, or of another outbox,
/// stays in the queue with the reason, and keeps nobody from settling the rest.
pub fn dead_letter(bytes: &[u8]) {
    let Ok(body) = std::str::from_utf8(bytes) else {
        return;
    };
    let parsed = Letter::parse(body);
    match &parsed {
        Ok(letter) => understood(letter),
        Err(error) => assert!(!error.to_string().is_empty()),
    }
    runtime::block_on(replayed(body, parsed.ok()));
}

fn understood(letter: &Letter) {
    assert!(!letter.to_string().is_empty());
    match letter {
        Letter::Reference(reference) => {
            assert!(is_key(&reference.key), "{:?}", reference.key);
            let body = serde_json::to_string(reference).expect("a letter is JSON");
            assert_eq!(Letter::parse(&body).as_ref(), Ok(letter));
        }
        Letter::Pointer(pointer) => {
            let number = |text: &str| text.parse::<SequenceNumber>();
            let [start, end] = [&pointer.start, &pointer.end]
                .map(|text| number(text).unwrap_or_else(|error| panic!("{error}")));
            assert_ne!(start.cmp(&end), Ordering::Greater, "{start} to {end}");
        }
    }
}

async fn replayed(body: &str, letter: Option<Letter>) {
    let world = world(body);
    let replay = Replay::new(world.relay(), world.clone(), world.clone(), TABLE_ARN);
    let named = match &letter {
        Some(letter) => Some(replay.named(letter).await),
        None => None,
    };
    let mut outcomes = HashMap::new();
    let tell = |message: &Message, outcome: &LetterOutcome| {
        outcomes.insert(message.id.clone(), outcome.clone());
    };
    let summary = replay.run(&Selection::default(), || false, tell).await;
    let summary = summary.expect("a queue that can be read");
    assert_eq!((summary.settled + summary.left, summary.halted), (2, None));

    let state = world.state();
    let outcome = &outcomes["this"];
    let stays = state.queue.iter().any(|(message, _)| message.id == "this");
    assert_eq!(
        stays,
        !matches!(outcome, LetterOutcome::Settled { .. }),
        "{outcome:?}"
    );
    let is_pending = |key: &RowKey| state.rows.contains_key(key);
    match (named, outcome) {
        (None, LetterOutcome::Unsettled(SettleError::NotADeadLetter(reason))) => {
            assert!(!reason.to_string().is_empty());
        }
        (Some(Err(reason)), LetterOutcome::Unsettled(unsettled)) => assert_eq!(reason, *unsettled),
        (Some(Ok(outbox::replay::NamedRows::Rows(rows))), outcome) => match outcome {
            LetterOutcome::Settled { .. } => assert!(!rows.iter().any(is_pending), "{rows:?}"),
            LetterOutcome::Pending { parked, failed } => {
                assert!(failed.is_empty() && !parked.is_empty(), "{failed:?}");
                assert!(parked.iter().all(|key| state.parked.contains_key(key)));
            }
            LetterOutcome::Unsettled(unsettled) => panic!("{unsettled}"),
        },
        (Some(Ok(outbox::replay::NamedRows::CommittedUntil { until, .. })), outcome) => {
            assert!(
                matches!(outcome, LetterOutcome::Settled { .. }),
                "{outcome:?}"
            );
            let is_left = |row: &&Arc<OutboxRow>| {
                row.committed_at <= until && !state.parked.contains_key(&row.key)
            };
            assert!(
                !state.rows.values().any(|row| is_left(&row)),
                "until {until}"
            );
        }
        (named, outcome) => panic!("{named:?} came to {outcome:?}"),
    }
    let other = &outcomes["other"];
    assert!(matches!(other, LetterOutcome::Settled { .. }), "{other:?}");
    assert!(!is_pending(&row("order#3", 1).key));
}

/// An outbox with rows that are pending and one that is set aside, a stream that
/// still tells of them, and a queue with this letter and a good one.
fn world(body: &str) -> World {
    let world = World::default();
    let mut state = world.state();
    for (index, (aggregate_id, sequence)) in [
        ("order#1", 1),
        ("order#1", 2),
        ("order#2", 1),
        ("order#3", 1),
    ]
    .into_iter()
    .enumerate()
    {
        let row = row(aggregate_id, sequence);
        state.shard.push(StreamRecord {
            sequence_number: (100_000_000_000_000_000_000_u128 + index as u128).to_string(),
            inserted: Some(row.key.clone()),
        });
        state.rows.insert(row.key.clone(), Arc::new(row));
    }
    let parked = Parked {
        reason: "TooLarge: the event has 300000 bytes".to_owned(),
        at: start(),
    };
    state.parked.insert(row("order#2", 1).key, parked);
    let other = json!({
        "table": "outbox", "aggregateId": "order#3", "position": row("order#3", 1).key.position,
        "eventId": null, "code": "TooLarge", "message": "m", "bytes": 0, "sha256": "", "at": start(),
    });
    for (id, body) in [("this", body.to_owned()), ("other", other.to_string())] {
        let message = Message {
            id: id.to_owned(),
            receipt: id.to_owned(),
            body,
            sent_at: Some(start()),
        };
        state.queue.push((message, Instant::now()));
    }
    drop(state);
    world
}

fn row(aggregate_id: &str, sequence: u64) -> OutboxRow {
    let id = format!("019d4f5e-6a00-7000-8000-{sequence:012}");
    let row = json!({
        "aggregateId": aggregate_id,
        "position": format!("{sequence:020}#{id}"),
        "v": 1,
        "sequence": sequence,
        "eventId": id,
        "source": "orders",
        "detailType": "OrderCreated",
        "detail": "{}",
        "committedAt": start().as_millisecond(),
    });
    serde_json::from_value(row).expect("a row")
}
