//! The functions under development: each is built and started when it is called, and again
//! after its sources have changed. As on AWS, concurrent calls run in several processes.
//!
//! Not by `cargo lambda watch`: it never answers a call if the function doesn't compile, ends, or
//! is replaced during the call, and web pages can use it.

mod build;
mod built;
mod call_error;
mod code;
mod configuration;
mod environment;
mod environments;
mod function_log;
mod gateway;
mod http_event;
mod latest_build;
mod local_function;
mod process;
mod project;
mod runtime_api;
mod sources;
#[cfg(test)]
mod test_gate;
#[cfg(test)]
mod test_project;

pub use built::BuiltFunctions;
pub(crate) use configuration::{deployed, without_stack};
pub(crate) use gateway::Gateway;
