//! Faults on the way between the functions and the local AWS.

mod call;
mod http;
mod partial;
mod poison;
mod proxy;
mod rule;

pub use call::Call;
pub(crate) use proxy::FAULTS_PATH;
pub use proxy::FaultProxy;
pub use rule::{Fault, InjectedFault, Kind, Rules, UnknownFault};
