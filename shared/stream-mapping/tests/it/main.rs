//! The rules of the event source mapping, and properties that hold for any function.

#![allow(clippy::unwrap_used)]

mod drive;
mod filters;
mod messages;
mod metrics;
mod properties;
mod rules;
mod settings;
mod timing;
