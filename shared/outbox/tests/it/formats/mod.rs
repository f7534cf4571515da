//! What is in tables and queues when a new version is deployed: every format that was ever
//! written is kept in a directory of `tests/formats`, and can always be read.

mod kept;
mod newer;
mod publishing;
mod read;
mod written;
