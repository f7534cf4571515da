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

/// How long a record is kept unless somebody wants it otherwise.
const RETENTION: SignedDuration = SignedDuration::from_hours(30 * 24);

/// What lies between the age at which an event is refused and the age at which
/// its record may be gone: room for clocks that differ.
const MARGIN: SignedDuration = SignedDuration::from_hours(24);

/// How often a transaction that may yet succeed is tried again.
const RETRIES: usize = 5;

/// What one consumer has handled.
#[derive(Clone)]
pub struct Inbox {
    database: Database,
    table: String,
    key_schema: KeySchema,
    consumer: String,
    retention: SignedDuration,
    clock: Arc<dyn Clock>,
}

/// That an event is handled, and since when.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub enum Handled {
    /// By this call: everything is written.
    Now,
    /// Before: nothing was written.
    Before,
}

/// Why an event was not handled, or may not have been. Handling it again is always
/// safe.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OnceError {
    /// The event is so old that the record of it may be gone: it may have been
    /// handled, or not. It belongs in a dead-letter queue, for a person to decide.
    #[error(
        "event {id} of {event_source} is of {time}: whether {consumer} has handled it is \
         remembered for {} days only",
        .remembered.as_hours() / 24
    )]
    TooOld {
        /// The event's id.
        id: String,
        /// The event's source.
        event_source: String,
        /// When it was committed.
        time: Timestamp,
        /// Who was to handle it.
        consumer: String,
        /// For how long it can be told.
        remembered: SignedDuration,
    },
    /// An event without an id or a source cannot be told from others.
    #[error("the event has an empty {attribute}, so it cannot be told from others")]
    Unnamed {
        /// Which one is empty.
        attribute: &'static str,
    },
    /// Another event of this source with the same id was handled before: it had
    /// another type or time. Whoever sends them has to give each an id of its
    /// own.
    #[error("another event of {event_source} was handled under the id {id}")]
    SameName {
        /// The id of both.
        id: String,
        /// The source of both.
        event_source: String,
    },
    /// The event's name does not fit into a key of the table.
    #[error("id and source of the event make a key of {bytes} bytes, the table takes {most}")]
    NameTooLong {
        /// How long the key would be.
        bytes: usize,
        /// How long it may be.
        most: usize,
    },
    /// The transaction was not committed, or may not have been. A condition of
    /// the consumer's own that did not hold is among these, if the event was
    /// not handled before: read again, decide again.
    #[error(transparent)]
    Commit(#[from] CommitError),
}

/// Settings an inbox cannot have.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidInbox {
    /// The name of the consumer is part of a key.
    #[error(
        "{name:?} cannot be a consumer: its name must have 1 to 128 bytes, and no '#' among them"
    )]
    Consumer {
        /// The name.
        name: String,
    },
    /// Records must be kept for longer than clocks may differ.
    #[error("records must be kept for at least 48 hours, not {} hours", .retention.as_hours())]
    Retention {
        /// How long they should have been kept.
        retention: SignedDuration,
    },
}

impl Inbox {
    /// The inbox of the consumer with this name, with its records in the given
    /// table. Consumers with different names handle the same event once each, in
    /// the same table or not; two that share name and table lose events to each
    /// other. A consumer under a new name has handled nothing yet.
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

    /// The same inbox with records kept for another time than 30 days. Events
    /// are accepted until they are a day short of that.
    ///
    /// It may be shortened at any time. Records that were written expire as they
    /// were to, so after it was lengthened, an event that comes again after the
    /// former time is handled twice.
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

    /// The same inbox by another clock.
    #[must_use]
    pub fn with_clock(self, clock: impl Clock + 'static) -> Self {
        Self {
            clock: Arc::new(clock),
            ..self
        }
    }

    #[cfg(feature = "simulation")]
    pub(crate) fn with_database(self, database: Database) -> Self {
        Self { database, ..self }
    }

    /// Writes what the consumer makes of an event, and that it has handled it,
    /// with one `TransactWriteItems`. If it has handled the event before, nothing
    /// is written. It uses the inbox's own client, whatever transaction it gets.
    ///
    /// A transaction that conflicts with another, is throttled or remains
    /// without an answer is tried six times; each may take 3 s.
    ///
    /// # Errors
    ///
    /// See [`OnceError`]. Whatever it is, the event counts as not handled: leave
    /// the message in its queue.
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
            Err(reason) => writes.is_no_item(Participant::InboxRecord, reason),
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
