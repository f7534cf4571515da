//! A transactional outbox on DynamoDB for services on AWS Lambda.

mod event;

pub use event::DomainEvent;
