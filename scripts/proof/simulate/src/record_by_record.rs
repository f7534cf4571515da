//! What one would write without the library, to be compared under the same faults.

use std::sync::Arc;

use outbox::{
    OutboxRow, RowKey,
    ports::{EventBus, OutboxTable, PutResult},
};
use serde_json::{Value, json};
use stream_mapping::Outcome;

use crate::{
    caller::{Caller, Role},
    design::Design,
    functions::{RELAY_TIMEOUT, StreamFunction, run_invocation},
    mapping::key_of,
    simulation::Simulation,
};

/// A function behind a stream that publishes record by record.
pub(crate) struct RecordByRecord {
    caller: Caller,
    design: Design,
}

impl StreamFunction for RecordByRecord {
    fn start(simulation: &Simulation) -> Self {
        Self {
            caller: Caller::new(simulation, Role::Service),
            design: simulation.with(|state| state.design),
        }
    }

    async fn invoke(self, records: Vec<Value>) -> (Outcome, Option<Self>) {
        let handling = self.handle(&records);
        let Some(failed) = run_invocation(&self.caller, RELAY_TIMEOUT, handling).await else {
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
    /// Publishes records until one fails, and returns that one.
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

/// Publishes events right after their commit, as a service without an outbox does.
pub(crate) async fn publish_after_commit(caller: &Caller, events: &[RowKey]) {
    for key in events {
        if let Some(row) = caller.row_of(key) {
            put_one(caller, &row).await;
        }
    }
}

/// Puts one event, in up to three attempts, as the SDK does.
async fn put_one(caller: &Caller, row: &Arc<OutboxRow>) -> bool {
    for _ in 0..3 {
        match caller.put(std::slice::from_ref(row)).await {
            Ok(results) => return results == [PutResult::Accepted],
            Err(error) if error.is_transient() => {}
            Err(_) => return false,
        }
    }
    false
}

impl Caller {
    /// Returns the event as it was committed.
    fn row_of(&self, key: &RowKey) -> Option<Arc<OutboxRow>> {
        self.simulation
            .with(|state| state.events.get(key)?.version(0).cloned())
    }
}
