//! A table of aggregates: reads them, and prepares their writes.

use std::{collections::HashMap, fmt, marker::PhantomData};

use aws_sdk_dynamodb::{
    Client,
    error::{BoxError, ProvideErrorMetadata, SdkError},
    operation::get_item::GetItemError,
    types::AttributeValue,
};

use crate::{
    append::{
        aggregate::{AggregateWrite, UnreadableAggregate, Versioned},
        item_reader::ItemReader,
        key::KeySchema,
        revision::Revision,
    },
    event::Aggregate,
    serde_failure::Unquoted,
};

/// A table whose only key attribute is a partition key, with one item for each aggregate: its
/// state, under its aggregate id.
///
/// It reads aggregates, and prepares the write with which a transaction begins.
///
/// ```no_run
/// use outbox::{Aggregate, AggregateTable, DomainEvent, Outbox};
/// use serde::{Deserialize, Serialize};
///
/// #[derive(Serialize, Deserialize)]
/// struct Ticket {
///     id: String,
///     is_open: bool,
/// }
///
/// impl Aggregate for Ticket {
///     fn aggregate_id(&self) -> String {
///         format!("ticket#{}", self.id)
///     }
/// }
///
/// #[derive(Serialize)]
/// struct TicketClosed;
///
/// impl DomainEvent for TicketClosed {
///     fn event_type(&self) -> &str {
///         "TicketClosed"
///     }
/// }
///
/// # async fn close(client: aws_sdk_dynamodb::Client) -> Result<(), Box<dyn std::error::Error>> {
/// let outbox = Outbox::new(client.clone(), "outbox", "help-desk")?;
/// let tickets = AggregateTable::<Ticket>::new(client, "tickets", "pk");
///
/// if let Some(found) = tickets.find("ticket#1").await? {
///     let closed = Ticket { is_open: false, ..found.state };
///     outbox
///         .transaction(tickets.replace(&closed, found.revision))
///         .event(&TicketClosed)
///         .commit()
///         .await?;
/// }
/// # Ok(())
/// # }
/// ```
///
/// For a table with a sort key, or an item whose key is not the aggregate id, build the
/// [`AggregateWrite`] itself.
pub struct AggregateTable<A> {
    reader: ItemReader,
    table: String,
    partition_key: String,
    aggregate: PhantomData<fn(A) -> A>,
}

/// Why an aggregate could not be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FindError {
    /// DynamoDB throttled the read, failed, or did not respond. A retry can help.
    #[error("DynamoDB could not read the aggregate now")]
    Unavailable(#[source] BoxError),
    /// DynamoDB rejected the read: permissions, a missing table, a key that is too long.
    #[error("DynamoDB rejected the read of the aggregate")]
    Rejected(#[source] BoxError),
    /// The item is not such an aggregate.
    #[error(transparent)]
    Unreadable(#[from] UnreadableAggregate),
}

impl<A: Aggregate> AggregateTable<A> {
    /// Creates the table with this name, whose partition key is the text attribute
    /// `partition_key`. See [`AggregateTable`] for an example.
    pub fn new(client: Client, table: impl Into<String>, partition_key: impl Into<String>) -> Self {
        Self {
            reader: ItemReader::DynamoDb(client),
            table: table.into(),
            partition_key: partition_key.into(),
            aggregate: PhantomData,
        }
    }

    /// Returns the aggregate with this id and its revision, by a consistent read, or `None` if
    /// there is no such item. Takes up to 3 s, retries included. Needs `dynamodb:GetItem`. See
    /// [`AggregateTable`] for an example.
    ///
    /// # Errors
    ///
    /// If DynamoDB can't or won't read it, or the item is not such an aggregate.
    pub async fn find(&self, aggregate_id: &str) -> Result<Option<Versioned<A>>, FindError> {
        let id = AttributeValue::S(aggregate_id.to_owned());
        let key = HashMap::from([(self.partition_key.clone(), id)]);
        let item = self.reader.get(&self.table, key).await?;
        let found = item.map(Versioned::from_item).transpose();
        Ok(found?)
    }

    /// Prepares the write of a new aggregate, as [`AggregateWrite::create`] does.
    ///
    /// The commit fails with [`Problem::NotAnItem`](crate::Problem::NotAnItem) if the
    /// state has an attribute of the partition key's name whose value is not the aggregate id.
    /// See [`AggregateTable`] for an example of a write.
    pub fn create(&self, aggregate: &A) -> AggregateWrite {
        self.write(aggregate, None)
    }

    /// Prepares the write of a changed aggregate that was read at revision `base`, as
    /// [`AggregateWrite::replace`] does. See [`AggregateTable`] for an example.
    pub fn replace(&self, aggregate: &A, base: Revision) -> AggregateWrite {
        self.write(aggregate, Some(base))
    }

    #[cfg(feature = "testing")]
    pub(crate) fn with_reader(self, database: std::sync::Arc<dyn crate::testing::GetItem>) -> Self {
        Self {
            reader: ItemReader::Testing(database),
            ..self
        }
    }

    fn write(&self, aggregate: &A, base: Option<Revision>) -> AggregateWrite {
        let aggregate_id = aggregate.aggregate_id();
        let item = self.item(aggregate, &aggregate_id);
        let key_schema = KeySchema::partition_key(&self.partition_key);
        AggregateWrite::of_item(aggregate_id, self.table.clone(), key_schema, item, base)
    }

    fn item(
        &self,
        aggregate: &A,
        aggregate_id: &str,
    ) -> Result<HashMap<String, AttributeValue>, String> {
        let item = serde_dynamo::to_item(Unquoted(aggregate)).map_err(|error| error.to_string())?;
        let mut item: HashMap<String, AttributeValue> = item;
        let key = AttributeValue::S(aggregate_id.to_owned());
        match item.insert(self.partition_key.clone(), key.clone()) {
            Some(own) if own != key => Err(format!(
                "its attribute {:?} is the table's key, and must be the aggregate id",
                self.partition_key
            )),
            _ => Ok(item),
        }
    }
}

impl<A> Clone for AggregateTable<A> {
    fn clone(&self) -> Self {
        Self {
            reader: self.reader.clone(),
            table: self.table.clone(),
            partition_key: self.partition_key.clone(),
            aggregate: PhantomData,
        }
    }
}

impl<A> fmt::Debug for AggregateTable<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AggregateTable")
            .field("table", &self.table)
            .field("partition_key", &self.partition_key)
            .finish_non_exhaustive()
    }
}

impl From<SdkError<GetItemError>> for FindError {
    /// A retry helps after a throttled call, a server error or a lost connection; DynamoDB would
    /// reject any other request again.
    fn from(error: SdkError<GetItemError>) -> Self {
        let is_transient = match &error {
            SdkError::ConstructionFailure(_) => false,
            SdkError::ServiceError(service) => {
                service.raw().status().is_server_error()
                    || matches!(
                        service.err().code(),
                        Some(
                            "ProvisionedThroughputExceededException"
                                | "RequestLimitExceeded"
                                | "ThrottlingException"
                        )
                    )
            }
            _ => true,
        };
        if is_transient {
            Self::Unavailable(error.into())
        } else {
            Self::Rejected(error.into())
        }
    }
}

#[cfg(test)]
mod tests {
    use aws_sdk_dynamodb::{config::http::HttpResponse, error::ErrorMetadata};

    use super::*;

    #[test]
    fn a_read_may_succeed_later_unless_dynamodb_rejects_it_or_it_was_never_made() {
        let answered = |status: u16, code: &str| {
            let error = GetItemError::generic(ErrorMetadata::builder().code(code).build());
            let response = HttpResponse::new(status.try_into().unwrap(), "".into());
            SdkError::service_error(error, response)
        };
        for (error, is_transient) in [
            (answered(400, "ThrottlingException"), true),
            (
                answered(400, "ProvisionedThroughputExceededException"),
                true,
            ),
            (answered(400, "RequestLimitExceeded"), true),
            (answered(500, "InternalServerError"), true),
            (answered(400, "AccessDeniedException"), false),
            (answered(400, "ResourceNotFoundException"), false),
            (SdkError::timeout_error("late"), true),
            (SdkError::construction_failure("no Region"), false),
        ] {
            let described = format!("{error:?}");
            let found = FindError::from(error);
            let is_unavailable = matches!(found, FindError::Unavailable(_));
            assert_eq!(is_unavailable, is_transient, "{described}");
        }
    }
}
