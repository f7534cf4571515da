//! How far a shard has come.

use std::collections::VecDeque;

use crate::sequence_number::SequenceNumber;

/// Records that were read, in order, until all before them are done.
#[derive(Debug, Default)]
pub(crate) struct Progress {
    read: VecDeque<(SequenceNumber, bool)>,
    checkpoint: Option<SequenceNumber>,
}

impl Progress {
    pub(crate) fn read(&mut self, number: SequenceNumber, is_done: bool) {
        self.read.push_back((number, is_done));
        self.advance();
    }

    pub(crate) fn done(&mut self, number: &SequenceNumber) {
        if let Ok(index) = self.read.binary_search_by(|(read, _)| read.cmp(number)) {
            self.read[index].1 = true;
        }
        self.advance();
    }

    /// The last record before which, itself included, all are done.
    pub(crate) fn checkpoint(&self) -> Option<&SequenceNumber> {
        self.checkpoint.as_ref()
    }

    fn advance(&mut self) {
        while let Some((number, _)) = self.read.pop_front_if(|(_, is_done)| *is_done) {
            self.checkpoint = Some(number);
        }
    }
}
