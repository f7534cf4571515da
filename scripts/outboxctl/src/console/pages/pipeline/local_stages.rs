//! The stages by what the local stack has counted.

use std::collections::BTreeMap;

use devstack_api::{MappingState, Pipeline};

use super::{super::super::view::State, Stage, deployed_stages};
use crate::console::live::{LocalReading, Reading};

/// Returns the stages. What the functions of another service than orders do is known by their
/// events alone.
pub(super) fn stages(
    reading: &Reading,
    local: &LocalReading,
    pipeline: &Pipeline,
    is_of_orders: bool,
) -> [Stage; 6] {
    let (first, last) = if is_of_orders {
        (api(local, pipeline), shipping(pipeline))
    } else {
        (functions(pipeline), deployed_stages::consumers())
    };
    [
        first,
        outbox(reading, pipeline),
        mapping(pipeline),
        relay(pipeline),
        bus(local, pipeline),
        last,
    ]
}

/// Returns the state of a part: its trouble, or whether it has done something.
fn with_trouble(base: Stage, trouble: Option<&String>, has_worked: bool, word: &str) -> Stage {
    let (class, state) = match trouble {
        Some(_) => ("bad", State::bad("in trouble")),
        None if has_worked => ("ok", State::ok(word)),
        None => ("", State::idle("idle")),
    };
    Stage {
        class,
        state,
        ..base
    }
}

fn sum(counts: &BTreeMap<String, u64>) -> u64 {
    counts.values().sum()
}

fn api(local: &LocalReading, pipeline: &Pipeline) -> Stage {
    let commands = &pipeline.commands;
    let mut facts = vec![
        ("cancelled", commands.cancelled.to_string()),
        ("now", format!("{}/min", local.orders_now)),
    ];
    if pipeline.relay.past_hour.at_once.is_some() {
        let at_once = pipeline.relay.accepted_at_once.to_string();
        facts.push(("published at once", at_once));
    }
    let stage = Stage {
        id: "stage-api",
        name: "API",
        about: "accepts orders",
        amount: Some(commands.placed.to_string()),
        unit: "orders",
        facts,
        ..Stage::default()
    };
    with_trouble(
        stage,
        commands.trouble.as_ref(),
        commands.placed > 0,
        "working",
    )
}

fn functions(pipeline: &Pipeline) -> Stage {
    let committed = pipeline.outbox.committed;
    let stage = Stage {
        id: "stage-api",
        name: "Functions",
        about: "commit state and events",
        amount: Some(committed.to_string()),
        unit: "events",
        ..Stage::default()
    };
    let trouble = pipeline.commands.trouble.as_ref();
    with_trouble(stage, trouble, committed > 0, "working")
}

fn outbox(reading: &Reading, pipeline: &Pipeline) -> Stage {
    let stage = deployed_stages::outbox(reading);
    Stage {
        about: "state and events, in one transaction",
        ..match pipeline.outbox.trouble {
            Some(_) => with_trouble(stage, pipeline.outbox.trouble.as_ref(), true, ""),
            None => stage,
        }
    }
}

fn mapping(pipeline: &Pipeline) -> Stage {
    let mapping = &pipeline.mapping;
    let (class, state) = match (&mapping.trouble, mapping.state) {
        (Some(_), _) => ("bad", State::bad("in trouble")),
        (None, MappingState::Stopped) => ("", State::idle("stopped")),
        (None, MappingState::Reading) => ("ok", State::ok("enabled")),
        (None, MappingState::Retrying) => ("warn", State::new("warn", "retry", "retrying")),
    };
    Stage {
        id: "stage-mapping",
        class,
        name: "Stream mapping",
        about: "Lambda reads the table's stream",
        amount: Some(mapping.batches_in_flight.to_string()),
        unit: "in flight",
        facts: vec![
            ("read", mapping.records.to_string()),
            ("to retry", mapping.batches_to_retry.to_string()),
            ("given up", mapping.given_up.to_string()),
        ],
        state,
    }
}

fn relay(pipeline: &Pipeline) -> Stage {
    let relay = &pipeline.relay;
    let stage = Stage {
        id: "stage-relay",
        name: "Relay",
        about: "publishes, then deletes the row",
        // What was published at once is no work of the relay.
        amount: Some(
            relay
                .accepted
                .saturating_sub(relay.accepted_at_once)
                .to_string(),
        ),
        unit: "accepted",
        facts: vec![
            ("rejected", sum(&relay.rejected).to_string()),
            ("no response", relay.unanswered.to_string()),
        ],
        ..Stage::default()
    };
    let stage = with_trouble(stage, relay.trouble.as_ref(), relay.accepted > 0, "working");
    Stage {
        // Nothing gets past it.
        class: if relay.trouble.is_some() {
            "bad blocked"
        } else {
            stage.class
        },
        ..stage
    }
}

fn bus(local: &LocalReading, pipeline: &Pipeline) -> Stage {
    let bus = &pipeline.bus;
    let stage = Stage {
        id: "stage-bus",
        name: "Bus",
        about: "EventBridge",
        amount: Some((bus.delivered + bus.duplicates).to_string()),
        unit: "deliveries",
        facts: vec![
            ("duplicates", bus.duplicates.to_string()),
            ("now", format!("{}/min", local.delivered_now)),
        ],
        ..Stage::default()
    };
    with_trouble(stage, bus.trouble.as_ref(), bus.delivered > 0, "accepting")
}

fn shipping(pipeline: &Pipeline) -> Stage {
    let shipping = &pipeline.shipping;
    let stage = Stage {
        id: "stage-shipping",
        name: "Shipping",
        about: "starts and stops shipments",
        amount: Some(shipping.started.to_string()),
        unit: "shipments",
        facts: vec![
            ("stopped", shipping.stopped.to_string()),
            ("ignored", shipping.ignored.to_string()),
        ],
        ..Stage::default()
    };
    with_trouble(
        stage,
        shipping.trouble.as_ref(),
        shipping.started > 0,
        "working",
    )
}

#[cfg(test)]
mod tests {
    use devstack_api::{PastHour, Way};

    use super::*;

    /// Returns the facts of the API, and how many events the relay has published.
    fn shown(pipeline: &Pipeline) -> (Vec<(&'static str, String)>, Option<String>) {
        let facts = api(&LocalReading::default(), pipeline).facts;
        (facts, relay(pipeline).amount)
    }

    #[test]
    fn another_service_has_functions_and_consumers_in_place_of_orders_and_shipping() {
        let mut pipeline = Pipeline::default();
        pipeline.outbox.committed = 3;
        let names = |is_of_orders| {
            let (reading, local) = (Reading::blank(true), LocalReading::default());
            let stages = stages(&reading, &local, &pipeline, is_of_orders);
            let [first, .., last] = stages;
            (first.name, first.amount, last.name, last.amount)
        };
        let amount = |count: u64| Some(count.to_string());
        assert_eq!(names(true), ("API", amount(0), "Shipping", amount(0)));
        assert_eq!(names(false), ("Functions", amount(3), "Consumers", None));
    }

    #[test]
    fn what_was_published_at_once_counts_for_the_api_and_not_for_the_relay() {
        let mut pipeline = Pipeline::default();
        pipeline.relay.accepted = 5;
        let (facts, amount) = shown(&pipeline);
        assert_eq!(facts.len(), 2, "{facts:?}");
        assert_eq!(amount.as_deref(), Some("5"));

        pipeline.relay.accepted_at_once = 3;
        pipeline.relay.past_hour = PastHour {
            at_once: Some(Way::default()),
            ..PastHour::default()
        };
        let (facts, amount) = shown(&pipeline);
        assert!(facts.contains(&("published at once", "3".to_owned())));
        assert_eq!(amount.as_deref(), Some("2"));
    }
}
