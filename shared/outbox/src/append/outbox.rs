//! The outbox of a service.

use std::sync::Arc;

use aws_sdk_dynamodb::Client;
use jiff::Timestamp;
use uuid::Uuid;

#[cfg(feature = "at-once")]
use crate::append::HandOver;
use crate::{
    append::{control_character::ControlCharacter, database::Database},
    clock::{Clock, SystemClock},
};

/// A service's outbox: the table that holds its events until the relay publishes them.
///
/// ```no_run
/// use outbox::{AggregateWrite, DomainEvent, KeySchema, Outbox};
/// use serde::Serialize;
///
/// #[derive(Serialize)]
/// struct Order {
///     pk: String,
///     total: u64,
/// }
///
/// #[derive(Serialize)]
/// struct OrderCreated {
///     total: u64,
/// }
///
/// impl DomainEvent for OrderCreated {
///     fn event_type(&self) -> &str {
///         "OrderCreated"
///     }
/// }
///
/// # async fn save(client: aws_sdk_dynamodb::Client) -> Result<(), Box<dyn std::error::Error>> {
/// let outbox = Outbox::new(client, "outbox", "orders")?;
/// let order = Order { pk: "order#42".into(), total: 3900 };
/// let key = KeySchema::partition_key("pk");
///
/// outbox
///     .transaction(AggregateWrite::create("order#42", "orders", key, &order))
///     .event(&OrderCreated { total: 3900 })
///     .commit()
///     .await?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Outbox {
    /// Where transactions are sent.
    pub(super) database: Database,
    /// The table of rows.
    pub(super) table: String,
    /// The name of the service: CloudEvents `source`.
    pub(super) source: String,
    pub(super) clock: Arc<dyn Clock>,
    /// Returns the id of an event of this time.
    pub(super) event_id: fn(Timestamp) -> Uuid,
    /// Where committed rows go besides the table, if anywhere.
    #[cfg(feature = "at-once")]
    pub(super) hand_over: Option<HandOver>,
}

impl Outbox {
    /// Creates an outbox in the given table. `source` is the name of the service: CloudEvents
    /// `source` and EventBridge's `Source`. See [`Outbox`] for an example.
    ///
    /// # Errors
    ///
    /// If the source is empty, over 256 characters, begins with `aws.`, which EventBridge
    /// reserves, or has a control character.
    pub fn new(
        client: Client,
        table: impl Into<String>,
        source: impl Into<String>,
    ) -> Result<Self, InvalidSource> {
        let source = source.into();
        let length = source.chars().count();
        if length == 0 || length > 256 || source.starts_with("aws.") {
            return Err(InvalidSource(format!(
                "{source:?} is not a valid source of events: it must have 1 to 256 characters and \
                 not begin with \"aws.\""
            )));
        }
        if let Some(found) = ControlCharacter::in_name(&source) {
            return Err(InvalidSource(format!("the source of events has {found}")));
        }
        Ok(Self {
            database: Database::DynamoDb(client),
            table: table.into(),
            source,
            clock: Arc::new(SystemClock),
            event_id,
            #[cfg(feature = "at-once")]
            hand_over: None,
        })
    }

    /// Returns the outbox with another clock, which gives events their time. See [`Clock`] for
    /// an example of one.
    #[must_use]
    pub fn with_clock(self, clock: impl Clock + 'static) -> Self {
        Self {
            clock: Arc::new(clock),
            ..self
        }
    }

    /// Returns the outbox with a publisher in the same process, which gets the rows of every
    /// transaction once it is committed; with `None`, all are left to the stream.
    /// [`AtOnce`](crate::at_once::AtOnce) and [`AfterResponse`](crate::at_once::AfterResponse)
    /// have examples.
    #[cfg(feature = "at-once")]
    #[must_use]
    pub fn with_hand_over(self, hand_over: impl Into<Option<HandOver>>) -> Self {
        Self {
            hand_over: hand_over.into(),
            ..self
        }
    }

    #[cfg(feature = "testing")]
    pub(crate) fn with_database(self, database: Database) -> Self {
        Self { database, ..self }
    }

    #[cfg(feature = "testing")]
    pub(crate) fn with_ids(self, event_id: fn(Timestamp) -> Uuid) -> Self {
        Self { event_id, ..self }
    }
}

/// Returns a new UUIDv7 of the given time, so that ids sort by time.
fn event_id(time: Timestamp) -> Uuid {
    let seconds = u64::try_from(time.as_second()).unwrap_or(0);
    let nanoseconds = time.subsec_nanosecond().unsigned_abs();
    Uuid::new_v7(uuid::Timestamp::from_unix_time(seconds, nanoseconds, 0, 0))
}

/// A source that EventBridge would reject; [`Outbox::new`] returns it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct InvalidSource(String);
