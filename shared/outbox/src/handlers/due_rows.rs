//! Which rows of the table a sweep publishes.

use jiff::Timestamp;

use crate::{Candidate, relay::Order};

/// Chooses the rows that are due, page by page: those that are old enough, and those before them
/// in their aggregates, of any age, because an old row must not overtake a younger one with a
/// lower sequence. With order, also those behind an old one: the stream has left or held them
/// because of it.
pub(super) struct DueRows {
    order: Order,
    /// Rows committed later are left to the stream.
    committed_until: Timestamp,
    /// The aggregate of the last row that was read, and whether that row is due. Rows behind it
    /// on the next page follow it.
    last_read: Option<(String, bool)>,
}

impl DueRows {
    pub(super) fn new(order: Order, committed_until: Timestamp) -> Self {
        Self {
            order,
            committed_until,
            last_read: None,
        }
    }

    /// Returns the rows of the next page that are due. An aggregate's rows must be read in
    /// sequence, one after the other.
    pub(super) fn of_page(&mut self, mut pending: Vec<Candidate>) -> Vec<Candidate> {
        let mut is_due = Vec::with_capacity(pending.len());
        for rows in pending.chunk_by(|a, b| a.key.aggregate_id == b.key.aggregate_id) {
            let due = self.due_of(rows);
            is_due.extend((0..rows.len()).map(|index| index < due));
            let aggregate = rows[0].key.aggregate_id.clone();
            self.last_read = Some((aggregate, due == rows.len()));
        }
        let mut is_due = is_due.into_iter();
        pending.retain(|_| is_due.next().unwrap_or_default());
        pending
    }

    /// Returns how many of an aggregate's rows on a page are due, from the first on.
    fn due_of(&self, rows: &[Candidate]) -> usize {
        let aggregate = &rows[0].key.aggregate_id;
        let last_read = self.last_read.as_ref();
        let before = last_read.filter(|(last, _)| last == aggregate);
        if before.is_some_and(|(_, is_due)| !is_due) {
            return 0;
        }
        let is_behind_old = before.is_some() || self.is_old(&rows[0]);
        if self.order.is_kept() && is_behind_old {
            return rows.len();
        }
        let last_old = rows.iter().rposition(|row| self.is_old(row));
        last_old.map_or(0, |index| index + 1)
    }

    /// Returns whether a row is old enough. One without a timestamp is; the relay will park it.
    fn is_old(&self, candidate: &Candidate) -> bool {
        let committed_at = candidate.committed_at();
        committed_at.is_none_or(|committed_at| committed_at <= self.committed_until)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use uuid::Uuid;

    use super::*;
    use crate::{OutboxRow, RowKey};

    /// A row is `a1+` if it is old, and `a1-` if it isn't.
    fn row(name: &str) -> Candidate {
        let (aggregate, rest) = name.split_at(1);
        let (sequence, age) = rest.split_at(rest.len() - 1);
        let key = RowKey::new(aggregate, sequence.parse().unwrap(), Uuid::nil());
        let mut row = OutboxRow::example(key.clone());
        row.committed_at = if age == "+" {
            Timestamp::UNIX_EPOCH
        } else {
            Timestamp::MAX
        };
        Candidate {
            key,
            row: Ok(Arc::new(row)),
            written_at: None,
        }
    }

    /// The names of the rows of each page.
    type Pages<'n> = &'n [&'n [&'n str]];

    /// Returns the names of the rows that are due, on all pages.
    fn due(order: Order, pages: Pages<'_>) -> Vec<String> {
        let mut due = DueRows::new(order, Timestamp::UNIX_EPOCH);
        let pages = pages
            .iter()
            .map(|page| page.iter().map(|name| row(name)).collect());
        let due = pages.flat_map(|page| due.of_page(page));
        due.map(|row| row.key.to_string().replace('/', ""))
            .collect()
    }

    #[test]
    fn old_rows_are_due_with_what_precedes_them() {
        use Order::{BestEffort, InSequence};
        let cases: &[(Pages<'_>, &[&str], &[&str])] = &[
            (&[&["a1-", "b1+"]], &["b1"], &["b1"]),
            (&[&["a1-", "a2+", "a3-"]], &["a1", "a2"], &["a1", "a2"]),
            (&[&["a1+", "a2-"]], &["a1", "a2"], &["a1"]),
            (&[&["a1+"], &["a2-", "b1-"]], &["a1", "a2"], &["a1"]),
            (&[&["a1-"], &["a2+", "b1+"]], &["b1"], &["b1"]),
            (
                &[&["a1+", "b1-"], &["b2+", "c1+"]],
                &["a1", "c1"],
                &["a1", "c1"],
            ),
            (&[&[], &["a1+"], &[]], &["a1"], &["a1"]),
        ];
        for (pages, in_sequence, best_effort) in cases {
            assert_eq!(due(InSequence, pages), *in_sequence, "{pages:?}");
            assert_eq!(due(BestEffort, pages), *best_effort, "{pages:?}");
        }
    }
}
