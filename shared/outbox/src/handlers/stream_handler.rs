//! The function behind the outbox table's stream: has the relay publish the rows of a batch, and
//! responds.

use std::{collections::HashSet, time::Duration};

use aws_lambda_events::streams::DynamoDbEventResponse;
use jiff::SignedDuration;
use tokio::time::{Instant, sleep_until};

use super::{
    batch_response::{checkpoint, comes_before, is_done, response},
    stream_record::{Content, Record, StreamEvent, candidates_of, read},
};
use crate::{
    RowKey,
    ports::{DeadLetters, EventBus, OutboxTable},
    relay::{
        Outcome, Relay, RowOutcome, Settled,
        budget::{Budget, known_deadline},
        log_outcome::report,
        predecessors::EarlierEvents,
        redelivery::looked_up_from,
        retry::Retries,
    },
};

/// The function behind the outbox table's stream: publishes a batch and reports which
/// records Lambda has to retry. The [module](crate::handlers) has a whole function.
pub struct StreamHandler<B, T, D> {
    relay: Relay<B, T, D>,
}

/// The result of a batch. The function returns the response, and [`Metrics`] writes the counts.
///
/// [`Metrics`]: crate::handlers::Metrics
#[derive(Debug)]
pub struct BatchReport {
    /// The response to Lambda.
    pub response: DynamoDbEventResponse,
    /// The numbers for the metrics.
    pub counts: Counts,
}

/// The results of a batch's records, in numbers. See [`Metrics`](crate::handlers::Metrics) for an
/// example.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Counts {
    /// Events that the bus accepted.
    pub published: usize,
    /// Records of rows that were settled before, or that an operator has edited since.
    pub skipped: usize,
    /// Rows that were parked, with a dead letter.
    pub parked: usize,
    /// Records that have to be retried.
    pub failed: usize,
    /// Rows that are published but not deleted.
    pub undeleted: usize,
    /// Rows that are left to the sweeper: they failed while others were accepted.
    pub left_to_sweeper: usize,
    /// Rows that are held behind a parked one of their aggregate.
    pub held: usize,
    /// Events that were sent in requests without a response.
    pub unanswered: usize,
    /// Nothing can be published until permissions or configuration are fixed.
    pub halted: bool,
    /// The time from commit to acceptance by the bus, of each published event.
    pub commit_to_publish: Vec<SignedDuration>,
}

impl Counts {
    fn of(records: &[Record], outcome: Outcome) -> Self {
        let settled = |is: fn(&Settled) -> bool| {
            outcome.count(
                |row_outcome| matches!(row_outcome, RowOutcome::Settled(settled) if is(settled)),
            )
        };
        let in_batch = |is: fn(&Settled) -> bool| count_in_batch(records, &outcome, is);
        Self {
            published: settled(|settled| *settled == Settled::Published),
            skipped: in_batch(|settled| {
                matches!(
                    settled,
                    Settled::Absent | Settled::AlreadyParked | Settled::Edited
                )
            }),
            parked: settled(|settled| matches!(settled, Settled::Parked(_))),
            failed: records
                .iter()
                .filter(|record| !is_done(record, &outcome))
                .count(),
            undeleted: outcome.undeleted.len(),
            left_to_sweeper: in_batch(|settled| matches!(settled, Settled::LeftToSweeper(_))),
            held: in_batch(|settled| matches!(settled, Settled::Held(_))),
            unanswered: outcome.unanswered,
            halted: outcome.halted.is_some(),
            commit_to_publish: outcome.commit_to_publish,
        }
    }
}

/// Counts the rows of the batch that are settled so. The relay may have tried others, which were
/// left before, or precede those of the batch.
fn count_in_batch(records: &[Record], outcome: &Outcome, is: fn(&Settled) -> bool) -> usize {
    let keys = candidates_of(records).map(|candidate| &candidate.key);
    let is_counted = |key: &&RowKey| {
        let row_outcome = outcome.of(key);
        matches!(row_outcome, Some(RowOutcome::Settled(settled)) if is(settled))
    };
    // A record may be in a batch twice.
    keys.filter(is_counted).collect::<HashSet<_>>().len()
}

impl<B: EventBus, T: OutboxTable, D: DeadLetters> StreamHandler<B, T, D> {
    /// Creates a handler that publishes through this relay. The [module](crate::handlers) has an
    /// example.
    pub fn new(relay: Relay<B, T, D>) -> Self {
        Self { relay }
    }

    /// Publishes a batch and returns before the deadline. A deadline in the past is treated
    /// as unknown.
    ///
    /// The response names the record from which on Lambda has to retry; it is empty only
    /// if every record is done. If a failing record has no readable sequence number,
    /// the whole batch is retried. The [module](crate::handlers) has an example.
    pub async fn handle(&self, event: StreamEvent, deadline: Instant) -> BatchReport {
        let deadline = known_deadline(deadline);
        let answer_by = Budget::until(deadline).answer_by;

        // A record that can't be read fails alone; the others are published nevertheless.
        let records: Vec<Record> = event.records.iter().map(|record| read(record)).collect();
        let candidates = candidates_of(&records).cloned().collect();
        let retries = Retries::UntilLeftToSweeper;
        let earlier = EarlierEvents::Unknown;
        let outcome = self
            .relay
            .publish_with(candidates, deadline, retries, earlier)
            .await;
        report(&outcome);
        report_unreadable(&records);

        let checkpoint = checkpoint(&records, &outcome);
        // Without a checkpoint nothing is retried, and what is looked up anyway need not be old.
        if let Some(checkpoint) = &checkpoint
            && !self.relay.looks_all_up()
        {
            self.wait_until_looked_up(&records, &outcome, checkpoint, answer_by)
                .await;
        }
        BatchReport {
            counts: Counts::of(&records, outcome),
            response: response(checkpoint),
        }
    }

    /// Waits until a retry of the published records will look them up.
    ///
    /// Lambda retries everything from the checkpoint on, also records that are published
    /// by now. The next invocation recognises them by looking them up, but it looks up
    /// only records that are 2 s old (see `relay::redelivery`). A response
    /// before that would make it publish them twice.
    async fn wait_until_looked_up(
        &self,
        records: &[Record],
        outcome: &Outcome,
        checkpoint: &str,
        answer_by: Instant,
    ) {
        let retried = records
            .iter()
            .filter(|record| !comes_before(record, checkpoint));
        // Only those that were settled just now can be published or parked twice.
        let latest = candidates_of(retried)
            .filter(|candidate| {
                let row_outcome = outcome.of(&candidate.key);
                matches!(
                    row_outcome,
                    Some(RowOutcome::Settled(Settled::Published | Settled::Parked(_)))
                )
            })
            .filter_map(looked_up_from)
            .max();
        let Some(latest) = latest else { return };
        let wait = latest.duration_since(self.relay.clock().now());
        // Negative if the records are old enough already.
        let wait = Duration::try_from(wait).unwrap_or_default();
        // Never past the deadline: a duplicate costs less than an invocation that times
        // out, which would retry the whole batch.
        sleep_until((Instant::now() + wait).min(answer_by)).await;
    }
}

fn report_unreadable(records: &[Record]) {
    for record in records {
        if let Content::Unreadable(failure) = &record.content {
            let sequence_number = record.sequence_number.as_deref();
            tracing::error!(sequence_number, %failure, "record will be retried");
        }
    }
}
