//! The writes of a consumer.

use aws_sdk_dynamodb::types::{ConditionCheck, Delete, Put, Update};

use crate::{
    KeySchema, Participant, Transaction,
    append::{Action, AtomicWrites},
};

/// What a consumer writes because of an event, all or nothing. Between 0 and 99 actions: the
/// record of the event is the hundredth. See [`Inbox`](crate::inbox::Inbox) for an example.
#[derive(Clone, Default)]
pub struct ConsumerWrites {
    /// The actions so far, without the record of the event.
    pub(super) writes: AtomicWrites,
    /// How many actions the caller has added.
    count: usize,
}

impl ConsumerWrites {
    /// Creates an empty set of writes. See [`Inbox`](crate::inbox::Inbox) for an example.
    pub fn new() -> Self {
        Self::default()
    }

    /// Puts an item; `key_schema` names the key attributes of its table.
    ///
    /// ```
    /// use aws_sdk_dynamodb::types::{AttributeValue, Put};
    /// use outbox::{KeySchema, inbox::ConsumerWrites};
    ///
    /// let put = Put::builder()
    ///     .table_name("shipments")
    ///     .item("pk", AttributeValue::S("shipment#42".into()))
    ///     .build()?;
    /// let writes = ConsumerWrites::new().put(put, KeySchema::partition_key("pk"));
    /// # Ok::<(), aws_sdk_dynamodb::error::BuildError>(())
    /// ```
    #[must_use]
    pub fn put(self, put: Put, key_schema: KeySchema) -> Self {
        self.with(Action::Put(put, key_schema))
    }

    /// Updates an item. The [module](crate::inbox) has an example.
    #[must_use]
    pub fn update(self, update: Update) -> Self {
        self.with(Action::Update(update))
    }

    /// Deletes an item. [`put`](Self::put) has an example of an action.
    #[must_use]
    pub fn delete(self, delete: Delete) -> Self {
        self.with(Action::Delete(delete))
    }

    /// Writes only if a condition on another item holds. See
    /// [`Transaction`](crate::Transaction) for an example of a condition.
    #[must_use]
    pub fn condition_check(self, check: ConditionCheck) -> Self {
        self.with(Action::ConditionCheck(check))
    }

    fn with(mut self, action: Action) -> Self {
        self.writes.add(Participant::Action(self.count), action);
        self.count += 1;
        self
    }
}

impl From<Transaction> for ConsumerWrites {
    /// Takes the writes of a transaction: an aggregate and its events, because of an event.
    fn from(transaction: Transaction) -> Self {
        Self {
            count: transaction.actions(),
            writes: transaction.into(),
        }
    }
}
