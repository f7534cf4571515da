//! Prints the status of an outbox.

use console::Style;
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::Serialize;

use super::{
    collect::{Backlog, DeadLetters, PAST, Published, Recent, Seen, Snapshot},
    judge::Problem,
};
use crate::{
    age,
    context::Outcome,
    output::{Report, count},
    table::Fields,
    text::Text,
};

/// What was seen of an outbox, and what the operator should do.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Status {
    #[serde(flatten)]
    pub(crate) snapshot: Snapshot,
    /// What was published in the past hour, by each way; absent on the local stack.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) past_hour: Option<Published>,
    /// What is wrong, most urgent first; empty if all is well.
    pub(crate) problems: Vec<Problem>,
}

impl Report for Status {
    fn outcome(&self) -> Outcome {
        Outcome::done_if(self.problems.is_empty())
    }

    fn text(&self) -> Text {
        let mut text = fields(&self.snapshot, self.past_hour.as_ref()).text();
        if self.problems.is_empty() {
            text.add_styled(&Style::new().green(), "all is well");
        }
        for problem in &self.problems {
            text.add_styled(&Style::new().red(), &problem.what);
            text.add_command(&problem.next);
        }
        text
    }
}

fn fields(snapshot: &Snapshot, past_hour: Option<&Published>) -> Fields {
    let Snapshot {
        stack,
        account,
        region,
        backlog,
        relay,
        sweeper,
        ..
    } = snapshot;
    let before = [
        ("outbox", format!("{stack}, account {account}, {region}")),
        ("pending", pending(backlog)),
        ("held", held(backlog)),
        ("parked", parked(backlog)),
        ("dead letters", letters(&snapshot.dead_letters)),
        ("relay", format!("{}, {}", relay.state, relay.settings)),
        ("last result", relay.last_result.clone()),
        ("recently", recently(snapshot, Timestamp::now())),
    ];
    let schedule = format!("{}, {}", sweeper.state, sweeper.schedule);
    let after = [("sweeper", schedule)];
    let mut fields = Fields::default();
    for (name, value) in before.into_iter().chain(ways(past_hour)).chain(after) {
        fields.add(name, &value);
    }
    fields
}

/// Returns the ways that events took to the bus, if functions publish at once.
fn ways(past_hour: Option<&Published>) -> Vec<(&'static str, String)> {
    match past_hour {
        None => Vec::new(),
        Some(Published::Unknown { unknown }) => vec![("past hour", format!("unknown: {unknown}"))],
        Some(Published::Seen(seen)) => {
            let ways = seen.in_words().into_iter();
            let ways = ways.map(|way| (way.name, format!("in the past hour {}", way.sentence())));
            ways.collect()
        }
    }
}

fn pending(backlog: &Backlog) -> String {
    let oldest = match backlog.oldest_pending {
        Some(oldest) => format!(", oldest {}", age::age(oldest)),
        None => String::new(),
    };
    format!("{}{}{oldest}", at_least(backlog), backlog.pending)
}

fn held(backlog: &Backlog) -> String {
    let behind = backlog.held_behind.iter();
    let behind: Vec<String> = behind
        .map(|behind| format!("{} behind {}, {}", behind.held, behind.row, behind.code))
        .collect();
    let behind = if behind.is_empty() {
        String::new()
    } else {
        format!(": {}", behind.join("; "))
    };
    format!("{}{}{behind}", at_least(backlog), backlog.held)
}

fn parked(backlog: &Backlog) -> String {
    let reasons = backlog.parked_by_reason.iter();
    let reasons: Vec<String> = reasons
        .map(|(code, count)| format!("{count} {code}"))
        .collect();
    let reasons = if reasons.is_empty() {
        String::new()
    } else {
        format!(": {}", reasons.join(", "))
    };
    format!("{}{}{reasons}", at_least(backlog), backlog.parked)
}

fn at_least(backlog: &Backlog) -> &'static str {
    if backlog.at_least { "at least " } else { "" }
}

fn letters(letters: &DeadLetters) -> String {
    let in_flight = match letters.in_flight {
        0 => String::new(),
        count => format!(", {count} in flight"),
    };
    let oldest = match letters.oldest {
        Some(oldest) if letters.at_least => format!(", oldest at least {}", age::age(oldest)),
        Some(oldest) => format!(", oldest {}", age::age(oldest)),
        None => String::new(),
    };
    format!("{}{in_flight}{oldest}", letters.visible)
}

fn recently(snapshot: &Snapshot, now: Timestamp) -> String {
    let seen = match &snapshot.recent {
        Recent::Seen(seen) => seen,
        Recent::Unknown { unknown } => return format!("unknown: {unknown}"),
    };
    let relayed = count(seen.relayed, "event");
    let Some(last_failure) = seen.last_failure else {
        return format!("{relayed} relayed, no failed attempt {PAST}");
    };
    let failures = count(seen.failed, "failed attempt");
    let last = Seen::how_long_ago(last_failure, now);
    let since = if snapshot.may_be_pending_since(last_failure) {
        ""
    } else {
        "; all events that failed are published or parked now"
    };
    format!("{relayed} relayed, {failures} {PAST}, the last {last}{since}")
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::{
        super::{
            collect::{AtOnce, HeldBehind, PastHour},
            judge::About,
        },
        *,
    };

    #[test]
    fn counts_of_a_table_read_in_part_are_at_least() {
        let mut snapshot = Snapshot::healthy(Timestamp::now());
        snapshot.backlog.at_least = true;
        snapshot.backlog.parked = 2;
        snapshot.backlog.parked_by_reason = BTreeMap::from([("TooLarge".into(), 2)]);
        snapshot.backlog.held = 12;
        snapshot.backlog.held_behind = vec![HeldBehind {
            row: "order#42/3".into(),
            code: "TooLarge".into(),
            held: 12,
        }];
        let text = fields(&snapshot, None).text().to_string();
        assert!(text.contains("at least 3, oldest "), "{text}");
        let held = "at least 12: 12 behind order#42/3, TooLarge";
        assert!(text.contains(held), "{text}");
        assert!(text.contains("at least 2: 2 TooLarge"), "{text}");
    }

    #[test]
    fn a_suggested_command_is_a_line_of_its_own() {
        let status = Status {
            snapshot: Snapshot::healthy(Timestamp::now()),
            past_hour: None,
            problems: vec![Problem {
                what: "1 row is parked".into(),
                next: "outboxctl parked".into(),
                about: About::Parked,
            }],
        };
        let text = console::strip_ansi_codes(&status.text().to_string()).into_owned();
        assert!(
            text.ends_with("\n1 row is parked\n  outboxctl parked"),
            "{text}"
        );
    }

    #[test]
    fn json_has_the_problems_beside_what_was_seen() {
        let status = Status {
            snapshot: Snapshot::healthy(Timestamp::now()),
            past_hour: None,
            problems: Vec::new(),
        };
        let json = serde_json::to_value(&status).unwrap();
        assert_eq!(json["stack"], "orders-dev");
        assert_eq!(json["pending"], 3);
        assert_eq!(json["deadLetters"]["inFlight"], 0);
        assert_eq!(json["problems"], serde_json::json!([]));
    }

    #[test]
    fn the_ways_of_the_past_hour_are_shown_if_functions_publish_at_once() {
        assert_eq!(ways(None), []);
        let mut seen = PastHour::default();
        assert_eq!(ways(Some(&Published::Seen(seen.clone()))), []);
        seen.at_once = Some(AtOnce::default());
        seen.sweeper.published = 1;
        let shown = ways(Some(&Published::Seen(seen)));
        let expected = [
            ("at once", "in the past hour 0 events"),
            ("by the relay", "in the past hour 0 events"),
            (
                "by the sweeper",
                "in the past hour 1 event; commit to publish not known",
            ),
        ];
        assert_eq!(
            shown,
            expected.map(|(name, value)| (name, value.to_owned()))
        );
        let unknown = "AccessDenied".to_owned();
        let shown = ways(Some(&Published::Unknown { unknown }));
        assert_eq!(shown, [("past hour", "unknown: AccessDenied".to_owned())]);
    }

    #[test]
    fn recent_failures_are_shown_even_if_all_is_well() {
        let now = Timestamp::now();
        let mut snapshot = Snapshot::healthy(now);
        assert_eq!(
            recently(&snapshot, now),
            "3 events relayed, no failed attempt in the past 15 min"
        );
        snapshot.recent = Recent::Seen(Seen {
            failed: 6,
            last_failure: Some(now),
            ..Seen::default()
        });
        let failed =
            "0 events relayed, 6 failed attempts in the past 15 min, the last within 1 min";
        assert_eq!(recently(&snapshot, now), failed);
        snapshot.backlog.oldest_pending = None;
        snapshot.backlog.pending = 0;
        assert_eq!(
            recently(&snapshot, now),
            format!("{failed}; all events that failed are published or parked now")
        );
        let unknown = "AccessDenied".to_owned();
        snapshot.recent = Recent::Unknown { unknown };
        assert_eq!(recently(&snapshot, now), "unknown: AccessDenied");
    }
}
