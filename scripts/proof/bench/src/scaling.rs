//! How long a backlog takes, calculated from the duration of an invocation: the table in
//! docs/performance.md.

use comfy_table::Table;

use crate::{contestant::Contestant, markdown, scenario_report::ScenarioReport};

const BACKLOG: f64 = 1e6;

/// Polls of a shard per second, times the most records of one ("Working with streams", Lambda
/// developer guide; `GetRecords`, API reference of `DynamoDB` Streams).
const POLLED_PER_SECOND: f64 = 4.0 * 1_000.0;

/// The entries of a full request.
const ENTRIES: f64 = 10.0;

/// The quotas of accounts in requests per second; they differ by Region.
const QUOTAS: [f64; 5] = [400.0, 600.0, 1_200.0, 2_400.0, 10_000.0];

const SHARDS: [f64; 6] = [1.0, 4.0, 10.0, 30.0, 100.0, 1_000.0];

/// Returns the minutes for a million events, if each shard is as fast as the measured one.
pub(crate) fn table(batches: &ScenarioReport) -> Option<Table> {
    let per_second = batches.events_per_second(Contestant::Relay)?;
    let per_shard = per_second.min(POLLED_PER_SECOND);
    let header = SHARDS.map(|shards| match shards {
        1.0 => "1 shard".to_owned(),
        shards => format!("{shards} shards"),
    });
    let first = ["PutEvents a second".to_owned()];
    let mut table = markdown::table(first.into_iter().chain(header));
    for quota in QUOTAS {
        let minutes = SHARDS.map(|shards| minutes(shards * per_shard, quota));
        table.add_row([quota.to_string()].into_iter().chain(minutes));
    }
    Some(table)
}

fn minutes(per_second: f64, quota: f64) -> String {
    let minutes = BACKLOG / per_second.min(quota * ENTRIES) / 60.0;
    format!("{minutes:.1} min")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lower_of_shards_and_quota_decides() {
        assert_eq!(minutes(4_000.0, 400.0), "4.2 min");
        assert_eq!(minutes(4_000_000.0, 400.0), "4.2 min");
        assert_eq!(minutes(1_000.0, 400.0), "16.7 min");
    }
}
