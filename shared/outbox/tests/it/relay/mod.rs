pub(crate) mod adapters;
mod faults;
mod look_up;
mod publish;
mod stream;
mod sweep;
