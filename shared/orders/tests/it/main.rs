//! The order domain: commands, and the contracts of the events. One binary, so
//! that it links once.

#![allow(clippy::unwrap_used)]

mod asyncapi;
mod cancel;
mod contracts;
mod place;
