//! Why a transaction was not committed.

use std::{collections::HashMap, fmt};

use aws_sdk_dynamodb::{error::BoxError, types::AttributeValue};

use crate::append::{
    control_character::ControlCharacter, extensions::ExtensionFault, key::write_address,
    revision::Revision,
};

/// Why a transaction was not committed, or may not have been.
///
/// ```
/// # use outbox::CommitError;
/// fn what_to_do(error: &CommitError) -> &'static str {
///     match error {
///         CommitError::Invalid(_) => "fix the program or the input",
///         CommitError::ConditionFailed(_) => "read the aggregate again, decide again",
///         _ if error.is_retryable() => "commit the same transaction again",
///         _ => "report it",
///     }
/// }
/// ```
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CommitError {
    /// The transaction breaks a limit or a rule. Nothing was sent.
    #[error(transparent)]
    Invalid(#[from] InvalidTransaction),
    /// A condition did not hold: the aggregate was changed by another writer, or one
    /// of the caller's own conditions failed; [`FailedCondition::failure`] says which.
    /// Nothing was written.
    #[error("a condition did not hold, nothing was written: {}", list(.0))]
    ConditionFailed(Vec<FailedCondition>),
    /// A concurrent request is writing one of the items. Nothing was written.
    #[error("a concurrent request is writing one of the items, nothing was written: {rejection}")]
    Conflict {
        /// Which items, and DynamoDB's messages.
        rejection: Rejection,
        /// The SDK's error.
        source: BoxError,
    },
    /// DynamoDB has no capacity for it now. Nothing was written.
    #[error("DynamoDB throttled the transaction, nothing was written: {rejection}")]
    Throttled {
        /// Which items, and DynamoDB's messages.
        rejection: Rejection,
        /// The SDK's error.
        source: BoxError,
    },
    /// This attempt or an earlier one got no response: the transaction may have been
    /// committed. It is safe to commit the same [`Transaction`](super::Transaction)
    /// again within 10 minutes; it is written once.
    #[error("no response from DynamoDB, the transaction may have been committed")]
    OutcomeUnknown(#[source] BoxError),
    /// DynamoDB rejected it for another reason: permissions, a missing table, an
    /// expression. Nothing was written.
    #[error("DynamoDB rejected the transaction, nothing was written: {rejection}")]
    Refused {
        /// Which actions, and DynamoDB's messages.
        rejection: Rejection,
        /// The SDK's error.
        source: BoxError,
    },
}

impl CommitError {
    /// Returns whether committing the same transaction again may succeed. See [`CommitError`]
    /// for an example.
    pub fn is_retryable(&self) -> bool {
        matches!(
            self,
            Self::Conflict { .. } | Self::Throttled { .. } | Self::OutcomeUnknown(_)
        )
    }
}

/// An item whose condition did not hold; see [`ConditionFailure`] for an example.
#[derive(Clone, PartialEq)]
#[non_exhaustive]
pub struct FailedCondition {
    /// What the item is to the transaction.
    pub participant: Participant,
    /// The item's table.
    pub table: String,
    /// The item's key.
    pub key: HashMap<String, AttributeValue>,
    /// What was found instead.
    pub failure: ConditionFailure,
    /// The item in the table, if there is one and the action requests it with
    /// `ReturnValuesOnConditionCheckFailure`. The aggregate's put always does.
    pub item: Option<HashMap<String, AttributeValue>>,
}

impl fmt::Display for FailedCondition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ", self.participant)?;
        write_address(f, &self.table, &self.key)?;
        write!(f, ": {}", self.failure)
    }
}

impl fmt::Debug for FailedCondition {
    // Without the item: errors are logged, and its values may be confidential.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Why a condition did not hold.
///
/// ```
/// use outbox::{CommitError, ConditionFailure};
///
/// /// Returns whether another writer has changed the aggregate since it was read.
/// fn is_stale(error: &CommitError) -> bool {
///     let CommitError::ConditionFailed(failed) = error else {
///         return false;
///     };
///     failed
///         .iter()
///         .any(|item| matches!(item.failure, ConditionFailure::Stale { .. }))
/// }
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum ConditionFailure {
    /// The item was to be created, but the table has one with its key: an aggregate, an
    /// event's row, or the record of a handled event.
    AlreadyExists,
    /// The aggregate was to be replaced, but the table has no item with its key.
    Missing,
    /// Another writer has changed the aggregate since it was read. Read it and decide again.
    Stale {
        /// Its current revision.
        found: Revision,
    },
    /// The item has no `version` and `lastSequence`: this library has never written it.
    NotVersioned,
    /// The item does not say which aggregate it is.
    NotNamed,
    /// The item is another aggregate's.
    OtherAggregate {
        /// That aggregate's id.
        id: String,
    },
    /// The aggregate is kept in another item.
    KeptElsewhere {
        /// That item's key, `pk=order#42`, if it is known.
        key: Option<String>,
    },
    /// A condition of the caller's own did not hold.
    Condition,
}

impl fmt::Display for ConditionFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AlreadyExists => f.write_str("it exists already"),
            Self::Missing => f.write_str("it does not exist"),
            Self::Stale { found } => write!(
                f,
                "it was changed since it was read, it has version {} and lastSequence {} now",
                found.version, found.last_sequence
            ),
            Self::NotVersioned => f.write_str(
                "the item has no version and lastSequence: add them, both 0, and adopt it",
            ),
            Self::NotNamed => f.write_str(
                "the item has no aggregateId: adopt it (AggregateWrite::adopt), once its id is \
                 known to be its own",
            ),
            Self::OtherAggregate { id } => write!(f, "the item is the aggregate {id}"),
            Self::KeptElsewhere { key: Some(key) } => {
                write!(f, "the aggregate is kept in another item, {key}")
            }
            Self::KeptElsewhere { key: None } => {
                f.write_str("an item that is not its claim has the aggregate id as its key")
            }
            Self::Condition => f.write_str("its condition does not hold"),
        }
    }
}

/// Why DynamoDB rejected a transaction.
///
/// ```
/// use outbox::CommitError;
///
/// /// Returns DynamoDB's codes, such as `ValidationError`, for the metrics.
/// fn codes(error: &CommitError) -> Vec<&str> {
///     match error {
///         CommitError::Conflict { rejection, .. }
///         | CommitError::Throttled { rejection, .. }
///         | CommitError::Refused { rejection, .. } => {
///             rejection.actions.iter().map(|action| action.code.as_str()).collect()
///         }
///         _ => Vec::new(),
///     }
/// }
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Rejection {
    /// The actions it was rejected for. Empty if DynamoDB rejected it as a whole.
    pub actions: Vec<RejectedAction>,
    /// The error's code and message, if it was rejected as a whole.
    pub reason: String,
}

impl fmt::Display for Rejection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.actions.is_empty() {
            f.write_str(&self.reason)
        } else {
            f.write_str(&list(&self.actions))
        }
    }
}

/// An action for which DynamoDB rejected the transaction; see [`Rejection`] for an example.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct RejectedAction {
    /// What the item is to the transaction.
    pub participant: Participant,
    /// Table and key of the item, `orders[pk=order#42]`.
    pub item: String,
    /// DynamoDB's code, `ValidationError`.
    pub code: String,
    /// DynamoDB's message; empty if there is none.
    pub message: String,
}

impl fmt::Display for RejectedAction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}: {}", self.participant, self.item, self.code)?;
        if self.message.is_empty() {
            Ok(())
        } else {
            write!(f, ": {}", self.message)
        }
    }
}

/// The role of an item in a transaction. Indexes count from 0.
///
/// ```
/// use outbox::Participant;
///
/// assert_eq!(Participant::Event(0).to_string(), "event 0");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Participant {
    /// The aggregate itself.
    Aggregate,
    /// The item that says where the aggregate is kept, if its key doesn't.
    Claim,
    /// The caller's action with this index, in the order they were added.
    Action(usize),
    /// The row of the event with this index, in the order they were added.
    Event(usize),
    /// The record that a consumer has handled an event.
    #[cfg(feature = "inbox")]
    InboxRecord,
    /// The item that says how far a consumer has got with an aggregate.
    #[cfg(feature = "inbox")]
    InboxProgress,
}

impl fmt::Display for Participant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Aggregate => f.write_str("aggregate"),
            Self::Claim => f.write_str("claim of the aggregate id"),
            Self::Action(index) => write!(f, "action {index}"),
            Self::Event(index) => write!(f, "event {index}"),
            #[cfg(feature = "inbox")]
            Self::InboxRecord => f.write_str("inbox record"),
            #[cfg(feature = "inbox")]
            Self::InboxProgress => f.write_str("inbox progress"),
        }
    }
}

/// The problems of a transaction that was not sent, all of them at once.
///
/// ```
/// use outbox::{CommitError, Problem};
///
/// /// Returns whether the caller has sent too much, rather than the program being wrong.
/// fn is_too_large(error: &CommitError) -> bool {
///     let CommitError::Invalid(invalid) = error else {
///         return false;
///     };
///     let is_size = |problem: &Problem| matches!(problem, Problem::ItemTooLarge { .. });
///     invalid.problems.iter().all(is_size)
/// }
/// ```
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the transaction is invalid and was not sent: {}", list(.problems))]
pub struct InvalidTransaction {
    /// At least one.
    pub problems: Vec<Problem>,
}

/// One thing wrong with a transaction; see [`InvalidTransaction`] for an example.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Problem {
    /// More than 100 actions: aggregate, its claim, the caller's actions, events, and the
    /// record of the event that is handled, together. See [`Transaction`](super::Transaction#more-than-100-actions).
    #[error("{count} actions, DynamoDB takes at most 100 in one transaction")]
    TooManyActions {
        /// How many there are.
        count: usize,
    },
    /// More than 4 MB in all items together.
    #[error("{bytes} bytes in all items, DynamoDB takes at most 4 MB in one transaction")]
    TransactionTooLarge {
        /// How many there are.
        bytes: usize,
    },
    /// An item over DynamoDB's 400 KB, less 4 KB.
    #[error("{participant}: the item has {bytes} bytes, at most 396 KB are allowed")]
    ItemTooLarge {
        /// Whose item.
        participant: Participant,
        /// How large it is.
        bytes: usize,
    },
    /// Lists and maps nested deeper than DynamoDB's 32 levels.
    #[error("{participant}: lists and maps are nested {depth} deep, DynamoDB takes 32")]
    ItemTooDeep {
        /// Whose item.
        participant: Participant,
        /// How deep it goes.
        depth: usize,
    },
    /// An action that can't be an item.
    #[error("{participant}: {reason}")]
    NotAnItem {
        /// Whose item.
        participant: Participant,
        /// What is wrong.
        reason: String,
    },
    /// A value that DynamoDB rejects: an empty set, a number of over 38 digits, an empty
    /// key.
    #[error("{participant}: attribute {attribute}: {reason}")]
    InvalidValue {
        /// Whose item.
        participant: Participant,
        /// Where the value is: `lines[3].price`.
        attribute: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The aggregate's item sets an attribute that belongs to this library.
    #[error(
        "aggregate: the attribute {attribute} belongs to the outbox library, name yours differently"
    )]
    ReservedAttribute {
        /// Which one.
        attribute: &'static str,
    },
    /// Two actions on one item, which DynamoDB rejects.
    #[error("{first} and {second} are the same item, {item}")]
    SameItem {
        /// The earlier action.
        first: Participant,
        /// The later action.
        second: Participant,
        /// Table and key.
        item: String,
    },
    /// An empty aggregate id, or one over
    /// [`MAX_AGGREGATE_ID_BYTES`](crate::limits::MAX_AGGREGATE_ID_BYTES).
    #[error(
        "the aggregate id must have 1 to {} bytes, not {bytes}",
        crate::limits::MAX_AGGREGATE_ID_BYTES
    )]
    AggregateId {
        /// How long it is.
        bytes: usize,
    },
    /// An aggregate id with the prefix of discarded rows.
    #[error("the aggregate id must not begin with \"discarded#\": discarded events are kept there")]
    ReservedAggregateId,
    /// An event type that is empty or over EventBridge's 128 characters.
    #[error("event {event}: the type must have 1 to 128 characters, not {chars}")]
    EventType {
        /// Which event, in the order they were added.
        event: usize,
        /// How long it is.
        chars: usize,
    },
    /// A control character in a name: the aggregate id, an event's type or schema, the
    /// correlation id or the causation id. `CloudEvents` allows none.
    #[error("{}the {attribute} has {found}", of_event(*.event))]
    ControlCharacter {
        /// Which event; `None` if it is a name that all events share.
        event: Option<usize>,
        /// Which name: `aggregate id`, `type`, `dataschema`, `correlationid` or `causationid`.
        attribute: &'static str,
        /// Which character, and where.
        found: ControlCharacter,
    },
    /// Data nested so deep that many JSON readers reject it.
    #[error("event {event}: data is nested {depth} deep, at most 100 levels are allowed")]
    EventTooDeep {
        /// Which event.
        event: usize,
        /// How deep it goes.
        depth: usize,
    },
    /// A number that many JSON readers would change: a whole one beyond 2^53 - 1, or one
    /// beyond the largest floating-point number.
    #[error(
        "event {event}: the number at {path} cannot be carried by JSON exactly, send it as text"
    )]
    UnsafeNumber {
        /// Which event.
        event: usize,
        /// Where it is: `data.lines[3].price`.
        path: String,
    },
    /// An event that JSON cannot express.
    #[error("event {event}: {reason}")]
    NotJson {
        /// Which event.
        event: usize,
        /// What is wrong.
        reason: String,
    },
    /// A `correlationid` or `causationid` that is set but empty.
    #[error("{attribute} is empty, leave it out instead")]
    EmptyAttribute {
        /// Which one.
        attribute: &'static str,
    },
    /// An extension that can't be set.
    #[error("{}the extension {name:?} {fault}", of_event(*.event))]
    Extension {
        /// Which event; `None` if it is an extension of all events.
        event: Option<usize>,
        /// The name of the extension.
        name: String,
        /// What is wrong with it.
        fault: ExtensionFault,
    },
}

fn of_event(event: Option<usize>) -> String {
    event.map_or_else(String::new, |event| format!("event {event}: "))
}

fn list(items: &[impl fmt::Display]) -> String {
    let items: Vec<String> = items.iter().map(ToString::to_string).collect();
    items.join("; ")
}
