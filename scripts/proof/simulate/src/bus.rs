//! The event bus, as a process of ours calls it.

use std::{collections::BTreeMap, sync::Arc};

use outbox::{
    OutboxRow, RowKey,
    limits::entry_bytes,
    ports::{BusLimits, CallError, EntryError, EventBus, Poison, PutResult},
};
use outbox_testing::{Call, Fault, Operation};
use tokio::time::Instant;

use crate::{
    caller::Caller,
    fault_plan::poison,
    mutants::Mutant,
    oracle::Actor,
    state::{BUS_LOSS_WINDOW, LIMITS, State, UNANSWERED_LOSS_WINDOW},
};

impl EventBus for Caller {
    fn limits(&self) -> BusLimits {
        LIMITS
    }

    fn entry_bytes(&self, row: &OutboxRow) -> usize {
        entry_bytes(row)
    }

    async fn exists(&self) -> Result<bool, CallError> {
        if self.has(Mutant::NoBusCheck) {
            return Ok(true);
        }
        let exists = |state: &mut State, _: Option<&Fault>| state.services.bus.exists;
        let answer = self.call(Operation::DescribeEventBus.into(), exists).await;
        if answer.is_err() {
            self.simulation
                .with(|state| state.bus_unanswered_at = Some(Instant::now()));
        }
        answer
    }

    async fn put(&self, rows: &[Arc<OutboxRow>]) -> Result<Vec<PutResult>, CallError> {
        let by = self.actor();
        if self.has(Mutant::DeleteBeforePublish) {
            let keys: Vec<RowKey> = rows.iter().map(|row| row.key.clone()).collect();
            // The response to the delete doesn't matter to the mistake.
            let _ = self.simulation.with(|state| state.delete(&keys, None));
        }
        let put = |state: &mut State, fault: Option<&Fault>| state.put_events(rows, by, fault);
        let call = Call::with_entries(Operation::PutEvents, rows.len());
        let result = self.call(call, put).await.flatten();
        if matches!(result, Err(CallError::Content(_))) {
            self.simulation
                .with(|state| state.mark_rejected_wrongly(rows));
        }
        self.simulation.notify_consumers();
        let results = self.plant_in_results(rows.len(), result)?;
        // From now on the actor knows what was accepted.
        self.simulation.with(|state| {
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

    /// The bus gets events. Some it rejects by a fault, and poison always.
    fn put_events(
        &mut self,
        rows: &[Arc<OutboxRow>],
        by: Actor,
        fault: Option<&Fault>,
    ) -> Result<Vec<PutResult>, CallError> {
        let mut rejected = match fault {
            Some(Fault::Rejected(entries)) => entries.clone(),
            _ => BTreeMap::new(),
        };
        for (index, row) in rows.iter().enumerate() {
            if let Some(error) = rejected.get(&index) {
                let is_wrong = matches!(error, EntryError::Content(_));
                if let Some(event) = self.events.get_mut(&row.key) {
                    event.was_rejected_for_now = true;
                    event.was_rejected_wrongly |= is_wrong;
                }
            } else if self.poisoned.contains(&(row.key.clone(), row.edits)) {
                rejected.insert(index, poison("poison"));
            }
        }
        let now = self.now();
        let mut results = self.services.bus.put(rows, &rejected, now)?;
        for (row, result) in rows.iter().zip(&results) {
            if *result == PutResult::Accepted {
                self.accept(row, by);
            }
        }
        if let Some(Fault::ShortResults(count)) = fault {
            results.truncate(*count);
        }
        Ok(results)
    }

    /// Somebody deletes the bus.
    pub(crate) fn delete_bus(&mut self) {
        self.services.bus.exists = false;
        self.bus_gone_since = Some(Instant::now());
    }

    /// Returns whether an event that is lost now is a loss that is promised to be possible.
    pub(crate) fn may_lose(&self, gone_since: Instant) -> bool {
        let unanswered = self.bus_unanswered_at;
        let is_unanswered = unanswered.is_some_and(|at| at.elapsed() < BUS_LOSS_WINDOW);
        let window = if is_unanswered {
            UNANSWERED_LOSS_WINDOW
        } else {
            BUS_LOSS_WINDOW
        };
        gone_since.elapsed() < window
    }

    /// The bus is created again.
    pub(crate) fn restore_bus(&mut self) {
        self.services.bus.exists = true;
        self.bus_gone_since = None;
    }
}
