//! Data that is too large for an event, in S3: the event carries a reference to it.
//!
//! EventBridge takes events of nearly 1 MB and this library those of up to 396 KB, but some
//! targets take 256 KB ([`limits`](crate::limits#targets)). [`ClaimCheck`] puts data above a limit
//! into an object of S3 before the event is committed. The event then has `null` as its data, and
//! says by extensions where the data is:
//!
//! | extension | value |
//! |---|---|
//! | `dataref` | where: `s3://BUCKET/claim-check/EVENT_ID` (`CloudEvents` extension "dataref") |
//! | `datarefsha256` | the SHA-256 of the data, in hexadecimal digits |
//! | `datarefbytes` | the length of the data |
//!
//! # Publish
//!
//! [`Transaction::store_large_data`](crate::Transaction::store_large_data) comes after the events
//! and before the commit:
//!
//! ```no_run
#![doc = include_str!("../../examples/claim_check.rs")]
//! ```
//!
//! # Consume
//!
//! [`ClaimCheck::data_of`] returns the data of an event, from S3 or from the event itself, so a
//! consumer reads all events by it. It returns only data with the length and the digest that the
//! event names. With the feature `inbox`, `Subscription::read_large` does the same for a message.
//!
//! # What is stored when
//!
//! The object is written first, and the event is committed only once S3 has accepted it. So an
//! event never refers to an object that wasn't written. Its key contains the id of the event, so
//! no other event overwrites it; the same transaction committed again refers to the same object.
//! An object whose commit failed is left over.
//!
//! # How long
//!
//! A lifecycle rule of the bucket deletes all objects under `claim-check/` after a while, those
//! that are left over included. Choose longer than any event can still be read: the retention of
//! the bus's archive, and the time that a parked event or a consumer's dead letter may wait for its
//! operator. With an archive of 90 days, 180 days are a good start. An object that is deleted too
//! early is [`ReadError::Missing`] for every consumer that comes after.
//!
//! # Permissions
//!
//! The role of the service needs `s3:PutObject` on `BUCKET/claim-check/*`; that of a consumer
//! `s3:GetObject` on the same, and `s3:ListBucket` on the bucket: without it S3 reports a missing
//! object as `AccessDenied`. With a KMS key, `kms:GenerateDataKey` and `kms:Decrypt` on it.

mod error;
mod object;
mod reference;

use aws_sdk_s3::Client;
use uuid::Uuid;

use crate::{CloudEvent, EventData, claim_check::reference::DataReference};

pub use error::{ReadError, StoreError};

/// Under what the keys of all objects begin, for the lifecycle rule and for policies.
pub const KEY_PREFIX: &str = "claim-check/";

/// Data with more bytes goes to S3, unless a limit is set. With its envelope, an event with less
/// fits into the 256 KB that every target of EventBridge takes.
pub const DEFAULT_LIMIT: usize = 200 * 1024;

/// Large data in a bucket of S3; the [module](self) has an example.
#[derive(Debug, Clone)]
pub struct ClaimCheck {
    client: Client,
    bucket: String,
    /// Data with more bytes is put into the bucket.
    limit: usize,
}

impl ClaimCheck {
    /// Creates a claim check with data above 200 KB in this bucket. A consumer reads data from this
    /// bucket only. See the [module](self) for an example.
    pub fn new(client: Client, bucket: impl Into<String>) -> Self {
        Self {
            client,
            bucket: bucket.into(),
            limit: DEFAULT_LIMIT,
        }
    }

    /// Returns the claim check with another limit, in bytes of JSON. Consumers read data of any
    /// size, so it can be changed at any time.
    ///
    /// ```
    /// use outbox::claim_check::ClaimCheck;
    ///
    /// fn small_events(claim_check: ClaimCheck) -> ClaimCheck {
    ///     // EventBridge bills each 64 KB of an event.
    ///     claim_check.with_limit(60 * 1024)
    /// }
    /// ```
    #[must_use]
    pub fn with_limit(self, bytes: usize) -> Self {
        Self {
            limit: bytes,
            ..self
        }
    }

    /// Returns the data of an event: its own, or, if it has none, what it refers to in S3. See the
    /// [module](self) for an example.
    ///
    /// # Errors
    ///
    /// If the data can't be read, or isn't what was committed. Leave the message in its queue.
    pub async fn data_of(&self, event: &CloudEvent) -> Result<EventData, ReadError> {
        // An event may have both, with the same data: an operator has added it, for example.
        if !is_none(&event.data) {
            return Ok(event.data.clone());
        }
        match DataReference::of(event, &self.bucket)? {
            Some(reference) => object::read(&self.client, &self.bucket, &reference).await,
            None => Ok(event.data.clone()),
        }
    }

    /// Returns whether data belongs into the bucket.
    pub(crate) fn is_large(&self, data: &EventData) -> bool {
        data.as_json().len() > self.limit && !is_none(data)
    }

    /// Puts the data of an event into the bucket. Returns the reference to it.
    pub(crate) async fn store(
        &self,
        event_id: Uuid,
        data: &EventData,
    ) -> Result<DataReference, StoreError> {
        let reference = DataReference::to(event_id, data, &self.bucket)?;
        object::write(&self.client, &self.bucket, &reference, data).await?;
        Ok(reference)
    }
}

/// Returns whether an event has no data of its own: an event that refers to S3 has `null`.
fn is_none(data: &EventData) -> bool {
    *data == EventData::default()
}
