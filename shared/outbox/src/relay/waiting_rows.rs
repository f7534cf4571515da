//! Finds other events that wait in the table, while a call has only failing ones left. Whether
//! the bus accepts those tells a bad event from a bus that is at fault.
//!
//! They are the events that the failing ones harm: records behind a record that is retried
//! don't reach the relay until that one is done.

use std::collections::{HashMap, HashSet};

use jiff::{SignedDuration, Timestamp};

use crate::{
    Candidate, Clock, RowKey,
    ports::{CallError, OutboxTable, Segment, StoredRow},
    relay::{
        Order,
        budget::Budget,
        look_up::LookedUpPart,
        retry::{Pauses, within},
        sources::Sources,
    },
};

/// How many rows are tried. Several, because some may fail as well. Few, because another
/// process may be publishing them, and each may be published twice then.
const MOST_TRIED: usize = 5;

/// The age from which a row is tried. A younger one is probably being published.
const WAITS_FROM: SignedDuration = SignedDuration::from_secs(5);

/// The age from which a row is tried only if there are no younger ones: the sweeper has tried it in
/// vain.
const IN_VAIN_FROM: SignedDuration = SignedDuration::from_mins(20);

/// The table is read from a random segment on. Failing rows at the beginning of the table
/// could otherwise hide the others for ever.
const SEGMENTS: u32 = 8;

/// Which rows must not be tried.
pub(super) struct Excluded<'r> {
    /// Whether a parked row holds those behind it.
    pub(super) order: Order,
    /// Rows of other sources: they aren't sent, so they show nothing.
    pub(super) sources: &'r Sources,
    /// Aggregates of which a row has failed: another could overtake it.
    pub(super) aggregates: HashSet<String>,
    /// Rows that are published, and may not be deleted yet.
    pub(super) published: HashSet<RowKey>,
}

/// Returns the first pending rows of some aggregates.
pub(super) async fn find_waiting_rows<T: OutboxTable>(
    table: &T,
    pauses: &Pauses,
    clock: &dyn Clock,
    excluded: &Excluded<'_>,
    budget: &Budget,
) -> LookedUpPart {
    let first = pauses.random_below(SEGMENTS);
    let now = clock.now();
    let mut in_vain = Vec::new();
    for offset in 0..SEGMENTS {
        let segment = Segment {
            index: (first + offset) % SEGMENTS,
            of: SEGMENTS,
        };
        // Only the first page, which begins with the first row of an aggregate. One page
        // of a megabyte has enough rows.
        let rows = match within(budget.put_until, table.scan(segment, None)).await {
            Ok(page) => page.rows,
            Err(error) => {
                report(&error);
                break;
            }
        };
        let waiting = choose(rows, now, excluded);
        // The youngest comes first.
        let committed_at = waiting.first().and_then(Candidate::committed_at);
        if committed_at.is_some_and(|at| now.duration_since(at) < IN_VAIN_FROM) {
            return LookedUpPart::pending_now(waiting);
        }
        in_vain.extend(waiting);
    }
    in_vain.truncate(MOST_TRIED);
    LookedUpPart::pending_now(in_vain)
}

fn report(error: &CallError) {
    tracing::warn!(
        %error,
        "the table could not be searched for other events, so failing ones block their shard"
    );
}

/// Returns the youngest of the rows that wait. The oldest are rather those that fail too.
fn choose(rows: Vec<StoredRow>, now: Timestamp, excluded: &Excluded<'_>) -> Vec<Candidate> {
    // Nothing of an aggregate that begins with a parked row.
    let mut first_of: HashMap<String, Option<Candidate>> = HashMap::new();
    for StoredRow { candidate, parked } in rows {
        // A row that is published doesn't hold back the ones behind it.
        if excluded.published.contains(&candidate.key) {
            continue;
        }
        let is_parked = parked.is_some();
        if is_parked && !excluded.order.is_kept() {
            continue;
        }
        let aggregate_id = candidate.key.aggregate_id.clone();
        let first = first_of.entry(aggregate_id);
        first.or_insert_with(|| (!is_parked).then_some(candidate));
    }
    let mut waiting: Vec<(Timestamp, Candidate)> = first_of
        .into_values()
        .flatten()
        .filter(|candidate| !excluded.aggregates.contains(&candidate.key.aggregate_id))
        .filter(|candidate| {
            let row = candidate.row.as_ref();
            row.is_ok_and(|row| excluded.sources.contain(&row.source))
        })
        .filter_map(|candidate| Some((candidate.committed_at()?, candidate)))
        .filter(|(committed_at, _)| now.duration_since(*committed_at) >= WAITS_FROM)
        .collect();
    // By the key as well, so that a simulation is reproducible.
    waiting.sort_by(|(a_at, a), (b_at, b)| b_at.cmp(a_at).then(a.key.cmp(&b.key)));
    waiting.truncate(MOST_TRIED);
    waiting
        .into_iter()
        .map(|(_, candidate)| candidate)
        .collect()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use uuid::Uuid;

    use super::*;
    use crate::{OutboxRow, Parked, Unreadable};

    const NOW: Timestamp = Timestamp::constant(1_795_510_800, 0);

    fn waiting(aggregate: &str, sequence: u64, age: i64) -> StoredRow {
        let key = RowKey::new(aggregate, sequence, Uuid::nil());
        let mut row = OutboxRow::example(key.clone());
        row.committed_at = NOW - SignedDuration::from_secs(age);
        StoredRow {
            candidate: Candidate {
                key,
                row: Ok(Arc::new(row)),
                written_at: None,
            },
            parked: None,
        }
    }

    /// Returns the rows that are tried, with nothing excluded but these.
    fn chosen(rows: Vec<StoredRow>, aggregates: &[&str], published: &[RowKey]) -> Vec<String> {
        chosen_in(Order::InSequence, rows, aggregates, published)
    }

    fn chosen_in(
        order: Order,
        rows: Vec<StoredRow>,
        aggregates: &[&str],
        published: &[RowKey],
    ) -> Vec<String> {
        let excluded = Excluded {
            order,
            sources: &Sources::only(["orders"]),
            aggregates: aggregates.iter().map(|&name| name.to_owned()).collect(),
            published: published.iter().cloned().collect(),
        };
        let chosen = choose(rows, NOW, &excluded).into_iter();
        chosen.map(|candidate| candidate.key.to_string()).collect()
    }

    #[test]
    fn rows_of_other_sources_are_not_tried() {
        let mut forged = waiting("forged", 1, 60);
        let mut row = OutboxRow::example(forged.candidate.key.clone());
        "payments".clone_into(&mut row.source);
        row.committed_at = NOW - SignedDuration::from_secs(60);
        forged.candidate.row = Ok(Arc::new(row));
        let own = waiting("own", 1, 70);
        let expected = own.candidate.key.to_string();
        assert_eq!(chosen(vec![forged, own], &[], &[]), [expected]);
    }

    #[test]
    fn the_youngest_of_those_that_wait_are_tried() {
        let rows = (0..8).map(|age| waiting(&format!("a{age}"), 1, age + 3));
        let chosen = chosen(rows.collect(), &[], &[]);
        assert_eq!(chosen, ["a2/1", "a3/1", "a4/1", "a5/1", "a6/1"]);
    }

    #[test]
    fn only_the_first_row_of_an_aggregate_is_tried() {
        let rows = || {
            vec![
                waiting("a", 1, 60),
                waiting("a", 2, 10),
                waiting("b", 1, 10),
            ]
        };
        assert_eq!(chosen(rows(), &[], &[]), ["b/1", "a/1"]);
        assert_eq!(chosen(rows(), &["a"], &[]), ["b/1"]);
        // Too young, and the row behind it would overtake it.
        let rows = vec![waiting("a", 1, 4), waiting("a", 2, 10)];
        assert_eq!(chosen(rows, &[], &[]), [""; 0]);
    }

    #[test]
    fn rows_behind_a_published_one_are_tried() {
        let rows = vec![waiting("a", 1, 60), waiting("a", 2, 50)];
        let published = rows[0].candidate.key.clone();
        assert_eq!(chosen(rows, &[], &[published]), ["a/2"]);
    }

    #[test]
    fn rows_behind_a_parked_one_are_tried_only_without_order() {
        let mut rows = vec![waiting("a", 1, 60), waiting("a", 2, 50)];
        rows[0].parked = Some(Parked {
            reason: "TooLarge: no".to_owned(),
            at: NOW,
        });
        let best_effort = chosen_in(Order::BestEffort, rows.clone(), &[], &[]);
        assert_eq!(best_effort, ["a/2"]);
        assert_eq!(chosen(rows, &[], &[]), [""; 0]);
    }

    #[test]
    fn a_row_that_cannot_be_read_proves_nothing() {
        let mut row = waiting("a", 1, 60);
        row.candidate.row = Err(Unreadable::NewerFormat(2));
        assert_eq!(chosen(vec![row], &[], &[]), [""; 0]);
    }
}
