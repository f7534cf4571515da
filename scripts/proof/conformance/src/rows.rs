//! The rows that the checks write.

use jiff::Timestamp;
use outbox::OutboxRow;
use serde_json::json;

/// When every row was committed.
const COMMITTED_AT: Timestamp = Timestamp::constant(1_795_510_800, 500_000_000);

/// Returns a row as the library writes it; its `detail` contains the event's id.
pub fn row(aggregate: &str, sequence: u64) -> OutboxRow {
    let detail = json!({"id": event_id(sequence)});
    row_with_detail(aggregate, sequence, &detail.to_string())
}

/// Returns a row with this `detail`.
pub fn row_with_detail(aggregate: &str, sequence: u64, detail: &str) -> OutboxRow {
    let id = event_id(sequence);
    let row = json!({
        "aggregateId": aggregate,
        "position": format!("{sequence:020}#{id}"),
        "v": 1,
        "sequence": sequence,
        "eventId": id,
        "source": "things",
        "detailType": "Renamed",
        "detail": detail,
        "committedAt": COMMITTED_AT.as_millisecond(),
    });
    serde_json::from_value(row).expect("a row as this library writes it")
}

/// Returns a UUIDv7 of the time of the commit.
fn event_id(sequence: u64) -> String {
    format!("019ad0c5-0a4c-7000-8000-{sequence:012}")
}
