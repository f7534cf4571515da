//! The functions under development: each is built and started when it is called, and again
//! after its sources have changed.
//!
//! Not by `cargo lambda watch`: it never answers a call if the function doesn't compile, ends, or
//! is replaced during the call, and web pages can use it.

mod build;
mod call_error;
mod configuration;
mod function_log;
mod gateway;
mod http_event;
mod local_function;
mod process;
mod project;
mod runtime_api;
mod sources;
#[cfg(test)]
mod test_project;

pub(crate) use configuration::{deployed, without_stack};
pub(crate) use gateway::Gateway;
pub use runtime_api::{FunctionEnded, FunctionResponse, RuntimeApi};
