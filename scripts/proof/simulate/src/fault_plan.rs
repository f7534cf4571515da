//! Which faults affect which calls, and when.

use std::{collections::BTreeMap, time::Duration};

use outbox::ports::{CallError, EntryError, Poison};
use outbox_testing::{Call, CallPlan, Fault, Operation};
use tokio::time::Instant;

/// The kinds of faults that a call may have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum FaultKind {
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

const FAULTS: [FaultKind; 11] = [
    FaultKind::Throttled,
    FaultKind::Denied,
    FaultKind::CutBefore,
    FaultKind::CutAfter,
    FaultKind::Slow,
    FaultKind::Partial,
    FaultKind::ShortList,
    FaultKind::Conflict,
    FaultKind::Rejected,
    FaultKind::Late,
    FaultKind::Crash,
];

impl FaultKind {
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
    fault: FaultKind,
    probability: f64,
    until: Instant,
}

/// Which faults affect calls now.
#[derive(Debug)]
pub(crate) struct FaultPlan {
    random: fastrand::Rng,
    episodes: Vec<Episode>,
    /// The probability that an invocation is killed.
    kill_probability: f64,
    /// How often each fault affected each operation.
    fault_counts: BTreeMap<(Operation, FaultKind), u64>,
    /// What affects the call that was planned last.
    last_fault: Option<FaultKind>,
}

impl FaultPlan {
    /// Creates a plan without faults.
    pub(crate) fn new(random: fastrand::Rng) -> Self {
        Self {
            random,
            episodes: Vec::new(),
            kill_probability: 0.0,
            fault_counts: BTreeMap::new(),
            last_fault: None,
        }
    }

    /// Starts a new episode, and returns its description.
    pub(crate) fn start_episode(&mut self, now: Instant) -> String {
        let random = &mut self.random;
        self.kill_probability = if random.bool() {
            0.0
        } else {
            random.f64() * 0.05
        };
        let operation =
            (random.u8(..) > 40).then(|| Operation::ALL[random.usize(..Operation::ALL.len())]);
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

    /// Takes away the permission for one operation. Returns the description.
    pub(crate) fn take_permission(&mut self, lasts: Duration) -> String {
        let random = &mut self.random;
        let operation = Operation::ALL[random.usize(..Operation::ALL.len())];
        self.add(operation, FaultKind::Denied, lasts);
        format!("{operation:?} is denied for {lasts:?}")
    }

    /// Makes the bus answer each request after a long time.
    pub(crate) fn slow_bus(&mut self, lasts: Duration) {
        self.add(Operation::PutEvents, FaultKind::Slow, lasts);
    }

    /// Makes the bus reject each request for now.
    pub(crate) fn throttle_bus(&mut self, lasts: Duration) {
        self.add(Operation::PutEvents, FaultKind::Throttled, lasts);
    }

    /// Makes the bus answer no question for whether it exists.
    pub(crate) fn hide_bus(&mut self, lasts: Duration) {
        self.add(Operation::DescribeEventBus, FaultKind::Throttled, lasts);
    }

    /// Adds an episode in which every call of an operation is affected.
    fn add(&mut self, operation: Operation, fault: FaultKind, lasts: Duration) {
        self.episodes.push(Episode {
            operation: Some(operation),
            fault,
            probability: 1.0,
            until: Instant::now() + lasts,
        });
    }

    /// Ends all faults.
    pub(crate) fn clear(&mut self) {
        self.episodes.clear();
        self.kill_probability = 0.0;
    }

    /// Returns the kind of fault that affects a call of this operation, if one does, and
    /// counts it.
    fn fault_for(&mut self, operation: Operation) -> Option<FaultKind> {
        let now = Instant::now();
        self.episodes.retain(|episode| episode.until > now);
        let random = &mut self.random;
        let affecting = self.episodes.iter().find(|episode| {
            episode.fault.can_affect(operation)
                && episode.operation.is_none_or(|of| of == operation)
                && random.f64() < episode.probability
        });
        let fault = affecting?.fault;
        *self.fault_counts.entry((operation, fault)).or_default() += 1;
        Some(fault)
    }

    /// Returns what affects the call that was planned last.
    pub(crate) fn last_fault(&self) -> Option<FaultKind> {
        self.last_fault
    }

    /// Returns what goes wrong with a call by a fault of this kind.
    fn fault(&mut self, kind: FaultKind, call: &Call<'_>) -> Fault {
        let error = |error: fn(String) -> CallError, why: &str| Fault::Error(error(why.into()));
        match kind {
            FaultKind::Throttled => error(CallError::Transient, "throttled"),
            FaultKind::Denied => error(CallError::Configuration, "access denied"),
            FaultKind::Rejected => error(CallError::Content, "rejected"),
            FaultKind::Conflict => Fault::Conflict,
            FaultKind::Slow => {
                let longest = if call.operation == Operation::PutEvents {
                    60_000
                } else {
                    20_000
                };
                Fault::Slow(Duration::from_millis(self.random.u64(500..longest)))
            }
            FaultKind::Late => Fault::Late(Duration::from_secs(self.random.u64(4..30))),
            FaultKind::ShortList => Fault::ShortResults(call.entries / 2),
            FaultKind::Partial => self.partial(call),
            FaultKind::CutBefore => Fault::RequestLost,
            // The process dies with the connection.
            FaultKind::Crash if self.random.bool() => Fault::RequestLost,
            FaultKind::Crash | FaultKind::CutAfter => Fault::ResponseLost,
        }
    }

    /// Returns the fault of a call of which the service does only a part.
    fn partial(&mut self, call: &Call<'_>) -> Fault {
        if call.operation == Operation::GetRecords {
            return Fault::Page(0);
        }
        let failing: Vec<usize> = (0..call.entries).filter(|_| self.random.bool()).collect();
        if call.operation != Operation::PutEvents {
            return Fault::Unprocessed(failing.into_iter().collect());
        }
        let entries = failing.into_iter().map(|index| (index, self.entry_error()));
        Fault::Rejected(entries.collect())
    }

    fn entry_error(&mut self) -> EntryError {
        match self.random.u8(..24) {
            0..3 => EntryError::Configuration("NotAuthorizedForSourceException".into()),
            3 => poison("rejected wrongly"),
            _ => EntryError::Transient("InternalFailure".into()),
        }
    }

    /// Returns whether the invocation that begins now is to be killed at some point.
    pub(crate) fn kills(&mut self) -> bool {
        self.random.f64() < self.kill_probability
    }

    /// Returns how often each fault affected each operation.
    pub(crate) fn fault_counts(&self) -> &BTreeMap<(Operation, FaultKind), u64> {
        &self.fault_counts
    }
}

impl outbox_testing::FaultPlan for FaultPlan {
    fn plan(&mut self, call: &Call<'_>) -> CallPlan {
        self.last_fault = self.fault_for(call.operation);
        let fault = self.last_fault.map(|kind| self.fault(kind, call));
        let mut latency = || Duration::from_millis(self.random.u64(1..15));
        CallPlan {
            request_takes: latency(),
            response_takes: latency(),
            fault,
        }
    }
}

/// Returns the error of an event that is rejected for its content.
pub(crate) fn poison(message: &str) -> EntryError {
    EntryError::Content(Poison {
        code: "InvalidArgument".into(),
        message: message.into(),
    })
}
