//! Idempotency: the caller's `Idempotency-Key`, the fingerprint of a command, and the item in
//! the orders table by which a repeated request is recognised.

use std::collections::HashMap;

use aws_sdk_dynamodb::{
    error::BoxError,
    types::{AttributeValue, Put, ReturnValuesOnConditionCheckFailure},
};
use data_encoding::HEXLOWER;
use jiff::{SignedDuration, Timestamp};
use orders::{OrderId, PlaceOrder};
use outbox::{CommitError, Participant};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// How long a repeated request is recognised by its key.
const IDEMPOTENCY_PERIOD: SignedDuration = SignedDuration::from_hours(24);

/// The caller's key for one request. Repeating the request with the same key has
/// no second effect. Keys of different callers never collide.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IdempotencyKey {
    /// A hash of the caller, the operation and the key, in hex.
    digest: String,
}

/// Why an idempotency key is invalid.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidIdempotencyKey {
    /// It is empty or too long; with the number of bytes.
    #[error("an idempotency key must have 1 to 255 bytes, not {0}")]
    Length(usize),
    /// It contains a comma.
    #[error(
        "an idempotency key must have no comma, and the header Idempotency-Key is sent once: \
         sent twice, it arrives as one value with a comma"
    )]
    Comma,
    /// It contains something else than visible ASCII characters and spaces.
    #[error("an idempotency key must have only visible ASCII characters and spaces")]
    Characters,
    /// The header is sent more than once.
    #[error("the header Idempotency-Key is sent more than once")]
    Repeated,
}

impl IdempotencyKey {
    /// Creates the key of a caller's request to place an order.
    ///
    /// # Errors
    ///
    /// If it does not have 1 to 255 visible ASCII characters and spaces: servers and
    /// proxies disagree on the encoding of others, and so a retry could have another key.
    /// Or if it has a comma: API Gateway joins two headers with a comma. Joined in the
    /// other order they would be another key, and a retry would place a second order.
    pub fn for_place_order(caller: &str, key: &[u8]) -> Result<Self, InvalidIdempotencyKey> {
        if !(1..=255).contains(&key.len()) {
            return Err(InvalidIdempotencyKey::Length(key.len()));
        }
        if key.contains(&b',') {
            return Err(InvalidIdempotencyKey::Comma);
        }
        if !key.iter().all(|byte| matches!(byte, b' '..=b'~')) {
            return Err(InvalidIdempotencyKey::Characters);
        }
        // Each part is hashed first: concatenated texts of different parts could be equal.
        let parts = [caller.as_bytes(), b"place-order", key];
        let digests: Vec<u8> = parts.iter().flat_map(Sha256::digest).collect();
        Ok(Self {
            digest: digest(&digests),
        })
    }

    /// Returns the hash under which the request is stored: the key itself may be a
    /// secret of the caller.
    pub(crate) fn digest(&self) -> &str {
        &self.digest
    }
}

/// Returns a hash that differs between commands. It is made from the parsed
/// command, so white space and the order of fields do not matter.
pub(crate) fn fingerprint(command: &PlaceOrder) -> Result<String, serde_json::Error> {
    serde_json::to_vec(command).map(|json| digest(&json))
}

fn digest(bytes: &[u8]) -> String {
    HEXLOWER.encode(&Sha256::digest(bytes))
}

/// The item about an earlier request with an idempotency key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct PastRequest {
    /// `idem#` and the hash of the key.
    pk: String,
    /// The order that the request placed.
    pub(crate) order_id: OrderId,
    /// Recognises a different command with the same key.
    pub(crate) fingerprint: String,
    /// The table's TTL attribute, in epoch seconds.
    expires_at: i64,
}

impl PastRequest {
    pub(crate) fn new(
        key: &IdempotencyKey,
        fingerprint: String,
        order_id: OrderId,
        now: Timestamp,
    ) -> Self {
        Self {
            pk: format!("idem#{}", key.digest()),
            order_id,
            fingerprint,
            expires_at: now.as_second() + IDEMPOTENCY_PERIOD.as_secs(),
        }
    }

    /// Returns the earlier request with the same key, if that is why a commit failed.
    pub(crate) fn from_conflict(error: &CommitError) -> Option<Self> {
        let CommitError::ConditionFailed(failed) = error else {
            return None;
        };
        let item: HashMap<String, AttributeValue> = failed
            .iter()
            .find(|failed| matches!(failed.participant, Participant::Action(_)))?
            .item
            .clone()?;
        serde_dynamo::from_item(item).ok()
    }

    /// Builds the put of a request's item, on condition that there is no earlier one
    /// with its key. DynamoDB may take days to delete expired items, so the condition
    /// ignores them.
    pub(crate) fn put(&self, table: &str, key: &str, now: Timestamp) -> Result<Put, BoxError> {
        let put = Put::builder()
            .table_name(table)
            .set_item(Some(serde_dynamo::to_item(self)?))
            .condition_expression("attribute_not_exists(#key) OR #expiresAt < :now")
            .expression_attribute_names("#key", key)
            .expression_attribute_names("#expiresAt", "expiresAt")
            .expression_attribute_values(":now", AttributeValue::N(now.as_second().to_string()))
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
            .build()?;
        Ok(put)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_belongs_to_its_caller() {
        let key = |caller, key: &str| IdempotencyKey::for_place_order(caller, key.as_bytes());
        assert_eq!(key("a", "1").unwrap(), key("a", "1").unwrap());
        assert_ne!(key("a", "1").unwrap(), key("b", "1").unwrap());
        assert_ne!(key("a", "1").unwrap(), key("a", "2").unwrap());
        assert_ne!(key("a", "b1").unwrap(), key("ab", "1").unwrap());
    }

    #[test]
    fn a_key_has_1_to_255_bytes() {
        for (length, valid) in [(0, false), (1, true), (255, true), (256, false)] {
            let key = IdempotencyKey::for_place_order("a", &vec![b'k'; length]);
            assert_eq!(key.is_ok(), valid, "{length}");
        }
    }

    #[test]
    fn a_key_has_no_comma() {
        for key in ["a,b", "a,a", "a, b", ",", "a,", ",a"] {
            let key = IdempotencyKey::for_place_order("a", key.as_bytes());
            assert_eq!(key, Err(InvalidIdempotencyKey::Comma));
        }
    }

    #[test]
    fn a_key_is_visible_ascii() {
        for (key, valid) in [
            ("a b", true),
            ("!~", true),
            ("a\tb", false),
            ("\u{7f}", false),
            ("é", false),
        ] {
            let made = IdempotencyKey::for_place_order("a", key.as_bytes());
            let expected = if valid {
                None
            } else {
                Some(InvalidIdempotencyKey::Characters)
            };
            assert_eq!(made.err(), expected, "{key:?}");
        }
    }
}
