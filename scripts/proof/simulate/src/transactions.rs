//! DynamoDB's `TransactWriteItems`, as a process of ours calls it.

#![expect(clippy::result_large_err, reason = "the error is the SDK's")]

use std::{collections::HashMap, future::Future, pin::Pin, time::Duration};

use aws_sdk_dynamodb::{
    error::{ErrorMetadata, SdkError},
    operation::transact_write_items::TransactWriteItemsError,
    types::{
        AttributeValue, CancellationReason, Put, TransactWriteItem,
        error::TransactionCanceledException,
    },
};
use aws_smithy_runtime_api::{
    client::{orchestrator::HttpResponse, result::ConnectorError},
    http::StatusCode,
};
use aws_smithy_types::body::SdkBody;
use outbox::{
    OutboxRow, RowKey,
    testing::{Transact, Transacted},
};
use tokio::{
    task::spawn_local,
    time::{Instant, sleep, sleep_until, timeout},
};

use crate::{
    caller::{CallFailure, Caller},
    fault_plan::{Fault, Operation},
    mutants::Mutant,
    state::State,
    world::World,
};

/// How long the library waits for a response.
const RESPONSE_TIMEOUT: Duration = Duration::from_secs(3);

/// How long DynamoDB treats a transaction with the same token as the same.
const TOKEN_KNOWN_FOR: Duration = Duration::from_mins(10);

type TransactError = SdkError<TransactWriteItemsError>;

impl Transact for Caller {
    fn transact(
        &self,
        items: Vec<TransactWriteItem>,
        token: String,
    ) -> Pin<Box<dyn Future<Output = Transacted> + Send + '_>> {
        Box::pin(async move {
            let written = timeout(RESPONSE_TIMEOUT, self.carry_out(items, token)).await;
            written.unwrap_or_else(|_| Err(SdkError::timeout_error("no response in time")))
        })
    }
}

impl Caller {
    async fn carry_out(&self, items: Vec<TransactWriteItem>, token: String) -> Transacted {
        let world = self.world.clone();
        let write = move |state: &mut State, fault| {
            if fault == Some(Fault::Late) {
                write_late(world, items, token, state.random.u64(4..30));
                return None;
            }
            Some(write(&world, state, &items, &token))
        };
        let written = self.try_call(Operation::TransactWriteItems, write).await;
        match written {
            Ok(Some(written)) => written,
            Ok(None) => std::future::pending().await,
            Err(failure) => Err(sdk_error(failure, self.has(Mutant::SilenceIsRefusal))),
        }
    }
}

/// Writes after the caller has timed out: the request was in flight for long.
fn write_late(world: World, items: Vec<TransactWriteItem>, token: String, seconds: u64) {
    spawn_local(async move {
        sleep(Duration::from_secs(seconds)).await;
        // The caller gets no response.
        let _ = world.with(|state| write(&world, state, &items, &token));
    });
}

/// Writes all items or none.
fn write(world: &World, state: &mut State, items: &[TransactWriteItem], token: &str) -> Transacted {
    let used = state.items.tokens.get(token);
    if used.is_some_and(|used| used.elapsed() < TOKEN_KNOWN_FOR) {
        return Ok(());
    }
    let reasons: Vec<CancellationReason> = items.iter().map(|item| reason(state, item)).collect();
    if reasons.iter().any(|reason| reason.code() != Some("None")) {
        let canceled = TransactionCanceledException::builder()
            .set_cancellation_reasons(Some(reasons))
            .build();
        let error = TransactWriteItemsError::TransactionCanceledException(canceled);
        return Err(SdkError::service_error(error, response(400)));
    }
    state.items.tokens.insert(token.to_owned(), Instant::now());
    let now = world.now();
    let mut rows = Vec::new();
    for item in items {
        if let Some(put) = item.put() {
            if let Some(row) = row(put) {
                rows.push(row.key.clone());
                state.insert(row, now);
            } else {
                state.put(put);
            }
        }
        if let Some(update) = item.update()
            && let Some(AttributeValue::S(event_id)) = update.key().get("eventId")
        {
            state.apply_effect(event_id);
        }
    }
    stream(world, state, rows);
    Ok(())
}

/// Returns the cancellation reason of an action; `None` as its code if it can be done.
fn reason(state: &mut State, item: &TransactWriteItem) -> CancellationReason {
    let reason = CancellationReason::builder();
    let Some(put) = item.put() else {
        return reason.code("None").build();
    };
    let existing = match row(put) {
        Some(row) => state.rows.contains_key(&row.key).then(HashMap::new),
        None => state.items.by_address.get(&address(put)).cloned(),
    };
    let holds = match put.condition_expression() {
        Some("attribute_not_exists(#key)") => existing.is_none(),
        Some(
            "#version = :version AND #lastSequence = :lastSequence \
             AND (attribute_not_exists(#aggregateId) OR #aggregateId = :aggregateId)",
        ) => {
            let values = put.expression_attribute_values();
            let is_same = |name: &str| {
                let expected = values.and_then(|values| values.get(&format!(":{name}")));
                existing.as_ref().and_then(|item| item.get(name)) == expected
            };
            is_same("version") && is_same("lastSequence") && is_same("aggregateId")
        }
        _ => {
            state.violate("sent a condition that is not simulated", None);
            false
        }
    };
    if holds {
        reason.code("None").build()
    } else {
        reason
            .code("ConditionalCheckFailed")
            .set_item(existing)
            .build()
    }
}

/// Returns the row of an event, if that is what is put.
fn row(put: &Put) -> Option<OutboxRow> {
    if put.table_name() != "outbox" {
        return None;
    }
    serde_dynamo::from_item(put.item().clone()).ok()
}

/// Returns the table and the partition key of an item.
fn address(put: &Put) -> (String, String) {
    let key = put.item().get("pk").and_then(|key| key.as_s().ok());
    let key = key.cloned().unwrap_or_default();
    (put.table_name().to_owned(), key)
}

impl State {
    fn put(&mut self, put: &Put) {
        if let Some(AttributeValue::N(command)) = put.item().get("command") {
            self.items.commands.extend(command.parse::<u64>());
        }
        self.items
            .by_address
            .insert(address(put), put.item().clone());
    }
}

/// Adds the stream records of a transaction's rows: in any order among themselves, and
/// after those of earlier transactions.
fn stream(world: &World, state: &mut State, mut keys: Vec<RowKey>) {
    let Some(aggregate_id) = keys.first().map(|key| key.aggregate_id.clone()) else {
        return;
    };
    let shuffles = !state.is_fault_free && state.random.u8(..4) == 0;
    if shuffles {
        state.random.shuffle(&mut keys);
    }
    let streamed_until = state
        .streamed_until
        .entry(aggregate_id)
        .or_insert_with(Instant::now);
    let mut times = Vec::new();
    let mut time = (*streamed_until).max(Instant::now());
    for key in keys {
        times.push((time, key));
        if shuffles {
            time += Duration::from_millis(state.random.u64(0..300));
        }
    }
    *streamed_until = time;
    let world = world.clone();
    spawn_local(async move {
        for (time, key) in times {
            sleep_until(time).await;
            let now = world.now();
            world.with(|state| {
                state.add_stream_record("INSERT", &key, now);
                if state.random.u8(..8) == 0 {
                    // An update that changes nothing of interest.
                    state.add_stream_record("MODIFY", &key, now);
                }
            });
        }
        world.notify_mappings();
    });
}

/// Returns the SDK's error for a failed call.
fn sdk_error(failure: CallFailure, silence_is_refusal: bool) -> TransactError {
    let refused = |code: &str, status| {
        let meta = ErrorMetadata::builder().code(code).build();
        SdkError::service_error(TransactWriteItemsError::generic(meta), response(status))
    };
    match failure {
        CallFailure::NoResponse if silence_is_refusal => refused("AccessDeniedException", 400),
        CallFailure::NoResponse => {
            SdkError::dispatch_failure(ConnectorError::io("the connection was cut".into()))
        }
        CallFailure::Throttled => refused("ThrottlingException", 400),
        CallFailure::Denied | CallFailure::Rejected => refused("AccessDeniedException", 400),
        CallFailure::Conflict => {
            let reason = CancellationReason::builder().code("TransactionConflict");
            let canceled = TransactionCanceledException::builder()
                .cancellation_reasons(reason.build())
                .build();
            let error = TransactWriteItemsError::TransactionCanceledException(canceled);
            SdkError::service_error(error, response(400))
        }
    }
}

fn response(status: u16) -> HttpResponse {
    // All callers pass a valid HTTP status.
    let status = StatusCode::try_from(status).unwrap_or_else(|_| unreachable!());
    HttpResponse::new(status, SdkBody::empty())
}
