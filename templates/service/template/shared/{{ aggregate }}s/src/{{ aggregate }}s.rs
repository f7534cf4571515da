//! The commands: a {{ aggregate }} and its event, in one transaction.

use aws_sdk_dynamodb::Client;
use outbox::{AggregateTable, CommitError, FindError, Outbox};

use crate::{{ aggregate }}::{Invalid{{ aggregate | capitalize }}, {{ aggregate | capitalize }}};

/// Returns the table with this name, whose partition key is `pk`.
pub fn {{ aggregate }}_table(client: Client, name: impl Into<String>) -> AggregateTable<{{ aggregate | capitalize }}> {
    AggregateTable::new(client, name, "pk")
}

/// Changes {{ aggregate }}s.
pub struct {{ aggregate | capitalize }}s {
    table: AggregateTable<{{ aggregate | capitalize }}>,
    outbox: Outbox,
}

/// Why a {{ aggregate }} was not changed.
#[derive(Debug, thiserror::Error)]
pub enum {{ aggregate | capitalize }}Error {
    /// The command is not valid.
    #[error(transparent)]
    Invalid(#[from] Invalid{{ aggregate | capitalize }}),
    /// There is none with this id.
    #[error("there is no {{ aggregate }} {0}")]
    Unknown(String),
    /// It could not be read.
    #[error(transparent)]
    Find(#[from] FindError),
    /// The transaction was not committed: another writer was faster, for example.
    #[error(transparent)]
    Commit(#[from] CommitError),
}

impl {{ aggregate | capitalize }}s {
    /// Creates the commands for the table with this name.
    pub fn new(client: Client, table: impl Into<String>, outbox: Outbox) -> Self {
        Self::with({{ aggregate }}_table(client, table), outbox)
    }

    /// Creates the commands for a table.
    pub fn with(table: AggregateTable<{{ aggregate | capitalize }}>, outbox: Outbox) -> Self {
        Self { table, outbox }
    }

    /// Creates a {{ aggregate }}, and publishes `{{ created }}`.
    ///
    /// # Errors
    ///
    /// See [`{{ aggregate | capitalize }}Error`].
    pub async fn create(&self, id: String, title: String) -> Result<{{ aggregate | capitalize }}, {{ aggregate | capitalize }}Error> {
        let (new, created) = {{ aggregate | capitalize }}::create(id, title)?;
        let transaction = self.outbox.transaction(self.table.create(&new));
        transaction.event(&created).commit().await?;
        Ok(new)
    }

    /// Completes a {{ aggregate }}, and publishes `{{ completed }}`. One that is completed already
    /// stays as it is.
    ///
    /// # Errors
    ///
    /// See [`{{ aggregate | capitalize }}Error`].
    pub async fn complete(&self, id: &str) -> Result<{{ aggregate | capitalize }}, {{ aggregate | capitalize }}Error> {
        let found = self.table.find(&{{ aggregate | capitalize }}::aggregate_id_of(id)).await?;
        let found = found.ok_or_else(|| {{ aggregate | capitalize }}Error::Unknown(id.to_owned()))?;
        let base = found.revision;
        let (changed, completed) = found.state.complete();
        if let Some(completed) = completed {
            let transaction = self.outbox.transaction(self.table.replace(&changed, base));
            transaction.event(&completed).commit().await?;
        }
        Ok(changed)
    }
}
