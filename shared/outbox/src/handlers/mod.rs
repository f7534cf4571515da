//! What the Lambda functions of an outbox run: the handler of the table's stream, the
//! sweeper on its schedule, and the metrics of both.
//!
//! The smallest function behind the stream:
//!
//! ```no_run
#![doc = include_str!("../../examples/relay.rs")]
//! ```

mod batch_response;
mod due_rows;
mod metrics;
mod stream_handler;
mod stream_record;
mod sweep_round;
pub(crate) mod sweeper;

pub use metrics::{Metrics, NAMESPACE};
pub use stream_handler::{BatchReport, Counts, StreamHandler};
pub use stream_record::StreamEvent;
pub use sweeper::{CutShort, DEFAULT_GRACE, SweepReport, Sweeper};
