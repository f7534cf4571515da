use aws_sdk_dynamodb::{Client, types::TransactWriteItem};
use uuid::Uuid;

use super::{
    cancellation::commit_error,
    check::{self, Action},
    error::{CommitError, InvalidTransaction, Participant, Problem},
};

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

    /// Commits all or nothing. Committing again under the same token within 10
    /// minutes writes nothing twice (`ClientRequestToken`).
    pub(crate) async fn commit(&self, client: &Client, token: Uuid) -> Result<(), CommitError> {
        self.check()?;
        let items = self.actions.iter().map(|(_, action)| action.to_item());
        let items: Vec<TransactWriteItem> = items.collect();
        client
            .transact_write_items()
            .set_transact_items(Some(items))
            .client_request_token(token.to_string())
            .send()
            .await
            .map_err(|error| commit_error(error, &self.actions))?;
        Ok(())
    }

    fn check(&self) -> Result<(), InvalidTransaction> {
        let mut problems = self.problems.clone();
        if problems.is_empty() {
            problems = check::actions(&self.actions);
        }
        if problems.is_empty() {
            Ok(())
        } else {
            Err(InvalidTransaction { problems })
        }
    }
}
