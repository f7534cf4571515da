//! The checkpoint of a shard.

use std::collections::VecDeque;

use crate::sequence_number::SequenceNumber;

/// The records that were read, from the first one that is not done.
#[derive(Debug, Default)]
pub(crate) struct Progress {
    /// In order, with whether each is done.
    read: VecDeque<(SequenceNumber, bool)>,
    /// The last record up to which all are done.
    checkpoint: Option<SequenceNumber>,
}

impl Progress {
    /// Adds a record that was read; one that the filter dropped is done at once.
    pub(crate) fn read(&mut self, number: SequenceNumber, is_done: bool) {
        self.read.push_back((number, is_done));
        self.advance();
    }

    /// Marks a record as done.
    pub(crate) fn done(&mut self, number: &SequenceNumber) {
        if let Ok(index) = self.read.binary_search_by(|(read, _)| read.cmp(number)) {
            self.read[index].1 = true;
        }
        self.advance();
    }

    /// Returns the last record up to which, itself included, all are done.
    pub(crate) fn checkpoint(&self) -> Option<&SequenceNumber> {
        self.checkpoint.as_ref()
    }

    fn advance(&mut self) {
        while let Some((number, _)) = self.read.pop_front_if(|(_, is_done)| *is_done) {
            self.checkpoint = Some(number);
        }
    }
}
