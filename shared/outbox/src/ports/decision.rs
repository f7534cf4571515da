//! What an operator decides about a row, and the record of it.

use jiff::Timestamp;

use crate::{Parked, RowKey};

/// The most characters of the reason for discarding a row. The limit of items leaves room for
/// it.
const MOST_REASON_CHARS: usize = 500;

/// A new `detail` for a parked row, who edited it, and when.
///
/// ```
/// use jiff::Timestamp;
/// use outbox::{OutboxRow, ports::Edit};
///
/// fn fixed(row: &OutboxRow, detail: String) -> Edit {
///     Edit {
///         by: "alice".into(),
///         at: Timestamp::now(),
///         seen: row.detail.clone(),
///         detail,
///     }
/// }
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Edit {
    /// The principal who edits it.
    pub by: String,
    /// When.
    pub at: Timestamp,
    /// The `detail` that the operator has seen.
    pub seen: String,
    /// The new `detail`.
    pub detail: String,
}

/// Who discards a row, when, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Discard {
    /// The principal who discards it.
    pub(crate) by: String,
    pub(crate) at: Timestamp,
    /// 1 to 500 characters, for operators who look at the record later.
    pub(crate) reason: String,
}

impl Discard {
    /// Creates the record of who discards a row. `None` unless the reason has 1 to 500
    /// characters.
    ///
    /// ```
    /// use jiff::Timestamp;
    /// use outbox::ports::Discard;
    ///
    /// assert!(Discard::new("alice", Timestamp::now(), "sent by mail, ticket 1234").is_some());
    /// assert!(Discard::new("alice", Timestamp::now(), " ").is_none());
    /// ```
    pub fn new(by: impl Into<String>, at: Timestamp, reason: &str) -> Option<Self> {
        let reason = reason.trim();
        let fits = (1..=MOST_REASON_CHARS).contains(&reason.chars().count());
        fits.then(|| Self {
            by: by.into(),
            at,
            reason: reason.to_owned(),
        })
    }
}

/// What an operator has decided about a row, as the table keeps it for 30 days.
///
/// ```
/// use outbox::ports::{Decided, Decision};
///
/// /// Returns who discarded a row.
/// fn discarded_by(decisions: &[Decision]) -> Option<&str> {
///     let is_discard = |decision: &&Decision| matches!(decision.what, Decided::Discarded { .. });
///     decisions.iter().find(is_discard).map(|decision| decision.by.as_str())
/// }
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decision {
    /// The row. After an edit it was published, or is still in the table.
    pub row: RowKey,
    /// What was decided.
    pub what: Decided,
    /// The principal who decided.
    pub by: String,
    /// When; `None` if the record is damaged.
    pub at: Option<Timestamp>,
    /// Why the row was parked then, if that can be read.
    pub parked: Option<Parked>,
    /// The `detail` before the decision, if the row had one.
    pub detail: Option<String>,
}

/// The kind of a [`Decision`], which has an example.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decided {
    /// The `detail` was replaced.
    Edited,
    /// The event was given up.
    Discarded {
        /// Why.
        reason: String,
    },
}
