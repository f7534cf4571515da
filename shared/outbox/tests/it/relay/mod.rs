mod adapters;
mod fakes;
mod faults;
mod publish;
mod stream;
mod sweep;
