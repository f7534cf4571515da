//! The depth of the dead-letter queue.

use jiff::Timestamp;
use outbox::{
    ports::{DeadLetterQueue, Depth},
    replay::Selection,
};
use schemars::JsonSchema;
use serde::Serialize;

use crate::{context::Context, error::Error};

/// How many dead letters are read to find the oldest. More would take more calls.
const MOST_LETTERS: usize = 10;

/// Counts of the dead letters.
#[derive(Debug, Clone, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct DeadLetters {
    /// Letters that can be received.
    pub(crate) visible: usize,
    /// Letters in flight: received, for a replay or only to look at them, and not deleted yet.
    pub(crate) in_flight: usize,
    /// When the oldest of the letters that were read was sent, if that is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "String", extend("format" = "date-time"))]
    pub(crate) oldest: Option<Timestamp>,
    /// Whether there may be older ones, because not all letters were read.
    pub(crate) at_least: bool,
}

impl DeadLetters {
    /// Returns the counts without the age, for which letters would be received.
    pub(crate) async fn depth(context: &Context) -> Result<Self, Error> {
        let depth = context.parts.queue().depth().await.map_err(Error::aws)?;
        Ok(Self {
            visible: depth.visible,
            in_flight: depth.hidden,
            oldest: None,
            at_least: true,
        })
    }

    pub(crate) async fn find(context: &Context) -> Result<Self, Error> {
        let queue = context.parts.queue();
        let Depth { visible, hidden } = queue.depth().await.map_err(Error::aws)?;
        let read = visible.min(MOST_LETTERS);
        let letters = if read == 0 {
            Vec::new()
        } else {
            let some = Selection {
                limit: Some(read),
                ..Selection::default()
            };
            let replay = context.parts.replay().await?;
            replay.peek(&some).await.map_err(Error::aws)?
        };
        Ok(Self {
            visible,
            in_flight: hidden,
            oldest: letters.iter().filter_map(|letter| letter.sent_at).min(),
            at_least: visible + hidden > letters.len(),
        })
    }
}
