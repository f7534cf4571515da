//! Where a sweep begins, how far it has come, and where the next one begins.

use std::{
    collections::HashSet,
    hash::{BuildHasher, RandomState},
    iter,
};

use crate::{
    RowKey,
    ports::{Page, Segment, StoredRow},
};

/// How many segments the table is read in.
const SEGMENTS: u32 = 8;

/// A position that sorts behind those of all rows, which begin with a digit.
const BEHIND_ALL: &str = "~";

/// A point of the table where a sweep may begin: between two aggregates.
///
/// It is never inside an aggregate. A row of it may have failed in the sweep before, and a sweep
/// that began behind that row would publish later rows before it. For the same reason it is not
/// behind the last row that an aggregate had, but behind every row that it may ever have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SweepPoint {
    segment: u32,
    /// The aggregate in front of the point; `None` at the beginning of the segment.
    behind: Option<String>,
}

impl SweepPoint {
    /// Returns the beginning of a segment, which `random_below` chooses.
    pub(super) fn random(random_below: impl FnOnce(u32) -> u32) -> Self {
        Self::beginning_of(random_below(SEGMENTS))
    }

    fn beginning_of(segment: u32) -> Self {
        Self {
            segment,
            behind: None,
        }
    }

    pub(super) fn segment(&self) -> Segment {
        Segment {
            index: self.segment,
            of: SEGMENTS,
        }
    }

    /// Returns the key after which a scan from here begins. No row has it; DynamoDB doesn't
    /// need one there.
    pub(super) fn key(&self) -> Option<RowKey> {
        let aggregate_id = self.behind.clone()?;
        Some(RowKey {
            aggregate_id,
            position: BEHIND_ALL.to_owned(),
        })
    }
}

/// One round of the table: from the point where a sweep begins to the end of that segment,
/// through the other segments, and from the beginning of the first one to the point.
pub(super) struct Round {
    begun: SweepPoint,
    /// Behind the last aggregate of which all rows were read.
    read_until: SweepPoint,
    /// The aggregate of the last row that was read: more rows of it may follow.
    reading: Option<String>,
    /// The aggregates that the first part contains, as hashes, which take less memory than ids.
    /// The last part ends with the first one of them: keys don't show what comes first in a
    /// segment, and the rows in front of the point may be gone by then.
    first_part: HashSet<u64>,
    hasher: RandomState,
    /// Where the next sweep begins.
    next_begin: Option<SweepPoint>,
}

impl Round {
    pub(super) fn new(begun: SweepPoint) -> Self {
        Self {
            read_until: begun.clone(),
            reading: None,
            first_part: HashSet::new(),
            hasher: RandomState::new(),
            next_begin: None,
            begun,
        }
    }

    /// Returns where each part of the round begins.
    pub(super) fn parts(&self) -> Vec<SweepPoint> {
        let first = self.begun.segment;
        let others = (1..SEGMENTS).map(|offset| (first + offset) % SEGMENTS);
        let last = self.begun.behind.is_some().then_some(first);
        let later = others.chain(last).map(SweepPoint::beginning_of);
        iter::once(self.begun.clone()).chain(later).collect()
    }

    /// Begins a part.
    pub(super) fn begin(&mut self, part: &SweepPoint) {
        self.reading.clone_from(&part.behind);
        self.read_until = part.clone();
    }

    /// Takes in the next page of a part. Where the round ends, so does the page.
    pub(super) fn read(&mut self, part: &SweepPoint, page: &mut Page) {
        let is_first_part = *part == self.begun;
        if !is_first_part && part.segment == self.begun.segment {
            let ends = page.rows.iter().position(|row| self.is_in_first_part(row));
            if let Some(end) = ends {
                page.rows.truncate(end);
                page.next = None;
            }
        }
        for row in &page.rows {
            self.read_row(&row.candidate.key, is_first_part);
        }
        // It may be the key of an item that is no row, and then there may be no row at all.
        if let Some(next) = &page.next {
            self.read_row(next, is_first_part);
        }
    }

    fn read_row(&mut self, key: &RowKey, is_first_part: bool) {
        let aggregate = &key.aggregate_id;
        if self.reading.as_ref() == Some(aggregate) {
            return;
        }
        // Without a point to come back to, the first part is a whole segment.
        if is_first_part && self.begun.behind.is_some() {
            self.first_part.insert(self.hasher.hash_one(aggregate));
        }
        self.read_until.behind = self.reading.replace(aggregate.clone());
    }

    fn is_in_first_part(&self, row: &StoredRow) -> bool {
        let aggregate = &row.candidate.key.aggregate_id;
        self.first_part.contains(&self.hasher.hash_one(aggregate))
    }

    /// Takes in that the rows read so far were published, or that there was no time for some.
    /// Then the next sweep begins with them, unless even this one began with them.
    pub(super) fn publish(&mut self, is_any_out_of_time: bool) {
        if self.next_begin.is_none() || !is_any_out_of_time {
            self.next_begin = self.in_front();
        }
    }

    /// Returns whether rows were read.
    pub(super) fn is_any_read(&self) -> bool {
        self.in_front().is_some()
    }

    /// Returns the point in front of the aggregate that is being read; `None` if nothing was
    /// read: perhaps the table can't be read from where the round began.
    ///
    /// If the round began with that aggregate, it takes a whole sweep or more, and the point is
    /// behind it. What is left of it has its turn in the next round. All others would have to
    /// wait for it otherwise: for ever, if its first row always fails.
    fn in_front(&self) -> Option<SweepPoint> {
        if self.read_until != self.begun {
            return Some(self.read_until.clone());
        }
        let is_any_read = self.reading != self.begun.behind;
        is_any_read.then(|| SweepPoint {
            segment: self.begun.segment,
            behind: self.reading.clone(),
        })
    }

    /// Returns where the next sweep begins if this one ends now. `None` if anywhere will do.
    pub(super) fn next_begin(self) -> Option<SweepPoint> {
        self.next_begin
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Candidate, Unreadable};

    fn key(aggregate: &str, position: u32) -> RowKey {
        RowKey {
            aggregate_id: aggregate.to_owned(),
            position: format!("{position:020}"),
        }
    }

    /// Returns a page with a row of each aggregate in turn. Another page follows.
    fn page(aggregates: &[&str]) -> Page {
        let rows: Vec<StoredRow> = (1..)
            .zip(aggregates)
            .map(|(position, aggregate)| StoredRow {
                candidate: Candidate {
                    key: key(aggregate, position),
                    row: Err(Unreadable::NewerFormat(2)),
                    written_at: None,
                },
                parked: None,
            })
            .collect();
        let next = rows.last().map(|row| row.candidate.key.clone());
        Page { rows, next }
    }

    fn point(segment: u32, behind: Option<&str>) -> SweepPoint {
        SweepPoint {
            segment,
            behind: behind.map(str::to_owned),
        }
    }

    /// Reads pages from a point. Returns where the next sweep begins.
    fn next_begin(begun: &SweepPoint, pages: &[&[&str]]) -> Option<SweepPoint> {
        let mut round = Round::new(begun.clone());
        round.begin(begun);
        for aggregates in pages {
            round.read(begun, &mut page(aggregates));
        }
        round.publish(false);
        round.next_begin()
    }

    #[test]
    fn the_next_sweep_begins_in_front_of_the_aggregate_being_read() {
        for (begun, pages, behind) in [
            (None, [&["a", "b", "b"][..], &["b"]], "a"),
            (None, [&["a", "b"], &["c", "c"]], "b"),
            (Some("x"), [&["a", "a"], &["a", "b"]], "a"),
        ] {
            let next = next_begin(&point(3, begun), &pages);
            assert_eq!(next, Some(point(3, Some(behind))), "{pages:?}");
        }
    }

    #[test]
    fn an_aggregate_that_takes_a_whole_sweep_is_passed() {
        for begun in [None, Some("x")] {
            let next = next_begin(&point(3, begun), &[&["a", "a"], &["a"]]);
            assert_eq!(next, Some(point(3, Some("a"))), "{begun:?}");
        }
    }

    #[test]
    fn a_point_from_which_nothing_can_be_read_is_forgotten() {
        for begun in [point(3, None), point(3, Some("x"))] {
            assert_eq!(next_begin(&begun, &[]), None);
        }
    }

    #[test]
    fn the_next_sweep_begins_with_rows_for_which_there_was_no_time() {
        for (is_second_out_of_time, behind) in [(true, "a"), (false, "c")] {
            let begun = point(3, Some("x"));
            let mut round = Round::new(begun.clone());
            round.begin(&begun);
            round.read(&begun, &mut page(&["a", "b"]));
            // The sweep began with these rows, so the next one leaves them for later.
            round.publish(true);
            round.read(&begun, &mut page(&["c", "d"]));
            round.publish(is_second_out_of_time);
            assert_eq!(round.next_begin(), Some(point(3, Some(behind))));
        }
    }

    #[test]
    fn a_page_without_rows_is_passed() {
        let begun = point(3, Some("x"));
        let mut round = Round::new(begun.clone());
        round.begin(&begun);
        let next = Some(key("discarded#a", 1));
        let rows = Vec::new();
        round.read(&begun, &mut Page { rows, next });
        round.publish(false);
        let expected = point(3, Some("discarded#a"));
        assert_eq!(round.next_begin(), Some(expected));
    }

    #[test]
    fn the_key_of_a_point_is_behind_every_row_of_its_aggregate() {
        let behind = point(3, Some("a")).key().unwrap();
        assert!(key("a", u32::MAX) < behind);
        assert!(behind < key("aa", 1));
        assert_eq!(point(3, None).key(), None);
    }

    #[test]
    fn a_round_from_the_beginning_of_a_segment_reads_each_segment_once() {
        let parts = Round::new(point(6, None)).parts();
        let expected = [6, 7, 0, 1, 2, 3, 4, 5].map(|segment| point(segment, None));
        assert_eq!(parts, expected);
    }

    #[test]
    fn a_round_ends_where_it_began() {
        let begun = point(6, Some("c"));
        let mut round = Round::new(begun.clone());
        let parts = round.parts();
        assert_eq!(parts.len(), 9);
        assert_eq!((&parts[0], &parts[8]), (&begun, &point(6, None)));
        round.begin(&parts[0]);
        round.read(&parts[0], &mut page(&["d", "e", "e"]));
        round.begin(&parts[8]);
        // "d" is published and gone.
        let mut last = page(&["a", "b", "c", "c", "e", "e"]);
        round.read(&parts[8], &mut last);
        assert_eq!((last.rows.len(), last.next), (4, None));
    }
}
