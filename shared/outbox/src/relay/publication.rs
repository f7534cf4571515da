//! One call of [`Relay::publish`](super::Relay::publish) while it runs: what is still to be
//! sent, what will be parked, and what became of the other rows.

use std::{collections::HashMap, sync::Arc};

use futures::{Stream, StreamExt};
use tokio::time::Instant;

use crate::{
    Candidate, OutboxRow, RowKey,
    ports::{EventBus, Poison},
    relay::{
        BusError, Failure, Halt, Outcome, RowOutcome, Settled,
        decision::{Decision, decide},
        look_up::LookedUpPart,
        poison::{MOST_POISONED, PoisonedRow, Sendable, Triage, triage},
        retry::Retries,
        schedule::Schedule,
        sources::Sources,
        waiting_rows::Excluded,
    },
};

/// A running call of [`Relay::publish`](super::Relay::publish).
pub(super) struct Publication<'r, B> {
    bus: &'r B,
    sources: &'r Sources,
    /// What is sent to the bus.
    pub(super) schedule: Schedule,
    /// Rows to park.
    poisoned: Vec<PoisonedRow>,
    /// Rows to park if the bus accepts others.
    suspects: Vec<(Arc<OutboxRow>, Poison)>,
    /// What became of the other rows.
    pub(super) outcome: Outcome,
}

impl<'r, B: EventBus> Publication<'r, B> {
    pub(super) fn new(bus: &'r B, sources: &'r Sources, retries: Retries) -> Self {
        Self {
            bus,
            sources,
            schedule: Schedule::new(bus.limits(), retries, MOST_POISONED),
            poisoned: Vec::new(),
            suspects: Vec::new(),
            outcome: Outcome::default(),
        }
    }

    /// Returns the pending rows of the first part that has any.
    pub(super) async fn first_pending(
        &mut self,
        parts: &mut (impl Stream<Item = LookedUpPart> + Unpin),
    ) -> Vec<Candidate> {
        while let Some(part) = parts.next().await {
            let pending = part.pending(&mut self.outcome);
            if !pending.is_empty() {
                return pending;
            }
        }
        Vec::new()
    }

    /// Ends the call because the bus is not known to exist. Rows that turn out to be settled
    /// need no retry, so the look-ups are finished first.
    pub(super) async fn without_bus(
        mut self,
        mut pending: Vec<Candidate>,
        mut parts: impl Stream<Item = LookedUpPart> + Unpin,
        reason: BusError,
    ) -> Outcome {
        while let Some(part) = parts.next().await {
            pending.extend(part.pending(&mut self.outcome));
        }
        let halt = Halt::Bus(reason);
        for candidate in pending {
            self.outcome
                .fail(candidate.key, Failure::Halted(halt.clone()));
        }
        self.outcome.halted = Some(halt);
        self.outcome
    }

    /// Adds the rows of a part that are still pending.
    pub(super) fn add_part(&mut self, part: LookedUpPart) {
        let pending = part.pending(&mut self.outcome);
        self.add(pending);
    }

    /// Adds other rows that wait, to see whether the bus accepts them.
    pub(super) fn add_others(&mut self, others: LookedUpPart) {
        let keys: Vec<RowKey> = others
            .candidates
            .iter()
            .map(|row| row.key.clone())
            .collect();
        self.add_part(others);
        for key in keys {
            self.schedule.send_once(&key.aggregate_id);
        }
    }

    /// Returns from when on other rows that wait are to be tried.
    pub(super) fn others_wanted_at(&self, now: Instant) -> Option<Instant> {
        let row_outcomes = self.outcome.rows().map(|(_, row_outcome)| row_outcome);
        let failed = row_outcomes.filter_map(|row_outcome| match row_outcome {
            RowOutcome::Failed(failure) => Some(failure),
            RowOutcome::Settled(_) => None,
        });
        self.schedule.others_wanted_at(now, failed)
    }

    /// Returns which rows must not be tried.
    pub(super) fn excluded(&self) -> Excluded<'r> {
        let failed = self.outcome.rows().filter_map(|(key, row_outcome)| {
            let is_failed = matches!(row_outcome, RowOutcome::Failed(_));
            is_failed.then_some(key.aggregate_id.as_str())
        });
        let aggregates = self.schedule.unsettled_aggregates().chain(failed);
        Excluded {
            sources: self.sources,
            aggregates: aggregates.map(str::to_owned).collect(),
            published: self.schedule.accepted().cloned().collect(),
        }
    }

    /// Adds pending rows: schedules those that the bus may accept, and sorts out the others.
    pub(super) fn add(&mut self, pending: Vec<Candidate>) {
        let mut sendable = Vec::new();
        for candidate in pending {
            match triage(candidate, self.sources, self.bus) {
                Triage::Send(row) => sendable.push(row),
                Triage::Suspect(row, poison) if self.schedule.count_poison() => {
                    let suspected = Failure::Suspected(poison.clone());
                    self.outcome.fail(row.key.clone(), suspected);
                    self.suspects.push((row, poison));
                }
                Triage::Suspect(row, poison) => {
                    let failure = Failure::TooManyPoisoned(poison);
                    self.outcome.fail(row.key.clone(), failure);
                }
                Triage::Fail(key, failure) => self.outcome.fail(key, failure),
                // Counted together with the rows that the bus rejects.
                Triage::Park(row) if self.schedule.count_poison() => self.poisoned.push(row),
                Triage::Park(PoisonedRow { key, poison, .. }) => {
                    self.outcome.fail(key, Failure::TooManyPoisoned(poison));
                }
            }
        }
        hold_back(&mut sendable, &mut self.outcome);
        self.schedule.add(sendable);
    }

    /// Ends the schedule. Returns the rows to park, and what became of the others. No request
    /// may be in flight.
    pub(super) fn finish(self) -> (Vec<PoisonedRow>, Outcome) {
        let Self {
            schedule,
            mut poisoned,
            suspects,
            mut outcome,
            ..
        } = self;
        let sent = schedule.finish();
        outcome.halted = sent.halted;
        outcome.unanswered = sent.unanswered;
        let others_accepted = !sent.accepted.is_empty();
        for accepted in sent.accepted {
            outcome.commit_to_publish.push(accepted.commit_to_publish);
            outcome.settle(accepted.key, Settled::Published);
        }
        for (key, failure) in sent.failed {
            outcome.fail(key, failure);
        }
        for (row, poison) in sent.suspects.into_iter().chain(suspects) {
            let key = row.key.clone();
            let suspected = Failure::Suspected(poison.clone());
            if decide(&suspected, others_accepted) == Decision::Park {
                let row = Some(row);
                poisoned.push(PoisonedRow { key, row, poison });
            } else {
                outcome.fail(key, suspected);
            }
        }
        (poisoned, outcome)
    }
}

/// Fails the rows that follow a failed row of their aggregate, so that none overtakes it.
fn hold_back(rows: &mut Vec<Sendable>, outcome: &mut Outcome) {
    let mut first_failed: HashMap<String, RowKey> = HashMap::new();
    for (key, row_outcome) in outcome.rows() {
        // In ascending order, so the first one of an aggregate remains.
        if matches!(row_outcome, RowOutcome::Failed(_)) {
            let aggregate = key.aggregate_id.clone();
            first_failed.entry(aggregate).or_insert_with(|| key.clone());
        }
    }
    rows.retain(
        |Sendable { row, .. }| match first_failed.get(row.key.aggregate_id.as_str()) {
            Some(first) if *first < row.key => {
                outcome.fail(row.key.clone(), Failure::HeldBack(first.clone()));
                false
            }
            _ => true,
        },
    );
}
