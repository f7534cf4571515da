//! What lies in the dead-letter queue.

use std::{cmp::Ordering, collections::HashMap};

use outbox::{
    OutboxRow, Parked, RowKey,
    ports::Message,
    replay::{Letter, LetterOutcome, NamedRows, Selection, SettleError},
};
use outbox_testing::{Change, ChangeKind, Fault, InMemoryAws, Operation, Services, TABLE_ARN};
use serde_json::json;
use stream_mapping::SequenceNumber;

use crate::{
    runtime,
    services::{Trouble, in_memory, is_key, start},
};

/// The shard of the stream.
const SHARD: &str = "shardId-00000001795510800000-11111111";

/// The id of the message that is tried.
const THIS: &str = "message-0";

/// The id of a message that can be settled.
const OTHER: &str = "message-1";

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
    let aws = with_letter(body, letter.as_ref());
    let replay = aws.replay();
    let named = match &letter {
        Some(letter) => Some(replay.named(letter).await),
        None => None,
    };
    let mut outcomes = HashMap::new();
    let note = |message: &Message, outcome: &LetterOutcome| {
        outcomes.insert(message.id.clone(), outcome.clone());
    };
    let summary = replay.run(&Selection::default(), || false, note).await;
    let summary = summary.expect("a queue that can be read");
    assert_eq!((summary.settled + summary.left, summary.halted), (2, None));

    let outcome = &outcomes[THIS];
    let stays = aws.with(|services| {
        let mut messages = services.queue.messages().iter();
        messages.any(|queued| queued.message.id == THIS)
    });
    assert_eq!(
        stays,
        !matches!(outcome, LetterOutcome::Settled { .. }),
        "{outcome:?}"
    );
    let is_pending = |key: &RowKey| aws.with(|services| services.table.row(key).is_some());
    match (named, outcome) {
        (None, LetterOutcome::Unsettled(SettleError::NotADeadLetter(reason))) => {
            assert!(!reason.to_string().is_empty());
        }
        (Some(Err(reason)), LetterOutcome::Unsettled(unsettled)) => assert_eq!(reason, *unsettled),
        (Some(Ok(NamedRows::Rows(rows))), outcome) => match outcome {
            LetterOutcome::Settled { .. } => assert!(!rows.iter().any(is_pending), "{rows:?}"),
            LetterOutcome::Pending { parked, failed } => {
                assert!(failed.is_empty() && !parked.is_empty(), "{failed:?}");
                assert!(parked.iter().all(|key| aws.parked().contains(key)));
            }
            LetterOutcome::Unsettled(unsettled) => panic!("{unsettled}"),
        },
        (Some(Ok(NamedRows::CommittedUntil { until, .. })), outcome) => {
            assert!(
                matches!(outcome, LetterOutcome::Settled { .. }),
                "{outcome:?}"
            );
            let is_left = |key: &RowKey| {
                let row = aws.with(|services| services.table.row(key)?.row().cloned());
                row.is_some_and(|row| row.committed_at <= until)
            };
            assert!(!aws.pending().iter().any(is_left), "until {until}");
        }
        (named, outcome) => panic!("{named:?} came to {outcome:?}"),
    }
    let other = &outcomes[OTHER];
    assert!(matches!(other, LetterOutcome::Settled { .. }), "{other:?}");
    assert!(!is_pending(&row("order#3", 1).key));
}

/// Returns an outbox with rows that are pending and one that is parked, a stream that still
/// has their records, and a queue with this letter and a good one.
fn with_letter(body: &str, letter: Option<&Letter>) -> InMemoryAws {
    let aws = in_memory(Trouble::None);
    // Pages of two records.
    aws.fail_always(Operation::GetRecords, Fault::Page(2));
    aws.with(|services| {
        write_rows(services);
        // Any stream of the table that the letter names.
        if let Some(Letter::Pointer(pointer)) = letter
            && pointer.stream_arn.starts_with(TABLE_ARN)
        {
            services.stream.set_arn(&pointer.stream_arn);
        }
        let other = json!({
            "table": "outbox", "aggregateId": "order#3", "position": row("order#3", 1).key.position,
            "eventId": null, "code": "TooLarge", "message": "m", "bytes": 0, "sha256": "",
            "at": start(),
        });
        let now = services.now();
        for body in [body.to_owned(), other.to_string()] {
            services.queue.send(body, now);
        }
    });
    aws
}

fn write_rows(services: &mut Services) {
    let rows = [
        ("order#1", 1),
        ("order#1", 2),
        ("order#2", 1),
        ("order#3", 1),
    ];
    let now = services.now();
    for (index, (aggregate_id, sequence)) in rows.into_iter().enumerate() {
        let row = row(aggregate_id, sequence);
        let number = (100_000_000_000_000_000_000_u128 + index as u128).to_string();
        let insert = Change {
            kind: ChangeKind::Insert,
            key: row.key.clone(),
            image: None,
        };
        services.stream.push_numbered(SHARD, &number, &insert, now);
        services
            .table
            .write(serde_dynamo::to_item(row).expect("a row is an item"));
    }
    services.stream.end(SHARD);
    let parked = Parked {
        reason: "TooLarge: the event has 300000 bytes".to_owned(),
        at: start(),
    };
    assert!(services.park(&row("order#2", 1).key, None, &parked));
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
