//! `TransactWriteItems`: all actions or none.

use std::collections::BTreeMap;

use aws_sdk_dynamodb::types::{
    CancellationReason, ReturnValuesOnConditionCheckFailure, TransactWriteItem,
};
use jiff::{SignedDuration, Timestamp};
use outbox::RowKey;

use crate::{
    change::Change,
    expression::{Placeholders, holds, update},
    item::{InvalidItem, Item, key_text},
    items::Items,
    table::Table,
};

/// How long DynamoDB treats a transaction with the same token as the same.
const TOKEN_KNOWN_FOR: SignedDuration = SignedDuration::from_mins(10);

/// When each client request token was first used in a transaction that succeeded.
pub(crate) type Tokens = BTreeMap<String, Timestamp>;

/// Why a transaction was rejected.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum TransactionRejected {
    /// It was cancelled, with a reason for each action.
    #[error("the transaction was cancelled: {0:?}")]
    Cancelled(Vec<CancellationReason>),
    /// A table is missing.
    #[error("there is no table {0:?}")]
    MissingTable(String),
    /// An action is invalid.
    #[error("an action is invalid: {0}")]
    Invalid(String),
}

/// An action, as far as all kinds of actions have the same parts.
struct Action<'a> {
    table: &'a str,
    /// The item that is put, or the key.
    key: &'a Item,
    condition: Option<&'a str>,
    placeholders: Placeholders<'a>,
    on_failure: Option<&'a ReturnValuesOnConditionCheckFailure>,
    effect: Effect<'a>,
}

enum Effect<'a> {
    Put,
    Update(&'a str),
    Delete,
    Check,
}

/// What a transaction reads and writes.
pub(crate) struct Database<'d> {
    /// The name of the outbox table.
    pub(crate) outbox: &'d str,
    pub(crate) table: &'d mut Table,
    pub(crate) items: &'d mut Items,
    pub(crate) tokens: &'d mut Tokens,
}

impl Database<'_> {
    /// Executes a transaction, or rejects it as a whole. Returns the changes of the outbox
    /// table; `None` if it was executed before.
    ///
    /// # Panics
    ///
    /// If an expression can't be evaluated.
    pub(crate) fn transact(
        &mut self,
        items: &[TransactWriteItem],
        token: &str,
        now: Timestamp,
    ) -> Result<Option<Vec<Change>>, TransactionRejected> {
        let used = self.tokens.get(token);
        if used.is_some_and(|used| now.duration_since(*used) < TOKEN_KNOWN_FOR) {
            return Ok(None);
        }
        let actions: Vec<Action<'_>> = items.iter().map(action).collect();
        for action in &actions {
            self.check(action)?;
        }
        let reasons: Vec<CancellationReason> =
            actions.iter().map(|action| self.reason(action)).collect();
        if reasons.iter().any(|reason| reason.code() != Some("None")) {
            return Err(TransactionRejected::Cancelled(reasons));
        }
        self.tokens.insert(token.to_owned(), now);
        let mut changes = Vec::new();
        for action in &actions {
            let change = self.execute(action);
            // Tables and keys were checked before.
            changes.extend(change.expect("an action that was checked"));
        }
        Ok(Some(changes))
    }

    /// Checks that table and key are there.
    fn check(&self, action: &Action<'_>) -> Result<(), TransactionRejected> {
        let missing = || TransactionRejected::MissingTable(action.table.to_owned());
        if action.table == self.outbox {
            let key = row_key(action.key);
            let invalid = || TransactionRejected::Invalid("the key of a row is missing".to_owned());
            return key.map(drop).ok_or_else(invalid);
        }
        let key_schema = self.items.key_schema(action.table).ok_or_else(missing)?;
        match key_text(key_schema, action.key) {
            Ok(_) => Ok(()),
            Err(invalid) => Err(TransactionRejected::Invalid(format!(
                "{:?}: {invalid}",
                action.table
            ))),
        }
    }

    fn existing(&self, action: &Action<'_>) -> Option<&Item> {
        if action.table == self.outbox {
            return Some(self.table.row(&row_key(action.key)?)?.item());
        }
        self.items.get(action.table, action.key)
    }

    /// Returns the cancellation reason of an action; `None` as its code if it can be done.
    fn reason(&self, action: &Action<'_>) -> CancellationReason {
        let reason = CancellationReason::builder();
        let existing = self.existing(action);
        let no_item = Item::new();
        let holds = action.condition.is_none_or(|condition| {
            let item = existing.unwrap_or(&no_item);
            holds(condition, action.placeholders, item)
                .unwrap_or_else(|reason| not_evaluated(condition, &reason))
        });
        if holds {
            return reason.code("None").build();
        }
        let returns_item = action.on_failure == Some(&ReturnValuesOnConditionCheckFailure::AllOld);
        reason
            .code("ConditionalCheckFailed")
            .message("The conditional request failed")
            .set_item(existing.filter(|_| returns_item).cloned())
            .build()
    }

    fn execute(&mut self, action: &Action<'_>) -> Result<Option<Change>, InvalidItem> {
        if action.table == self.outbox {
            return self.execute_on_rows(action).map(Some);
        }
        match action.effect {
            Effect::Check => {}
            Effect::Put => self.items.put(action.table, action.key.clone())?,
            Effect::Delete => self.items.delete(action.table, action.key)?,
            Effect::Update(expression) => {
                let before = self.existing(action).unwrap_or(action.key).clone();
                let after = update(expression, action.placeholders, &before)
                    .unwrap_or_else(|reason| not_evaluated(expression, &reason));
                self.items.put(action.table, after)?;
            }
        }
        Ok(None)
    }

    fn execute_on_rows(&mut self, action: &Action<'_>) -> Result<Change, InvalidItem> {
        match action.effect {
            Effect::Put => self.table.put(action.key.clone()),
            _ => panic!(
                "outbox-testing executes only puts on the outbox table, as the library sends them"
            ),
        }
    }
}

/// A condition that is ignored would let a test pass that should fail.
fn not_evaluated(expression: &str, reason: &str) -> ! {
    panic!("outbox-testing can't evaluate the expression {expression:?}: {reason}")
}

fn row_key(item: &Item) -> Option<RowKey> {
    let text = |name: &str| item.get(name)?.as_s().ok().cloned();
    Some(RowKey {
        aggregate_id: text("aggregateId")?,
        position: text("position")?,
    })
}

/// Returns the parts of an action.
macro_rules! parts {
    ($action:expr, $key:expr, $condition:expr, $effect:expr) => {
        Action {
            table: $action.table_name(),
            key: $key,
            condition: $condition,
            placeholders: Placeholders {
                names: $action.expression_attribute_names(),
                values: $action.expression_attribute_values(),
            },
            on_failure: $action.return_values_on_condition_check_failure(),
            effect: $effect,
        }
    };
}

fn action(item: &TransactWriteItem) -> Action<'_> {
    if let Some(put) = item.put() {
        return parts!(put, put.item(), put.condition_expression(), Effect::Put);
    }
    if let Some(update) = item.update() {
        let effect = Effect::Update(update.update_expression());
        return parts!(update, update.key(), update.condition_expression(), effect);
    }
    if let Some(delete) = item.delete() {
        return parts!(
            delete,
            delete.key(),
            delete.condition_expression(),
            Effect::Delete
        );
    }
    let check = item.condition_check();
    let check = check.expect("an action is a put, an update, a delete or a condition check");
    let condition = Some(check.condition_expression());
    parts!(check, check.key(), condition, Effect::Check)
}
