//! The function behind the stream: records, checkpoints, the log.

mod batches;
mod invoke;
mod left_to_sweeper;
mod log;
mod records;
