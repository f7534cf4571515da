//! How long a backlog takes, from what an invocation takes: the table in
//! docs/performance.md.

use comfy_table::Table;

use crate::{contestant::Contestant, report::ScenarioReport};

const BACKLOG: f64 = 1e6;

/// Polls a second, and records each brings at most ("Working with streams", Lambda
/// developer guide; `GetRecords`, API reference of `DynamoDB` Streams).
const POLLED_A_SECOND: f64 = 4.0 * 1_000.0;

/// Entries of a full request.
const ENTRIES: f64 = 10.0;

/// Requests a second that accounts may make, by Region.
const QUOTAS: [f64; 5] = [400.0, 600.0, 1_200.0, 2_400.0, 10_000.0];

const SHARDS: [f64; 6] = [1.0, 4.0, 10.0, 30.0, 100.0, 1_000.0];

/// Minutes to drain a million events, if each shard does what was measured of one.
pub(crate) fn table(batches: &ScenarioReport) -> Option<Table> {
    let a_second = batches.events_per_second(Contestant::Relay)?;
    let a_shard = a_second.min(POLLED_A_SECOND);
    let mut table = Table::new();
    table.load_style(comfy_table::presets::ASCII_MARKDOWN);
    let header = SHARDS.map(|shards| match shards {
        1.0 => "1 shard".to_owned(),
        shards => format!("{shards} shards"),
    });
    table.set_header(["PutEvents a second".to_owned()].into_iter().chain(header));
    for quota in QUOTAS {
        let minutes = SHARDS.map(|shards| minutes(shards * a_shard, quota));
        table.add_row([quota.to_string()].into_iter().chain(minutes));
    }
    Some(table)
}

fn minutes(a_second: f64, quota: f64) -> String {
    let minutes = BACKLOG / a_second.min(quota * ENTRIES) / 60.0;
    format!("{minutes:.1} min")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neither_shards_nor_quota_alone_decide() {
        assert_eq!(minutes(4_000.0, 400.0), "4.2 min");
        assert_eq!(minutes(4_000_000.0, 400.0), "4.2 min");
        assert_eq!(minutes(1_000.0, 400.0), "16.7 min");
    }
}
