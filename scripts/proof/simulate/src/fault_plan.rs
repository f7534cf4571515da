//! Which faults affect which calls, and when.

use std::{collections::BTreeMap, time::Duration};

use tokio::time::Instant;

/// The operations of the services that our processes call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Operation {
    /// `DescribeEventBus`.
    DescribeEventBus,
    /// `PutEvents`.
    PutEvents,
    /// `BatchGetItem`.
    BatchGetItem,
    /// `BatchWriteItem`, deletes alone.
    BatchWriteItem,
    /// `UpdateItem`, to park a row, or to edit or release a parked one.
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
    /// `GetShardIterator`.
    GetShardIterator,
    /// `GetRecords`.
    GetRecords,
}

const OPERATIONS: [Operation; 15] = [
    Operation::DescribeEventBus,
    Operation::PutEvents,
    Operation::BatchGetItem,
    Operation::BatchWriteItem,
    Operation::UpdateItem,
    Operation::GetItem,
    Operation::TransactWriteItems,
    Operation::Scan,
    Operation::Query,
    Operation::SendMessage,
    Operation::ReceiveMessage,
    Operation::ChangeMessageVisibility,
    Operation::DeleteMessage,
    Operation::GetShardIterator,
    Operation::GetRecords,
];

/// What can go wrong with a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Fault {
    /// Rejected by throttling, without effect.
    Throttled,
    /// Rejected for missing permissions, without effect.
    Denied,
    /// The connection breaks before the service does anything.
    CutBefore,
    /// The service does it, and the connection breaks before the response.
    CutAfter,
    /// The service does it, and the response takes seconds, or arrives too late.
    Slow,
    /// The service does a part of it.
    Partial,
    /// The list of results is too short.
    ShortList,
    /// Rejected because another request writes the same item, without effect.
    Conflict,
    /// Rejected for its content, although nothing is wrong with it.
    Rejected,
    /// The service does it long after the caller has timed out.
    Late,
    /// The process dies before the call, or between its effect and the response.
    Crash,
}

const FAULTS: [Fault; 11] = [
    Fault::Throttled,
    Fault::Denied,
    Fault::CutBefore,
    Fault::CutAfter,
    Fault::Slow,
    Fault::Partial,
    Fault::ShortList,
    Fault::Conflict,
    Fault::Rejected,
    Fault::Late,
    Fault::Crash,
];

impl Fault {
    /// Returns whether the fault makes a difference to this operation: not every
    /// response has parts, or a list that could be too short.
    fn can_affect(self, operation: Operation) -> bool {
        match self {
            Self::Partial => matches!(
                operation,
                Operation::PutEvents
                    | Operation::BatchGetItem
                    | Operation::BatchWriteItem
                    | Operation::DeleteMessage
                    | Operation::GetRecords
            ),
            Self::ShortList | Self::Rejected => operation == Operation::PutEvents,
            Self::Conflict | Self::Late => operation == Operation::TransactWriteItems,
            _ => true,
        }
    }
}

/// A time in which calls are affected by one kind of fault.
#[derive(Debug)]
struct Episode {
    /// `None`: all operations.
    operation: Option<Operation>,
    fault: Fault,
    probability: f64,
    until: Instant,
}

/// Which faults affect calls now.
#[derive(Debug, Default)]
pub(crate) struct FaultPlan {
    episodes: Vec<Episode>,
    /// The probability that an invocation is killed.
    kill_probability: f64,
    /// How often each fault affected each operation.
    fault_counts: BTreeMap<(Operation, Fault), u64>,
}

impl FaultPlan {
    /// Starts a new episode, and returns its description.
    pub(crate) fn start_episode(&mut self, random: &mut fastrand::Rng, now: Instant) -> String {
        self.kill_probability = if random.bool() {
            0.0
        } else {
            random.f64() * 0.05
        };
        let operation = (random.u8(..) > 40).then(|| OPERATIONS[random.usize(..OPERATIONS.len())]);
        let fault = FAULTS[random.usize(..FAULTS.len())];
        // Mostly a few calls fail, at times all.
        let probability = match random.u8(..10) {
            0..6 => 0.01 + random.f64() * 0.15,
            6..9 => 0.2 + random.f64() * 0.6,
            _ => 1.0,
        };
        let lasts = match random.u8(..10) {
            0..6 => Duration::from_secs(random.u64(1..120)),
            6..9 => Duration::from_secs(random.u64(120..3_600)),
            _ => Duration::from_secs(random.u64(3_600..6 * 3_600)),
        };
        let description = format!(
            "{fault:?} affects {operation:?} with probability {probability:.2} for {lasts:?}"
        );
        self.episodes.push(Episode {
            operation,
            fault,
            probability,
            until: now + lasts,
        });
        description
    }

    /// Ends all faults.
    pub(crate) fn clear(&mut self) {
        self.episodes.clear();
        self.kill_probability = 0.0;
    }

    /// Returns the fault that affects this call, if one does, and counts it.
    pub(crate) fn fault_for(
        &mut self,
        operation: Operation,
        random: &mut fastrand::Rng,
        now: Instant,
    ) -> Option<Fault> {
        self.episodes.retain(|episode| episode.until > now);
        let affecting = self.episodes.iter().find(|episode| {
            episode.fault.can_affect(operation)
                && episode.operation.is_none_or(|of| of == operation)
                && random.f64() < episode.probability
        });
        let fault = affecting?.fault;
        *self.fault_counts.entry((operation, fault)).or_default() += 1;
        Some(fault)
    }

    /// Returns whether the invocation that begins now is to be killed at some point.
    pub(crate) fn kills(&self, random: &mut fastrand::Rng) -> bool {
        random.f64() < self.kill_probability
    }

    /// Returns how often each fault affected each operation.
    pub(crate) fn fault_counts(&self) -> &BTreeMap<(Operation, Fault), u64> {
        &self.fault_counts
    }
}
