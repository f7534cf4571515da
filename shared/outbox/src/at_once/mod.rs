//! Publishing at once: a writer publishes its own events right after the commit.
//!
//! The stream shows a row to its relay within 100 to 300 ms. A process that has just committed
//! can publish it within a round trip or two. [`AtOnce`] does that, through the same
//! [`Relay`](crate::relay::Relay) and the same rule of order, and leaves to the stream whatever it
//! can't do: it never parks a row and sends no dead letters, and it doesn't retry. So a failure at
//! any step costs time and nothing else, and the caller of the command never sees it.
//!
//! The relay of such an outbox must look up every record before it publishes it
//! ([`LookUp::Always`](crate::relay::LookUp)): a young one may be published already.

//!
//! In a Lambda function, [`AfterResponse`] does the work once the response has been returned.

mod after_response;
mod leaves_parking;
mod publisher;

pub use after_response::{AfterResponse, AfterResponseService};
pub use publisher::{AtOnce, AtOnceReport};
