//! The functions under development: each is built and started when it is called, and again
//! after its sources have changed.
//!
//! `cargo lambda watch` serves Lambda's API for callers and functions. It doesn't start
//! the functions, because it never answers a call if the function doesn't compile, ends, or
//! is replaced during the call.

mod build;
mod call_error;
mod configuration;
mod function_log;
mod gateway;
mod local_function;
mod process;
mod project;
mod runtime_api;
mod sources;

pub(crate) use gateway::Gateway;
