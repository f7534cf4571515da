//! Logs what became of events.

use crate::relay::{Failure, Outcome, RowOutcome, Settled};

/// Logs everything that did not go as it should. Events are named, never shown: their data
/// may be confidential.
pub(crate) fn report(outcome: &Outcome) {
    for (key, row_outcome) in outcome.rows() {
        let (aggregate_id, event_id) = (&key.aggregate_id, key.event_id());
        match row_outcome {
            RowOutcome::Settled(Settled::Parked(poison)) => {
                tracing::error!(aggregate_id, event_id, %poison, "parked, with a dead letter");
            }
            RowOutcome::Settled(Settled::LeftToSweeper(failure)) => {
                tracing::error!(aggregate_id, event_id, %failure, "left to the sweeper");
            }
            RowOutcome::Settled(Settled::Held(parked)) => {
                tracing::warn!(aggregate_id, event_id, %parked, "held behind a parked event");
            }
            RowOutcome::Failed(failure @ Failure::HeldBack(_)) => {
                tracing::info!(aggregate_id, event_id, %failure, "will be retried");
            }
            RowOutcome::Failed(failure) => {
                tracing::error!(aggregate_id, event_id, %failure, "will be retried");
            }
            RowOutcome::Settled(_) => tracing::debug!(aggregate_id, event_id, "settled"),
        }
    }
    for key in &outcome.undeleted {
        let (aggregate_id, event_id) = (&key.aggregate_id, key.event_id());
        tracing::error!(
            aggregate_id,
            event_id,
            "published, but not deleted: may be published twice"
        );
    }
}
