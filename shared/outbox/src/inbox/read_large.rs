//! Reads messages whose data may be in S3.

use serde::de::DeserializeOwned;

use crate::{
    claim_check::{ClaimCheck, ReadError},
    inbox::subscription::{Received, RejectedMessage, Subscription},
};

/// A message that a consumer can't handle; see [`Subscription::read_large`] for an example. Leave it
/// in its queue.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LargeMessageError {
    /// The event is not one that the consumer expects.
    #[error(transparent)]
    Rejected(#[from] RejectedMessage),
    /// Its data can't be read from S3.
    #[error(transparent)]
    Data(#[from] ReadError),
}

impl Subscription {
    /// Returns the event in a message, as [`read`](Self::read) does, with its data from S3 if the
    /// event refers to it. Nothing is read from S3 before source, account, type and sequence are
    /// checked.
    ///
    /// ```no_run
    /// # use outbox::{claim_check::ClaimCheck, inbox::{LargeMessageError, Subscription}};
    /// # #[derive(serde::Deserialize)]
    /// # #[serde(tag = "type", content = "data")]
    /// # enum ReportEvent { ReportMade { id: String, rows: Vec<String> } }
    /// # async fn handle(
    /// #     reports: &Subscription,
    /// #     claim_check: &ClaimCheck,
    /// #     body: &str,
    /// # ) -> Result<(), LargeMessageError> {
    /// let id = |ReportEvent::ReportMade { id, .. }: &ReportEvent| format!("report#{id}");
    /// let received = reports.read_large(body, claim_check, id).await?;
    /// let ReportEvent::ReportMade { rows, .. } = received.data;
    /// println!("{} rows", rows.len());
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// Why it must not be handled, or why its data can't be read.
    pub async fn read_large<Data: DeserializeOwned>(
        &self,
        message: &str,
        claim_check: &ClaimCheck,
        aggregate_id: impl FnOnce(&Data) -> String,
    ) -> Result<Received<Data>, LargeMessageError> {
        let (mut event, sequence) = self.checked(message)?;
        event.data = claim_check.data_of(&event).await?;
        Ok(Self::received(event, sequence, aggregate_id)?)
    }
}
