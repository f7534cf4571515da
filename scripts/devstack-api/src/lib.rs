//! The types of the local stack's management address, in JSON: what the stack reports of itself,
//! and what it can be asked to do. The local stack serves them, and the console reads them.
//!
//! | request | response |
//! |---|---|
//! | `GET /_activity` | [`Activity`] |
//! | `GET /_activity/batches?limit=50` | an array of [`Batch`], the newest first |
//! | `GET /_activity/events/{eventId}` | [`Journey`]; 404 if the stack knows no such event |
//! | `GET /_faults` | an array of [`InjectedFault`] |
//! | `POST /_faults` with a [`Fault`] | [`InjectedFault`] |
//! | `DELETE /_faults?id=1`, or all without an id | how many were cleared |
//! | `POST /_try/orders` with [`PlaceOrders`] | [`PlacedOrders`] |
//! | `POST /_try/damage` | [`Damaged`] |
//!
//! A request that fails is answered with a [`Problem`]. Requests of web pages are rejected.

mod activity;
mod batch;
mod fault;
mod journey;
mod past_hour;
mod problem;
mod try_out;

pub use activity::{
    Activity, Bus, Commands, Mapping, MappingState, Outbox, Pipeline, Relay, Shipping,
};
pub use batch::{Attempt, Batch, BatchRecord, GivenUp, Origin, Outcome, Part, PartState};
pub use fault::{Argument, Fault, FaultKind, InjectedFault, Kind, fault_kinds};
pub use journey::{Ignored, Journey, Publisher, PutResult, ReadResult, Step, What};
pub use past_hour::{CommitToPublish, PastHour, Way};
pub use problem::Problem;
pub use try_out::{Damaged, PlaceOrders, PlacedOrders};

/// Where [`Activity`] is read.
pub const ACTIVITY: &str = "/_activity";

/// Where the [batches](Batch) are read, with the most to return as `?limit=`.
pub const BATCHES: &str = "/_activity/batches";

/// Where the [`Journey`] of an event is read: this path and the event's id, percent-encoded.
pub const EVENTS: &str = "/_activity/events/";

/// Where faults are added, listed and cleared.
pub const FAULTS: &str = "/_faults";

/// Where [orders are placed](PlaceOrders).
pub const ORDERS: &str = "/_try/orders";

/// Where a [damaged event](Damaged) is made.
pub const DAMAGE: &str = "/_try/damage";
