//! What lies in tables and queues when a new version comes: each format that was
//! ever written is kept in `tests/formats`, a directory each, and is read for ever.

mod kept;
mod newer;
mod publishing;
mod read;
mod written;
