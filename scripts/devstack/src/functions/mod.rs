//! The functions of the project as they stand in its sources: each is built and
//! run when it is called, and again after its sources have changed.
//!
//! `cargo lambda watch` is Lambda's API, for callers and for functions. It does
//! not start the functions itself, because it leaves a call without an answer
//! when the function does not compile, ends, or is replaced during the call.

mod build;
mod call_error;
mod configuration;
mod function_log;
mod gateway;
mod local_function;
mod process;
mod runtime_api;
mod sources;

pub(crate) use gateway::Gateway;
