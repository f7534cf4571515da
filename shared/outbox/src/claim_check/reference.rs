//! The reference to an object: where the data of an event is, and what it is.

use data_encoding::HEXLOWER;
use sha2::{Digest, Sha256};
use uuid::Uuid;

use crate::{
    CloudEvent, EventData, ExtensionValue,
    claim_check::{
        KEY_PREFIX,
        error::{ReadError, StoreError},
    },
};

const REFERENCE: &str = "dataref";
const DIGEST: &str = "datarefsha256";
const LENGTH: &str = "datarefbytes";

/// Where the data of an event is, and what it is.
#[derive(Debug, PartialEq)]
pub(crate) struct DataReference {
    /// The id of the event, for messages.
    pub(super) event_id: String,
    /// The URI of the object.
    pub(super) uri: String,
    /// The key of the object in its bucket.
    pub(super) key: String,
    /// SHA-256, in hexadecimal digits.
    sha256: String,
    /// The length of the data. An extension holds 32 bits.
    pub(super) bytes: i32,
}

impl DataReference {
    /// Returns the reference to data that goes into this bucket.
    pub(super) fn to(event_id: Uuid, data: &EventData, bucket: &str) -> Result<Self, StoreError> {
        let length = data.as_json().len();
        let key = format!("{KEY_PREFIX}{event_id}");
        Ok(Self {
            event_id: event_id.to_string(),
            uri: format!("s3://{bucket}/{key}"),
            key,
            sha256: digest(data.as_json().as_bytes()),
            bytes: i32::try_from(length).map_err(|_| StoreError::TooLarge { bytes: length })?,
        })
    }

    /// Returns the reference of an event; `None` if the event carries its data itself.
    pub(super) fn of(event: &CloudEvent, bucket: &str) -> Result<Option<Self>, ReadError> {
        let Some(uri) = event.extension(REFERENCE) else {
            return Ok(None);
        };
        let uri = uri.to_string();
        let prefix = format!("s3://{bucket}/");
        let key = uri.strip_prefix(&prefix);
        let Some(key) = key.filter(|key| key.starts_with(KEY_PREFIX)) else {
            return Err(ReadError::Elsewhere {
                event_id: event.id.clone(),
                reference: uri,
                expected: prefix + KEY_PREFIX,
            });
        };
        let sha256 = event.extension(DIGEST).and_then(ExtensionValue::as_str);
        let bytes = event.extension(LENGTH);
        let (Some(sha256), Some(ExtensionValue::Integer(bytes))) = (sha256, bytes) else {
            return Err(ReadError::Unverifiable {
                event_id: event.id.clone(),
                reference: uri,
            });
        };
        Ok(Some(Self {
            event_id: event.id.clone(),
            key: key.to_owned(),
            uri,
            sha256: sha256.to_owned(),
            bytes: *bytes,
        }))
    }

    /// Returns the extensions of the event.
    pub(crate) fn into_extensions(self) -> [(String, ExtensionValue); 3] {
        [
            (REFERENCE.to_owned(), self.uri.into()),
            (DIGEST.to_owned(), self.sha256.into()),
            (LENGTH.to_owned(), self.bytes.into()),
        ]
    }

    /// Returns whether data has this length.
    pub(super) fn has_length(&self, bytes: i64) -> bool {
        i64::from(self.bytes) == bytes
    }

    /// Returns whether this is the data.
    pub(super) fn matches(&self, data: &[u8]) -> bool {
        usize::try_from(self.bytes) == Ok(data.len()) && self.sha256 == digest(data)
    }
}

fn digest(data: &[u8]) -> String {
    HEXLOWER.encode(&Sha256::digest(data))
}
