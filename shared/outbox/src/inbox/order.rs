//! Whether an event may be handled before others of its aggregate.

use jiff::{SignedDuration, Timestamp};

use crate::{
    CloudEvent, CommitError, Participant,
    append::AtomicWrites,
    inbox::{
        continuity::Continuity,
        error::OnceError,
        once::Inbox,
        progress::{Progress, last_handled},
    },
};

/// The requirement that the events of an aggregate are handled in sequence.
#[derive(Debug, Clone)]
pub(super) struct Order {
    /// How long after its commit an event may wait for those before it until an operator has to
    /// decide.
    pub(super) gap_limit: SignedDuration,
}

impl Order {
    /// The default. An event that the stream left behind is published by the sweeper, 15 to 20
    /// minutes after its commit, and may then need some attempts in the consumer. Until then a
    /// gap is nothing for an operator.
    pub(super) const GAP_LIMIT: SignedDuration = SignedDuration::from_mins(30);

    /// Returns how an event violates the order, if the transaction failed for that reason.
    pub(super) fn violation(
        &self,
        consumer: &str,
        event: &CloudEvent,
        error: &CommitError,
        now: Timestamp,
    ) -> Option<OnceError> {
        let last_handled = last_handled(error)?;
        // The event has both, or no transaction would have been sent.
        let (sequence, subject) = (event.sequence?, event.subject.clone()?);
        let (event_source, consumer) = (event.source.clone(), consumer.to_owned());
        match Continuity::of(sequence, last_handled) {
            Continuity::Gap { missing } => Some(OnceError::Gap {
                subject,
                event_source,
                consumer,
                sequence,
                missing,
                is_overdue: now.duration_since(event.time) > self.gap_limit,
            }),
            // Had it been handled, there would be a record of it: records outlast the age up
            // to which events are accepted.
            Continuity::Late => Some(OnceError::Late {
                subject,
                event_source,
                consumer,
                sequence,
                last_handled,
            }),
            // Its condition would have held.
            Continuity::Next => None,
        }
    }
}

impl Inbox {
    /// Returns the inbox that handles the events of an aggregate in sequence: an event is
    /// rejected with [`OnceError::Gap`] until the events before it were handled. Each must be
    /// of an outbox, or otherwise have a `subject` and a `sequence`.
    ///
    /// How long to wait for the events before is for the consumer's queue to decide; see
    /// [`with_gap_limit`](Self::with_gap_limit). The [module](crate::inbox#order) says what else
    /// it takes.
    ///
    /// ```
    /// use outbox::{
    ///     CloudEvent,
    ///     inbox::{ConsumerWrites, Handled, Inbox, OnceError},
    /// };
    ///
    /// async fn handle(
    ///     inbox: Inbox,
    ///     event: &CloudEvent,
    ///     writes: ConsumerWrites,
    /// ) -> Result<Handled, OnceError> {
    ///     let handled = inbox.in_order().once(event, writes).await;
    ///     if let Err(OnceError::Gap { missing, .. }) = &handled {
    ///         println!("{} waits for {missing:?}", event.id);
    ///     }
    ///     handled
    /// }
    /// ```
    #[must_use]
    pub fn in_order(self) -> Self {
        self.with_gap_limit(Order::GAP_LIMIT)
    }

    /// Returns the inbox that handles events [in order](Self::in_order), with another limit than
    /// 30 minutes: if an event still leaves a gap this long after its commit, the error says
    /// that an operator decides ([`OnceError::needs_operator`]).
    ///
    /// The default is longer than the 20 minutes in which the relay's sweeper publishes an event
    /// that the stream left behind. Choose it so that the queue still has the message then: it
    /// becomes a dead letter after `maxReceiveCount` times the visibility timeout.
    ///
    /// ```
    /// use jiff::SignedDuration;
    /// # use outbox::inbox::Inbox;
    ///
    /// # fn hourly(inbox: Inbox) -> Inbox {
    /// inbox.with_gap_limit(SignedDuration::from_hours(1))
    /// # }
    /// ```
    #[must_use]
    pub fn with_gap_limit(mut self, limit: SignedDuration) -> Self {
        self.order = Some(Order { gap_limit: limit });
        self
    }

    /// Counts the events of an aggregate up to `sequence` as handled, although they were not.
    /// Returns false, and changes nothing, if that many were handled already.
    ///
    /// An operator closes a gap by it that nothing else will close: the event was discarded, or
    /// is in a dead-letter queue and not wanted any more. A skipped event that arrives
    /// later is rejected with [`OnceError::Late`]. A consumer that begins to require
    /// [order](Self::in_order) tells the inbox by it how far it got before, for each aggregate
    /// that it knows.
    ///
    /// ```no_run
    /// # use outbox::{CommitError, inbox::Inbox};
    /// # async fn skip(inbox: Inbox) -> Result<(), CommitError> {
    /// // Event 7 was discarded.
    /// if inbox.skip_through("orders", "order#42", 7).await? {
    ///     println!("event 8 can be handled: redeliver it from the dead-letter queue");
    /// }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// If it was not written, or may not have been.
    pub async fn skip_through(
        &self,
        source: &str,
        subject: &str,
        sequence: u64,
    ) -> Result<bool, CommitError> {
        // Sequences begin at 1: nothing would be skipped, and the next event not be the first.
        if sequence == 0 {
            return Ok(false);
        }
        let progress =
            Progress::skipped(&self.consumer, source, subject, sequence, self.clock.now());
        let put = progress.put_higher(&self.table, &self.key_schema);
        let mut writes = AtomicWrites::default();
        self.add(&mut writes, Participant::InboxProgress, put);
        match self.commit(&writes).await {
            Ok(()) => Ok(true),
            Err(CommitError::ConditionFailed(_)) => Ok(false),
            Err(error) => Err(error),
        }
    }
}
