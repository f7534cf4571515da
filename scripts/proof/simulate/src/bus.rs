//! The event bus, as a process of ours calls it.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use outbox::{
    OutboxRow, RowKey,
    limits::entry_bytes,
    ports::{BusLimits, CallError, EntryError, EventBus, Poison, PutResult},
};
use outbox_testing::{Call, Fault, Operation};
use tokio::time::{Instant, sleep, timeout};

use crate::{
    caller::{Caller, Role},
    fault_plan::poison,
    mutants::Mutant,
    oracle::Actor,
    state::{BUS_LOSS_WINDOW, State, UNANSWERED_LOSS_WINDOW},
};

impl EventBus for Caller {
    fn limits(&self) -> BusLimits {
        self.simulation.with(|state| state.services.bus.limits)
    }

    fn entry_bytes(&self, row: &OutboxRow) -> usize {
        entry_bytes(row)
    }

    async fn exists(&self) -> Result<bool, CallError> {
        if self.has(Mutant::NoBusCheck) {
            return Ok(true);
        }
        let exists = |state: &mut State, _: Option<&Fault>| state.services.bus.exists;
        // Until there is a response: the caller may stop waiting for it.
        let asked_at = Instant::now();
        let before = self
            .simulation
            .with(|state| state.bus_unanswered_at.replace(asked_at));
        let answer = self.call(Operation::DescribeEventBus.into(), exists).await;
        if answer.is_err() && self.has(Mutant::UnavailableBusExists) {
            return Ok(true);
        }
        if answer.is_ok() {
            self.simulation.with(|state| {
                if state.bus_unanswered_at == Some(asked_at) {
                    state.bus_unanswered_at = before;
                }
            });
        }
        answer
    }

    async fn put(&self, rows: &[Arc<OutboxRow>]) -> Result<Vec<PutResult>, CallError> {
        match self.simulation.with(|state| state.mutant) {
            Some(Mutant::PutRetriedByClient) => self.put_three_times(rows).await,
            Some(Mutant::RetryInFront) if self.role == Role::Sweeper => {
                self.put_again_and_again(rows).await
            }
            _ => self.put_once(rows).await,
        }
    }
}

impl Caller {
    async fn put_once(&self, rows: &[Arc<OutboxRow>]) -> Result<Vec<PutResult>, CallError> {
        let by = self.actor();
        if self.has(Mutant::DeleteBeforePublish) {
            let keys: Vec<RowKey> = rows.iter().map(|row| row.key.clone()).collect();
            // The response to the delete doesn't matter to the mistake.
            let _ = self.simulation.with(|state| state.delete(&keys, None));
        }
        let put = |state: &mut State, fault: Option<&Fault>| state.put_events(rows, by, fault);
        let call = Call::with_entries(Operation::PutEvents, rows.len());
        self.simulation.with(|state| {
            for row in rows {
                if let Some(event) = state.events.get_mut(&row.key) {
                    event.attempt(by);
                }
            }
        });
        let result = self.call(call, put).await.flatten();
        if matches!(result, Err(CallError::Content(_))) {
            self.simulation
                .with(|state| state.mark_rejected_wrongly(rows, by));
        }
        self.simulation.notify_consumers();
        let results = self.plant_in_results(rows.len(), result)?;
        // From now on the actor knows what was accepted.
        self.simulation.with(|state| {
            let is_accepted = |result: &&PutResult| **result == PutResult::Accepted;
            state.actors[by as usize].accepted += results.iter().filter(is_accepted).count();
            let aggregates = rows.iter().map(|row| row.key.aggregate_id.clone());
            let known = aggregates.map(|aggregate| (self.process(), aggregate));
            state.known_to.extend(known);
            for (row, result) in rows.iter().zip(&results) {
                let event = state.events.get_mut(&row.key);
                if let Some(attempts) = event.and_then(|event| event.attempts.get_mut(&by)) {
                    attempts.is_final = matches!(
                        result,
                        PutResult::Rejected(EntryError::Configuration(_) | EntryError::Content(_))
                    );
                }
            }
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

    /// Sends a request again after five seconds without an answer.
    async fn put_three_times(&self, rows: &[Arc<OutboxRow>]) -> Result<Vec<PutResult>, CallError> {
        for _ in 0..2 {
            if let Ok(answer) = timeout(Duration::from_secs(5), self.put_once(rows)).await {
                return answer;
            }
        }
        self.put_once(rows).await
    }

    /// Retries for two minutes what the bus rejects for now.
    async fn put_again_and_again(
        &self,
        rows: &[Arc<OutboxRow>],
    ) -> Result<Vec<PutResult>, CallError> {
        let begun = Instant::now();
        loop {
            let results = self.put_once(rows).await?;
            let is_for_now = |result: &PutResult| {
                matches!(result, PutResult::Rejected(EntryError::Transient(_)))
            };
            if begun.elapsed() > Duration::from_mins(2) || !results.iter().any(is_for_now) {
                return Ok(results);
            }
            sleep(Duration::from_secs(5)).await;
        }
    }

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
                other => other,
            });
            return Ok(results.collect());
        }
        results
    }
}

impl State {
    /// The bus has rejected a request for its content, although nothing is wrong with it.
    fn mark_rejected_wrongly(&mut self, rows: &[Arc<OutboxRow>], by: Actor) {
        for row in rows {
            let Some(event) = self.events.get_mut(&row.key) else {
                continue;
            };
            event.was_rejected_wrongly = true;
            if let Some(attempts) = event.attempts.get_mut(&by) {
                attempts.is_final = true;
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
            } else if let Some(error) = self.rejected.get(&row.key) {
                if let Some(event) = self.events.get_mut(&row.key) {
                    event.was_rejected_for_now = true;
                }
                rejected.insert(index, error.clone());
            } else if self.poisoned.contains(&(row.key.clone(), row.edits)) {
                rejected.insert(index, poison("poison"));
            } else if self.rejects_all {
                if let Some(event) = self.events.get_mut(&row.key) {
                    event.was_rejected_wrongly = true;
                }
                rejected.insert(index, poison("a rule of the bus"));
            }
        }
        let now = self.now();
        let mut results = self.services.bus.put(rows, &rejected, now)?;
        self.check_sequence(rows, &results);
        for (row, result) in rows.iter().zip(&results) {
            if *result == PutResult::Accepted {
                self.accept(row, by);
                self.check_copies(&row.key, by);
            }
        }
        if let Some(Fault::ShortResults(count)) = fault {
            results.truncate(*count);
        }
        Ok(results)
    }

    /// The bus is deleted.
    pub(crate) fn delete_bus(&mut self) {
        self.services.bus.exists = false;
        self.bus_gone_since = Some(Instant::now());
    }

    /// Everything was frozen for this long, so what was known about the bus is this much older.
    pub(crate) fn age_bus(&mut self, time: Duration) {
        for since in [&mut self.bus_gone_since, &mut self.bus_unanswered_at] {
            *since = since.and_then(|since| since.checked_sub(time));
        }
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
