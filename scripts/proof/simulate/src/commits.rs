//! The events that transactions commit: how their rows are damaged, and what the oracle
//! learns of them.

use std::sync::Arc;

use aws_sdk_dynamodb::types::{AttributeValue, TransactWriteItem};
use outbox::{OutboxRow, Unreadable, ports::EntryError};
use outbox_testing::{Item, OUTBOX_TABLE};

use crate::{oracle::EventRecord, state::State};

/// What is wrong with a row that is committed, as with those of a script that writes rows
/// without the library.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Damage {
    None,
    /// The detail is cut off.
    Detail,
    /// The bus never accepts the event.
    Poison,
    /// It is in a newer format.
    NewerFormat,
    /// It has no source.
    NoSource,
}

/// The row of an event that is about to be committed.
pub(crate) struct NewRow {
    /// The row, as it is written, but readable.
    row: OutboxRow,
    intended_detail: String,
    damage: Damage,
}

impl Damage {
    fn apply(self, item: &mut Item, row: &mut OutboxRow) {
        match self {
            Self::Detail => {
                row.detail.truncate(20);
                let detail = AttributeValue::S(row.detail.clone());
                item.insert("detail".to_owned(), detail);
            }
            Self::NewerFormat => {
                item.insert("v".to_owned(), AttributeValue::N("2".to_owned()));
            }
            Self::NoSource => {
                item.remove("source");
            }
            Self::None | Self::Poison => {}
        }
    }
}

impl State {
    /// Damages some of the rows that a transaction puts. Returns all of them.
    pub(crate) fn damage_rows(&mut self, items: &mut [TransactWriteItem]) -> Vec<NewRow> {
        let mut rows = Vec::new();
        for item in items {
            let Some(put) = item
                .put
                .as_mut()
                .filter(|put| put.table_name == OUTBOX_TABLE)
            else {
                continue;
            };
            let Ok(mut row) = serde_dynamo::from_item::<_, OutboxRow>(put.item.clone()) else {
                continue;
            };
            let intended_detail = row.detail.clone();
            let damage = self.choose_damage();
            damage.apply(&mut put.item, &mut row);
            rows.push(NewRow {
                row,
                intended_detail,
                damage,
            });
        }
        rows
    }

    fn choose_damage(&mut self) -> Damage {
        if self.is_fault_free && !self.has_bad_events {
            return Damage::None;
        }
        match self.random.u8(..) {
            1..3 => Damage::Poison,
            // What a writer publishes itself is as the library wrote it.
            _ if self.publishes_at_once => Damage::None,
            0 => Damage::Detail,
            3 => Damage::NewerFormat,
            4 => Damage::NoSource,
            _ => Damage::None,
        }
    }

    /// Returns why the bus will reject the event that is committed now, if it will.
    fn choose_rejection(&mut self) -> Option<EntryError> {
        let for_now = || EntryError::Transient("InternalFailure".into());
        if std::mem::take(&mut self.rejects_next) {
            return Some(for_now());
        }
        let is_rejected = self.has_bad_events && self.random.u8(..) < 4;
        is_rejected.then(|| {
            if self.random.bool() {
                for_now()
            } else {
                EntryError::Configuration("NotAuthorizedForDetailTypeException".into())
            }
        })
    }

    /// The row of an event was committed.
    pub(crate) fn record_commit(&mut self, new: NewRow) {
        let row = Arc::new(new.row);
        let key = row.key.clone();
        if self.events.contains_key(&key) {
            self.violate("committed an event twice", Some(&key));
        }
        let sequence = (key.aggregate_id.clone(), row.sequence);
        if !self.sequences.insert(sequence) {
            self.violate("used a sequence of an aggregate twice", Some(&key));
        }
        if matches!(new.damage, Damage::Detail | Damage::Poison) {
            self.poisoned.insert((key.clone(), 0));
        }
        let rejected_with = self.choose_rejection();
        if rejected_with.is_some() || new.damage != Damage::None {
            self.bad_aggregates.insert(key.aggregate_id.clone());
        }
        if let Some(error) = rejected_with {
            self.rejected.insert(key.clone(), error);
        }
        self.counts.committed += 1;
        self.keys_by_event_id
            .insert(row.event_id.to_string(), key.clone());
        let now = self.now();
        let mut record = EventRecord::committed(row, new.intended_detail, now);
        record.is_unreadable = matches!(new.damage, Damage::NewerFormat | Damage::NoSource);
        self.events.insert(key, record);
    }

    /// Deploys a newer version of the functions, which reads rows of newer formats.
    pub(crate) fn read_newer_rows(&mut self) {
        let rows = self.services.table.rows();
        let newer =
            rows.filter(|(_, row)| matches!(row.unreadable(), Some(Unreadable::NewerFormat(_))));
        let newer: Vec<_> = newer.map(|(key, _)| key.clone()).collect();
        for key in newer {
            self.services.table.change(&key, |item| {
                item.insert("v".to_owned(), AttributeValue::N("1".to_owned()));
            });
        }
    }
}

#[cfg(test)]
impl NewRow {
    /// Returns a row without damage.
    pub(crate) fn intact(row: &OutboxRow) -> Self {
        Self {
            row: row.clone(),
            intended_detail: row.detail.clone(),
            damage: Damage::None,
        }
    }
}
