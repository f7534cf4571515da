//! What people write instead, to be compared under the same faults.

use std::{fmt, sync::Arc};

use outbox::{
    OutboxRow, RowKey,
    ports::{CallError, EventBus, OutboxTable, PutResult},
};
use serde_json::{Value, json};
use stream_mapping::{Filter, Outcome, Settings, StartingPosition};

use crate::{
    caller::Caller,
    functions::{RELAY_TIMEOUT, StreamFunction, alive},
    mapping::{deployed, key_of},
    world::World,
};

/// How events get from a service to the bus.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Design {
    /// The service saves, then publishes.
    DualWrite,
    /// A function publishes what the stream of the aggregates' table shows, by a
    /// mapping as it is unless somebody sets more.
    TableStream,
    /// The same, with batches halved, partial responses, 30 retries and a dead-letter
    /// queue.
    TableStreamWithCare,
    /// An outbox whose relay puts one event a call, deletes its row, and fails whole
    /// batches.
    OneEventACall,
    /// This library.
    #[default]
    ThisOne,
}

impl Design {
    /// All, the simplest first.
    pub const ALL: [Self; 5] = [
        Self::DualWrite,
        Self::TableStream,
        Self::TableStreamWithCare,
        Self::OneEventACall,
        Self::ThisOne,
    ];

    /// The settings of its stream mapping, if it has one.
    pub(crate) fn mapping(self) -> Option<Settings> {
        match self {
            Self::DualWrite => None,
            Self::TableStreamWithCare | Self::ThisOne => Some(deployed()),
            Self::TableStream | Self::OneEventACall => Some(Settings {
                batch_size: 100,
                filter: Filter::from_patterns([r#"{"eventName":["INSERT"]}"#]).unwrap_or_default(),
                ..Settings::new(StartingPosition::TrimHorizon)
            }),
        }
    }
}

impl fmt::Display for Design {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::DualWrite => "save, then publish",
            Self::TableStream => "stream of the table, mapping as it is",
            Self::TableStreamWithCare => "the same, bisected, partial, dead letters",
            Self::OneEventACall => "outbox, one event a call, whole batches",
            Self::ThisOne => "this one",
        })
    }
}

/// A function that publishes record by record.
pub(crate) struct RecordByRecord {
    caller: Caller,
    design: Design,
}

impl StreamFunction for RecordByRecord {
    fn start(world: &World) -> Self {
        Self {
            caller: Caller::new(world),
            design: world.with(|state| state.design),
        }
    }

    async fn invoke(self, records: Vec<Value>) -> (Outcome, Option<Self>) {
        let handling = self.handle(&records);
        let Some(failed) = alive(&self.caller, RELAY_TIMEOUT, handling).await else {
            return (Outcome::FunctionError, None);
        };
        let outcome = match failed {
            None => Outcome::Answered {
                payload: json!({"batchItemFailures": []}).to_string(),
            },
            Some(record) if self.design == Design::TableStreamWithCare => {
                let number = &record["dynamodb"]["SequenceNumber"];
                let failures = json!([{"itemIdentifier": number}]);
                Outcome::Answered {
                    payload: json!({"batchItemFailures": failures}).to_string(),
                }
            }
            Some(_) => Outcome::FunctionError,
        };
        (outcome, Some(self))
    }
}

impl RecordByRecord {
    /// Publishes until one fails. Answers which.
    async fn handle<'r>(&self, records: &'r [Value]) -> Option<&'r Value> {
        for record in records {
            let Some(key) = key_of(record) else { continue };
            let Some(row) = self.caller.row_of(&key) else {
                continue;
            };
            if !put_one(&self.caller, &row).await {
                return Some(record);
            }
            if self.design == Design::OneEventACall {
                let deleted = self.caller.delete(std::slice::from_ref(&key)).await;
                if !deleted.is_ok_and(|left| left.is_empty()) {
                    return Some(record);
                }
            }
        }
        None
    }
}

/// What a service does that publishes itself, after its commit.
pub(crate) async fn publish_after_commit(caller: &Caller, events: &[RowKey]) {
    for key in events {
        if let Some(row) = caller.row_of(key) {
            put_one(caller, &row).await;
        }
    }
}

/// Puts one event, three times at most, as the SDK does.
async fn put_one(caller: &Caller, row: &Arc<OutboxRow>) -> bool {
    for _ in 0..3 {
        match caller.put(std::slice::from_ref(row)).await {
            Ok(results) => return results == [PutResult::Accepted],
            Err(CallError::Transient(_)) => {}
            Err(_) => return false,
        }
    }
    false
}

impl Caller {
    /// The event as it was committed.
    fn row_of(&self, key: &RowKey) -> Option<Arc<OutboxRow>> {
        self.world
            .with(|state| state.events.get(key)?.version(0).cloned())
    }
}
