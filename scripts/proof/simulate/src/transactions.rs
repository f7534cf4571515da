//! DynamoDB's `TransactWriteItems`, as a process of ours calls it.

#![expect(clippy::result_large_err, reason = "the error is the SDK's")]

use std::{future::Future, pin::Pin, time::Duration};

use aws_sdk_dynamodb::{
    error::SdkError,
    types::{AttributeValue, TransactWriteItem},
};
use outbox::{
    ports::CallError,
    testing::{Transact, Transacted},
};
use outbox_testing::{
    CallFailure, Change, Fault, Operation,
    sdk_error::{call_failed, rejected},
};
use tokio::{
    task::spawn_local,
    time::{Instant, sleep, sleep_until, timeout},
};

use crate::{caller::Caller, mutants::Mutant, simulation::Simulation, state::State};

/// How long the library waits for a response.
const RESPONSE_TIMEOUT: Duration = Duration::from_secs(3);

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
    async fn carry_out(&self, mut items: Vec<TransactWriteItem>, token: String) -> Transacted {
        if self.has(Mutant::NoClaim) {
            self.misplace_claims(&mut items);
        }
        let simulation = self.simulation.clone();
        let write = move |state: &mut State, fault: Option<&Fault>| {
            if let Some(Fault::Late(time)) = fault {
                write_late(simulation, items, token, *time);
                return None;
            }
            Some(write(&simulation, state, items, &token))
        };
        match self
            .try_call(Operation::TransactWriteItems.into(), write)
            .await
        {
            Ok(Some(written)) => written,
            Ok(None) => std::future::pending().await,
            Err(CallFailure::NoResponse) if self.has(Mutant::SilenceIsRefusal) => {
                let denied = CallError::Configuration("no response".to_owned());
                Err(call_failed(CallFailure::Rejected(denied)))
            }
            Err(failure) => Err(call_failed(failure)),
        }
    }
}

impl Caller {
    /// Writes claims where nobody looks: the library needs a result for each.
    fn misplace_claims(&self, items: &mut [TransactWriteItem]) {
        for put in items.iter_mut().filter_map(|item| item.put.as_mut()) {
            if put.item.contains_key("claimedFor") {
                let pk = format!("nowhere#{}", self.simulation.with(State::new_id));
                put.item.insert("pk".to_owned(), AttributeValue::S(pk));
            }
        }
    }
}

/// Writes after the caller has timed out: the request was in flight for long.
fn write_late(
    simulation: Simulation,
    items: Vec<TransactWriteItem>,
    token: String,
    after: Duration,
) {
    spawn_local(async move {
        sleep(after).await;
        // The caller gets no response.
        let _ = simulation.with(|state| write(&simulation, state, items, &token));
    });
}

/// Writes all items or none.
fn write(
    simulation: &Simulation,
    state: &mut State,
    mut items: Vec<TransactWriteItem>,
    token: &str,
) -> Transacted {
    let rows = state.damage_rows(&mut items);
    let written = state.services.transact(&items, token).map_err(rejected)?;
    let Some(changes) = written else {
        // It was written before.
        return Ok(());
    };
    for row in rows {
        state.record_commit(row);
    }
    for item in &items {
        if let Some(put) = item.put()
            && let Some(AttributeValue::N(command)) = put.item().get("command")
        {
            state.commands.extend(command.parse::<u64>());
        }
        if let Some(update) = item.update()
            && let Some(AttributeValue::S(event_id)) = update.key().get("eventId")
        {
            state.apply_effect(event_id);
        }
    }
    stream(simulation, state, changes);
    Ok(())
}

/// Adds the stream records of a transaction's rows: in any order among themselves, and
/// after those of earlier transactions.
fn stream(simulation: &Simulation, state: &mut State, mut changes: Vec<Change>) {
    let Some(aggregate_id) = changes
        .first()
        .map(|change| change.key.aggregate_id.clone())
    else {
        return;
    };
    let shuffles = !state.is_fault_free && state.random.u8(..4) == 0;
    if shuffles {
        state.random.shuffle(&mut changes);
    }
    let streamed_until = state
        .streamed_until
        .entry(aggregate_id)
        .or_insert_with(Instant::now);
    let mut times = Vec::new();
    let mut time = (*streamed_until).max(Instant::now());
    for change in changes {
        times.push((time, change));
        if shuffles {
            time += Duration::from_millis(state.random.u64(0..300));
        }
    }
    *streamed_until = time;
    let simulation = simulation.clone();
    spawn_local(async move {
        for (time, change) in times {
            sleep_until(time).await;
            simulation.with(|state| add_records(state, change));
        }
        simulation.notify_mappings();
    });
}

fn add_records(state: &mut State, change: Change) {
    let now = state.now();
    state.services.stream.push(&change, now);
    if state.random.u8(..8) == 0 {
        // An update that changes nothing of interest.
        let update = Change::modify(change.key, change.image.unwrap_or_default());
        state.services.stream.push(&update, now);
    }
}
