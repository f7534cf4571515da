//! Drives a function with the records of a DynamoDB stream, by the rules of the
//! [`stream_mapping`] crate: reads the stream, invokes the function, tells the
//! on-failure destination.
//!
//! The stream, the function and the queue are reached through AWS SDK clients,
//! so each may be AWS's own, an emulator's, or `cargo lambda watch`.

mod destination;
mod driver;
mod event;
mod function;
mod record;
mod shard_task;
mod stream;

pub use destination::{Destination, InvalidDestination};
pub use driver::StreamMapping;
pub use event::{Event, Observer};
pub use function::{Function, Invoked};
pub use stream::Stream;
