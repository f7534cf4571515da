//! The local AWS: starts the emulator, deploys a service's stack to it, and drives
//! its stream mapping as Lambda does.
//!
//! Nothing here can reach a real account. Clients are created only for a
//! [`LocalEndpoint`], which is on loopback, and every process is started with an
//! environment that contains only dummy credentials.

mod activity;
mod backlog;
mod broken_bus;
mod clients;
mod console;
mod customer;
mod damaged_event;
mod demo;
mod deployed_mapping;
mod deployment;
mod dev;
mod emulator;
mod endpoint;
mod error;
mod fault_client;
mod faults;
mod functions;
mod http_server;
mod introduction;
mod log;
mod management;
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
mod service_demo;
mod shipments;
mod stack;
mod stay;
mod subscriber;
mod upstream;
mod watch;
mod web_page;

pub use clients::Clients;
pub use demo::{Report, demo};
pub use deployment::Deployment;
pub use dev::{dev, endpoint};
pub use emulator::Emulator;
pub use endpoint::{LocalEndpoint, NotLoopback};
pub use error::Error;
pub use fault_client::FaultClient;
pub use faults::{Call, Fault, FaultProxy, InjectedFault, Kind, Rules, UnknownFault};
pub use functions::BuiltFunctions;
pub use mappings::{Functions, Mappings};
pub use paths::Paths;
pub use process_environment::process_environment;
pub use service_demo::{ServiceReport, service_demo};
pub use stack::Stack;
pub use subscriber::{Delivered, Subscriber};
pub use watch::watch;
