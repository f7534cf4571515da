//! What reads the bytes of others: each reader as a function that is given any
//! bytes, and panics if what must hold does not.
//!
//! | target | what it reads | the code behind it |
//! |---|---|---|
//! | [`dead_letter`] | a message of the dead-letter queue | `outbox::replay` |
//! | [`stream_record`] | a batch of the stream, or one record | `outbox::relay`, `stream-mapping` |
//! | [`outbox_row`] | an item of the outbox table | `outbox::relay` |
//! | [`cloud_event`] | an event that a consumer receives | `outbox::CloudEvent` |
//! | [`http_body`] | a request, or its body | `orders-service`, `shipping` |
//! | [`filter_pattern`] | patterns of a filter, and a record | `stream-mapping` |
//!
//! The real code runs through its public interface; the services around it are in
//! memory (`outbox-testing`) and as strict as AWS is, and time is simulated. `make fuzz` looks for
//! inputs by what code they reach; the tests try damaged `seeds/`, always the same.

// To panic is what a target is for.
#![allow(clippy::missing_panics_doc)]

mod cloud_event;
mod dead_letter;
mod dynamodb;
mod filter_pattern;
mod http_body;
mod mutation;
mod orders_tables;
mod outbox_row;
mod runtime;
mod services;
mod stream_record;

pub use cloud_event::cloud_event;
pub use dead_letter::dead_letter;
pub use filter_pattern::filter_pattern;
pub use http_body::http_body;
pub use mutation::mutate;
pub use outbox_row::outbox_row;
pub use stream_record::stream_record;
