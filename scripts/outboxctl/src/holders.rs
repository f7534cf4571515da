//! Which parked row holds a pending one.

use std::collections::HashMap;

use outbox::{RowKey, ports::StoredRow, relay::Order};

/// The first parked row of each aggregate, of the rows that were seen so far.
#[derive(Debug)]
pub(crate) struct Holders {
    order: Order,
    first_of: HashMap<String, Holder>,
}

/// A parked row, and why it is parked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Holder {
    pub(crate) key: RowKey,
    pub(crate) code: String,
}

impl Holders {
    pub(crate) fn of(order: Order) -> Self {
        Self {
            order,
            first_of: HashMap::new(),
        }
    }

    /// Returns the parked row that holds this one; `None` if none does, or this one is parked
    /// itself. An aggregate's rows must be passed in sequence.
    pub(crate) fn holder(&mut self, row: &StoredRow) -> Option<&Holder> {
        let key = &row.candidate.key;
        if let Some(mark) = &row.parked {
            let first = self.first_of.entry(key.aggregate_id.clone());
            first.or_insert_with(|| Holder {
                key: key.clone(),
                code: mark.code().to_owned(),
            });
            return None;
        }
        let first = self.first_of.get(&key.aggregate_id);
        first.filter(|first| self.order.is_kept() && first.key.precedes(key))
    }
}

#[cfg(test)]
mod tests {
    use outbox::{Candidate, Parked, Unreadable};

    use super::*;

    fn row(aggregate: &str, sequence: u64, is_parked: bool) -> StoredRow {
        StoredRow {
            candidate: Candidate {
                key: RowKey {
                    aggregate_id: aggregate.to_owned(),
                    position: format!("{sequence:020}#id"),
                },
                row: Err(Unreadable::NewerFormat(2)),
                written_at: None,
            },
            parked: is_parked.then(|| Parked {
                reason: "TooLarge: no".to_owned(),
                at: jiff::Timestamp::UNIX_EPOCH,
            }),
        }
    }

    /// Returns for each row which one holds it.
    fn holders(order: Order) -> Vec<Option<String>> {
        let mut holders = Holders::of(order);
        let rows = [
            row("a", 1, false),
            row("a", 2, true),
            row("a", 3, false),
            row("a", 4, true),
            row("a", 5, false),
            row("b", 6, false),
        ];
        let held = rows.iter().map(|row| holders.holder(row).cloned());
        held.map(|holder| Some(holder?.key.to_string())).collect()
    }

    #[test]
    fn a_row_is_held_by_the_first_parked_one_before_it() {
        let by = Some("a/2".to_owned());
        let expected = [None, None, by.clone(), None, by, None];
        assert_eq!(holders(Order::InSequence), expected);
    }

    #[test]
    fn without_order_nothing_is_held() {
        assert_eq!(holders(Order::BestEffort), [const { None }; 6]);
    }
}
