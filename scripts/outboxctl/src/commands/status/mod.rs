//! Whether an outbox is well, by what can be seen of it.

mod problems;
mod recent;
mod relay;

use std::{collections::BTreeMap, fmt, time::Duration};

use jiff::{SignedDuration, Timestamp};
use outbox::{ports::{DeadLetterQueue, Depth}, replay::Selection};
use serde::Serialize;
use tokio::time::Instant;

use self::{
    problems::{Problem, problems},
    recent::{PAST, Recent, Seen},
    relay::Relay,
};
use super::{Context, Ending};
use crate::{age, call_failure::call_failed, error::Error, output::count, table::Fields};

/// How long the table is read. A backlog that takes longer is told as "at
/// least".
const READING_TIME: Duration = Duration::from_millis(800);

/// Dead letters that are looked at for the time of the oldest.
const MOST_LETTERS: usize = 10;

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
    recent: Recent,
    sweeper: Sweeper,
    /// Whether the emulator on this machine has it.
    #[serde(skip)]
    is_local: bool,
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
struct Sweeper {
    /// As EventBridge says it: `ENABLED` or `DISABLED`.
    state: String,
    schedule: String,
}

pub(super) async fn run(context: &Context<'_>) -> Result<Ending, Error> {
    let (dead_letters, relay, sweeper) = tokio::try_join!(
        dead_letters(context),
        Relay::find(context),
        sweeper(context)
    )?;
    let recent = Recent::find(context, relay.function.as_deref()).await;
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
        recent,
        sweeper,
        is_local: deployment.is_local,
        problems: Vec::new(),
    };
    status.problems = problems(&status, Timestamp::now(), context.commands);
    context.print(&status)?;
    Ok(if status.problems.is_empty() {
        Ending::Fine
    } else {
        Ending::NeedsAPerson
    })
}

async fn backlog(context: &Context<'_>) -> Result<Backlog, Error> {
    let mut backlog = Backlog::default();
    let until = Instant::now() + READING_TIME;
    let show = |row: outbox::ports::StoredRow| {
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

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut fields = Fields::default();
        let mut row = |name: &str, value: String| fields.add(name, value);
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
        row("recently", self.recently(Timestamp::now()));
        row(
            "sweeper",
            format!("{}, {}", self.sweeper.state, self.sweeper.schedule),
        );
        writeln!(f, "{fields}")?;
        if self.problems.is_empty() {
            return write!(f, "{}", console::style("all is well").green());
        }
        let lines = self.problems.iter().map(|problem| {
            let what = console::style(&problem.what).red();
            format!("{what}\n  {}", problem.next)
        });
        f.write_str(&lines.collect::<Vec<_>>().join("\n"))
    }
}

impl Status {
    /// How long the oldest event has waited, if one does.
    fn waited(&self, now: Timestamp) -> Option<SignedDuration> {
        let oldest = self.backlog.oldest_pending?;
        Some(now.duration_since(oldest))
    }

    /// Whether an event waits that was there at this time, or may.
    fn has_waited_since(&self, time: Timestamp) -> bool {
        let oldest = self.backlog.oldest_pending;
        let is_as_old = oldest.map_or(self.backlog.pending > 0, |oldest| oldest <= time);
        self.backlog.at_least || is_as_old
    }

    fn relay_log(&self) -> &'static str {
        if self.is_local {
            "look at what 'make dev' says"
        } else {
            "look at the log of the relay"
        }
    }

    fn recently(&self, now: Timestamp) -> String {
        let seen = match &self.recent {
            Recent::Seen(seen) => seen,
            Recent::Unknown { unknown } => return format!("not known: {unknown}"),
        };
        let relayed = count(seen.relayed, "event");
        let Some(last_failure) = seen.last_failure else {
            return format!("{relayed} relayed, no failed attempt {PAST}");
        };
        let failures = count(seen.failed, "failed attempt");
        let last = Seen::how_long_ago(last_failure, now);
        let since = if self.has_waited_since(last_failure) {
            ""
        } else {
            "; what failed is published or parked since"
        };
        format!("{relayed} relayed, {failures} {PAST}, the last {last}{since}")
    }

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
            in_work => format!(", {in_work} in flight"),
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

    pub(super) fn healthy(now: Timestamp) -> Status {
        Status {
            stack: "orders-dev".into(),
            account: "123456789012".into(),
            region: "eu-central-1".into(),
            backlog: Backlog {
                pending: 3,
                oldest_pending: Some(now - SignedDuration::from_mins(20)),
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
                function: None,
                batching_window: SignedDuration::ZERO,
            },
            recent: Recent::Seen(Seen {
                relayed: 3,
                sweeps: 3,
                ..Seen::default()
            }),
            sweeper: Sweeper {
                state: "ENABLED".into(),
                schedule: "rate(5 minutes)".into(),
            },
            is_local: false,
            problems: Vec::new(),
        }
    }

    #[test]
    fn what_was_not_read_to_its_end_is_at_least() {
        let mut status = healthy(Timestamp::now());
        status.backlog.at_least = true;
        status.backlog.parked = 2;
        status.backlog.parked_by_reason = BTreeMap::from([("TooLarge".into(), 2)]);
        let text = status.to_string();
        assert!(text.contains("at least 3, oldest "), "{text}");
        assert!(text.contains("at least 2: 2 TooLarge"), "{text}");
    }

    #[test]
    fn what_to_type_stands_on_a_line_of_its_own() {
        let mut status = healthy(Timestamp::now());
        status.problems = vec![Problem {
            what: "1 row is set aside".into(),
            next: "outboxctl parked".into(),
        }];
        let text = console::strip_ansi_codes(&status.to_string()).into_owned();
        assert!(
            text.ends_with("\n1 row is set aside\n  outboxctl parked"),
            "{text}"
        );
    }

    #[test]
    fn what_has_happened_recently_is_told_even_if_all_is_well() {
        let now = Timestamp::now();
        let mut status = healthy(now);
        assert_eq!(
            status.recently(now),
            "3 events relayed, no failed attempt in the past 15 min"
        );
        status.recent = Recent::Seen(Seen {
            failed: 6,
            last_failure: Some(now),
            ..Seen::default()
        });
        let failed =
            "0 events relayed, 6 failed attempts in the past 15 min, the last within 1 min";
        assert_eq!(status.recently(now), failed);
        status.backlog.oldest_pending = None;
        status.backlog.pending = 0;
        assert_eq!(
            status.recently(now),
            format!("{failed}; what failed is published or parked since")
        );
        let unknown = "AccessDenied".to_owned();
        status.recent = Recent::Unknown { unknown };
        assert_eq!(status.recently(now), "not known: AccessDenied");
    }
}
