//! Large data of a transaction's events, put into S3 before the commit.

use crate::{
    EventData,
    append::{check, transaction::Transaction},
    claim_check::{ClaimCheck, StoreError},
};

impl Transaction {
    /// Puts the data of all events added so far that is over the limit into S3, so that the events
    /// only refer to it. Call it last, before [`commit`](Self::commit): the transaction it returns
    /// is the one to commit. The module [`claim_check`](crate::claim_check) has an example, and says
    /// how long objects are kept.
    ///
    /// Of an event whose data is invalid nothing is stored: the commit reports it.
    ///
    /// # Errors
    ///
    /// If S3 doesn't accept an object. Nothing is committed then.
    pub async fn store_large_data(mut self, claim_check: &ClaimCheck) -> Result<Self, StoreError> {
        for (index, event) in self.events.iter_mut().enumerate() {
            if !claim_check.is_large(&event.data) || !check::data(index, &event.data).is_empty() {
                continue;
            }
            let reference = claim_check.store(event.id, &event.data).await?;
            event.extensions.extend(reference.into_extensions());
            event.data = EventData::default();
        }
        Ok(self)
    }
}
