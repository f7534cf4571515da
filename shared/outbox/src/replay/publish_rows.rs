//! Publishes given rows, in the order of their aggregates, and what they held.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use futures::{StreamExt, stream};
use tokio::time::Instant;

use crate::{
    RowKey,
    ports::{CallError, DeadLetters, EventBus, OutboxTable, Page, RowState, StoredRow},
    relay::{
        Failure, Halt, Outcome, Relay, RowOutcome, Settled, backlog::Backlog, budget::Budget,
        look_up::look_up, patience::PATIENCE, publication::holds,
    },
};

/// How many aggregates are read at once.
const AGGREGATES_AT_ONCE: usize = 10;

/// What became of rows that were to be published; see [`Relay::publish_rows`] for an example.
#[derive(Debug, Default)]
pub struct WantedOutcome {
    /// What became of each wanted row.
    pub row_outcomes: HashMap<RowKey, RowOutcome>,
    /// How many rows were published, including those before and behind the wanted ones.
    pub published: usize,
    /// How many rows could not be published, including those before and behind the wanted ones.
    /// An aggregate that could not be read to its end counts as one.
    pub failed: usize,
    /// Why nothing can be published until permissions or configuration are fixed, if so.
    pub halted: Option<Halt>,
    /// The aggregates of which the bus may have accepted an event without a response.
    pub(super) unanswered: BTreeSet<String>,
}

impl<B: EventBus, T: OutboxTable, D: DeadLetters> Relay<B, T, D> {
    /// Publishes rows, and before each the pending rows before it in its aggregate, so that
    /// the order of the aggregate is kept. Parked rows stay parked, and hold the rows behind them.
    ///
    /// If order is kept, the rows behind are published as well: they may have been held
    /// by one of these. That may be a row that was just discarded, which is absent.
    ///
    /// ```no_run
    /// # use outbox::{
    /// #     RowKey,
    /// #     aws::{DynamoDbTable, EventBridgeBus, SqsQueue},
    /// #     relay::Relay,
    /// # };
    /// # async fn publish(relay: Relay<EventBridgeBus, DynamoDbTable, SqsQueue>, key: RowKey) {
    /// let outcome = relay.publish_rows(&[key.clone()].into()).await;
    /// println!("{key}: {:?}", outcome.row_outcomes[&key]);
    /// # }
    /// ```
    pub async fn publish_rows(&self, wanted: &BTreeSet<RowKey>) -> WantedOutcome {
        let mut last_of: BTreeMap<&str, &RowKey> = BTreeMap::new();
        for key in wanted {
            // The keys are in ascending order, so the last one of an aggregate remains.
            last_of.insert(&key.aggregate_id, key);
        }
        let mut publishing = Publishing {
            relay: self,
            wanted,
            backlog: Backlog::default(),
            unread: BTreeSet::new(),
            failed: BTreeSet::new(),
            through: WantedOutcome::default(),
        };
        let first_pages = last_of
            .into_values()
            .map(|last| async move { (last, page(self, last, None).await) });
        let mut first_pages = stream::iter(first_pages).buffered(AGGREGATES_AT_ONCE);
        while let Some((last, first_page)) = first_pages.next().await {
            publishing.aggregate(last, first_page).await;
            if publishing.through.halted.is_some() {
                break;
            }
        }
        drop(first_pages);
        publishing.finish().await
    }
}

/// Reads the next page of an aggregate; without order, up to and including its last wanted row.
async fn page<B: EventBus, T: OutboxTable, D: DeadLetters>(
    relay: &Relay<B, T, D>,
    last: &RowKey,
    after: Option<&RowKey>,
) -> Result<Page, CallError> {
    let through = (!relay.order().is_kept()).then_some(last);
    let query = || relay.table().query(&last.aggregate_id, after, through);
    relay.patiently(query).await
}

/// A running call of [`Relay::publish_rows`].
struct Publishing<'r, B, T, D> {
    relay: &'r Relay<B, T, D>,
    /// The rows that were asked for. Those before them are published, too.
    wanted: &'r BTreeSet<RowKey>,
    /// Rows that were read and are not published yet.
    backlog: Backlog,
    /// Wanted rows that were not read, because they are behind a parked one, or were not there.
    unread: BTreeSet<RowKey>,
    /// Rows that could not be published.
    failed: BTreeSet<RowKey>,
    /// The result so far.
    through: WantedOutcome,
}

impl<B: EventBus, T: OutboxTable, D: DeadLetters> Publishing<'_, B, T, D> {
    /// Publishes an aggregate's rows: with order up to the first parked one, otherwise up to and
    /// including the last wanted one.
    async fn aggregate(&mut self, last: &RowKey, first_page: Result<Page, CallError>) {
        let mut rows = first_page;
        let mut holder: Option<RowKey> = None;
        // A row whose sequence can't be read is not held, and may be behind those that are.
        let reads_held_rows = self
            .wanted
            .iter()
            .any(|key| key.aggregate_id == last.aggregate_id && key.sequence().is_none());
        loop {
            let Page { rows: found, next } = match rows {
                Ok(page) => page,
                Err(error) => return self.fail_rest(last, &error),
            };
            let mut pending = Vec::new();
            let mut is_held = false;
            for StoredRow { candidate, parked } in found {
                let is_behind = |holder: &RowKey| holder.precedes(&candidate.key);
                if holder.as_ref().is_some_and(is_behind) {
                    if reads_held_rows {
                        continue;
                    }
                    // All that follows is held, too.
                    is_held = true;
                    break;
                }
                if parked.is_none() {
                    pending.push(candidate);
                } else if self.keep_parked(&candidate.key) {
                    holder.get_or_insert(candidate.key);
                }
            }
            self.backlog.add(pending);
            if self.backlog.is_full() {
                self.publish().await;
            }
            let Some(next) = next.filter(|_| !is_held) else {
                return;
            };
            if self.through.halted.is_some() {
                return;
            }
            rows = page(self.relay, last, Some(&next)).await;
        }
    }

    /// Takes in that a row is parked. Returns whether it holds those behind it.
    fn keep_parked(&mut self, key: &RowKey) -> bool {
        let row_outcome = RowOutcome::Settled(Settled::AlreadyParked);
        let is_holding = holds(key, &row_outcome, self.relay.order());
        if is_holding {
            self.backlog.hold_behind(key, row_outcome.clone());
            let behind = self.wanted.iter().filter(|wanted| key.precedes(wanted));
            self.unread.extend(behind.cloned());
        }
        if self.wanted.contains(key) {
            self.through.row_outcomes.insert(key.clone(), row_outcome);
        }
        is_holding
    }

    /// Fails the wanted rows of an aggregate that were not read, because it can't be read
    /// further.
    fn fail_rest(&mut self, last: &RowKey, error: &CallError) {
        // Rows behind the wanted ones were not read either, and must not seem to be published.
        self.failed.insert(last.clone());
        let aggregate = &last.aggregate_id;
        for key in self
            .wanted
            .iter()
            .filter(|key| key.aggregate_id == *aggregate)
        {
            let failed = || RowOutcome::Failed(Failure::LookUp(error.clone()));
            let row_outcomes = &mut self.through.row_outcomes;
            row_outcomes.entry(key.clone()).or_insert_with(failed);
        }
    }

    /// Publishes the rows read so far, until publishing is halted.
    async fn publish(&mut self) {
        while !self.backlog.is_empty() && self.through.halted.is_none() {
            let deadline = Instant::now() + PATIENCE;
            let outcome = self.backlog.publish_next(self.relay, deadline).await;
            self.take(&outcome);
        }
    }

    fn take(&mut self, outcome: &Outcome) {
        self.through.halted.clone_from(&outcome.halted);
        for (key, row_outcome) in outcome.rows() {
            // Its letter is in the queue already; each further attempt would add another.
            if let RowOutcome::Failed(Failure::Park(error)) = row_outcome {
                self.through.halted = Some(Halt::Park(key.clone(), error.clone()));
            }
            match row_outcome {
                RowOutcome::Settled(Settled::Published) => self.through.published += 1,
                RowOutcome::Failed(Failure::Unanswered) => {
                    self.through.unanswered.insert(key.aggregate_id.clone());
                }
                _ => {}
            }
            match row_outcome {
                RowOutcome::Failed(_) => self.failed.insert(key.clone()),
                RowOutcome::Settled(_) => self.failed.remove(key),
            };
            if self.wanted.contains(key) {
                self.through
                    .row_outcomes
                    .insert(key.clone(), row_outcome.clone());
            }
        }
        for key in outcome
            .undeleted
            .iter()
            .filter(|key| self.wanted.contains(key))
        {
            let row_outcome = RowOutcome::Failed(Failure::Undeleted);
            self.through.row_outcomes.insert(key.clone(), row_outcome);
        }
    }

    /// Attempts once more what failed for now, and publishes what that held back.
    async fn retry(&mut self) {
        let deadline = Instant::now() + PATIENCE;
        let (_, outcome) = self.backlog.retry(self.relay, deadline).await;
        self.take(&outcome);
        if !self.relay.order().is_kept() {
            return;
        }
        for (key, row_outcome) in outcome.rows() {
            if *row_outcome == RowOutcome::Settled(Settled::Published) {
                self.backlog.release(&key.aggregate_id);
                let rest = page(self.relay, key, Some(key)).await;
                self.aggregate(key, rest).await;
            }
        }
        self.publish().await;
    }

    /// Adds to the unread rows those that their aggregates didn't contain. Only a look-up proves
    /// that a row is gone.
    fn find_unseen(&mut self) {
        if self.through.halted.is_some() {
            return;
        }
        let unseen = self.wanted.iter().filter(|key| {
            !self.through.row_outcomes.contains_key(*key)
                && self.backlog.outcome_behind(key).is_none()
        });
        self.unread.extend(unseen.cloned());
    }

    /// Looks up the wanted rows that were not read. One that is gone is not held.
    async fn look_up_unread(&mut self) {
        let unread: Vec<RowKey> = std::mem::take(&mut self.unread).into_iter().collect();
        let budget = Budget::until(Instant::now() + PATIENCE);
        let states = look_up(self.relay.table(), self.relay.pauses(), &unread, &budget).await;
        for (key, state) in states {
            let row_outcome = match state {
                Ok(RowState::Pending | RowState::Edited(_)) => continue,
                Ok(RowState::Absent) => RowOutcome::Settled(Settled::Absent),
                Ok(RowState::Parked) => RowOutcome::Settled(Settled::AlreadyParked),
                Err(error) => RowOutcome::Failed(Failure::LookUp(error)),
            };
            self.through.row_outcomes.insert(key, row_outcome);
        }
    }

    async fn finish(mut self) -> WantedOutcome {
        self.publish().await;
        if self.through.halted.is_none() {
            self.retry().await;
        }
        self.find_unseen();
        self.look_up_unread().await;
        for key in self.wanted {
            if self.through.row_outcomes.contains_key(key) {
                continue;
            }
            let row_outcome = match (&self.through.halted, self.backlog.outcome_behind(key)) {
                (Some(halt), _) => RowOutcome::Failed(Failure::Halted(halt.clone())),
                (None, Some(row_outcome)) => row_outcome,
                // It is pending, but was written after its aggregate was read.
                (None, None) => RowOutcome::Failed(Failure::OutOfTime),
            };
            self.through.row_outcomes.insert(key.clone(), row_outcome);
        }
        let wanted = self.through.row_outcomes.iter();
        let failed = wanted.filter(|(_, outcome)| matches!(outcome, RowOutcome::Failed(_)));
        self.failed.extend(failed.map(|(key, _)| key.clone()));
        self.through.failed = self.failed.len();
        self.through
    }
}
