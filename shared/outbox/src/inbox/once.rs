//! The inbox: commits a consumer's writes once for each event.

use std::sync::Arc;

use aws_sdk_dynamodb::{Client, types::Put};
use backon::Retryable;
use jiff::{SignedDuration, Timestamp};

use crate::{
    Clock, CloudEvent, CommitError, KeySchema, Participant, SystemClock,
    append::{Action, AtomicWrites, Attempts, Database, pauses},
    inbox::{
        error::{InvalidInbox, OnceError},
        order::Order,
        progress::Progress,
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
    pub(super) table: String,
    /// The key attributes of that table. Each of them has the record's name as its value.
    pub(super) key_schema: KeySchema,
    /// The name of the consumer, a part of each record's name.
    pub(super) consumer: String,
    /// How long records are kept.
    retention: SignedDuration,
    /// Whether events are handled in sequence only; `None` if in any order.
    pub(super) order: Option<Order>,
    pub(super) clock: Arc<dyn Clock>,
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
            order: None,
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
    /// `TransactWriteItems`. If the event was handled before, nothing is written. If the inbox
    /// requires [order](Self::in_order), it is handled only after the event before it. The
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
        let mut writes = writes.into().writes;
        let record = Record::new(&self.consumer, event, now, self.retention);
        self.check_key(&record.name())?;
        let put = record.put(&self.table, &self.key_schema);
        self.add(&mut writes, Participant::InboxRecord, put);
        if self.order.is_some() {
            let progress = Progress::after(&self.consumer, event, now)?;
            self.check_key(&progress.name())?;
            let put = progress.put_next(&self.table, &self.key_schema);
            self.add(&mut writes, Participant::InboxProgress, put);
        }
        match self.commit(&writes).await {
            Ok(()) => Ok(Handled::Now),
            Err(error) => self.why_not(event, error, now),
        }
    }

    pub(super) fn add(&self, writes: &mut AtomicWrites, of: Participant, put: Result<Put, String>) {
        match put {
            Ok(put) => writes.add(of, Action::Put(put, self.key_schema.clone())),
            Err(reason) => writes.add_not_an_item(of, reason),
        }
    }

    pub(super) async fn commit(&self, writes: &AtomicWrites) -> Result<(), CommitError> {
        let attempts = Attempts::new();
        (|| writes.try_to_commit(&self.database, &attempts))
            .retry(pauses(RETRIES))
            .when(CommitError::is_retryable)
            .await
    }

    /// Returns what a failed transaction says about the event.
    fn why_not(
        &self,
        event: &CloudEvent,
        error: CommitError,
        now: Timestamp,
    ) -> Result<Handled, OnceError> {
        // If the record is there, the event was handled before, whatever else failed.
        match Found::that_was_there(&error) {
            Some(found) if found.is_of(event) => Ok(Handled::Before),
            Some(_) => Err(OnceError::SameName {
                id: event.id.clone(),
                event_source: event.source.clone(),
            }),
            None => {
                let order = self.order.as_ref();
                let out_of_order =
                    order.and_then(|order| order.violation(&self.consumer, event, &error, now));
                Err(out_of_order.unwrap_or_else(|| error.into()))
            }
        }
    }

    /// Returns an error if the name doesn't fit into a key of the table.
    fn check_key(&self, name: &str) -> Result<(), OnceError> {
        let (bytes, most) = (name.len(), self.key_schema.most_bytes());
        if bytes > most {
            return Err(OnceError::NameTooLong { bytes, most });
        }
        Ok(())
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
