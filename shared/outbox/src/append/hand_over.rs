//! Committed rows, for a publisher in the same process.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::row::OutboxRow;

/// How many rows wait at most. More are left to the stream.
const MOST_ROWS: usize = 1_000;

/// Rows that this process has committed and not tried to publish yet. Clones are the same.
///
/// [`Outbox::with_hand_over`](crate::Outbox::with_hand_over) adds to it, and
/// [`AtOnce`](crate::at_once::AtOnce) publishes from it. Whatever is in it when the process ends is
/// published by the stream's relay: all rows are in the table.
#[derive(Debug, Clone, Default)]
pub struct HandOver(Arc<Mutex<Vec<OutboxRow>>>);

impl HandOver {
    pub(super) fn add(&self, rows: Vec<OutboxRow>) {
        let mut waiting = self.rows();
        let room = MOST_ROWS.saturating_sub(waiting.len());
        waiting.extend(rows.into_iter().take(room));
    }

    /// Returns whether no row waits.
    pub fn is_empty(&self) -> bool {
        self.rows().is_empty()
    }

    /// Returns the rows, in the order of their commits, and forgets them.
    pub(crate) fn take(&self) -> Vec<OutboxRow> {
        std::mem::take(&mut *self.rows())
    }

    fn rows(&self) -> MutexGuard<'_, Vec<OutboxRow>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::RowKey;

    #[test]
    fn more_rows_than_have_room_are_left_to_the_stream() {
        let hand_over = HandOver::default();
        let row = |sequence| OutboxRow::example(RowKey::new("a", sequence, Uuid::nil()));
        for _ in 0..3 {
            hand_over.add((1..=400).map(row).collect());
        }
        assert_eq!(hand_over.rows().len(), MOST_ROWS);
        assert_eq!(std::mem::take(&mut *hand_over.rows()).len(), MOST_ROWS);
        assert!(hand_over.is_empty());
    }
}
