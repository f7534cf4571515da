//! The write of an aggregate's item, and what protects its sequence.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::{AttributeValue, Put, ReturnValuesOnConditionCheckFailure};
use serde::{Serialize, de::DeserializeOwned};

use crate::{
    append::{
        claim::{self, CLAIMED_FOR},
        error::ConditionFailure,
        key::KeySchema,
        revision::Revision,
    },
    serde_failure::Unquoted,
};

/// Attribute that counts the aggregate's changes.
const VERSION: &str = "version";

/// Attribute that counts the aggregate's events.
const LAST_SEQUENCE: &str = "lastSequence";

/// Attribute that names the aggregate whose events the item counts.
const AGGREGATE_ID: &str = "aggregateId";

/// An aggregate as it was read: its state, and the revision that a change of it is
/// based on.
///
/// Both are read from the item itself. A type that flattens them into one
/// (`#[serde(flatten)]`) is read from a buffer in which the keys of maps stay text, so a
/// `BTreeMap<u32, _>` could be written but not read.
///
/// ```
/// use std::collections::{BTreeMap, HashMap};
///
/// use aws_sdk_dynamodb::types::AttributeValue;
/// use outbox::Versioned;
/// use serde::Deserialize;
///
/// #[derive(Deserialize)]
/// struct Order {
///     lines: BTreeMap<u32, String>,
/// }
///
/// let number = |number: &str| AttributeValue::N(number.into());
/// let lines = HashMap::from([("1".into(), AttributeValue::S("pot".into()))]);
/// let item = HashMap::from([
///     ("pk".into(), AttributeValue::S("order#42".into())),
///     ("lines".into(), AttributeValue::M(lines)),
///     ("version".into(), number("3")),
///     ("lastSequence".into(), number("5")),
/// ]);
/// let order = Versioned::<Order>::from_item(item)?;
/// assert_eq!(order.state.lines[&1], "pot");
/// assert_eq!(order.revision.last_sequence, 5);
/// # Ok::<(), outbox::UnreadableAggregate>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Versioned<T> {
    /// The aggregate's state.
    pub state: T,
    /// The revision that was read. Pass it to [`AggregateWrite::replace`] with the changed
    /// state.
    pub revision: Revision,
}

/// An item that can't be read as an aggregate; see [`Versioned`] for an example of reading.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum UnreadableAggregate {
    /// It has no usable `version` and `lastSequence`: this library has never written it.
    #[error("the item has no version and lastSequence, so it is not an aggregate's")]
    NotVersioned,
    /// Its attributes don't fit the type. The reason names the attribute and what was
    /// expected, without the value.
    #[error("the item's attributes do not fit the type: {0}")]
    State(String),
}

impl<T: DeserializeOwned> Versioned<T> {
    /// Reads an aggregate from its item. The state gets every attribute but `version`
    /// and `lastSequence`: also the key and `aggregateId`, so a type with
    /// `deny_unknown_fields` has to know them. See [`Versioned`] for an example.
    ///
    /// # Errors
    ///
    /// If the library has never written the item, or the attributes do not fit `T`.
    pub fn from_item(
        mut item: HashMap<String, AttributeValue>,
    ) -> Result<Self, UnreadableAggregate> {
        let revision = revision(&item).ok_or(UnreadableAggregate::NotVersioned)?;
        item.remove(VERSION);
        item.remove(LAST_SEQUENCE);
        let Unquoted(state) = serde_dynamo::from_item(item)
            .map_err(|error| UnreadableAggregate::State(error.to_string()))?;
        Ok(Self { state, revision })
    }
}

/// The write of the aggregate that the events are about.
///
/// It always carries a condition, so that two writers based on the same
/// revision cannot both succeed, and no two events get the same sequence.
///
/// ```
/// use outbox::{AggregateWrite, KeySchema, Revision};
/// use serde::Serialize;
///
/// #[derive(Serialize)]
/// struct Order {
///     pk: String,
///     total: u64,
/// }
///
/// let key = KeySchema::partition_key("pk");
/// let mut order = Order { pk: "order#42".into(), total: 3900 };
/// let first = AggregateWrite::create(&order.pk, "orders", key.clone(), &order);
///
/// // A change is based on the revision that was read or committed before.
/// let base = Revision { version: 1, last_sequence: 1 };
/// order.total = 4200;
/// let change = AggregateWrite::replace(&order.pk, "orders", key, &order, base);
/// ```
///
/// # Attributes that belong to the library
///
/// It sets `version`, `lastSequence` and `aggregateId`. An item with a `version`,
/// `lastSequence` or `claimedFor` of its own, or with another `aggregateId`, is invalid.
///
/// # One item per aggregate
///
/// If two items counted the events of one aggregate, each sequence would be used twice.
/// So the item names its aggregate (`aggregateId`), and every change checks that. If the
/// key alone is not the aggregate id, the first events also write a claim: an item whose
/// attribute `claimedFor` says which item the aggregate is kept in. It takes one of the
/// transaction's 100 actions, is never deleted, and appears in scans and streams of the
/// table.
///
/// | table | key of the aggregate | claim |
/// |---|---|---|
/// | partition key alone | the aggregate id | none needed |
/// | partition key alone | anything else, text or binary | partition key: the aggregate id |
/// | with a sort key | anything | partition key: `aggregate#` and the id, sort key: `outbox#claim` |
///
/// This holds within one table, described by its own [`KeySchema`]: keep the aggregates of
/// one kind in one table. Without a sort key, aggregate ids and keys share one name space.
///
/// There is no delete: an aggregate that is created again with the same id would start its
/// sequence at 1 again. Mark it as deleted instead.
#[derive(Debug, Clone)]
pub struct AggregateWrite {
    /// The partition key of its events' rows, and their CloudEvents `subject`.
    pub(super) aggregate_id: String,
    /// The table of aggregates.
    table: String,
    key_schema: KeySchema,
    /// The item, or why the aggregate can't be serialized to one.
    item: Result<HashMap<String, AttributeValue>, String>,
    /// The revision that was read; `None` for a new aggregate.
    base: Option<Revision>,
    /// Whether the item may be one that does not name its aggregate yet.
    adopts: bool,
}

impl AggregateWrite {
    /// Writes a new aggregate. The commit fails if the table already contains an item with
    /// its key, or the aggregate is kept in another item.
    ///
    /// `aggregate_id` names it in events, for example `order#42`: it is the partition key of
    /// the outbox and the CloudEvents subject. `item` must contain the table's key
    /// attributes. See [`AggregateWrite`] for an example.
    pub fn create(
        aggregate_id: impl Into<String>,
        table: impl Into<String>,
        key_schema: KeySchema,
        item: &impl Serialize,
    ) -> Self {
        Self::new(aggregate_id.into(), table.into(), key_schema, item, None)
    }

    /// Writes a changed aggregate that was read at revision `base`. The commit fails if
    /// another writer has changed it since, or the item is another aggregate's. See
    /// [`AggregateWrite`] for an example.
    pub fn replace(
        aggregate_id: impl Into<String>,
        table: impl Into<String>,
        key_schema: KeySchema,
        item: &impl Serialize,
        base: Revision,
    ) -> Self {
        let base = Some(base);
        Self::new(aggregate_id.into(), table.into(), key_schema, item, base)
    }

    /// Also replaces an item that does not say yet which aggregate it is: one that the
    /// library did not write, given the attributes `version` and `lastSequence`, both 0, or
    /// one of a version of the library before aggregates were named. Adopt such items
    /// before any aggregate is created under the same id.
    ///
    /// ```
    /// use outbox::{AggregateWrite, KeySchema, Revision};
    ///
    /// # fn adopt(item: &impl serde::Serialize) -> AggregateWrite {
    /// let base = Revision::default();
    /// let key = KeySchema::partition_key("pk");
    /// AggregateWrite::replace("order#42", "orders", key, item, base).adopt()
    /// # }
    /// ```
    #[must_use]
    pub fn adopt(self) -> Self {
        Self {
            adopts: true,
            ..self
        }
    }

    fn new(
        aggregate_id: String,
        table: String,
        key_schema: KeySchema,
        item: &impl Serialize,
        base: Option<Revision>,
    ) -> Self {
        let item = serde_dynamo::to_item(Unquoted(item)).map_err(|error| error.to_string());
        Self::of_item(aggregate_id, table, key_schema, item, base)
    }

    /// Writes an item that is serialized already, or couldn't be.
    pub(super) fn of_item(
        aggregate_id: String,
        table: String,
        key_schema: KeySchema,
        item: Result<HashMap<String, AttributeValue>, String>,
        base: Option<Revision>,
    ) -> Self {
        Self {
            aggregate_id,
            table,
            key_schema,
            item,
            base,
            adopts: false,
        }
    }

    /// Returns the aggregate's revision once the transaction with this many events is
    /// committed.
    pub(super) fn revision_after(&self, events: usize) -> Revision {
        let base = self.base.unwrap_or_default();
        Revision {
            version: base.version + 1,
            last_sequence: base.last_sequence + events as u64,
        }
    }

    /// Returns the sequence of the first event.
    pub(super) fn next_sequence(&self) -> u64 {
        self.revision_after(1).last_sequence
    }

    pub(super) fn key_schema(&self) -> &KeySchema {
        &self.key_schema
    }

    /// Returns the attributes that belong to the library but that the item sets itself.
    pub(super) fn reserved_attributes(&self) -> Vec<&'static str> {
        let Ok(item) = &self.item else {
            return Vec::new();
        };
        let is_taken = |name: &&'static str| match item.get(*name) {
            None => false,
            Some(AttributeValue::S(id)) if *name == AGGREGATE_ID => *id != self.aggregate_id,
            Some(_) => true,
        };
        let reserved = [VERSION, LAST_SEQUENCE, AGGREGATE_ID, CLAIMED_FOR];
        reserved.into_iter().filter(is_taken).collect()
    }

    /// Returns the put, or why the aggregate cannot be an item.
    pub(super) fn to_put(&self, events: usize) -> Result<Put, String> {
        let after = self.revision_after(events);
        let mut item = self.item.clone()?;
        let may_be_unnamed =
            self.adopts || claim::is_named_by_key(&self.key_schema, &item, &self.aggregate_id);
        item.insert(VERSION.to_owned(), number(after.version));
        item.insert(LAST_SEQUENCE.to_owned(), number(after.last_sequence));
        let id = AttributeValue::S(self.aggregate_id.clone());
        item.insert(AGGREGATE_ID.to_owned(), id.clone());

        let put = Put::builder()
            .table_name(&self.table)
            .set_item(Some(item))
            // The found item tells why the condition failed: another revision, or aggregate.
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
        let put = match self.base {
            None => put
                .condition_expression("attribute_not_exists(#key)")
                .expression_attribute_names("#key", self.key_schema.partition_key_name()),
            Some(base) => put
                .condition_expression(if may_be_unnamed {
                    UNCHANGED_OR_UNNAMED
                } else {
                    UNCHANGED
                })
                .expression_attribute_names("#version", VERSION)
                .expression_attribute_names("#lastSequence", LAST_SEQUENCE)
                .expression_attribute_names("#aggregateId", AGGREGATE_ID)
                .expression_attribute_values(":version", number(base.version))
                .expression_attribute_values(":lastSequence", number(base.last_sequence))
                .expression_attribute_values(":aggregateId", id),
        };
        put.build().map_err(|error| error.to_string())
    }

    /// Returns the put that claims the aggregate id for the item, if the aggregate has no
    /// event yet or is adopted, and its key doesn't name it already.
    pub(super) fn to_claim(&self) -> Result<Option<Put>, String> {
        let item = self.item.as_ref().map_err(Clone::clone)?;
        // Once it is claimed, every change checks the `aggregateId` of the item.
        let is_first = self.base.unwrap_or_default().last_sequence == 0;
        if !(is_first || self.adopts)
            || claim::is_named_by_key(&self.key_schema, item, &self.aggregate_id)
        {
            return Ok(None);
        }
        claim::put(&self.table, &self.key_schema, item, &self.aggregate_id).map(Some)
    }
}

/// The item is unchanged, and the aggregate's own.
const UNCHANGED: &str =
    "#version = :version AND #lastSequence = :lastSequence AND #aggregateId = :aggregateId";

/// The same, for items that were written before the library named the aggregate in them.
const UNCHANGED_OR_UNNAMED: &str = "#version = :version AND #lastSequence = :lastSequence \
     AND (attribute_not_exists(#aggregateId) OR #aggregateId = :aggregateId)";

/// Returns why the condition on an aggregate's put did not hold, given the item that
/// DynamoDB found.
pub(super) fn why_condition_failed(
    put: &Put,
    found: Option<&HashMap<String, AttributeValue>>,
) -> ConditionFailure {
    let base = put.expression_attribute_values();
    if let Some(key) = found.and_then(claim::claimed_for) {
        return ConditionFailure::KeptElsewhere { key: Some(key) };
    }
    let (Some(base), Some(found)) = (base, found) else {
        return match base {
            None => ConditionFailure::AlreadyExists,
            Some(_) => ConditionFailure::Missing,
        };
    };
    let Some(revision) = revision(found) else {
        return ConditionFailure::NotVersioned;
    };
    let is_unchanged = found.get(VERSION) == base.get(":version")
        && found.get(LAST_SEQUENCE) == base.get(":lastSequence");
    match found.get(AGGREGATE_ID) {
        Some(AttributeValue::S(id)) if found.get(AGGREGATE_ID) != put.item().get(AGGREGATE_ID) => {
            ConditionFailure::OtherAggregate { id: id.clone() }
        }
        None if is_unchanged => ConditionFailure::NotNamed,
        _ => ConditionFailure::Stale { found: revision },
    }
}

fn revision(item: &HashMap<String, AttributeValue>) -> Option<Revision> {
    let number = |name| match item.get(name) {
        Some(AttributeValue::N(number)) => number.parse().ok(),
        _ => None,
    };
    Some(Revision {
        version: number(VERSION)?,
        last_sequence: number(LAST_SEQUENCE)?,
    })
}

fn number(value: u64) -> AttributeValue {
    AttributeValue::N(value.to_string())
}
