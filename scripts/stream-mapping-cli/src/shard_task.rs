//! One shard: reads it and executes the actions of its state machine.

use std::{sync::Arc, time::Duration};

use aws_sdk_dynamodbstreams::error::BoxError;
use jiff::Timestamp;
use stream_mapping::{Action, Lane, Metrics, Record, SequenceNumber, Shard, StartingPosition};
use tokio::{
    task::JoinSet,
    time::{Instant, sleep_until},
};
use uuid::Uuid;

use crate::{
    destination::Destination,
    event::{Event, Observer, reason},
    function::{Function, Invoked},
    invocation_outcome::InvocationOutcome,
    stream::{Place, Stream, place_after_failure},
};

/// "Lambda polls shards in your DynamoDB stream for records at a base rate of
/// four times per second."
const POLL_INTERVAL: Duration = Duration::from_millis(250);

/// The pause after the stream could not be read.
const PAUSE_AFTER_FAILURE: Duration = Duration::from_secs(1);

/// The task of one shard.
pub(crate) struct ShardTask {
    pub(crate) id: String,
    /// Where reading begins.
    pub(crate) begin: StartingPosition,
    pub(crate) shard: Shard,
    pub(crate) stream: Stream,
    pub(crate) function: Function,
    pub(crate) destination: Option<Destination>,
    /// The mapping's UUID, for objects in a bucket.
    pub(crate) mapping: Uuid,
    pub(crate) observer: Observer,
    /// Receives the metrics after each change.
    pub(crate) report: Box<dyn Fn(&Metrics) + Send>,
    /// Reading pauses while this many records are pending.
    pub(crate) most_backlog: usize,
}

/// An invocation that begins.
struct BegunInvocation {
    lane: Lane,
    /// The sequence number of the first record.
    first: String,
    /// The sequence number of the last record.
    last: String,
    /// The records, as the function receives them.
    json: Arc<[serde_json::Value]>,
    begun: Instant,
}

/// An invocation that has ended.
struct EndedInvocation {
    lane: Lane,
    /// The number of records.
    records: usize,
    /// The sequence number of the first record.
    first: String,
    /// The sequence number of the last record.
    last: String,
    begun: Instant,
    invoked: Invoked,
}

impl ShardTask {
    /// Reads the shard to its end. Returns its id once all of its records are done.
    pub(crate) async fn run(mut self) -> String {
        let mut place = Place::Begin(self.begin);
        let mut last_read: Option<SequenceNumber> = None;
        let mut read_at = Instant::now();
        // Invocations are tasks of their own, so that they continue while the stream is read.
        let mut in_flight = JoinSet::new();
        loop {
            let wake_at = self.execute_due_actions(&mut in_flight).await;
            (self.report)(self.shard.metrics());
            let is_read = matches!(place, Place::End);
            if is_read && in_flight.is_empty() && self.shard.backlog() == 0 {
                return self.id;
            }
            let may_read = !is_read && self.shard.backlog() < self.most_backlog;
            tokio::select! {
                Some(ended) = in_flight.join_next(), if !in_flight.is_empty() => match ended {
                    Ok(ended) => self.complete(ended),
                    // Tasks are never cancelled here, so this one has panicked.
                    Err(error) => std::panic::resume_unwind(error.into_panic()),
                },
                () = sleep_until(read_at), if may_read => {
                    read_at = Instant::now() + POLL_INTERVAL;
                    match self.stream.read(&self.id, &place).await {
                        Ok((records, next)) => {
                            if let Some(last) = records.last() {
                                last_read = Some(last.sequence_number().clone());
                            }
                            self.shard.push(records, Timestamp::now());
                            place = next;
                        }
                        Err(error) => {
                            self.trouble("the stream cannot be read", &error);
                            place = place_after_failure(&error, place, last_read.as_ref(), self.begin);
                            read_at = Instant::now() + PAUSE_AFTER_FAILURE;
                        }
                    }
                }
                () = sleep_until(wake_at.unwrap_or(read_at)), if wake_at.is_some() => {}
            }
        }
    }

    /// Starts all invocations that are due and sends messages to the destination.
    /// Returns the time of the next action, if it is known.
    async fn execute_due_actions(
        &mut self,
        in_flight: &mut JoinSet<EndedInvocation>,
    ) -> Option<Instant> {
        loop {
            let now = Timestamp::now();
            match self.shard.next(now) {
                Action::Idle => return None,
                Action::WaitUntil(time) => {
                    let wait = Duration::try_from(time.duration_since(now)).unwrap_or_default();
                    return Some(Instant::now() + wait);
                }
                Action::Invoke(lane, records) => {
                    let invocation = BegunInvocation::of(lane, records);
                    (self.observer)(&Event::Invoking {
                        shard: self.id.clone(),
                        records: Arc::clone(&invocation.json),
                    });
                    in_flight.spawn(invocation.invoke(self.function.clone()));
                }
                Action::SendOnFailure(lane, on_failure) => {
                    let message = on_failure.message().clone();
                    let destination = self.destination.as_ref();
                    let delivery = destination.map(|it| it.send(on_failure, self.mapping));
                    let sent = match delivery {
                        Some(delivery) => delivery.await,
                        None => Err("there is no destination".into()),
                    };
                    self.sent_on_failure(lane, message, sent);
                }
            }
        }
    }

    /// Passes the result of sending a message to the state machine and the observer.
    fn sent_on_failure(
        &mut self,
        lane: Lane,
        message: serde_json::Value,
        sent: Result<(), BoxError>,
    ) {
        let shard = self.id.clone();
        match sent {
            Ok(()) => {
                self.shard.on_failure_sent(lane);
                (self.observer)(&Event::SentOnFailure { shard, message });
            }
            Err(error) => {
                self.shard.on_failure_lost(lane);
                let reason = reason(&*error);
                (self.observer)(&Event::LostOnFailure {
                    shard,
                    message,
                    reason,
                });
            }
        }
    }

    /// Passes the result of an invocation to the state machine and the observer.
    fn complete(&mut self, ended: EndedInvocation) {
        let Invoked {
            outcome,
            invocation,
            error,
        } = ended.invoked;
        let consequence = self
            .shard
            .completed(ended.lane, &outcome, &invocation, Timestamp::now());
        (self.observer)(&Event::Invoked {
            shard: self.id.clone(),
            records: ended.records,
            first: ended.first,
            last: ended.last,
            outcome: InvocationOutcome::of(&outcome, &consequence, error.as_deref()),
            took: ended.begun.elapsed(),
            done: consequence.done,
            again: consequence.again,
            not_before: consequence.not_before,
            given_up: consequence.given_up,
        });
    }

    fn trouble(&self, what: &str, error: &BoxError) {
        (self.observer)(&Event::Trouble {
            what: format!("{}: {what}", self.id),
            reason: reason(&**error),
        });
    }
}

impl BegunInvocation {
    fn of(lane: Lane, records: &[Record]) -> Self {
        let number = |record: Option<&Record>| {
            record.map_or_else(String::new, |record| record.sequence_number().to_string())
        };
        Self {
            lane,
            first: number(records.first()),
            last: number(records.last()),
            json: records.iter().map(|record| record.json().clone()).collect(),
            begun: Instant::now(),
        }
    }

    async fn invoke(self, function: Function) -> EndedInvocation {
        EndedInvocation {
            invoked: function.invoke(&self.json).await,
            lane: self.lane,
            records: self.json.len(),
            first: self.first,
            last: self.last,
            begun: self.begun,
        }
    }
}
