//! One change: an aggregate, its events, and other writes, committed together.

use std::sync::Arc;
#[cfg(feature = "opentelemetry")]
use std::sync::OnceLock;

use aws_sdk_dynamodb::types::{ConditionCheck, Delete, Put, Update};
use backon::Retryable;
use jiff::Timestamp;
use serde_json::value::to_raw_value;
use uuid::Uuid;

use crate::{
    DomainEvent, Traceparent,
    append::{
        aggregate::AggregateWrite,
        atomic_writes::{AtomicWrites, Attempts, pauses},
        check::{self, Action},
        error::{CommitError, Participant, Problem},
        extensions::{self, NamedValue},
        finite::check_finite,
        key::KeySchema,
        outbox::Outbox,
        revision::Revision,
    },
    event::{
        Circumstances, CloudEvent, EventData, ExtensionValue, TraceHeader, extension::Extensions,
    },
    row::{self, OutboxRow, RowKey},
    serde_failure::Unquoted,
};

/// How often a commit is retried: as often as the SDK would.
const RETRIES: usize = 2;

/// One change: an aggregate, its events, and other writes, all or nothing.
///
/// Problems are collected and reported together by [`commit`](Self::commit), before
/// anything is sent.
///
/// ```no_run
/// use aws_sdk_dynamodb::types::{AttributeValue, ConditionCheck};
/// # use outbox::{AggregateWrite, DomainEvent, Outbox};
///
/// # async fn place(
/// #     outbox: Outbox,
/// #     order: AggregateWrite,
/// #     created: impl DomainEvent,
/// # ) -> Result<(), Box<dyn std::error::Error>> {
/// // The order is placed only if its customer exists.
/// let customer = ConditionCheck::builder()
///     .table_name("customers")
///     .key("pk", AttributeValue::S("customer#7".into()))
///     .condition_expression("attribute_exists(pk)")
///     .build()?;
///
/// let committed = outbox
///     .transaction(order)
///     .event(&created)
///     .condition_check(customer)
///     .correlation_id("request-1")
///     .commit()
///     .await?;
/// println!("{} is committed, version {}", committed.events[0], committed.revision.version);
/// # Ok(())
/// # }
/// ```
///
/// # More than 100 actions
///
/// DynamoDB accepts 100 actions in one transaction: the aggregate, its claim if its first
/// events need one ([`AggregateWrite`]), the caller's own and one for each event. If a
/// change needs more, it is more than one decision, or its events are too fine-grained:
///
/// - publish one event with a list instead of one event for each element (up to 396 KB, or more
///   with the feature `claim-check`);
/// - split it by aggregate, one transaction each, and let the event of the first cause the
///   next (a process manager), so that after a crash redelivery continues it;
/// - or keep the progress in the aggregate: each transaction does up to 99 actions and
///   moves a cursor under the aggregate's version condition, and the last one publishes
///   that all is done.
///
/// Never write part of a change outside of the transaction: that is the dual write that the
/// outbox prevents.
#[derive(Clone)]
pub struct Transaction {
    outbox: Outbox,
    aggregate: AggregateWrite,
    /// The caller's own actions.
    actions: Vec<Action>,
    /// In the order of their sequences.
    pub(super) events: Vec<Event>,
    /// Events that can't be serialized.
    problems: Vec<Problem>,
    /// The business transaction that all its events belong to.
    correlation_id: Option<String>,
    /// The event or command that caused all its events.
    causation_id: Option<String>,
    /// The trace in X-Ray's format, and in W3C's. If one is missing, it is derived from the
    /// other.
    trace_header: Option<TraceHeader>,
    traceparent: Option<Traceparent>,
    /// Of all its events, in the order in which they were set.
    extensions: Vec<NamedValue>,
    /// Shared, because clones are the same transaction.
    attempts: Arc<Attempts>,
    /// The `traceparent` of the span that was committed in first, if it replaces the other: an
    /// attempt in another span must write the same.
    #[cfg(feature = "opentelemetry")]
    position: Arc<OnceLock<Option<Traceparent>>>,
    /// When the transaction was created: the time of all its events.
    time: Timestamp,
}

/// An event of the transaction.
#[derive(Clone)]
pub(super) struct Event {
    pub(super) id: Uuid,
    event_type: String,
    /// The URI of the data's schema.
    pub(super) data_schema: Option<String>,
    pub(super) data: EventData,
    /// Its own, in the order in which it returns them.
    pub(super) extensions: Vec<NamedValue>,
}

/// The result of a committed transaction; see [`Transaction`] for an example.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Committed {
    /// The aggregate's new revision.
    pub revision: Revision,
    /// The outbox rows of the events, in the order they were added.
    pub events: Vec<RowKey>,
}

impl Outbox {
    /// Begins a transaction around the write of an aggregate. See [`Transaction`] for an
    /// example.
    pub fn transaction(&self, aggregate: AggregateWrite) -> Transaction {
        Transaction::new(self.clone(), aggregate)
    }
}

impl Transaction {
    pub(super) fn new(outbox: Outbox, aggregate: AggregateWrite) -> Self {
        Self {
            time: to_milliseconds(outbox.clock.now()),
            outbox,
            aggregate,
            actions: Vec::new(),
            events: Vec::new(),
            problems: Vec::new(),
            correlation_id: None,
            causation_id: None,
            trace_header: None,
            traceparent: None,
            extensions: Vec::new(),
            attempts: Arc::new(Attempts::new()),
            #[cfg(feature = "opentelemetry")]
            position: Arc::default(),
        }
    }

    /// Adds an event. Events get the aggregate's next sequences, in the order in which they
    /// are added. See [`Transaction`] for an example.
    #[must_use]
    pub fn event(mut self, event: &impl DomainEvent) -> Self {
        let data = data_of(event).unwrap_or_else(|reason| {
            self.problems.push(Problem::NotJson {
                event: self.events.len(),
                reason,
            });
            EventData::default()
        });
        let extensions = event.extensions().into_iter();
        self.events.push(Event {
            id: (self.outbox.event_id)(self.time),
            event_type: event.event_type().to_owned(),
            data_schema: event.data_schema().map(str::to_owned),
            data,
            extensions: extensions
                .map(|(name, value)| (name.to_owned(), value))
                .collect(),
        });
        self
    }

    /// Adds several events.
    ///
    /// ```no_run
    /// # use outbox::{DomainEvent, Transaction};
    /// # fn add(change: Transaction, events: Vec<impl DomainEvent>) -> Transaction {
    /// change.events(&events)
    /// # }
    /// ```
    #[must_use]
    pub fn events<'e, E: DomainEvent + 'e>(self, events: impl IntoIterator<Item = &'e E>) -> Self {
        events.into_iter().fold(self, Self::event)
    }

    /// Also puts another item; `key_schema` names the key attributes of its
    /// table.
    ///
    /// ```no_run
    /// use aws_sdk_dynamodb::types::{AttributeValue, Put};
    /// use outbox::KeySchema;
    /// # use outbox::Transaction;
    ///
    /// # fn add(change: Transaction) -> Result<Transaction, aws_sdk_dynamodb::error::BuildError> {
    /// let request = Put::builder()
    ///     .table_name("requests")
    ///     .item("pk", AttributeValue::S("request-1".into()))
    ///     .condition_expression("attribute_not_exists(pk)")
    ///     .build()?;
    /// Ok(change.put(request, KeySchema::partition_key("pk")))
    /// # }
    /// ```
    #[must_use]
    pub fn put(mut self, put: Put, key_schema: KeySchema) -> Self {
        self.actions.push(Action::Put(put, key_schema));
        self
    }

    /// Also updates another item. Only DynamoDB knows how large the item becomes, so only
    /// DynamoDB can reject one that becomes too large. [`put`](Self::put) has an example of an
    /// action.
    #[must_use]
    pub fn update(mut self, update: Update) -> Self {
        self.actions.push(Action::Update(update));
        self
    }

    /// Also deletes another item. [`put`](Self::put) has an example of an action.
    #[must_use]
    pub fn delete(mut self, delete: Delete) -> Self {
        self.actions.push(Action::Delete(delete));
        self
    }

    /// Commits only if a condition on another item holds. See [`Transaction`] for an example.
    #[must_use]
    pub fn condition_check(mut self, check: ConditionCheck) -> Self {
        self.actions.push(Action::ConditionCheck(check));
        self
    }

    /// Sets `correlationid`, the business transaction that the events belong to. See
    /// [`Transaction`] for an example.
    #[must_use]
    pub fn correlation_id(mut self, id: impl Into<String>) -> Self {
        self.correlation_id = Some(id.into());
        self
    }

    /// Sets `causationid`, the event or command that caused the events. If it is an event,
    /// [`caused_by`](Self::caused_by) sets everything at once.
    #[must_use]
    pub fn causation_id(mut self, id: impl Into<String>) -> Self {
        self.causation_id = Some(id.into());
        self
    }

    /// Sets the X-Ray trace header, from the request that causes the events. EventBridge
    /// passes it on to targets. A malformed one is left out.
    ///
    /// ```no_run
    /// # use outbox::Transaction;
    /// # fn traced(change: Transaction) -> Transaction {
    /// // Lambda's runtime sets the variable for each invocation.
    /// change.trace_header(&std::env::var("_X_AMZN_TRACE_ID").unwrap_or_default())
    /// # }
    /// ```
    #[must_use]
    pub fn trace_header(mut self, header: &str) -> Self {
        self.trace_header = TraceHeader::parse(header);
        self
    }

    /// Sets `traceparent`, the position of the events in a trace. If only one of this and
    /// [`trace_header`](Self::trace_header) is set, the other is derived from it. With the feature
    /// `opentelemetry`, the span of the commit takes its place if it is in the same trace. See
    /// [`Traceparent`] for an example of one.
    #[must_use]
    pub fn traceparent(mut self, traceparent: Traceparent) -> Self {
        self.traceparent = Some(traceparent);
        self
    }

    /// Sets an extension of all events of the transaction: an attribute of the envelope, beside
    /// `type` and `source`. Consumers read it by [`CloudEvent::extension`], and an EventBridge rule
    /// matches it as `detail.tenantid`, whatever the data looks like. An extension of one event
    /// comes from its [`DomainEvent::extensions`].
    ///
    /// A name has 1 to 20 characters, the letters a to z and digits, is none that CloudEvents or
    /// this library uses, and is set once. A value is text without control characters and not
    /// empty, a boolean, or a whole number of 32 bits. [`commit`](Self::commit) reports what isn't
    /// so, before anything is sent.
    ///
    /// ```
    /// # use outbox::Transaction;
    /// # fn of_tenant(change: Transaction, tenant: &str) -> Transaction {
    /// change.extension("tenantid", tenant)
    /// # }
    /// ```
    #[must_use]
    pub fn extension(mut self, name: impl Into<String>, value: impl Into<ExtensionValue>) -> Self {
        self.extensions.push((name.into(), value.into()));
        self
    }

    /// Sets the event that causes these: its id becomes their `causationid`, and they get its
    /// `correlationid` (its id if it has none) and its trace, if it has one. They don't get its
    /// extensions.
    ///
    /// ```no_run
    /// # use outbox::{AggregateWrite, CloudEvent, DomainEvent, Outbox, Transaction};
    /// # fn ship(
    /// #     outbox: &Outbox,
    /// #     shipment: AggregateWrite,
    /// #     started: &impl DomainEvent,
    /// #     created: &CloudEvent,
    /// # ) -> Transaction {
    /// outbox.transaction(shipment).event(started).caused_by(created)
    /// # }
    /// ```
    #[must_use]
    pub fn caused_by(mut self, event: &CloudEvent) -> Self {
        self.causation_id = Some(event.id.clone());
        let correlation_id = event.correlationid.as_ref().unwrap_or(&event.id);
        self.correlation_id = Some(correlation_id.clone());
        if event.traceparent.is_some() {
            self.traceparent.clone_from(&event.traceparent);
            self.trace_header = None;
        }
        self
    }

    /// Commits everything with one `TransactWriteItems`, or nothing. If DynamoDB throttles it
    /// or doesn't respond, it is retried twice.
    ///
    /// It can be called again after an error that
    /// [is retryable](CommitError::is_retryable): within 10 minutes of an unknown outcome
    /// the transaction is still written only once. See [`Transaction`] for an example.
    ///
    /// # Errors
    ///
    /// [`CommitError::Invalid`] before anything is sent; the others say why DynamoDB did not
    /// commit it.
    pub async fn commit(&self) -> Result<Committed, CommitError> {
        let rows = self.rows();
        let writes = self.writes(&rows);
        (|| writes.try_to_commit(&self.outbox.database, &self.attempts))
            .retry(pauses(RETRIES))
            // A conflict is left to the caller, who may want to read the aggregate again.
            .when(|error| {
                matches!(
                    error,
                    CommitError::Throttled { .. } | CommitError::OutcomeUnknown(_)
                )
            })
            .await?;
        let committed = Committed {
            revision: self.aggregate.revision_after(rows.len()),
            events: rows.iter().map(|row| row.key.clone()).collect(),
        };
        #[cfg(feature = "at-once")]
        if let Some(hand_over) = &self.outbox.hand_over {
            hand_over.add(rows);
        }
        Ok(committed)
    }

    /// Returns the puts of the aggregate and its claim, the caller's actions, and the puts of
    /// the events' rows.
    fn writes(&self, rows: &[OutboxRow]) -> AtomicWrites {
        let mut writes = AtomicWrites::default();
        writes.problems.clone_from(&self.problems);
        writes.problems.extend(check::attributes(
            &self.aggregate.aggregate_id,
            self.correlation_id.as_deref(),
            self.causation_id.as_deref(),
        ));
        let problems = extensions::problems(&self.extensions, &self.events);
        writes.problems.extend(problems);
        self.add_aggregate(&mut writes, rows.len());
        for (index, action) in self.actions.iter().enumerate() {
            writes.add(Participant::Action(index), action.clone());
        }
        for (index, (event, row)) in self.events.iter().zip(rows).enumerate() {
            writes.problems.extend(check::event(index, event, row));
            match row_put(row, &self.outbox.table) {
                Ok(put) => writes.add(
                    Participant::Event(index),
                    Action::Put(put, row_key_schema()),
                ),
                Err(reason) => writes.problems.push(Problem::NotJson {
                    event: index,
                    reason,
                }),
            }
        }
        writes
    }

    fn add_aggregate(&self, writes: &mut AtomicWrites, events: usize) {
        let reserved = |attribute| Problem::ReservedAttribute { attribute };
        let attributes = self.aggregate.reserved_attributes();
        writes.problems.extend(attributes.into_iter().map(reserved));
        let put = self.aggregate.to_put(events);
        // An aggregate that is not an item is one problem, not two.
        let claim = match &put {
            Ok(_) => self.aggregate.to_claim(),
            Err(_) => Ok(None),
        };
        for (participant, put) in [
            (Participant::Aggregate, put.map(Some)),
            (Participant::Claim, claim),
        ] {
            match put {
                Ok(Some(put)) => {
                    let put = Action::Put(put, self.aggregate.key_schema().clone());
                    writes.add(participant, put);
                }
                Ok(None) => {}
                Err(reason) => writes.add_not_an_item(Participant::Aggregate, reason),
            }
        }
    }

    /// Returns how many actions the caller has added.
    #[cfg(feature = "inbox")]
    pub(crate) fn actions(&self) -> usize {
        self.actions.len()
    }

    fn rows(&self) -> Vec<OutboxRow> {
        let of_header = || self.trace_header.as_ref()?.traceparent();
        let traceparent = self.traceparent.as_ref().or_else(of_header);
        #[cfg(feature = "opentelemetry")]
        let of_span = || crate::telemetry::position_of_events(traceparent);
        #[cfg(feature = "opentelemetry")]
        let traceparent = self.position.get_or_init(of_span).as_ref().or(traceparent);
        (self.aggregate.next_sequence()..)
            .zip(&self.events)
            .map(|(sequence, event)| self.row(sequence, event, traceparent))
            .collect()
    }

    fn extensions_of(&self, event: &Event) -> Extensions {
        let of_all = self.extensions.iter().cloned();
        of_all.chain(event.extensions.iter().cloned()).collect()
    }

    fn row(&self, sequence: u64, event: &Event, traceparent: Option<&Traceparent>) -> OutboxRow {
        let aggregate_id = &self.aggregate.aggregate_id;
        let trace_header = self.trace_header.as_ref();
        let envelope = CloudEvent::new(
            &event.event_type,
            event.data_schema.as_deref(),
            event.data.clone(),
            Circumstances {
                id: event.id,
                source: &self.outbox.source,
                subject: aggregate_id,
                time: self.time,
                sequence,
                traceparent,
                correlation_id: self.correlation_id.as_deref(),
                causation_id: self.causation_id.as_deref(),
                extensions: self.extensions_of(event),
            },
        );
        OutboxRow {
            key: RowKey::new(aggregate_id, sequence, event.id),
            v: row::FORMAT,
            sequence,
            event_id: event.id,
            source: self.outbox.source.clone(),
            detail_type: event.event_type.clone(),
            detail: envelope.to_json(),
            committed_at: self.time,
            trace_header: trace_header
                .cloned()
                .or_else(|| traceparent.map(TraceHeader::from))
                .map(|header| header.as_str().to_owned()),
            edits: 0,
            parked: None,
        }
    }
}

#[cfg(feature = "inbox")]
impl From<Transaction> for AtomicWrites {
    fn from(transaction: Transaction) -> Self {
        transaction.writes(&transaction.rows())
    }
}

/// Returns the event as JSON, or why JSON can't express it.
fn data_of(event: &impl DomainEvent) -> Result<EventData, String> {
    check_finite(event)?;
    let json = to_raw_value(&Unquoted(event)).map_err(|error| error.to_string())?;
    Ok(json.into())
}

/// Truncates a time to the precision of `committedAt`, so that row and event have the same.
fn to_milliseconds(time: Timestamp) -> Timestamp {
    Timestamp::from_millisecond(time.as_millisecond()).unwrap_or(time)
}

fn row_put(row: &OutboxRow, table: &str) -> Result<Put, String> {
    let item = serde_dynamo::to_item(row).map_err(|error| error.to_string())?;
    Put::builder()
        .table_name(table)
        .set_item(Some(item))
        // Ids are unique, so this never fails. If it did, the put would have overwritten an
        // event.
        .condition_expression("attribute_not_exists(#key)")
        .expression_attribute_names("#key", row::AGGREGATE_ID)
        .build()
        .map_err(|error| error.to_string())
}

fn row_key_schema() -> KeySchema {
    KeySchema::partition_key(row::AGGREGATE_ID).sort_key(row::POSITION)
}
