//! Why large data can't be stored, or read.

use aws_sdk_s3::error::BoxError;

/// Why the data of an event was not stored, so that the event must not be committed.
///
/// ```
/// use outbox::claim_check::StoreError;
///
/// /// Returns whether another attempt at the same change can succeed.
/// fn is_temporary(error: &StoreError) -> bool {
///     matches!(error, StoreError::Put { .. })
/// }
/// ```
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// More data than an extension can name the length of.
    #[error("the data of an event has {bytes} bytes, at most 2 GB are possible")]
    TooLarge {
        /// How many there are.
        bytes: usize,
    },
    /// S3 did not accept the object.
    #[error("the data of an event could not be stored as {reference}, nothing was committed")]
    Put {
        /// The URI of the object.
        reference: String,
        /// The SDK's error.
        source: BoxError,
    },
}

/// Why the data of an event can't be read from S3. The event is not handled: leave its message in
/// the queue. Its text quotes nothing of the data.
///
/// ```
/// use outbox::claim_check::ReadError;
///
/// /// Returns whether a later attempt can succeed without an operator.
/// fn is_temporary(error: &ReadError) -> bool {
///     matches!(error, ReadError::Read { .. })
/// }
/// ```
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReadError {
    /// The event refers to an object that is not in the consumer's bucket: another producer has
    /// published it, or the consumer is configured for another bucket.
    #[error(
        "the data of event {event_id} is at {reference:?}, which does not begin with {expected}"
    )]
    Elsewhere {
        /// The id of the event.
        event_id: String,
        /// Where the data is.
        reference: String,
        /// How references to the consumer's bucket begin.
        expected: String,
    },
    /// The event lacks the digest or the length of its data: this library has not published it.
    #[error(
        "event {event_id} refers to its data at {reference:?} without datarefsha256 and \
         datarefbytes, so the data cannot be checked"
    )]
    Unverifiable {
        /// The id of the event.
        event_id: String,
        /// Where the data is.
        reference: String,
    },
    /// There is no such object. It was written before the event was committed, so it was deleted
    /// since.
    #[error(
        "the data of event {event_id} is missing: {reference:?} was written before the event was \
         committed, and has been deleted since, for example by a lifecycle rule that is too short; \
         restore it, then redrive the message"
    )]
    Missing {
        /// The id of the event.
        event_id: String,
        /// Where the data was.
        reference: String,
    },
    /// The object is not what was committed.
    #[error(
        "the data of event {event_id} is not what was committed: {reference:?} has another length or \
         digest; restore the version that was written with the event"
    )]
    Altered {
        /// The id of the event.
        event_id: String,
        /// Where the data is.
        reference: String,
    },
    /// S3 did not return the object.
    #[error(
        "the data of event {event_id} could not be read from {reference:?}; without s3:ListBucket, \
         AccessDenied may also mean that it is missing"
    )]
    Read {
        /// The id of the event.
        event_id: String,
        /// Where the data is.
        reference: String,
        /// The SDK's error.
        source: BoxError,
    },
}
