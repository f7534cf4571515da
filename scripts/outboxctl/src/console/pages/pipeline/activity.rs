//! The latest records of the local stack; on a deployed one, the oldest rows.

use std::collections::HashSet;

use askama::{Template, filters::HtmlSafe};
use devstack_api::{Batch, BatchRecord, Outcome, Part, PartState};

use super::super::super::{
    app::App,
    live::Reading,
    view::{Ago, RowLink, State},
};

/// How many are shown.
const MOST: usize = 10;

#[derive(Template)]
#[template(path = "activity.html")]
pub(super) struct Activity {
    is_local: bool,
    takes_orders: bool,
    rows: Vec<ActivityRow>,
}

impl HtmlSafe for Activity {}

struct ActivityRow {
    at: Option<Ago>,
    event_type: String,
    link: RowLink,
    state: State,
    about: String,
}

impl Activity {
    pub(super) fn of(app: &App, reading: &Reading) -> Self {
        let local = reading.local.as_ref();
        Self {
            is_local: local.is_some(),
            takes_orders: app.takes_orders(),
            rows: match local {
                Some(local) => local
                    .batches
                    .get()
                    .map_or_else(Vec::new, |batches| of_batches(batches)),
                None => of_rows(reading),
            },
        }
    }
}

fn of_rows(reading: &Reading) -> Vec<ActivityRow> {
    let rows = reading
        .backlog
        .get()
        .into_iter()
        .flat_map(|rows| &rows.oldest);
    let rows = rows.map(|row| ActivityRow {
        at: row.committed_at.map(Ago::of),
        event_type: row.event_type.clone(),
        link: RowLink::to(row.key.to_string()),
        state: if row.is_held {
            State::held()
        } else {
            State::pending()
        },
        about: String::new(),
    });
    rows.collect()
}

fn of_batches(batches: &[Batch]) -> Vec<ActivityRow> {
    let mut seen = HashSet::new();
    let records = batches.iter().flat_map(|batch| {
        let records = batch.whole.records.iter().rev();
        records.map(move |record| (batch, record))
    });
    let rows = records.filter_map(|(batch, record)| {
        let row = record.row.clone()?;
        if !seen.insert(row.clone()) {
            return None;
        }
        let (state, about) = what_happened(batch, record);
        Some(ActivityRow {
            at: Some(Ago::of(batch.at)),
            event_type: record.event_type.clone().unwrap_or_default(),
            link: RowLink::of_event(row, record.event_id.as_deref()),
            state,
            about,
        })
    });
    rows.take(MOST).collect()
}

fn what_happened(batch: &Batch, record: &BatchRecord) -> (State, String) {
    let number = batch.number;
    if let Some(function) = &record.published_at_once_by {
        let about = format!("at once by {function}; read in batch {number}");
        return (State::ok("published"), about);
    }
    let (state, about) = result(&batch.whole, record);
    (state, format!("{about} in batch {number}"))
}

/// Returns what became of a record: in the last part that has it.
fn result(part: &Part, record: &BatchRecord) -> (State, &'static str) {
    let has = |part: &&Part| {
        let numbers = part.records.iter().map(|record| &record.sequence_number);
        numbers
            .into_iter()
            .any(|number| *number == record.sequence_number)
    };
    if let Some(child) = part.children.iter().find(has) {
        return result(child, record);
    }
    let given_up: usize = part.given_up.iter().map(|given_up| given_up.records).sum();
    let index = part
        .records
        .iter()
        .position(|other| other.sequence_number == record.sequence_number);
    if index.is_some_and(|index| index < given_up) {
        return (
            State::new("bad", "alert", "given up"),
            "a dead letter was sent",
        );
    }
    let outcome = part.attempts.last().and_then(|attempt| attempt.outcome);
    match (part.state, outcome) {
        (PartState::InFlight, _) => (State::new("active", "clock", "in flight"), "with the relay"),
        (PartState::ToRetry, _) => (State::new("warn", "retry", "to retry"), "failed"),
        (PartState::Stopped, _) => (State::idle("stopped"), "to be read again"),
        (_, Some(Outcome::Success | Outcome::PartialFailure)) => {
            (State::ok("done"), "published, parked or held,")
        }
        _ => (State::idle("ended"), "ended"),
    }
}

#[cfg(test)]
mod tests {
    use devstack_api::{Attempt, Origin};
    use jiff::Timestamp;

    use super::*;

    /// Returns a batch with one record, which the relay has processed.
    fn batch(published_at_once_by: Option<&str>) -> Batch {
        let at = Timestamp::UNIX_EPOCH;
        let record = BatchRecord {
            sequence_number: "1".to_owned(),
            row: Some("order#42/1".to_owned()),
            event_id: Some("e1".to_owned()),
            event_type: Some("OrderCreated".to_owned()),
            published_at_once_by: published_at_once_by.map(str::to_owned),
        };
        let attempt = Attempt {
            number: 1,
            at,
            pause_milliseconds: None,
            milliseconds: Some(5),
            outcome: Some(Outcome::Success),
            text: String::new(),
            done: 1,
            first_failed: None,
        };
        let whole = Part {
            origin: Origin::Batch,
            pause_milliseconds: None,
            state: PartState::Done,
            records: vec![record],
            attempts: vec![attempt],
            omitted_attempts: 0,
            retry_at: None,
            given_up: Vec::new(),
            children: Vec::new(),
        };
        Batch {
            number: 7,
            shard: "shard".to_owned(),
            at,
            state: PartState::Done,
            whole,
        }
    }

    #[test]
    fn an_event_published_at_once_is_not_shown_as_published_by_its_batch() {
        let about = |batch| of_batches(&[batch]).remove(0).about;
        assert_eq!(
            about(batch(Some("create-order"))),
            "at once by create-order; read in batch 7"
        );
        assert_eq!(about(batch(None)), "published, parked or held, in batch 7");
    }
}
