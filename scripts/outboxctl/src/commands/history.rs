//! `history`: what operators did about a row.

use jiff::Timestamp;
use outbox::{
    RowKey,
    ports::{Decided, Decision, ParkedRows},
};
use schemars::JsonSchema;
use serde::Serialize;

use super::content;
use crate::{
    context::{Context, Outcome},
    error::Error,
    output::Report,
    row_name::{Place, RowName},
    text::Text,
};

/// What operators did about a row in the past 30 days.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct History {
    /// The name of the row.
    pub(crate) row: String,
    /// Their decisions, the oldest first.
    pub(crate) decisions: Vec<Shown>,
}

/// What an operator decided.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Shown {
    /// When, if that is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "String", extend("format" = "date-time"))]
    pub(crate) at: Option<Timestamp>,
    /// What was done: `edited` or `discarded`.
    pub(crate) what: &'static str,
    /// The identity of the operator: an ARN.
    pub(crate) by: String,
    /// Why the operator discarded the row.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) reason: Option<String>,
    /// Why the row was parked then.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) parked: Option<String>,
    /// The detail of the event before.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) detail: Option<String>,
}

/// Reads the decisions about a row.
pub(crate) async fn history(context: &Context, name: &RowName) -> Result<History, Error> {
    let relay = context.parts.relay();
    let read = || relay.table().decisions(&name.aggregate_id);
    let mut decisions = relay.patiently(read).await.map_err(Error::aws)?;
    decisions.retain(|decision| is_about(&name.place, &decision.row));
    decisions.sort_by_key(|decision| decision.at);
    Ok(History {
        row: name.to_string(),
        decisions: decisions.into_iter().map(Shown::of).collect(),
    })
}

fn is_about(place: &Place, row: &RowKey) -> bool {
    match place {
        Place::Sequence(sequence) => row.sequence() == Some(*sequence),
        Place::Position(position) => row.position == *position,
    }
}

impl Shown {
    fn of(decision: Decision) -> Self {
        let (what, reason) = match decision.what {
            Decided::Edited => ("edited", None),
            Decided::Discarded { reason } => ("discarded", Some(reason)),
        };
        Self {
            at: decision.at,
            what,
            by: decision.by,
            reason,
            parked: decision.parked.map(|mark| mark.reason),
            detail: decision.detail,
        }
    }

    fn text(&self) -> Text {
        let at = self
            .at
            .map_or("at an unknown time".to_owned(), |at| format!("{at:.0}"));
        let mut text = Text::line(format_args!("{at} {} by {}", self.what, self.by));
        if let Some(reason) = &self.reason {
            text.append_indented(Text::line(format_args!("because: {reason}")));
        }
        if let Some(parked) = &self.parked {
            text.append_indented(Text::line(format_args!("parked before: {parked}")));
        }
        if let Some(detail) = &self.detail {
            text.append_indented("content before:".into());
            text.append_indented(content::lines(detail));
        }
        text
    }
}

impl Report for History {
    fn outcome(&self) -> Outcome {
        Outcome::Done
    }

    fn text(&self) -> Text {
        if self.decisions.is_empty() {
            let row = &self.row;
            return Text::line(format_args!(
                "{row} was neither edited nor discarded in the past 30 days"
            ));
        }
        let mut text = Text::new();
        for decision in &self.decisions {
            text.append(decision.text());
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decision(what: Decided, detail: &str) -> Decision {
        Decision {
            row: RowKey {
                aggregate_id: "order#42".into(),
                position: "00000000000000000007#id".into(),
            },
            what,
            by: "arn:aws:iam::1:user/ada".into(),
            at: Some("2026-11-24T09:00:00.5Z".parse().unwrap()),
            parked: None,
            detail: Some(detail.into()),
        }
    }

    #[test]
    fn the_content_before_is_shown_as_content() {
        let reason = "sent by mail\nall is well".to_owned();
        let history = History {
            row: "order#42/7".into(),
            decisions: vec![
                Shown::of(decision(Decided::Edited, r#"{"a":1.50}"#)),
                Shown::of(decision(
                    Decided::Discarded { reason },
                    "broken\n\u{1b}[2J2026-11-24T10:00:00Z edited by eve",
                )),
            ],
        };
        let expected = r#"2026-11-24T09:00:00Z edited by arn:aws:iam::1:user/ada
  content before:
  | {
  |   "a": 1.50
  | }
2026-11-24T09:00:00Z discarded by arn:aws:iam::1:user/ada
  because: sent by mail\nall is well
  content before:
  | broken
  | \u{1b}[2J2026-11-24T10:00:00Z edited by eve"#;
        assert_eq!(history.text().to_string(), expected);
    }

    #[test]
    fn a_decision_belongs_to_the_row_that_was_named() {
        let row = decision(Decided::Edited, "").row;
        for (name, expected) in [
            ("order#42/7", true),
            ("order#42/8", false),
            ("order#42/00000000000000000007#id", true),
            ("order#42/00000000000000000007#", false),
        ] {
            let name: RowName = name.parse().unwrap();
            assert_eq!(is_about(&name.place, &row), expected, "{name}");
        }
    }
}
