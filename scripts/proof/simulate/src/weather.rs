use std::{collections::BTreeMap, time::Duration};

use tokio::time::Instant;

/// What a process of ours may ask a service for.
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
    /// `UpdateItem`, to set a row aside, and what operators do about that.
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
    /// Refused for now, without effect.
    Throttled,
    /// Refused for want of rights, without effect.
    Denied,
    /// The connection breaks before anything happened.
    CutBefore,
    /// It happens, and the connection breaks before the answer.
    CutAfter,
    /// It happens, and the answer comes after some seconds, or too late.
    Slow,
    /// Some of what was asked for is not done.
    Partial,
    /// The list of results is too short.
    ShortList,
    /// Refused because another request writes the same, without effect.
    Conflict,
    /// Refused for what it holds, although nothing is wrong with it.
    Refused,
    /// It happens long after whoever asked has given up.
    Late,
    /// The process dies before the call, or between effect and answer.
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
    Fault::Refused,
    Fault::Late,
    Fault::Crash,
];

impl Fault {
    /// Whether it would be felt: not every answer has parts, or a list that could be
    /// too short.
    fn can_strike(self, operation: Operation) -> bool {
        match self {
            Self::Partial => matches!(
                operation,
                Operation::PutEvents
                    | Operation::BatchGetItem
                    | Operation::BatchWriteItem
                    | Operation::DeleteMessage
                    | Operation::GetRecords
            ),
            Self::ShortList | Self::Refused => operation == Operation::PutEvents,
            Self::Conflict | Self::Late => operation == Operation::TransactWriteItems,
            _ => true,
        }
    }
}

/// Faults of a kind, for a while.
#[derive(Debug)]
struct Episode {
    /// All, if none is named.
    operation: Option<Operation>,
    fault: Fault,
    probability: f64,
    until: Instant,
}

/// Which faults strike now.
#[derive(Debug, Default)]
pub(crate) struct Weather {
    episodes: Vec<Episode>,
    /// How likely an invocation is killed at some time.
    kills: f64,
    met: BTreeMap<(Operation, Fault), u64>,
}

impl Weather {
    /// A new kind of trouble begins.
    pub(crate) fn turn(&mut self, random: &mut fastrand::Rng, now: Instant) -> String {
        self.kills = if random.bool() {
            0.0
        } else {
            random.f64() * 0.05
        };
        let operation = (random.u8(..) > 40).then(|| OPERATIONS[random.usize(..OPERATIONS.len())]);
        let fault = FAULTS[random.usize(..FAULTS.len())];
        // Mostly a little, at times always.
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
        let told = format!("{fault:?} strikes {operation:?} with {probability:.2} for {lasts:?}");
        self.episodes.push(Episode {
            operation,
            fault,
            probability,
            until: now + lasts,
        });
        told
    }

    /// Faults are over.
    pub(crate) fn clear(&mut self) {
        self.episodes.clear();
        self.kills = 0.0;
    }

    /// What strikes this call, if something does.
    pub(crate) fn strike(
        &mut self,
        operation: Operation,
        random: &mut fastrand::Rng,
        now: Instant,
    ) -> Option<Fault> {
        self.episodes.retain(|episode| episode.until > now);
        let struck = self.episodes.iter().find(|episode| {
            episode.fault.can_strike(operation)
                && episode.operation.is_none_or(|of| of == operation)
                && random.f64() < episode.probability
        });
        let fault = struck?.fault;
        *self.met.entry((operation, fault)).or_default() += 1;
        Some(fault)
    }

    /// Whether an invocation that begins now is killed, wherever it is then.
    pub(crate) fn kills(&self, random: &mut fastrand::Rng) -> bool {
        random.f64() < self.kills
    }

    /// How often each fault struck each operation.
    pub(crate) fn met(&self) -> &BTreeMap<(Operation, Fault), u64> {
        &self.met
    }
}
