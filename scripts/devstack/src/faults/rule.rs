//! The faults that are injected, and which calls they hit.

use std::{
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use serde::{Deserialize, Serialize};

use super::{partial, poison};

/// What goes wrong with a call.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(
    rename_all = "kebab-case",
    tag = "kind",
    rename_all_fields = "camelCase"
)]
pub enum Kind {
    /// The call is rejected with `ThrottlingException`.
    Throttle,
    /// The call is rejected with `AccessDeniedException`.
    Deny,
    /// Half of the call fails: entries of `PutEvents` fail, and keys of `BatchGetItem` and
    /// `BatchWriteItem` are returned as unprocessed.
    Partial,
    /// Some entries of `PutEvents` fail with `InternalFailure`, and the others are accepted.
    /// Calls without such an entry are not hit.
    RejectEntries {
        /// The entries with this text in their detail type or detail.
        containing: String,
    },
    /// The event that the call commits is damaged, so that it can't be published. Calls that
    /// commit no event are not hit.
    Poison,
    /// The call takes longer.
    Latency {
        /// By how many milliseconds.
        milliseconds: u64,
    },
    /// The connection is cut before the call has an effect.
    CutBefore,
    /// The connection is cut after the call had its effect.
    CutAfter,
}

/// A fault of an AWS action.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Fault {
    /// The action's name: `PutEvents`, `BatchWriteItem`, ...
    pub action: String,
    /// What goes wrong.
    #[serde(flatten)]
    pub kind: Kind,
    /// The probability for each call, more than 0 and at most 1.
    pub probability: f64,
    /// How many more calls it hits; `None` means all.
    pub count: Option<u32>,
}

/// An active fault.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct InjectedFault {
    /// The number by which it is cleared.
    pub id: u32,
    /// What it does.
    #[serde(flatten)]
    pub fault: Fault,
    /// How many calls it has hit.
    pub hits: u32,
}

/// Why a fault is invalid.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum UnknownFault {
    /// The action has no parts that can fail alone.
    #[error("{0} has no parts that can fail alone: partial is for {actions}", actions = PARTIAL_ACTIONS.join(", "))]
    NotPartial(String),
    /// The action has no entries.
    #[error("{0} has no entries: reject-entries is for {ACTION}", ACTION = partial::PUT_EVENTS)]
    NoEntries(String),
    /// The action commits no event.
    #[error("{0} commits no event that could be poison: poison is for {ACTION}", ACTION = poison::ACTION)]
    NotPoison(String),
    /// The probability is not more than 0 and at most 1.
    #[error("the probability must be more than 0 and at most 1, not {0}")]
    Probability(f64),
    /// The count is 0.
    #[error("the count must be 1 or more")]
    Count,
}

/// The actions whose parts can fail alone.
const PARTIAL_ACTIONS: [&str; 3] = [partial::PUT_EVENTS, "BatchGetItem", "BatchWriteItem"];

/// The active faults. Clones share them.
#[derive(Debug, Clone, Default)]
pub struct Rules {
    state: Arc<Mutex<State>>,
}

#[derive(Debug, Default)]
struct State {
    faults: Vec<InjectedFault>,
    last_id: u32,
}

impl Rules {
    /// Adds a fault.
    ///
    /// # Errors
    ///
    /// If it is invalid.
    pub fn add(&self, fault: Fault) -> Result<InjectedFault, UnknownFault> {
        if fault.kind == Kind::Partial && !PARTIAL_ACTIONS.contains(&fault.action.as_str()) {
            return Err(UnknownFault::NotPartial(fault.action));
        }
        let rejects_entries = matches!(fault.kind, Kind::RejectEntries { .. });
        if rejects_entries && fault.action != partial::PUT_EVENTS {
            return Err(UnknownFault::NoEntries(fault.action));
        }
        if fault.kind == Kind::Poison && fault.action != poison::ACTION {
            return Err(UnknownFault::NotPoison(fault.action));
        }
        if !(fault.probability > 0.0 && fault.probability <= 1.0) {
            return Err(UnknownFault::Probability(fault.probability));
        }
        if fault.count == Some(0) {
            return Err(UnknownFault::Count);
        }
        let mut state = self.lock();
        state.last_id += 1;
        let injected = InjectedFault {
            id: state.last_id,
            fault,
            hits: 0,
        };
        state.faults.push(injected.clone());
        Ok(injected)
    }

    /// Returns the active faults.
    pub fn list(&self) -> Vec<InjectedFault> {
        self.lock().faults.clone()
    }

    /// Removes a fault, or all of them. Returns how many were removed.
    pub fn clear(&self, id: Option<u32>) -> usize {
        let mut state = self.lock();
        let before = state.faults.len();
        state
            .faults
            .retain(|fault| id.is_some_and(|id| fault.id != id));
        before - state.faults.len()
    }

    /// Returns the kind of the first fault that hits a call of this action, and counts the
    /// hit. `can_hit` returns whether a kind of fault can be applied to the call, and
    /// `chance` a random number from 0 to 1.
    pub(super) fn hit(
        &self,
        action: &str,
        can_hit: impl Fn(&Kind) -> bool,
        mut chance: impl FnMut() -> f64,
    ) -> Option<Kind> {
        let mut state = self.lock();
        let index = state
            .faults
            .iter()
            .position(|InjectedFault { fault, .. }| {
                fault.action == action && can_hit(&fault.kind) && chance() < fault.probability
            })?;
        let injected = &mut state.faults[index];
        injected.hits += 1;
        let kind = injected.fault.kind.clone();
        if let Some(count) = &mut injected.fault.count {
            *count -= 1;
            if *count == 0 {
                state.faults.remove(index);
            }
        }
        Some(kind)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Kind {
    pub(super) fn latency(&self) -> Option<Duration> {
        match self {
            Self::Latency { milliseconds } => Some(Duration::from_millis(*milliseconds)),
            _ => None,
        }
    }
}

impl fmt::Display for InjectedFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Fault {
            action,
            kind,
            probability,
            count,
        } = &self.fault;
        write!(f, "{}: {action} ", self.id)?;
        match kind {
            Kind::Throttle => f.write_str("is throttled")?,
            Kind::Deny => f.write_str("is denied")?,
            Kind::Partial => f.write_str("fails in part")?,
            Kind::RejectEntries { containing } => {
                write!(f, "rejects entries that contain \"{containing}\"")?;
            }
            Kind::Poison => f.write_str("commits a poison event")?,
            Kind::Latency { milliseconds } => write!(f, "takes {milliseconds} ms longer")?,
            Kind::CutBefore => f.write_str("is cut off before its effect")?,
            Kind::CutAfter => f.write_str("is cut off after its effect")?,
        }
        if *probability < 1.0 {
            write!(f, ", with probability {probability}")?;
        }
        if let Some(count) = count {
            write!(f, ", {count} more times")?;
        }
        write!(f, " (hit {} so far)", self.hits)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fault(action: &str, kind: Kind) -> Fault {
        Fault {
            action: action.into(),
            kind,
            probability: 1.0,
            count: None,
        }
    }

    #[test]
    fn a_fault_hits_its_action_as_often_as_its_count() {
        let rules = Rules::default();
        let twice = Fault {
            count: Some(2),
            ..fault("PutEvents", Kind::Throttle)
        };
        rules.add(twice).unwrap();
        assert_eq!(rules.hit("BatchWriteItem", |_| true, || 0.0), None);
        assert_eq!(
            rules.hit("PutEvents", |_| true, || 0.0),
            Some(Kind::Throttle)
        );
        assert_eq!(rules.list()[0].hits, 1);
        assert_eq!(
            rules.hit("PutEvents", |_| true, || 0.0),
            Some(Kind::Throttle)
        );
        assert_eq!(rules.hit("PutEvents", |_| true, || 0.0), None);
        assert_eq!(rules.list(), []);
    }

    #[test]
    fn a_fault_hits_with_its_probability() {
        let rules = Rules::default();
        let sometimes = Fault {
            probability: 0.25,
            ..fault("PutEvents", Kind::CutAfter)
        };
        rules.add(sometimes).unwrap();
        assert_eq!(rules.hit("PutEvents", |_| true, || 0.25), None);
        assert_eq!(
            rules.hit("PutEvents", |_| true, || 0.24),
            Some(Kind::CutAfter)
        );
    }

    #[test]
    fn one_fault_or_all_are_cleared() {
        let rules = Rules::default();
        for action in ["A", "B", "C"] {
            rules.add(fault(action, Kind::Throttle)).unwrap();
        }
        assert_eq!(rules.clear(Some(2)), 1);
        assert_eq!(rules.clear(Some(2)), 0);
        let actions: Vec<String> = rules.list().into_iter().map(|f| f.fault.action).collect();
        assert_eq!(actions, ["A", "C"]);
        assert_eq!(rules.clear(None), 2);
    }

    #[test]
    fn an_invalid_fault_is_rejected() {
        let rules = Rules::default();
        let rejected = |fault| rules.add(fault).unwrap_err().to_string();
        assert_eq!(
            rejected(fault("SendMessage", Kind::Partial)),
            "SendMessage has no parts that can fail alone: \
             partial is for PutEvents, BatchGetItem, BatchWriteItem"
        );
        let reject_entries = Kind::RejectEntries {
            containing: "42".to_owned(),
        };
        assert_eq!(
            rejected(fault("BatchWriteItem", reject_entries)),
            "BatchWriteItem has no entries: reject-entries is for PutEvents"
        );
        assert_eq!(
            rejected(fault("PutEvents", Kind::Poison)),
            "PutEvents commits no event that could be poison: poison is for TransactWriteItems"
        );
        let with = |probability, count| Fault {
            probability,
            count,
            ..fault("PutEvents", Kind::Throttle)
        };
        assert_eq!(
            rejected(with(1.5, None)),
            "the probability must be more than 0 and at most 1, not 1.5"
        );
        assert!(rejected(with(f64::NAN, None)).ends_with("not NaN"));
        assert!(rejected(with(1.0, Some(0))).contains("must be 1 or more"));
    }

    #[test]
    fn a_fault_reads_like_a_sentence() {
        let rules = Rules::default();
        let rejects = Kind::RejectEntries {
            containing: "order#42".to_owned(),
        };
        let text = rules.add(fault("PutEvents", rejects)).unwrap().to_string();
        assert_eq!(
            text,
            "1: PutEvents rejects entries that contain \"order#42\" (hit 0 so far)"
        );
        let slow = Fault {
            probability: 0.5,
            count: Some(3),
            ..fault("PutEvents", Kind::Latency { milliseconds: 250 })
        };
        let text = rules.add(slow).unwrap().to_string();
        assert_eq!(
            text,
            "2: PutEvents takes 250 ms longer, with probability 0.5, 3 more times (hit 0 so far)"
        );
    }
}
