//! Drives a function with the records of a DynamoDB stream, by the rules of the
//! [`stream_mapping`] crate: reads the stream, invokes the function, and sends
//! messages about records that were given up to the on-failure destination.
//!
//! The stream, the function and the destination are called through AWS SDK clients,
//! so each can be AWS's own, an emulator's, or `cargo lambda watch`.
//!
//! This is the library of the command `stream-mapping`. The local AWS of this
//! repository uses it, too.

mod claim;
mod create_error;
mod destination;
mod driver;
mod endpoint;
mod event;
mod function;
mod interrupt;
mod invocation_outcome;
mod record;
mod shard_task;
mod stream;

pub use create_error::CreateError;
pub use destination::{Destination, DestinationClients, InvalidDestination};
pub use driver::StreamMapping;
pub use event::{Event, Observer, reason};
pub use function::{Function, Invoked};
pub use interrupt::interrupted;
pub use invocation_outcome::InvocationOutcome;
pub use stream::Stream;
