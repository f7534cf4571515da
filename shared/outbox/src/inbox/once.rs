//! The inbox: commits a consumer's writes once for each event.

use std::sync::Arc;

use aws_sdk_dynamodb::Client;
use backon::Retryable;
use jiff::{SignedDuration, Timestamp};

use crate::{
    Clock, CloudEvent, CommitError, KeySchema, Participant, SystemClock,
    append::{Action, Attempts, Database, pauses},
    inbox::{
        record::{Found, Record},
        writes::ConsumerWrites,
    },
};

/// How long a record is kept by default.
const RETENTION: SignedDuration = SignedDuration::from_hours(30 * 24);

/// An event is rejected as too old this long before its record may have expired, since the
/// clocks of producer and consumer may differ.
const MARGIN: SignedDuration = SignedDuration::from_hours(24);

/// How often a transaction is retried if it may still succeed.
const RETRIES: usize = 5;

/// The inbox of one consumer: the events that it has handled.
///
/// ```no_run
/// use aws_sdk_dynamodb::types::Put;
/// use outbox::{
///     CloudEvent, KeySchema,
///     inbox::{ConsumerWrites, Handled, Inbox},
/// };
///
/// # async fn handle(
/// #     client: aws_sdk_dynamodb::Client,
/// #     event: CloudEvent,
/// #     shipment: Put,
/// # ) -> Result<(), Box<dyn std::error::Error>> {
/// let key = KeySchema::partition_key("pk");
/// let inbox = Inbox::new(client, "shipments", key.clone(), "shipping")?;
///
/// match inbox.once(&event, ConsumerWrites::new().put(shipment, key)).await? {
///     Handled::Now => println!("the shipment is saved"),
///     Handled::Before => println!("redelivered: nothing was written"),
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Inbox {
    /// Where transactions are sent.
    database: Database,
    /// The table of records.
    table: String,
    /// The key attributes of that table. Each of them has the record's name as its value.
    key_schema: KeySchema,
    /// The name of the consumer, a part of each record's name.
    consumer: String,
    /// How long records are kept.
    retention: SignedDuration,
    clock: Arc<dyn Clock>,
}

/// Whether an event was handled by this call or before; see [`Inbox`] for an example.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub enum Handled {
    /// By this call: everything was written.
    Now,
    /// Before: nothing was written.
    Before,
}

/// Why an event was not handled, or may not have been. A retry is always safe.
///
/// ```
/// use outbox::inbox::OnceError;
///
/// /// Returns whether the message can only be settled by an operator.
/// fn needs_an_operator(error: &OnceError) -> bool {
///     !matches!(error, OnceError::Commit(_))
/// }
/// ```
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OnceError {
    /// The event is so old that its record may have expired, so it is unknown whether it was
    /// handled. Leave it to a dead-letter queue, where the operator decides.
    #[error(
        "event {id} from {event_source} ({time}) is older than {} days, so it is unknown whether \
         {consumer} has handled it",
        .remembered.as_hours() / 24
    )]
    TooOld {
        /// The event's id.
        id: String,
        /// The event's source.
        event_source: String,
        /// When it was committed.
        time: Timestamp,
        /// The name of the consumer.
        consumer: String,
        /// The age up to which events are accepted.
        remembered: SignedDuration,
    },
    /// The event has an empty id or source, so it can't be distinguished from others.
    #[error("the event has an empty {attribute}, so it can't be distinguished from others")]
    Unnamed {
        /// The empty attribute.
        attribute: &'static str,
    },
    /// Another event with the same source and id, but another type or time, was handled
    /// before. The producer has to use unique ids.
    #[error("a different event from {event_source} with the id {id} was handled before")]
    SameName {
        /// The id of both.
        id: String,
        /// The source of both.
        event_source: String,
    },
    /// The event's source and id don't fit into a key of the table.
    #[error(
        "source and id of the event make a key of {bytes} bytes, but at most {most} are allowed"
    )]
    NameTooLong {
        /// How long the key would be.
        bytes: usize,
        /// How long it may be.
        most: usize,
    },
    /// The transaction was not committed, or may not have been. If a condition of the
    /// consumer's own did not hold, read its items again and decide again.
    #[error(transparent)]
    Commit(#[from] CommitError),
}

/// Invalid settings of an inbox; [`Inbox::new`] and [`Inbox::with_retention`] return it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidInbox {
    /// The name of the consumer can't be part of a key.
    #[error("{name:?} is not a valid name of a consumer: it must have 1 to 128 bytes and no '#'")]
    Consumer {
        /// The name.
        name: String,
    },
    /// Records must be kept for longer than clocks may differ.
    #[error("records must be kept for at least 48 hours, not {} hours", .retention.as_hours())]
    Retention {
        /// The rejected retention.
        retention: SignedDuration,
    },
}

impl Inbox {
    /// Creates the inbox of the consumer with this name, with its records in the given table.
    /// See [`Inbox`] for an example.
    ///
    /// Consumers with different names handle each event once each, also in the same table.
    /// Two consumers with the same name and table would lose events to each other. A
    /// consumer that gets a new name handles every event again.
    ///
    /// # Errors
    ///
    /// If the name is empty, has over 128 bytes, or holds a `#`.
    pub fn new(
        client: Client,
        table: impl Into<String>,
        key_schema: KeySchema,
        consumer: impl Into<String>,
    ) -> Result<Self, InvalidInbox> {
        let consumer = consumer.into();
        if !(1..=128).contains(&consumer.len()) || consumer.contains('#') {
            return Err(InvalidInbox::Consumer { name: consumer });
        }
        Ok(Self {
            database: Database::DynamoDb(client),
            table: table.into(),
            key_schema,
            consumer,
            retention: RETENTION,
            clock: Arc::new(SystemClock),
        })
    }

    /// Returns the inbox with another retention of records than 30 days. Events are accepted
    /// up to an age of one day less.
    ///
    /// It can be shortened at any time. Existing records keep their expiry. So if it is
    /// lengthened, an event that is redelivered after the former retention is handled
    /// twice.
    ///
    /// ```
    /// use jiff::SignedDuration;
    /// # use outbox::inbox::{Inbox, InvalidInbox};
    ///
    /// # fn week(inbox: Inbox) -> Result<Inbox, InvalidInbox> {
    /// inbox.with_retention(SignedDuration::from_hours(7 * 24))
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// If it is under 48 hours.
    pub fn with_retention(self, retention: SignedDuration) -> Result<Self, InvalidInbox> {
        if retention < MARGIN * 2 {
            return Err(InvalidInbox::Retention { retention });
        }
        Ok(Self { retention, ..self })
    }

    /// Returns the inbox with another clock. See [`Clock`] for an example of one.
    #[must_use]
    pub fn with_clock(self, clock: impl Clock + 'static) -> Self {
        Self {
            clock: Arc::new(clock),
            ..self
        }
    }

    #[cfg(feature = "testing")]
    pub(crate) fn with_database(self, database: Database) -> Self {
        Self { database, ..self }
    }

    /// Commits the consumer's writes together with a "handled" record, with one
    /// `TransactWriteItems`. If the event was handled before, nothing is written. The
    /// request is sent by the inbox's own client, even for the
    /// [`Transaction`](crate::Transaction) of an outbox.
    ///
    /// A transaction that conflicts with another, is throttled or gets no response is
    /// attempted up to six times, 3 s each. See [`Inbox`] for an example.
    ///
    /// # Errors
    ///
    /// See [`OnceError`]. After any error the event counts as not handled: leave the message
    /// in its queue.
    pub async fn once(
        &self,
        event: &CloudEvent,
        writes: impl Into<ConsumerWrites>,
    ) -> Result<Handled, OnceError> {
        let now = self.clock.now();
        self.check(event, now)?;
        let record = Record::new(&self.consumer, event, now, self.retention);
        let (bytes, most) = (record.name().len(), self.key_schema.most_bytes());
        if bytes > most {
            return Err(OnceError::NameTooLong { bytes, most });
        }
        let mut writes = writes.into().writes;
        match record.put(&self.table, &self.key_schema) {
            Ok(put) => {
                let put = Action::Put(put, self.key_schema.clone());
                writes.add(Participant::InboxRecord, put);
            }
            Err(reason) => writes.add_not_an_item(Participant::InboxRecord, reason),
        }

        let attempts = Attempts::new();
        let committed = (|| writes.try_to_commit(&self.database, &attempts))
            .retry(pauses(RETRIES))
            .when(CommitError::is_retryable)
            .await;
        let error = match committed {
            Ok(()) => return Ok(Handled::Now),
            Err(error) => error,
        };
        // If the record is there, the event was handled before, whatever else failed.
        match Found::that_was_there(&error) {
            Some(found) if found.is_of(event) => Ok(Handled::Before),
            Some(_) => Err(OnceError::SameName {
                id: event.id.clone(),
                event_source: event.source.clone(),
            }),
            None => Err(error.into()),
        }
    }

    fn check(&self, event: &CloudEvent, now: Timestamp) -> Result<(), OnceError> {
        for (attribute, value) in [("id", &event.id), ("source", &event.source)] {
            if value.is_empty() {
                return Err(OnceError::Unnamed { attribute });
            }
        }
        let remembered = self.retention - MARGIN;
        if now.duration_since(event.time) > remembered {
            return Err(OnceError::TooOld {
                id: event.id.clone(),
                event_source: event.source.clone(),
                time: event.time,
                consumer: self.consumer.clone(),
                remembered,
            });
        }
        Ok(())
    }
}
