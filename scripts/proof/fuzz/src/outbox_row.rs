//! An item of the outbox table, as DynamoDB writes it.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use outbox::{
    Candidate, OutboxRow, Unreadable,
    aws::DynamoDbTable,
    ports::{OutboxTable, Segment, StoredRow},
};
use serde_dynamo::Item;
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::{
    dynamodb, runtime,
    services::{Trouble, assert_sound, in_memory, is_key, letters, write_key},
};

/// The whole table.
const ALL: Segment = Segment { index: 0, of: 1 };

/// A row that is read and written again is read as the same row, from the table
/// and from the stream; of one that cannot be read, the attribute at fault is
/// named.
pub fn outbox_row(bytes: &[u8]) {
    runtime::block_on(async {
        let rows = read(bytes).await;
        for stored in &rows {
            let Candidate { key, row, .. } = &stored.candidate;
            assert!(is_key(key), "{key:?}");
            assert!(!key.to_string().is_empty());
            match row {
                Ok(row) => readable(stored, row).await,
                Err(Unreadable::Malformed(message)) => {
                    assert!(message.starts_with("attribute \""), "{message}");
                }
                Err(Unreadable::NewerFormat(v)) => assert!(*v > 1),
            }
        }
        // What the stream shows is what the table has. The SDK reads more than DynamoDB
        // writes, so that this is of real items.
        if let ([stored], Ok(_)) = (&rows[..], serde_json::from_slice::<Item>(bytes))
            && let (Ok(row), Ok(image)) = (&stored.candidate.row, serde_json::from_slice(bytes))
        {
            assert_streamed(row, &image).await;
        }
    });
}

async fn readable(stored: &StoredRow, row: &Arc<OutboxRow>) {
    assert_eq!(row.key, stored.candidate.key);
    assert_eq!(row.key.sequence(), Some(row.sequence));
    assert_eq!(row.key.event_id(), Some(&*row.event_id.to_string()));
    assert_eq!(row.parked, stored.parked);
    let item: Item = serde_dynamo::to_item(row).expect("a row is an item");
    let again = serde_json::to_value(&item).expect("an item is JSON");
    let read_again = read(again.to_string().as_bytes()).await;
    assert_eq!(read_again, std::slice::from_ref(stored));
    assert_streamed(row, &again).await;
}

/// The relay publishes the row that an image holds, or parks it with a dead
/// letter.
async fn assert_streamed(row: &OutboxRow, image: &Value) {
    let record = json!({
        "eventName": "INSERT",
        "dynamodb": {
            "ApproximateCreationDateTime": 1_795_510_800,
            "Keys": {
                "aggregateId": {"S": row.key.aggregate_id},
                "position": {"S": row.key.position},
            },
            "NewImage": image,
            "SequenceNumber": "100000000000000000001",
        },
    });
    let event = serde_json::from_value(json!({"Records": [record]})).expect("a batch");
    let aws = in_memory(Trouble::None);
    write_key(&aws, &row.key);
    let handler = aws.stream_handler();
    let deadline = Instant::now() + Duration::from_mins(1);
    let relayed = handler.handle(event, deadline).await;
    assert_eq!(relayed.counts.failed, 0, "{:?}", relayed.counts);
    assert_sound(&aws, Trouble::None);
    let published = aws.with(|services| services.bus.accepted.clone());
    match (&published[..], &letters(&aws)[..]) {
        ([published], []) => assert_eq!(*published.row, *row),
        ([], [letter]) => {
            assert_eq!(letter.key, row.key);
            assert!(
                ["TooLarge", "MalformedDetail"].contains(&&*letter.code),
                "{letter:?}"
            );
        }
        other => panic!("{other:?}"),
    }
}

thread_local! {
    static TABLE: (DynamoDbTable, Arc<Mutex<Vec<u8>>>) = {
        let item = Arc::new(Mutex::new(Vec::new()));
        let items = Arc::clone(&item);
        let client = dynamodb::client(move |_, _| {
            let item = items.lock().unwrap_or_else(PoisonError::into_inner);
            (200, [br#"{"Items":["#, &item[..], b"]}"].concat())
        });
        (DynamoDbTable::new(client, "outbox"), item)
    };
}

/// What a scan makes of a table with this item in it; nothing, if the answer
/// cannot be read.
pub(crate) async fn read(item: &[u8]) -> Vec<StoredRow> {
    let (table, answer) = TABLE.with(Clone::clone);
    *answer.lock().unwrap_or_else(PoisonError::into_inner) = item.to_vec();
    let page = table.scan(ALL, None).await;
    page.map(|page| page.rows).unwrap_or_default()
}
