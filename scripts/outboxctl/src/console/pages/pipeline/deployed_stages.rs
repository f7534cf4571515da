//! The stages by what AWS reports of a deployed stack.

use super::{super::super::view::State, Stage};
use crate::{age, console::live::Reading};

pub(super) fn stages(bus: &str, reading: &Reading) -> [Stage; 6] {
    let mut bus_stage = unknown("stage-bus", "Bus", "EventBridge");
    bus_stage.facts = vec![("name", bus.to_owned())];
    [
        unknown("stage-api", "API", "commits state and events"),
        outbox(reading),
        mapping(reading),
        relay(reading),
        bus_stage,
        consumers(),
    ]
}

fn unknown(id: &'static str, name: &'static str, about: &'static str) -> Stage {
    Stage {
        id,
        class: "unknown",
        name,
        about,
        state: State::not_known(),
        ..Stage::default()
    }
}

/// Returns the stage of the consumers, of which AWS reports nothing.
pub(super) fn consumers() -> Stage {
    unknown("stage-shipping", "Consumers", "rules of the bus")
}

/// Returns the stage of the table, which is known of every stack.
pub(super) fn outbox(reading: &Reading) -> Stage {
    let base = Stage {
        id: "stage-outbox",
        name: "Outbox",
        about: "one row for each unpublished event",
        unit: "pending",
        ..Stage::default()
    };
    let Some(rows) = reading.backlog.get() else {
        return Stage {
            class: "unknown",
            state: State::not_known(),
            ..base
        };
    };
    let backlog = &rows.backlog;
    let oldest = backlog.oldest_pending;
    let seconds = oldest.map_or(0, |oldest| {
        jiff::Timestamp::now().duration_since(oldest).as_secs()
    });
    let (class, state) = match backlog.pending {
        0 => ("", State::idle("empty")),
        // Relayed events are young; what has waited so long was left, or can't be published.
        _ if seconds > 20 => ("warn", State::new("warn", "alert", "waiting")),
        _ => ("ok", State::ok("flowing")),
    };
    let least = if backlog.at_least { "at least " } else { "" };
    let mut facts = vec![("oldest", oldest.map_or("none".to_owned(), age::age))];
    let hour = reading.hour.get();
    // Above what one reading counts, the sweeper's count is the better one.
    if let Some(sweep) = hour
        .and_then(|hour| hour.last_sweep.as_ref())
        .filter(|_| backlog.at_least)
    {
        facts.push(("at the last sweep", format!("{:.0}", sweep.pending)));
    }
    Stage {
        class,
        amount: Some(format!("{least}{}", backlog.pending)),
        facts,
        state,
        ..base
    }
}

fn mapping(reading: &Reading) -> Stage {
    let base = Stage {
        id: "stage-mapping",
        name: "Stream mapping",
        about: "Lambda reads the table's stream",
        amount: reading.recent.get().map(|seen| seen.relayed.to_string()),
        unit: "records, 15 min",
        ..Stage::default()
    };
    let Some(relay) = reading.relay.get() else {
        return Stage {
            class: "unknown",
            state: State::not_known(),
            ..base
        };
    };
    let (class, state) = match relay.state.as_str() {
        _ if relay.last_result.starts_with("PROBLEM") => ("bad", State::bad("has a problem")),
        "Enabled" => ("ok", State::ok("enabled")),
        "Disabled" | "Disabling" => ("warn", State::new("warn", "pause", "paused")),
        other => ("", State::new("active", "clock", other)),
    };
    Stage {
        class,
        facts: vec![("last result", relay.last_result.clone())],
        state,
        ..base
    }
}

fn relay(reading: &Reading) -> Stage {
    let base = Stage {
        id: "stage-relay",
        name: "Relay",
        about: "publishes, then deletes the row",
        unit: "published, 1 h",
        amount: reading.hour.get().map(|hour| {
            let published = hour.ways.relay.published + hour.ways.sweeper.published;
            published.to_string()
        }),
        ..Stage::default()
    };
    let Some(seen) = reading.recent.get() else {
        return Stage {
            class: "unknown",
            state: State::not_known(),
            ..base
        };
    };
    let (class, state) = match (seen.failed, seen.relayed) {
        (0, 0) => ("", State::idle("idle")),
        (0, _) => ("ok", State::ok("working")),
        _ => ("warn", State::new("warn", "alert", "attempts fail")),
    };
    Stage {
        class,
        facts: vec![("failed, 15 min", seen.failed.to_string())],
        state,
        ..base
    }
}
