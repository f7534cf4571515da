pub(crate) mod adapters;
mod faults;
mod publish;
mod stream;
mod sweep;
