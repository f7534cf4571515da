//! The state of an aggregate that a change is based on.

use serde::{Deserialize, Serialize};

/// The state of an aggregate that a change is based on: the attributes `version` and
/// `lastSequence` of its item. [`Versioned::from_item`](crate::Versioned::from_item) reads it, and [`Committed`] has the
/// one after the change, on which the next change can be based. See [`AggregateWrite`](crate::AggregateWrite) for an
/// example.
///
/// [`Committed`]: crate::Committed
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Revision {
    /// How often the aggregate was changed.
    pub version: u64,
    /// The sequence of its latest event.
    pub last_sequence: u64,
}
