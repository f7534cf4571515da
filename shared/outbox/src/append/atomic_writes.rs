use std::{
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

use aws_sdk_dynamodb::types::TransactWriteItem;
use backon::ExponentialBuilder;
use uuid::Uuid;

use crate::append::{
    cancellation::commit_error,
    check::{self, Action},
    database::Database,
    error::{CommitError, InvalidTransaction, Participant, Problem},
};

/// The attempts at one transaction. They share a token, so that within 10 minutes
/// it is written once (`ClientRequestToken`).
#[derive(Debug)]
pub(crate) struct Attempts {
    token: Uuid,
    /// Whether an attempt that nobody knows the outcome of may have written it.
    outcome_unknown: AtomicBool,
}

impl Attempts {
    pub(crate) fn new() -> Self {
        Self {
            token: Uuid::now_v7(),
            outcome_unknown: AtomicBool::new(false),
        }
    }
}

/// Everything that is written together, and what is known to be wrong with it.
#[derive(Clone, Default)]
pub(crate) struct AtomicWrites {
    pub(super) actions: Vec<(Participant, Action)>,
    pub(super) problems: Vec<Problem>,
}

impl AtomicWrites {
    pub(crate) fn add(&mut self, participant: Participant, action: Action) {
        self.actions.push((participant, action));
    }

    pub(crate) fn is_no_item(&mut self, participant: Participant, reason: String) {
        self.problems.push(Problem::NotAnItem {
            participant,
            reason,
        });
    }

    /// Tries once to commit, all or nothing.
    pub(crate) async fn try_to_commit(
        &self,
        database: &Database,
        attempts: &Attempts,
    ) -> Result<(), CommitError> {
        self.check()?;
        let items = self.actions.iter().map(|(_, action)| action.to_item());
        let items: Vec<TransactWriteItem> = items.collect();
        let answer = database.transact(items, attempts.token.to_string()).await;
        let unknown = attempts.outcome_unknown.load(Ordering::Relaxed);
        let committed = answer.map_err(|error| commit_error(error, &self.actions, unknown));
        let unknown = matches!(committed, Err(CommitError::OutcomeUnknown(_)));
        attempts.outcome_unknown.store(unknown, Ordering::Relaxed);
        committed
    }

    fn check(&self) -> Result<(), InvalidTransaction> {
        let mut problems = self.problems.clone();
        problems.extend(check::actions(&self.actions));
        if problems.is_empty() {
            Ok(())
        } else {
            Err(InvalidTransaction { problems })
        }
    }
}

/// Pauses between attempts, some milliseconds to a second.
pub(crate) fn pauses(retries: usize) -> ExponentialBuilder {
    ExponentialBuilder::default()
        .with_min_delay(Duration::from_millis(50))
        .with_max_times(retries)
        .with_jitter()
}
