//! Faults on the way between the functions and the local AWS.

mod http;
mod partial;
mod proxy;
mod rule;

pub(crate) use proxy::FAULTS_PATH;
pub use proxy::FaultProxy;
pub use rule::{Fault, InjectedFault, Kind, Rules, UnknownFault};
