//! The rules of the event source mapping, and what must hold whatever a
//! function does.

#![allow(clippy::unwrap_used)]

mod drive;
mod filters;
mod messages;
mod metrics;
mod properties;
mod rules;
mod settings;
mod timing;
