//! The stream of the outbox table, as a replay reads it.

use outbox::ports::{CallError, Place, StreamError, StreamPage, StreamReader};

use crate::{
    aws::InMemoryAws,
    fault::{CallFailure, Fault},
    operation::Operation,
};

impl StreamReader for InMemoryAws {
    async fn open(&self, place: &Place<'_>) -> Result<String, StreamError> {
        let opened = self.call(Operation::GetShardIterator.into(), |services, _| {
            let now = services.now();
            services.stream.open(place, now)
        });
        opened.await.map_err(stream_error)?
    }

    async fn read(&self, iterator: &str) -> Result<StreamPage, StreamError> {
        let read = self.call(Operation::GetRecords.into(), |services, fault| {
            let now = services.now();
            services.stream.read(iterator, Fault::page(fault), now)
        });
        read.await.map_err(stream_error)?
    }
}

fn stream_error(failure: CallFailure) -> StreamError {
    match failure {
        CallFailure::IteratorExpired => StreamError::Expired,
        failure => StreamError::Call(CallError::from(failure)),
    }
}
