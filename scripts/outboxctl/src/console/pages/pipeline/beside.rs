//! What is beside the way: what is parked, dead letters, the sweeper, and the last hour.

use askama::{Template, filters::HtmlSafe};

use super::super::super::{
    live::Reading,
    view::{Ago, Chart},
};
use crate::commands::status::{PastHour, WayInWords};

/// Where events go that don't travel on.
#[derive(Template, Debug)]
#[template(path = "way.html")]
pub(super) struct Way {
    pub(super) id: &'static str,
    class: &'static str,
    name: &'static str,
    amount: String,
    unit: String,
    about: String,
    since: Option<Ago>,
    link: Option<(&'static str, &'static str)>,
}

impl HtmlSafe for Way {}

/// How many events were published in each minute of the last hour, and by which way.
#[derive(Template)]
#[template(path = "published-chart.html")]
pub(super) struct PublishedChart {
    chart: Result<Chart, String>,
    /// None if no function publishes at once.
    ways: Vec<WayInWords>,
}

impl HtmlSafe for PublishedChart {}

impl Way {
    pub(super) fn all(reading: &Reading) -> [Self; 3] {
        [
            Self::parked(reading),
            Self::letters(reading),
            Self::sweeper(reading),
        ]
    }

    fn not_known(id: &'static str, name: &'static str) -> Self {
        Self {
            id,
            class: "",
            name,
            amount: "–".to_owned(),
            unit: "not known".to_owned(),
            about: String::new(),
            since: None,
            link: None,
        }
    }

    fn parked(reading: &Reading) -> Self {
        let way = Self::not_known("way-parked", "Parked");
        let Some(rows) = reading.backlog.get() else {
            return way;
        };
        let backlog = &rows.backlog;
        let codes: Vec<&str> = backlog
            .parked_by_reason
            .keys()
            .map(String::as_str)
            .collect();
        let oldest = rows.parked.iter().map(|row| row.at).min();
        Self {
            class: if backlog.parked > 0 { "warn" } else { "" },
            amount: backlog.parked.to_string(),
            unit: format!("parked, {} held behind", backlog.held),
            about: if backlog.parked > 0 {
                format!("{}; oldest", codes.join(", "))
            } else if backlog.at_least {
                "None in the part of the table that was read.".to_owned()
            } else {
                "No event waits for you.".to_owned()
            },
            since: oldest.map(Ago::since),
            link: (backlog.parked > 0).then_some(("/fix", "Fix")),
            ..way
        }
    }

    fn letters(reading: &Reading) -> Self {
        let way = Self::not_known("way-letters", "Dead letters");
        let Some(letters) = reading.letters.get() else {
            return way;
        };
        let all = letters.visible + letters.in_flight;
        Self {
            class: if all > 0 { "warn" } else { "" },
            amount: all.to_string(),
            unit: if all == 1 { "letter" } else { "letters" }.to_owned(),
            about: match all {
                0 => "No message was given up.".to_owned(),
                _ => "Hints: their events are still in the outbox, or settled since.".to_owned(),
            },
            link: (all > 0).then_some(("/fix#letters", "Replay")),
            ..way
        }
    }

    fn sweeper(reading: &Reading) -> Self {
        let way = Self::not_known("way-sweeper", "Sweeper");
        let Some(sweeper) = reading.sweeper.get() else {
            return way;
        };
        let is_off = !sweeper.state.eq_ignore_ascii_case("enabled");
        let schedule = sweeper
            .schedule
            .trim_start_matches("rate(")
            .trim_end_matches(')');
        let hour = reading.hour.get();
        let sweep = hour.and_then(|hour| hour.last_sweep.as_ref());
        Self {
            class: if is_off { "warn" } else { "" },
            amount: schedule.replace("minutes", "min"),
            unit: "between sweeps".to_owned(),
            about: match (is_off, sweep) {
                (true, _) => "It is disabled: what the stream leaves behind stays.".to_owned(),
                (false, Some(sweep)) => format!(
                    "publishes what the stream left behind; the last one found {:.0} pending, {:.0} \
                     held and {:.0} parked,",
                    sweep.pending, sweep.held, sweep.parked
                ),
                (false, None) => "publishes what the stream left behind".to_owned(),
            },
            since: sweep.map(|sweep| Ago::of(sweep.at)),
            ..way
        }
    }
}

impl PublishedChart {
    pub(super) fn of(reading: &Reading) -> Self {
        const NAME: &str = "Published per minute";
        let chart = match (&reading.local, reading.hour.get(), &reading.hour.failure) {
            (Some(local), ..) => Ok(Chart::of(NAME, &local.accepted)),
            (None, Some(hour), _) => Ok(Chart::of(NAME, &hour.published)),
            (None, None, Some(failure)) => Err(failure.message.clone()),
            (None, None, None) => Err("this stack has no metrics".to_owned()),
        };
        let ways = ways(reading).map_or_else(Vec::new, |ways| ways.in_words());
        Self { chart, ways }
    }
}

fn ways(reading: &Reading) -> Option<PastHour> {
    let Some(local) = &reading.local else {
        return Some(reading.hour.get()?.ways.clone());
    };
    let relay = &local.activity.get()?.pipeline.relay;
    Some(PastHour::from(&relay.past_hour))
}

#[cfg(test)]
mod tests {
    use devstack_api::{Activity, CommitToPublish, Pipeline};
    use jiff::Timestamp;

    use super::*;

    /// Returns the chart of a local stack that says this.
    fn chart(past_hour: devstack_api::PastHour) -> String {
        let mut pipeline = Pipeline::default();
        pipeline.relay.past_hour = past_hour;
        let mut reading = Reading::blank(true);
        if let Some(local) = &mut reading.local {
            local.activity.take_told(Ok(Activity {
                since: Timestamp::UNIX_EPOCH,
                revision: 1,
                pipeline,
            }));
        }
        PublishedChart::of(&reading).render().unwrap()
    }

    #[test]
    fn the_local_stack_shows_the_ways_once_a_function_has_published_at_once() {
        let mut past_hour = devstack_api::PastHour::default();
        assert!(!chart(past_hour.clone()).contains("past hour"));
        past_hour.at_once = Some(devstack_api::Way {
            events: 2,
            commit_to_publish: Some(CommitToPublish {
                p50_milliseconds: 9,
                p99_milliseconds: 12,
            }),
        });
        let shown = chart(past_hour);
        for text in [
            "<dt>at once</dt><dd>2 events; commit to publish p50 9 ms, p99 12 ms</dd>",
            "<dt>by the relay</dt><dd>0 events</dd>",
            "<dt>by the sweeper</dt><dd>0 events</dd>",
        ] {
            assert!(shown.contains(text), "{shown}");
        }
    }
}
