//! Faults of AWS calls.

use std::fmt;

use serde::{Deserialize, Serialize};

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

/// A kind of fault, for a form.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FaultKind {
    /// The value of `kind` in JSON.
    pub name: &'static str,
    /// What it does to calls, as a sentence.
    pub effect: &'static str,
    /// The actions that it is for.
    pub actions: &'static [&'static str],
    /// The value that it needs in addition.
    pub argument: Option<Argument>,
}

/// A value that a kind of fault needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Argument {
    /// `milliseconds`, a whole number.
    Milliseconds,
    /// `containing`, a text.
    Containing,
}

/// The actions that the functions call.
const CALLED: &[&str] = &[
    "PutEvents",
    "TransactWriteItems",
    "BatchWriteItem",
    "BatchGetItem",
    "Query",
    "Scan",
    "GetItem",
    "UpdateItem",
];

/// Returns the kinds of faults, those first that teach most about the pipeline.
pub const fn fault_kinds() -> [FaultKind; 8] {
    [
        FaultKind {
            name: "throttle",
            effect: "Each call is rejected with ThrottlingException and has no effect.",
            actions: CALLED,
            argument: None,
        },
        FaultKind {
            name: "deny",
            effect: "Each call is rejected with AccessDeniedException, as if the function had \
                     no permission.",
            actions: CALLED,
            argument: None,
        },
        FaultKind {
            name: "poison",
            effect: "The transaction commits an event whose JSON lacks its last brace. The bus \
                     never accepts it, so the relay parks it.",
            actions: &["TransactWriteItems"],
            argument: None,
        },
        FaultKind {
            name: "cut-after",
            effect: "The call has its effect, but the connection is cut before the answer. The \
                     function can't know, and tries again.",
            actions: CALLED,
            argument: None,
        },
        FaultKind {
            name: "cut-before",
            effect: "The connection is cut before the call has an effect.",
            actions: CALLED,
            argument: None,
        },
        FaultKind {
            name: "partial",
            effect: "Every second entry or key of a call fails, and the others have their effect.",
            actions: &["PutEvents", "BatchWriteItem", "BatchGetItem"],
            argument: None,
        },
        FaultKind {
            name: "reject-entries",
            effect: "Entries that contain a text fail with InternalFailure, and the others of the \
                     call are accepted.",
            actions: &["PutEvents"],
            argument: Some(Argument::Containing),
        },
        FaultKind {
            name: "latency",
            effect: "Each call takes longer by so many milliseconds.",
            actions: CALLED,
            argument: Some(Argument::Milliseconds),
        },
    ]
}

impl Kind {
    /// Returns what calls of the action suffer, to follow the action's name: `is throttled`.
    pub fn clause(&self) -> String {
        match self {
            Self::Throttle => "is throttled".to_owned(),
            Self::Deny => "is denied".to_owned(),
            Self::Partial => "fails in part".to_owned(),
            Self::RejectEntries { containing } => {
                format!("rejects entries that contain \"{containing}\"")
            }
            Self::Poison => "commits a poison event".to_owned(),
            Self::Latency { milliseconds } => format!("takes {milliseconds} ms longer"),
            Self::CutBefore => "is cut off before its effect".to_owned(),
            Self::CutAfter => "is cut off after its effect".to_owned(),
        }
    }

    /// Returns its value of `kind` in JSON.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Throttle => "throttle",
            Self::Deny => "deny",
            Self::Partial => "partial",
            Self::RejectEntries { .. } => "reject-entries",
            Self::Poison => "poison",
            Self::Latency { .. } => "latency",
            Self::CutBefore => "cut-before",
            Self::CutAfter => "cut-after",
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.action, self.kind.clause())?;
        if self.probability < 1.0 {
            write!(f, ", with probability {}", self.probability)?;
        }
        if let Some(count) = self.count {
            write!(f, ", {count} more times")?;
        }
        Ok(())
    }
}

impl fmt::Display for InjectedFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {} (hit {} so far)", self.id, self.fault, self.hits)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn every_kind_can_be_described_and_injected() {
        for FaultKind {
            name,
            argument,
            actions,
            effect,
        } in fault_kinds()
        {
            let mut fault = json!({"action": actions[0], "kind": name, "probability": 1.0});
            match argument {
                Some(Argument::Milliseconds) => fault["milliseconds"] = json!(5),
                Some(Argument::Containing) => fault["containing"] = json!("x"),
                None => {}
            }
            let fault: Fault = serde_json::from_value(fault).unwrap();
            assert_eq!(fault.kind.name(), name);
            assert!(effect.ends_with('.'), "{effect}");
        }
    }

    #[test]
    fn a_fault_reads_like_a_sentence() {
        let injected = |id, kind, probability, count| InjectedFault {
            id,
            fault: Fault {
                action: "PutEvents".to_owned(),
                kind,
                probability,
                count,
            },
            hits: 0,
        };
        let rejects = Kind::RejectEntries {
            containing: "order#42".to_owned(),
        };
        assert_eq!(
            injected(1, rejects, 1.0, None).to_string(),
            "1: PutEvents rejects entries that contain \"order#42\" (hit 0 so far)"
        );
        let slow = Kind::Latency { milliseconds: 250 };
        assert_eq!(
            injected(2, slow, 0.5, Some(3)).to_string(),
            "2: PutEvents takes 250 ms longer, with probability 0.5, 3 more times (hit 0 so far)"
        );
    }
}
