//! What was published in the past hour, by the way that events took to the bus.

use serde::{Deserialize, Serialize};

/// What was published in the past hour. An event that was published twice counts twice, and so on.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PastHour {
    /// By functions that publish their own events at once; `None` if none has done so since the
    /// stack started.
    pub at_once: Option<Way>,
    /// By the relay, from the stream.
    pub relay: Way,
    /// By the sweeper.
    pub sweeper: Way,
}

/// The events that took one way.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Way {
    /// How many; of very many only the last are counted.
    pub events: u64,
    /// From commit to publish; `None` if no commit of these events is known.
    pub commit_to_publish: Option<CommitToPublish>,
}

/// How long it took from the commit of an event to its acceptance by the bus.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CommitToPublish {
    /// Half of the events took at most so long.
    pub p50_milliseconds: u64,
    /// All but one of a hundred took at most so long.
    pub p99_milliseconds: u64,
}
