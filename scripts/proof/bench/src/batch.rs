//! Batches of the stream: the rows of orders, as `create-order` writes them.

use bytes::Bytes;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use uuid::Uuid;

/// The age of records, which decides whether the relay looks them up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Age {
    /// Just written, so they can't be redelivered ones: they are not looked up.
    Fresh,
    /// Written 10 s ago: each is looked up before it is published.
    Aged,
}

/// The size of batches.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Shape {
    pub(crate) events: usize,
    pub(crate) aggregates: usize,
}

/// A batch of records.
pub(crate) struct Batch {
    /// The ids of the events.
    pub(crate) ids: Vec<String>,
    /// The rows that the records contain.
    pub(crate) rows: Vec<Value>,
    /// The payload for the function.
    pub(crate) payload: Bytes,
}

impl Batch {
    /// Creates new events of new aggregates, of which this is the first sequence. The events of
    /// different aggregates alternate.
    pub(crate) fn new(shape: Shape, age: Age, first_sequence: usize) -> Self {
        let now = Timestamp::now();
        let aggregates: Vec<Uuid> = (0..shape.aggregates).map(|_| Uuid::now_v7()).collect();
        let ids: Vec<String> = (0..shape.events)
            .map(|_| Uuid::now_v7().to_string())
            .collect();
        let events = ids.iter().enumerate();
        let rows: Vec<Value> = events
            .map(|(index, id)| {
                let order = aggregates[index % aggregates.len()];
                row(order, index / aggregates.len() + first_sequence, id, now)
            })
            .collect();
        Self {
            payload: payload(&rows, age),
            ids,
            rows,
        }
    }
}

/// Returns the row of an order's event.
pub(crate) fn row(order: Uuid, sequence: usize, id: &str, committed_at: Timestamp) -> Value {
    let aggregate_id = format!("order#{order}");
    let detail = json!({
        "specversion": "1.0",
        "id": id,
        "source": "orders",
        "type": "OrderCreated",
        "subject": aggregate_id,
        "time": committed_at.to_string(),
        "datacontenttype": "application/json",
        "dataschema": "urn:event-schema:orders:OrderCreated:1",
        "sequence": format!("{sequence:020}"),
        "data": {
            "orderId": order,
            "customerId": "customer-7",
            "items": [
                {"productId": "teapot", "quantity": 2, "unitPrice": 1950},
                {"productId": "cup", "quantity": 6, "unitPrice": 450},
            ],
            "total": {"amount": 6600, "currency": "EUR"},
            "createdAt": committed_at.to_string(),
        },
    });
    json!({
        "aggregateId": {"S": aggregate_id},
        "position": {"S": format!("{sequence:020}#{id}")},
        "v": {"N": "1"},
        "sequence": {"N": sequence.to_string()},
        "eventId": {"S": id},
        "source": {"S": "orders"},
        "detailType": {"S": "OrderCreated"},
        "detail": {"S": detail.to_string()},
        "committedAt": {"N": committed_at.as_millisecond().to_string()},
    })
}

/// Returns the payload with which the stream invokes a function when these rows were
/// inserted.
pub(crate) fn payload(rows: &[Value], age: Age) -> Bytes {
    let written_at = match age {
        Age::Fresh => Timestamp::now(),
        Age::Aged => Timestamp::now() - SignedDuration::from_secs(10),
    };
    let records = rows.iter().enumerate();
    let records: Vec<Value> = records
        .map(|(index, row)| {
            json!({
                "eventID": Uuid::new_v4(),
                "eventName": "INSERT",
                "eventVersion": "1.1",
                "eventSource": "aws:dynamodb",
                "awsRegion": "eu-central-1",
                "dynamodb": {
                    "ApproximateCreationDateTime": written_at.as_second(),
                    "Keys": {"aggregateId": row["aggregateId"], "position": row["position"]},
                    "NewImage": row,
                    "SequenceNumber": format!("{}", 100_000_000_000_000_000_000_u128 + index as u128),
                    "SizeBytes": 900,
                    "StreamViewType": "NEW_IMAGE",
                },
                "eventSourceARN": "arn:aws:dynamodb:eu-central-1:000000000000:table/outbox/stream/2026-11-24T09:00:00.000",
            })
        })
        .collect();
    json!({"Records": records}).to_string().into()
}
