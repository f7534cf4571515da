//! What the stream hands over: the rows of orders, as `create-order` writes them.

use bytes::Bytes;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use uuid::Uuid;

/// Whether the relay may have seen records before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Age {
    /// Just written: it cannot have.
    Fresh,
    /// Written a while ago: each is looked up before it is published.
    Aged,
}

/// How large batches are.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Shape {
    pub(crate) events: usize,
    pub(crate) aggregates: usize,
}

/// Records, and the rows they tell of.
pub(crate) struct Batch {
    pub(crate) ids: Vec<String>,
    pub(crate) rows: Vec<Value>,
    pub(crate) payload: Bytes,
}

impl Batch {
    /// New events of new aggregates. Those of an aggregate are written one after the
    /// other, among those of others.
    pub(crate) fn new(shape: Shape, age: Age) -> Self {
        let aggregates: Vec<Uuid> = (0..shape.aggregates).map(|_| Uuid::now_v7()).collect();
        let ids: Vec<String> = (0..shape.events)
            .map(|_| Uuid::now_v7().to_string())
            .collect();
        let events = ids.iter().enumerate();
        let rows: Vec<Value> = events
            .map(|(index, id)| {
                let order = aggregates[index % aggregates.len()];
                row(order, index / aggregates.len() + 1, id)
            })
            .collect();
        Self {
            payload: payload(&rows, age),
            ids,
            rows,
        }
    }
}

fn row(order: Uuid, sequence: usize, id: &str) -> Value {
    let aggregate_id = format!("order#{order}");
    let now = Timestamp::now();
    let detail = json!({
        "specversion": "1.0",
        "id": id,
        "source": "orders",
        "type": "OrderCreated",
        "subject": aggregate_id,
        "time": now.to_string(),
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
            "createdAt": now.to_string(),
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
        "committedAt": {"N": now.as_millisecond().to_string()},
    })
}

/// The event of a stream whose records tell that these rows were written.
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
