use std::{collections::BTreeMap, fmt, time::Duration};

use aws_sdk_lambda::operation::get_event_source_mapping::GetEventSourceMappingOutput;
use jiff::{SignedDuration, Timestamp};
use outbox::{
    relay::DEFAULT_GRACE,
    replay::{DeadLetterQueue, Depth, Selection},
};
use serde::Serialize;
use tokio::time::Instant;

use super::{Context, Ending};
use crate::{
    age,
    clients::call_failed,
    error::Error,
    output::{count, plain_table},
};

/// How long the table is read. A backlog that takes longer is told as "at
/// least".
const READING_TIME: Duration = Duration::from_millis(800);

/// Dead letters that are looked at for the time of the oldest.
const MOST_LETTERS: usize = 10;

/// An event is late once even the sweeper should have had it: the grace period
/// and a sweep.
const LATE: SignedDuration = SignedDuration::from_mins(DEFAULT_GRACE.as_mins() + 5);

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Status {
    stack: String,
    account: String,
    region: String,
    #[serde(flatten)]
    backlog: Backlog,
    dead_letters: DeadLetters,
    relay: Relay,
    sweeper: Sweeper,
    /// What a person should do, most urgent first; empty if all is well.
    problems: Vec<Problem>,
}

/// What is in the table.
#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
struct Backlog {
    pending: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    oldest_pending: Option<Timestamp>,
    parked: usize,
    parked_by_reason: BTreeMap<String, usize>,
    /// Whether the numbers are "at least": the table is too large to be read
    /// for this.
    at_least: bool,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct DeadLetters {
    visible: usize,
    in_work: usize,
    /// Among those that were looked at.
    #[serde(skip_serializing_if = "Option::is_none")]
    oldest: Option<Timestamp>,
    /// Whether there may be older ones.
    at_least: bool,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Relay {
    /// As Lambda says it: `Enabled`, `Disabled`, or on the way there.
    state: String,
    last_result: String,
    settings: String,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Sweeper {
    /// As EventBridge says it: `ENABLED` or `DISABLED`.
    state: String,
    schedule: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
struct Problem {
    what: String,
    /// What to type.
    next: String,
}

pub(super) async fn run(context: &Context<'_>) -> Result<Ending, Error> {
    let (dead_letters, relay, sweeper) =
        tokio::try_join!(dead_letters(context), relay(context), sweeper(context))?;
    // Last, so that nothing waits behind the reading of a large table.
    let backlog = backlog(context).await?;
    let deployment = context.deployment;
    let mut status = Status {
        stack: deployment.stack.clone(),
        account: deployment.account.id.clone(),
        region: deployment.account.region.clone(),
        backlog,
        dead_letters,
        relay,
        sweeper,
        problems: Vec::new(),
    };
    status.problems = problems(&status, Timestamp::now(), deployment.is_local);
    context.print(&status);
    Ok(if status.problems.is_empty() {
        Ending::Fine
    } else {
        Ending::NeedsAPerson
    })
}

async fn backlog(context: &Context<'_>) -> Result<Backlog, Error> {
    let mut backlog = Backlog::default();
    let until = Instant::now() + READING_TIME;
    let show = |row: outbox::relay::StoredRow| {
        if let Some(mark) = row.parked {
            backlog.parked += 1;
            let code = mark.code().to_owned();
            *backlog.parked_by_reason.entry(code).or_default() += 1;
            return;
        }
        backlog.pending += 1;
        if let Some(committed_at) = row.arrival.committed_at() {
            let oldest = backlog.oldest_pending.unwrap_or(committed_at);
            backlog.oldest_pending = Some(oldest.min(committed_at));
        }
    };
    let relay = context.parts.relay();
    let is_whole = relay.survey(Some(until), show).await.map_err(Error::aws)?;
    backlog.at_least = !is_whole;
    Ok(backlog)
}

async fn dead_letters(context: &Context<'_>) -> Result<DeadLetters, Error> {
    let queue = context.parts.queue();
    let Depth { visible, hidden } = queue.depth().await.map_err(Error::aws)?;
    let looked_at = visible.min(MOST_LETTERS);
    let letters = if looked_at == 0 {
        Vec::new()
    } else {
        let some = Selection {
            limit: Some(looked_at),
            ..Selection::default()
        };
        let replay = context.parts.replay().await?;
        replay.peek(&some).await.map_err(Error::aws)?
    };
    Ok(DeadLetters {
        visible,
        in_work: hidden,
        oldest: letters.iter().filter_map(|letter| letter.sent_at).min(),
        at_least: visible + hidden > letters.len(),
    })
}

async fn relay(context: &Context<'_>) -> Result<Relay, Error> {
    let id = &context.deployment.stream_mapping;
    let mapping = aws_sdk_lambda::Client::new(context.config)
        .get_event_source_mapping()
        .uuid(id)
        .send()
        .await
        .map_err(call_failed(format!("GetEventSourceMapping {id}")))?;
    // The emulator's mapping is switched off; devstack does its work.
    let state = if context.deployment.is_local {
        Some("driven by the local stack")
    } else {
        mapping.state()
    };
    Ok(Relay {
        state: state.unwrap_or("unknown").to_owned(),
        last_result: mapping
            .last_processing_result()
            .unwrap_or("none yet")
            .to_owned(),
        settings: settings(&mapping),
    })
}

fn settings(mapping: &GetEventSourceMappingOutput) -> String {
    let number = |number: Option<i32>| match number {
        Some(-1) => "no limit".to_owned(),
        Some(number) => number.to_string(),
        None => "default".to_owned(),
    };
    let age = mapping.maximum_record_age_in_seconds();
    let age = match age {
        Some(seconds) if seconds >= 0 => age::text(SignedDuration::from_secs(seconds.into())),
        other => number(other),
    };
    format!(
        "batches of {}, {} at once a shard, {} retries, record age {age}",
        number(mapping.batch_size()),
        number(mapping.parallelization_factor()),
        number(mapping.maximum_retry_attempts()),
    )
}

async fn sweeper(context: &Context<'_>) -> Result<Sweeper, Error> {
    let name = &context.deployment.sweep_schedule;
    let rule = aws_sdk_eventbridge::Client::new(context.config)
        .describe_rule()
        .name(name)
        .send()
        .await
        .map_err(call_failed(format!("DescribeRule {name}")))?;
    Ok(Sweeper {
        state: rule
            .state()
            .map_or("unknown", |state| state.as_str())
            .to_owned(),
        schedule: rule.schedule_expression().unwrap_or("none").to_owned(),
    })
}

fn problems(status: &Status, now: Timestamp, is_local: bool) -> Vec<Problem> {
    let mut problems = Vec::new();
    let mut problem = |what: String, next: &str| {
        let next = next.to_owned();
        problems.push(Problem { what, next });
    };
    // What is on its way there needs nobody: Creating, Enabling, Updating.
    let is_relay_off =
        !is_local && ["Disabled", "Disabling", "Deleting"].contains(&status.relay.state.as_str());
    let is_sweeper_off = !status.sweeper.state.eq_ignore_ascii_case("enabled");
    if is_relay_off || is_sweeper_off {
        let what = match (is_relay_off, is_sweeper_off) {
            (true, true) => "publishing is paused".to_owned(),
            (true, false) => format!("the relay is {}", status.relay.state),
            _ => "the sweeper does not run".to_owned(),
        };
        problem(what, "outboxctl resume");
    }
    if status.relay.last_result.starts_with("PROBLEM") {
        let what = format!("the stream cannot be relayed: {}", status.relay.last_result);
        problem(what, "look at the log of the relay");
    }
    if let Some(oldest) = status.backlog.oldest_pending
        && now.duration_since(oldest) > LATE
    {
        let waited = age::text(now.duration_since(oldest));
        let what = format!("an event has waited for {waited}");
        problem(
            what,
            "outboxctl pending, and look at the log of the sweeper",
        );
    }
    if status.backlog.parked > 0 {
        let is = if status.backlog.parked == 1 {
            "is"
        } else {
            "are"
        };
        let what = format!("{} {is} set aside", count(status.backlog.parked, "row"));
        problem(what, "outboxctl parked");
    }
    if status.backlog.at_least {
        let what = "the table was not read to its end: there may be more".to_owned();
        problem(what, "outboxctl pending, outboxctl parked");
    }
    let letters = status.dead_letters.visible + status.dead_letters.in_work;
    if letters > 0 {
        problem(count(letters, "dead letter"), "outboxctl dlq list");
    }
    problems
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut table = plain_table();
        let mut row = |name: &str, value: String| {
            table.add_row([name.to_owned(), value]);
        };
        row(
            "outbox",
            format!("{}, account {}, {}", self.stack, self.account, self.region),
        );
        row("pending", self.pending());
        row("set aside", self.parked());
        row("dead letters", self.letters());
        row(
            "relay",
            format!("{}, {}", self.relay.state, self.relay.settings),
        );
        row("last result", self.relay.last_result.clone());
        row(
            "sweeper",
            format!("{}, {}", self.sweeper.state, self.sweeper.schedule),
        );
        writeln!(f, "{table}")?;
        if self.problems.is_empty() {
            return write!(f, "{}", console::style("all is well").green());
        }
        let lines = self.problems.iter().map(|problem| {
            let what = console::style(&problem.what).red();
            format!("{what}: {}", problem.next)
        });
        f.write_str(&lines.collect::<Vec<_>>().join("\n"))
    }
}

impl Status {
    fn pending(&self) -> String {
        let oldest = match self.backlog.oldest_pending {
            Some(oldest) => format!(", oldest {}", age::age(oldest)),
            None => String::new(),
        };
        format!("{}{}{oldest}", self.at_least(), self.backlog.pending)
    }

    fn parked(&self) -> String {
        let reasons = self.backlog.parked_by_reason.iter();
        let reasons: Vec<String> = reasons
            .map(|(code, count)| format!("{count} {code}"))
            .collect();
        let reasons = if reasons.is_empty() {
            String::new()
        } else {
            format!(": {}", reasons.join(", "))
        };
        format!("{}{}{reasons}", self.at_least(), self.backlog.parked)
    }

    fn letters(&self) -> String {
        let letters = &self.dead_letters;
        let in_work = match letters.in_work {
            0 => String::new(),
            in_work => format!(", {in_work} in somebody's hands"),
        };
        let oldest = match letters.oldest {
            Some(oldest) if letters.at_least => format!(", oldest at least {}", age::age(oldest)),
            Some(oldest) => format!(", oldest {}", age::age(oldest)),
            None => String::new(),
        };
        format!("{}{in_work}{oldest}", letters.visible)
    }

    fn at_least(&self) -> &'static str {
        if self.backlog.at_least {
            "at least "
        } else {
            ""
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn now() -> Timestamp {
        "2026-11-24T09:00:00Z".parse().unwrap()
    }

    fn healthy() -> Status {
        Status {
            stack: "orders-dev".into(),
            account: "123456789012".into(),
            region: "eu-central-1".into(),
            backlog: Backlog {
                pending: 3,
                oldest_pending: Some(now() - SignedDuration::from_mins(20)),
                ..Backlog::default()
            },
            dead_letters: DeadLetters {
                visible: 0,
                in_work: 0,
                oldest: None,
                at_least: false,
            },
            relay: Relay {
                state: "Enabled".into(),
                last_result: "OK".into(),
                settings: String::new(),
            },
            sweeper: Sweeper {
                state: "ENABLED".into(),
                schedule: "rate(5 minutes)".into(),
            },
            problems: Vec::new(),
        }
    }

    fn said(change: impl FnOnce(&mut Status)) -> Vec<String> {
        let mut status = healthy();
        change(&mut status);
        let problems = problems(&status, now(), false);
        let said = problems
            .into_iter()
            .map(|problem| format!("{}: {}", problem.what, problem.next));
        said.collect()
    }

    #[test]
    fn a_backlog_that_moves_needs_nobody() {
        assert_eq!(said(|_| {}), Vec::<String>::new());
    }

    #[test]
    fn each_problem_says_what_to_type() {
        assert_eq!(
            said(|status| {
                status.relay.state = "Disabled".into();
                status.sweeper.state = "DISABLED".into();
            }),
            ["publishing is paused: outboxctl resume"]
        );
        assert_eq!(
            said(|status| status.relay.state = "Disabling".into()),
            ["the relay is Disabling: outboxctl resume"]
        );
        assert_eq!(
            said(|status| status.sweeper.state = "DISABLED".into()),
            ["the sweeper does not run: outboxctl resume"]
        );
        assert_eq!(
            said(|status| status.relay.last_result = "PROBLEM: Function call failed".into()),
            [
                "the stream cannot be relayed: PROBLEM: Function call failed: look at the log of the relay"
            ]
        );
        assert_eq!(
            said(|status| {
                status.backlog.oldest_pending = Some(now() - SignedDuration::from_mins(21));
            }),
            ["an event has waited for 21m: outboxctl pending, and look at the log of the sweeper"]
        );
        assert_eq!(
            said(|status| status.backlog.parked = 1),
            ["1 row is set aside: outboxctl parked"]
        );
        assert_eq!(
            said(|status| status.backlog.at_least = true),
            [
                "the table was not read to its end: there may be more: outboxctl pending, outboxctl parked"
            ]
        );
        assert_eq!(
            said(|status| status.dead_letters.in_work = 2),
            ["2 dead letters: outboxctl dlq list"]
        );
    }

    #[test]
    fn a_mapping_on_its_way_needs_nobody() {
        for state in ["Creating", "Enabling", "Updating"] {
            assert_eq!(
                said(|status| status.relay.state = state.into()),
                Vec::<String>::new()
            );
        }
    }

    #[test]
    fn the_local_mapping_is_driven_by_others() {
        let mut status = healthy();
        status.relay.state = "Disabled".into();
        assert_eq!(problems(&status, now(), true), []);
    }

    #[test]
    fn what_was_not_read_to_its_end_is_at_least() {
        let mut status = healthy();
        status.backlog.at_least = true;
        status.backlog.parked = 2;
        status.backlog.parked_by_reason = BTreeMap::from([("TooLarge".into(), 2)]);
        let text = status.to_string();
        assert!(text.contains("at least 3, oldest "), "{text}");
        assert!(text.contains("at least 2: 2 TooLarge"), "{text}");
    }
}
