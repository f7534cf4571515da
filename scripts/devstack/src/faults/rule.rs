//! The faults that are injected, and which calls they hit.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use devstack_api::{Fault, InjectedFault, Kind};

use super::{partial, poison};

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

/// Returns by how much a fault of this kind delays a call.
pub(super) fn latency(kind: &Kind) -> Option<Duration> {
    match kind {
        Kind::Latency { milliseconds } => Some(Duration::from_millis(*milliseconds)),
        _ => None,
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
}
