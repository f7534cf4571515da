//! The operations of the AWS services that an outbox calls.

/// An operation of an AWS service.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Operation {
    /// `DescribeEventBus`.
    DescribeEventBus,
    /// `PutEvents`.
    PutEvents,
    /// `BatchGetItem`, which looks up rows.
    BatchGetItem,
    /// `BatchWriteItem`, deletes alone.
    BatchWriteItem,
    /// `UpdateItem`, to park a row, or to edit or unpark a parked one.
    UpdateItem,
    /// `GetItem`.
    GetItem,
    /// `TransactWriteItems`.
    TransactWriteItems,
    /// `Scan`.
    Scan,
    /// `Query`.
    Query,
    /// `SendMessage`.
    SendMessage,
    /// `ReceiveMessage`.
    ReceiveMessage,
    /// `ChangeMessageVisibilityBatch`.
    ChangeMessageVisibility,
    /// `DeleteMessageBatch`.
    DeleteMessage,
    /// `GetQueueAttributes`.
    GetQueueAttributes,
    /// `GetShardIterator`.
    GetShardIterator,
    /// `GetRecords`.
    GetRecords,
}

impl Operation {
    /// Every operation.
    pub const ALL: [Self; 16] = [
        Self::DescribeEventBus,
        Self::PutEvents,
        Self::BatchGetItem,
        Self::BatchWriteItem,
        Self::UpdateItem,
        Self::GetItem,
        Self::TransactWriteItems,
        Self::Scan,
        Self::Query,
        Self::SendMessage,
        Self::ReceiveMessage,
        Self::ChangeMessageVisibility,
        Self::DeleteMessage,
        Self::GetQueueAttributes,
        Self::GetShardIterator,
        Self::GetRecords,
    ];
}
