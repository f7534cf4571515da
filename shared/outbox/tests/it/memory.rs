//! The services in memory, and the rows that tests of relay and replay write into them.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use jiff::Timestamp;
use outbox::{
    Candidate, OutboxRow, Parked, RowKey,
    ports::{BusLimits, CallError, DeadLetter, EntryError, Poison},
};
use outbox_testing::{Call, Fault, Happened, InMemoryAws, Item, Operation};
use serde_json::{Value, json};

pub(crate) const LIMITS: BusLimits = BusLimits {
    entries: 10,
    bytes: 4_000,
    several_of_aggregate: true,
};

/// The ARN of the table that the kept dead letters are of.
pub(crate) const TABLE_ARN: &str = "arn:aws:dynamodb:eu-central-1:1:table/outbox";

/// The ARN of its stream.
pub(crate) const STREAM_ARN: &str = "arn:aws:dynamodb:eu-central-1:1:table/outbox/stream/now";

pub(crate) fn start() -> Timestamp {
    "2026-11-24T09:00:00.5Z".parse().unwrap()
}

/// Returns empty services with small limits, so that tests reach them with few rows.
pub(crate) fn in_memory() -> InMemoryAws {
    let aws = InMemoryAws::starting_at(start());
    aws.with(|services| {
        services.bus.limits = LIMITS;
        services.table.set_page_size(100);
        services.stream.set_arn(STREAM_ARN);
    });
    aws.set_latency(Operation::PutEvents, Duration::from_millis(20));
    aws.set_latency(Operation::ReceiveMessage, Duration::from_millis(10));
    aws
}

/// What tests write and look at.
pub(crate) trait Rows {
    /// Writes a row now, and returns the record of its insert.
    fn insert(&self, aggregate: &str, sequence: u64) -> Candidate;

    /// The same, of any row.
    fn insert_row(&self, row: OutboxRow) -> Candidate;

    /// Parks a row.
    fn park_row(&self, key: &RowKey);

    /// Changes the item of a row.
    fn change_row(&self, key: &RowKey, change: impl FnOnce(&mut Item));

    /// Deletes a row, as if it had been published before.
    fn remove_row(&self, key: &RowKey);

    /// Returns the names of the events that the bus has accepted, in order.
    fn published_rows(&self) -> Vec<String>;

    /// Returns what was sent to the bus: for each request the names of its events.
    fn requests(&self) -> Vec<String>;

    /// Returns the names of the rows that are not parked.
    fn pending_rows(&self) -> Vec<String>;

    /// Returns the dead letters of the relay that are in the queue.
    fn letters(&self) -> Vec<DeadLetter>;

    /// Returns how many dead letters the relay has sent.
    fn letters_sent(&self) -> usize;

    /// Fails the next calls of an operation with these errors.
    fn fail_with(&self, operation: Operation, errors: impl IntoIterator<Item = CallError>);

    /// Fails all calls of an operation.
    fn always_fail_with(&self, operation: Operation, error: CallError);
}

impl Rows for InMemoryAws {
    fn insert(&self, aggregate: &str, sequence: u64) -> Candidate {
        self.insert_row(row(aggregate, sequence))
    }

    fn insert_row(&self, row: OutboxRow) -> Candidate {
        let item = serde_dynamo::to_item(&row).unwrap();
        self.with(|services| services.table.write(item));
        Candidate {
            key: row.key.clone(),
            row: Ok(Arc::new(row)),
            written_at: Some("2026-11-24T09:00:00Z".parse().unwrap()),
        }
    }

    fn park_row(&self, key: &RowKey) {
        let mark = Parked {
            reason: "InvalidArgument: no".into(),
            at: start(),
        };
        assert!(self.with(|services| services.park(key, None, &mark)));
    }

    fn change_row(&self, key: &RowKey, change: impl FnOnce(&mut Item)) {
        assert!(self.with(|services| services.table.change(key, change)));
    }

    fn remove_row(&self, key: &RowKey) {
        assert!(self.with(|services| services.table.remove(key)));
    }

    fn published_rows(&self) -> Vec<String> {
        self.with(|services| {
            let accepted = services.bus.accepted.iter();
            accepted.map(|event| event.row.key.to_string()).collect()
        })
    }

    fn requests(&self) -> Vec<String> {
        let calls = self.calls(Operation::PutEvents).into_iter();
        let names = calls.map(|call| call.rows.iter().map(RowKey::to_string).collect::<Vec<_>>());
        names.map(|names| names.join(" ")).collect()
    }

    fn pending_rows(&self) -> Vec<String> {
        let pending = self.pending().into_iter();
        pending.map(|key| key.to_string()).collect()
    }

    fn letters(&self) -> Vec<DeadLetter> {
        self.with(|services| {
            let messages = services.queue.messages().iter();
            let bodies = messages.map(|queued| &queued.message.body);
            bodies
                .map(|body| serde_json::from_str(body).unwrap())
                .collect()
        })
    }

    fn letters_sent(&self) -> usize {
        let happened = self.happened().into_iter();
        let sent = happened.filter(|happened| matches!(happened, Happened::LetterSent(_)));
        sent.count()
    }

    fn fail_with(&self, operation: Operation, errors: impl IntoIterator<Item = CallError>) {
        for error in errors {
            self.fail_next(operation, Fault::Error(error));
        }
    }

    fn always_fail_with(&self, operation: Operation, error: CallError) {
        self.fail_always(operation, Fault::Error(error));
    }
}

pub(crate) fn row(aggregate: &str, sequence: u64) -> OutboxRow {
    row_with_detail(
        aggregate,
        sequence,
        &json!({"sequence": sequence}).to_string(),
    )
}

pub(crate) fn row_with_detail(aggregate: &str, sequence: u64, detail: &str) -> OutboxRow {
    let id = format!("019ad0c5-0a4c-7000-8000-{sequence:012}");
    serde_json::from_value(json!({
        "aggregateId": aggregate,
        "position": format!("{sequence:020}#{id}"),
        "v": 1,
        "sequence": sequence,
        "eventId": id,
        "source": "things",
        "detailType": "Renamed",
        "detail": detail,
        "committedAt": start().as_millisecond(),
    }))
    .unwrap()
}

/// The stream record of a row, as Lambda passes it on.
pub(crate) fn record(sequence_number: &str, candidate: &Candidate) -> Value {
    let row = candidate.row.as_deref().unwrap();
    let image: serde_dynamo::Item = serde_dynamo::to_item(row).unwrap();
    json!({
        "eventID": "1",
        "eventName": "INSERT",
        "dynamodb": {
            "ApproximateCreationDateTime": candidate.written_at.map(Timestamp::as_second),
            "Keys": {
                "aggregateId": {"S": row.key.aggregate_id},
                "position": {"S": row.key.position},
            },
            "NewImage": image,
            "SequenceNumber": sequence_number,
            "StreamViewType": "NEW_IMAGE",
        },
    })
}

pub(crate) fn transient() -> EntryError {
    EntryError::Transient("InternalFailure".into())
}

pub(crate) fn transient_call() -> CallError {
    CallError::Transient("busy".into())
}

pub(crate) fn denied_call() -> CallError {
    CallError::Configuration("AccessDenied".into())
}

pub(crate) fn poison() -> EntryError {
    EntryError::Content(Poison {
        code: "InvalidArgument".into(),
        message: "no".into(),
    })
}

/// Accepts every entry except the one with the given name, `AGGREGATE/SEQUENCE`.
pub(crate) fn refuse(
    name: &str,
    error: EntryError,
) -> impl FnMut(&Call<'_>) -> Option<Fault> + use<> {
    let name = name.to_owned();
    reject(move |key| (key.to_string() == name).then(|| error.clone()))
}

/// Rejects the entries for which there is an error.
pub(crate) fn reject(
    mut error: impl FnMut(&RowKey) -> Option<EntryError>,
) -> impl FnMut(&Call<'_>) -> Option<Fault> {
    move |call| {
        if call.operation != Operation::PutEvents {
            return None;
        }
        let rows = call.rows.iter().enumerate();
        let rejected: BTreeMap<usize, EntryError> = rows
            .filter_map(|(index, key)| Some((index, error(key)?)))
            .collect();
        (!rejected.is_empty()).then_some(Fault::Rejected(rejected))
    }
}
