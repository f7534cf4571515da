//! What the local stack can be asked to do, to try it out.

use serde::{Deserialize, Serialize};

/// Orders to place, as a client of the API does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PlaceOrders {
    /// How many, from 1 to [`MOST`](Self::MOST).
    pub count: u64,
    /// Of so many orders, the first is cancelled at once: with 5, every fifth; with 1, all.
    /// `None` cancels none.
    #[serde(default)]
    pub cancel_every: Option<u64>,
}

impl PlaceOrders {
    /// The most orders of one request.
    pub const MOST: u64 = 200;
}

/// The orders that were placed.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PlacedOrders {
    /// The ids of the orders that were placed, in this order.
    pub placed: Vec<String>,
    /// The ids of those that were cancelled.
    pub cancelled: Vec<String>,
    /// Why requests failed, each reason once, as sentences without a full stop.
    pub failures: Vec<String>,
    /// How many requests failed.
    pub failed: u64,
}

/// An event with a damaged detail, as a faulty program could write it. The bus never accepts
/// it, so the relay parks it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Damaged {
    /// The row, as `outboxctl` names it.
    pub row: String,
    /// The id of the order. There is no such order: only its event exists.
    pub order_id: String,
    /// The id of the event.
    pub event_id: String,
    /// The complete detail, with which the event can be repaired.
    pub detail: String,
}
