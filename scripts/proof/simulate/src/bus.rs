//! The bus, as a process of ours sees it.

use std::sync::Arc;

use outbox::{
    OutboxRow,
    ports::{BusLimits, CallError, EntryError, EventBus, Poison, PutResult},
};

use crate::{
    bugs::Bug,
    caller::Caller,
    truth::Actor,
    weather::{Fault, Operation},
    world::State,
};

impl EventBus for Caller {
    fn limits(&self) -> BusLimits {
        BusLimits {
            entries: 10,
            bytes: 20_000,
        }
    }

    async fn exists(&self) -> Result<bool, CallError> {
        if self.has(Bug::NoBusCheck) {
            return Ok(true);
        }
        let exists = |state: &mut State, _| state.bus_gone_since.is_none();
        self.call(Operation::DescribeEventBus, exists).await
    }

    async fn put(&self, rows: &[Arc<OutboxRow>]) -> Result<Vec<PutResult>, CallError> {
        expect_within(self.limits(), rows)?;
        let by = self.actor();
        if self.has(Bug::DeleteBeforePublish) {
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
        let answer = self.call(Operation::PutEvents, put).await;
        if matches!(answer, Err(CallError::Content(_))) {
            self.world.with(|state| state.wrong(rows));
        }
        self.world.tell_delivery();
        let results = self.as_the_bug_has_it(rows.len(), answer)?;
        // What was accepted is known to be so from now on.
        self.world.with(|state| {
            let told = rows.iter().zip(&results);
            for (row, _) in told.filter(|(_, result)| **result == PutResult::Accepted) {
                let truth = state.events.get_mut(&row.key);
                let accepted = truth.map(|truth| truth.accepted.iter_mut());
                for accepted in accepted.into_iter().flatten() {
                    accepted.is_answered |= accepted.by == by;
                }
            }
        });
        Ok(results)
    }
}

impl Caller {
    fn as_the_bug_has_it(
        &self,
        count: usize,
        answer: Result<Vec<PutResult>, CallError>,
    ) -> Result<Vec<PutResult>, CallError> {
        if self.has(Bug::IgnoreFailedEntryCount) {
            return answer.map(|_| vec![PutResult::Accepted; count]);
        }
        if self.has(Bug::AccessDeniedParks) {
            let as_poison = |error: EntryError| match error {
                EntryError::SetUp(message) => EntryError::Content(Poison {
                    code: "AccessDeniedException".into(),
                    message,
                }),
                other => other,
            };
            let results = answer?.into_iter().map(|result| match result {
                PutResult::Refused(error) => PutResult::Refused(as_poison(error)),
                PutResult::Accepted => PutResult::Accepted,
            });
            return Ok(results.collect());
        }
        answer
    }
}

impl State {
    /// The bus refuses what nothing is wrong with.
    fn wrong(&mut self, rows: &[Arc<OutboxRow>]) {
        for row in rows {
            if let Some(truth) = self.events.get_mut(&row.key) {
                truth.was_wronged = true;
            }
        }
    }
}

/// A request of too many entries or bytes is refused whole.
fn expect_within(limits: BusLimits, rows: &[Arc<OutboxRow>]) -> Result<(), CallError> {
    let bytes: usize = rows.iter().map(|row| row.entry_bytes()).sum();
    if rows.len() > limits.entries || bytes > limits.bytes {
        return Err(CallError::Content("ValidationException".into()));
    }
    Ok(())
}

fn put_one(state: &mut State, row: &OutboxRow, by: Actor, fault: Option<Fault>) -> PutResult {
    if fault == Some(Fault::Partial) && state.random.bool() {
        let kind = state.random.u8(..24);
        if let Some(truth) = state.events.get_mut(&row.key) {
            truth.was_refused = true;
            truth.was_wronged |= kind == 3;
        }
        let error = match kind {
            0..3 => EntryError::SetUp("NotAuthorizedForSourceException".into()),
            3 => EntryError::Content(Poison {
                code: "InvalidArgument".into(),
                message: "the bus is wrong".into(),
            }),
            _ => EntryError::Transient("InternalFailure".into()),
        };
        return PutResult::Refused(error);
    }
    if state.poisoned.contains(&(row.key.clone(), row.edits)) {
        return PutResult::Refused(EntryError::Content(Poison {
            code: "InvalidArgument".into(),
            message: "the bus does not like it".into(),
        }));
    }
    state.accept(row, by);
    PutResult::Accepted
}
