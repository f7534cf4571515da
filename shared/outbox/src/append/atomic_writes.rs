//! The writes of one transaction, and the attempts to commit them.

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

/// The attempts at one transaction. They share a `ClientRequestToken`, so that DynamoDB
/// executes the transaction once within 10 minutes.
#[derive(Debug)]
pub(crate) struct Attempts {
    /// The `ClientRequestToken`.
    token: Uuid,
    /// Whether the last attempt got no response, so that it may have been committed.
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

/// The actions of one transaction, and the problems found so far.
#[derive(Clone, Default)]
pub(crate) struct AtomicWrites {
    /// Each action with its role, by which errors name it.
    pub(super) actions: Vec<(Participant, Action)>,
    /// Problems that were found while the actions were built.
    pub(super) problems: Vec<Problem>,
}

impl AtomicWrites {
    pub(crate) fn add(&mut self, participant: Participant, action: Action) {
        self.actions.push((participant, action));
    }

    /// Adds the problem that an action can't be an item.
    pub(crate) fn add_not_an_item(&mut self, participant: Participant, reason: String) {
        self.problems.push(Problem::NotAnItem {
            participant,
            reason,
        });
    }

    /// Attempts once to commit, all or nothing.
    ///
    /// # Errors
    ///
    /// [`CommitError::Invalid`] before anything is sent, or why DynamoDB did not commit it.
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
        // A definite result settles the attempts before it, too: they have the same token.
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

/// Returns the pauses between attempts: 50 ms, doubling, with jitter.
pub(crate) fn pauses(retries: usize) -> ExponentialBuilder {
    ExponentialBuilder::default()
        .with_min_delay(Duration::from_millis(50))
        .with_max_times(retries)
        .with_jitter()
}
