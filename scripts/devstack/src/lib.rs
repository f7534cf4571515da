//! The local AWS: start the emulator, deploy the orders stack to it, drive its
//! stream mapping the way Lambda does, and see the outbox at work.
//!
//! Nothing in here can reach a real account: clients are made for a
//! [`LocalEndpoint`] alone, which is on loopback, and every process is started
//! with an environment that holds no credentials but dummies.

mod clients;
mod damaged_event;
mod demo;
mod deployment;
mod dev;
mod emulator;
mod endpoint;
mod error;
mod fault_client;
mod faults;
mod functions;
mod http_server;
mod log;
mod mapping_results;
mod mappings;
mod operator;
mod orders;
mod paths;
mod process_environment;
mod process_group;
mod progress;
mod queue_mapping;
mod running;
mod shipments;
mod stack;
mod subscriber;
mod upstream;

pub use clients::Clients;
pub use demo::{Report, demo};
pub use deployment::Deployment;
pub use dev::{dev, endpoint};
pub use emulator::Emulator;
pub use endpoint::{LocalEndpoint, NotLoopback};
pub use error::Error;
pub use fault_client::FaultClient;
pub use faults::{Call, Fault, FaultProxy, InjectedFault, Kind, Rules, UnknownFault};
pub use mappings::{Functions, Mappings};
pub use paths::Paths;
pub use process_environment::process_environment;
pub use stack::Stack;
pub use subscriber::{Delivered, Subscriber};
