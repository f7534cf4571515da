//! `outboxctl` on a stub of AWS, with the tables in DynamoDB in process: these tests need no
//! build of the functions and no emulator.
#![allow(clippy::unwrap_used)]

mod confirmation;
mod console;
mod edit;
mod groups;
mod held;
mod hostile;
mod metrics;
mod published;
mod schemas;
mod show;
mod stub;
mod terminal;
mod watch;
mod width;
