//! The parked rows of the table.

use jiff::Timestamp;
use outbox::{Candidate, Parked, RowKey, ports::StoredRow};

use crate::{
    context::Context,
    error::Error,
    failure_group::{Failure, FailureGroup, codes},
};

/// A row, and why it is parked.
pub(crate) struct ParkedRow {
    pub(crate) candidate: Candidate,
    pub(crate) mark: Parked,
}

impl ParkedRow {
    /// Returns all parked rows, those parked first at the beginning.
    pub(crate) async fn all(context: &Context) -> Result<Vec<Self>, Error> {
        let mut parked = Vec::new();
        let relay = context.parts.relay();
        let show = |row: StoredRow| {
            let candidate = row.candidate;
            parked.extend(row.parked.map(|mark| Self { candidate, mark }));
        };
        relay.survey(None, show).await.map_err(Error::aws)?;
        parked.sort_by(|a, b| a.parked_at().cmp(&b.parked_at()).then(a.key().cmp(b.key())));
        Ok(parked)
    }

    /// Returns those of the rows that have this code.
    ///
    /// # Errors
    ///
    /// If there are none.
    pub(crate) fn only(mut rows: Vec<Self>, code: &str) -> Result<Vec<Self>, Error> {
        let groups = Self::groups(&rows);
        rows.retain(|row| row.mark.code() == code);
        if rows.is_empty() {
            return Err(Error::NoSuchGroup {
                group: code.to_owned(),
                things: "parked rows",
                codes: codes(&groups),
            });
        }
        Ok(rows)
    }

    /// Groups rows by code and message.
    pub(crate) fn groups<'r>(rows: impl IntoIterator<Item = &'r Self>) -> Vec<FailureGroup> {
        FailureGroup::of(rows.into_iter().map(Self::failure))
    }

    pub(crate) fn key(&self) -> &RowKey {
        &self.candidate.key
    }

    pub(crate) fn parked_at(&self) -> Timestamp {
        self.mark.at
    }

    /// Returns whether there may be records of an edit. A row that can't be read may have been
    /// edited, too.
    pub(crate) fn may_be_edited(&self) -> bool {
        self.candidate.row.as_ref().is_ok_and(|row| row.edits > 0) || self.candidate.row.is_err()
    }

    fn failure(&self) -> Failure {
        let code = self.mark.code();
        let message = self.mark.reason[code.len()..].trim_start_matches(':');
        Failure {
            code: code.to_owned(),
            message: message.trim_start().to_owned(),
            from: None,
            name: self.key().to_string(),
            row: Some(self.key().clone()),
            at: Some(self.parked_at()),
        }
    }
}
