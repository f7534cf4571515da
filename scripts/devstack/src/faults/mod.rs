//! Faults on the way between the functions and the local AWS.

mod call;
mod http;
mod partial;
mod poison;
mod proxy;
mod rule;

pub use call::Call;
pub use devstack_api::{Fault, InjectedFault, Kind};
pub use proxy::FaultProxy;
pub use rule::{Rules, UnknownFault};
