//! The event bus, as a process of ours calls it.

use std::sync::Arc;

use outbox::{
    OutboxRow,
    limits::entry_bytes,
    ports::{BusLimits, CallError, EntryError, EventBus, Poison, PutResult},
};

use crate::{
    caller::Caller,
    fault_plan::{Fault, Operation},
    mutants::Mutant,
    oracle::Actor,
    state::State,
};

impl EventBus for Caller {
    fn limits(&self) -> BusLimits {
        BusLimits {
            entries: 10,
            bytes: 20_000,
        }
    }

    fn entry_bytes(&self, row: &OutboxRow) -> usize {
        entry_bytes(row)
    }

    async fn exists(&self) -> Result<bool, CallError> {
        if self.has(Mutant::NoBusCheck) {
            return Ok(true);
        }
        let exists = |state: &mut State, _| state.bus_gone_since.is_none();
        self.call(Operation::DescribeEventBus, exists).await
    }

    async fn put(&self, rows: &[Arc<OutboxRow>]) -> Result<Vec<PutResult>, CallError> {
        check_limits(self.limits(), rows)?;
        let by = self.actor();
        if self.has(Mutant::DeleteBeforePublish) {
            self.world
                .with(|state| rows.iter().for_each(|row| state.delete(&row.key)));
        }
        let put = |state: &mut State, fault| -> Vec<PutResult> {
            let mut results = Vec::new();
            for row in rows {
                let result = put_one(state, row, by, fault);
                results.push(result);
            }
            if fault == Some(Fault::ShortList) {
                results.truncate(rows.len() / 2);
            }
            results
        };
        let result = self.call(Operation::PutEvents, put).await;
        if matches!(result, Err(CallError::Content(_))) {
            self.world.with(|state| state.mark_rejected_wrongly(rows));
        }
        self.world.notify_consumers();
        let results = self.plant_in_results(rows.len(), result)?;
        // From now on the actor knows what was accepted.
        self.world.with(|state| {
            let entries = rows.iter().zip(&results);
            for (row, _) in entries.filter(|(_, result)| **result == PutResult::Accepted) {
                let event = state.events.get_mut(&row.key);
                let accepted = event.map(|event| event.accepted.iter_mut());
                for accepted in accepted.into_iter().flatten() {
                    accepted.is_confirmed |= accepted.by == by;
                }
            }
        });
        Ok(results)
    }
}

impl Caller {
    /// Returns the results as the planted mistake reads them.
    fn plant_in_results(
        &self,
        count: usize,
        results: Result<Vec<PutResult>, CallError>,
    ) -> Result<Vec<PutResult>, CallError> {
        if self.has(Mutant::IgnoreFailedEntryCount) {
            return results.map(|_| vec![PutResult::Accepted; count]);
        }
        if self.has(Mutant::AccessDeniedParks) {
            let as_poison = |error: EntryError| match error {
                EntryError::Configuration(message) => EntryError::Content(Poison {
                    code: "AccessDeniedException".into(),
                    message,
                }),
                other => other,
            };
            let results = results?.into_iter().map(|result| match result {
                PutResult::Rejected(error) => PutResult::Rejected(as_poison(error)),
                PutResult::Accepted => PutResult::Accepted,
            });
            return Ok(results.collect());
        }
        results
    }
}

impl State {
    /// The bus has rejected events that nothing is wrong with.
    fn mark_rejected_wrongly(&mut self, rows: &[Arc<OutboxRow>]) {
        for row in rows {
            if let Some(event) = self.events.get_mut(&row.key) {
                event.was_rejected_wrongly = true;
            }
        }
    }
}

/// Rejects a whole request of too many entries or bytes, as EventBridge does.
fn check_limits(limits: BusLimits, rows: &[Arc<OutboxRow>]) -> Result<(), CallError> {
    let bytes: usize = rows.iter().map(|row| entry_bytes(row)).sum();
    if rows.len() > limits.entries || bytes > limits.bytes {
        return Err(CallError::Content("ValidationException".into()));
    }
    Ok(())
}

fn put_one(state: &mut State, row: &OutboxRow, by: Actor, fault: Option<Fault>) -> PutResult {
    if fault == Some(Fault::Partial) && state.random.bool() {
        let kind = state.random.u8(..24);
        if let Some(event) = state.events.get_mut(&row.key) {
            event.was_rejected_for_now = true;
            event.was_rejected_wrongly |= kind == 3;
        }
        let error = match kind {
            0..3 => EntryError::Configuration("NotAuthorizedForSourceException".into()),
            3 => EntryError::Content(Poison {
                code: "InvalidArgument".into(),
                message: "rejected wrongly".into(),
            }),
            _ => EntryError::Transient("InternalFailure".into()),
        };
        return PutResult::Rejected(error);
    }
    if state.poisoned.contains(&(row.key.clone(), row.edits)) {
        return PutResult::Rejected(EntryError::Content(Poison {
            code: "InvalidArgument".into(),
            message: "poison".into(),
        }));
    }
    state.accept(row, by);
    PutResult::Accepted
}
