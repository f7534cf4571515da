use data_encoding::HEXLOWER;
use orders::PlaceOrder;
use sha2::{Digest, Sha256};

/// A name the caller gives to one request, so that repeating it does nothing
/// twice. Another caller may use the same one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IdempotencyKey {
    digest: String,
}

/// Why a request has no idempotency key that can be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidIdempotencyKey {
    /// It is empty or too long, so many bytes.
    #[error("an idempotency key must have 1 to 255 bytes, not {0}")]
    Length(usize),
    /// It has a comma.
    #[error(
        "an idempotency key must have no comma, and the header Idempotency-Key is sent once: \
         sent twice, it arrives as one value with a comma"
    )]
    Comma,
    /// There is more than one.
    #[error("the header Idempotency-Key is sent more than once")]
    Repeated,
}

impl IdempotencyKey {
    /// The key a caller sent with a request to place an order.
    ///
    /// # Errors
    ///
    /// If it does not have 1 to 255 bytes, or has a comma: that may be two keys,
    /// joined on their way here. In another order they would be another key, and
    /// place the order a second time.
    pub fn to_place_an_order(caller: &str, key: &[u8]) -> Result<Self, InvalidIdempotencyKey> {
        if !(1..=255).contains(&key.len()) {
            return Err(InvalidIdempotencyKey::Length(key.len()));
        }
        if key.contains(&b',') {
            return Err(InvalidIdempotencyKey::Comma);
        }
        // A hash of each part, so that no two triples run together alike.
        let parts = [caller.as_bytes(), b"place-order", key];
        let digests: Vec<u8> = parts.iter().flat_map(Sha256::digest).collect();
        Ok(Self {
            digest: digest(&digests),
        })
    }

    /// What it is stored under: the key itself may be a secret of the caller.
    pub(crate) fn digest(&self) -> &str {
        &self.digest
    }
}

/// Tells one command from another. It is of the command as it was understood,
/// so white space and the order of fields do not matter.
pub(crate) fn fingerprint(command: &PlaceOrder) -> Result<String, serde_json::Error> {
    serde_json::to_vec(command).map(|json| digest(&json))
}

fn digest(bytes: &[u8]) -> String {
    HEXLOWER.encode(&Sha256::digest(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_belongs_to_its_caller() {
        let key = |caller, key: &str| IdempotencyKey::to_place_an_order(caller, key.as_bytes());
        assert_eq!(key("a", "1").unwrap(), key("a", "1").unwrap());
        assert_ne!(key("a", "1").unwrap(), key("b", "1").unwrap());
        assert_ne!(key("a", "1").unwrap(), key("a", "2").unwrap());
        assert_ne!(key("a", "b1").unwrap(), key("ab", "1").unwrap());
    }

    #[test]
    fn a_key_has_1_to_255_bytes() {
        for (length, valid) in [(0, false), (1, true), (255, true), (256, false)] {
            let key = IdempotencyKey::to_place_an_order("a", &vec![b'k'; length]);
            assert_eq!(key.is_ok(), valid, "{length}");
        }
    }

    #[test]
    fn a_key_has_no_comma() {
        for key in ["a,b", "a,a", "a, b", ",", "a,", ",a"] {
            let key = IdempotencyKey::to_place_an_order("a", key.as_bytes());
            assert_eq!(key, Err(InvalidIdempotencyKey::Comma));
        }
    }
}
