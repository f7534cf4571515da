//! Which records a relay looks up.

use std::str::FromStr;

/// Which records a relay looks up before it publishes them: those that may be published already.
///
/// Functions read it from their configuration by its name: `"Always".parse::<LookUp>()`.
///
/// ```no_run
/// # use outbox::{aws::{DynamoDbTable, EventBridgeBus, SqsQueue}, relay::Relay};
/// use outbox::relay::LookUp;
///
/// # fn beside_writers(relay: Relay<EventBridgeBus, DynamoDbTable, SqsQueue>) {
/// let relay = relay.with_look_up(LookUp::Always);
/// # }
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum LookUp {
    /// Those that are two seconds old: only a redelivered record is. It costs nothing while all
    /// goes well.
    #[default]
    WhenOld,
    /// All: a writer publishes at once, so that the event of a young record may be published, too.
    Always,
}

/// A text that doesn't name what to look up.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not what to look up: use WhenOld or Always")]
pub struct UnknownLookUp(String);

impl FromStr for LookUp {
    type Err = UnknownLookUp;

    fn from_str(name: &str) -> Result<Self, UnknownLookUp> {
        match name {
            "WhenOld" => Ok(Self::WhenOld),
            "Always" => Ok(Self::Always),
            other => Err(UnknownLookUp(other.to_owned())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_read_from_its_name() {
        assert_eq!("WhenOld".parse(), Ok(LookUp::WhenOld));
        assert_eq!("Always".parse(), Ok(LookUp::Always));
        let error = "always".parse::<LookUp>().unwrap_err().to_string();
        assert!(error.ends_with("use WhenOld or Always"), "{error}");
    }
}
