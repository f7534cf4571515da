use data_encoding::HEXLOWER;
use orders::PlaceOrder;
use sha2::{Digest, Sha256};

/// A name the caller gives to one request, so that repeating it does nothing
/// twice. Another caller may use the same one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IdempotencyKey {
    digest: String,
}

/// A key that is empty or too long.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("an idempotency key must have 1 to 255 bytes, not {bytes}")]
pub struct InvalidIdempotencyKey {
    bytes: usize,
}

impl IdempotencyKey {
    /// The key a caller sent with a request to place an order.
    ///
    /// # Errors
    ///
    /// If it does not have 1 to 255 bytes.
    pub fn to_place_an_order(caller: &str, key: &[u8]) -> Result<Self, InvalidIdempotencyKey> {
        if !(1..=255).contains(&key.len()) {
            return Err(InvalidIdempotencyKey { bytes: key.len() });
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
}
