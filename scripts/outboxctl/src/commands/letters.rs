//! Dead letters as lists and groups show them.

use jiff::Timestamp;
use outbox::{
    RowKey,
    ports::Message,
    replay::{Letter, NotADeadLetter, Selection},
};
use schemars::JsonSchema;
use serde::Serialize;

use crate::{
    context::Context,
    error::Error,
    failure_group::{Failure, FailureGroup, codes},
    outbox_parts::OperatorReplay,
    output::count,
};

/// The code of a message that is no dead letter.
const NOT_A_DEAD_LETTER: &str = "NotADeadLetter";

/// A message of the dead-letter queue.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ListedLetter {
    /// Its id.
    pub(crate) id: String,
    /// When it was sent, if SQS says so.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "String", extend("format" = "date-time"))]
    pub(crate) since: Option<Timestamp>,
    /// Who sent it: `relay`, `Lambda` for its stream mapping, or `unknown`.
    pub(crate) from: &'static str,
    /// The row or the records of the stream.
    pub(crate) about: String,
    /// Why it was sent.
    pub(crate) why: String,
    /// The code of its group.
    pub(crate) code: String,
    /// How often SQS had received it before: for a replay or only to look at it. Absent if SQS
    /// doesn't say so.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) received_before: Option<u64>,
    #[serde(skip)]
    message: String,
    /// The row of this outbox that it names, if it names one.
    #[serde(skip)]
    pub(crate) row: Option<RowKey>,
}

/// What a message says about itself.
struct Described {
    from: &'static str,
    about: String,
    code: String,
    message: String,
}

impl Described {
    fn of(letter: &Result<Letter, NotADeadLetter>) -> Self {
        match letter {
            Ok(Letter::Reference(letter)) => Self {
                from: "relay",
                about: letter.key.to_string(),
                code: letter.code.clone(),
                message: letter.message.clone(),
            },
            Ok(Letter::Pointer(pointer)) => {
                let records = usize::try_from(pointer.batch_size).unwrap_or(usize::MAX);
                Self {
                    from: "Lambda",
                    about: format!("{} of the stream", count(records, "record")),
                    code: pointer.condition.clone(),
                    message: pointer.function_error.clone().unwrap_or_default(),
                }
            }
            Err(error) => Self {
                from: "unknown",
                about: "not a dead letter".to_owned(),
                code: NOT_A_DEAD_LETTER.to_owned(),
                message: error.to_string(),
            },
        }
    }
}

impl ListedLetter {
    /// Receives letters, the oldest first, and makes them visible again.
    pub(crate) async fn peek(
        context: &Context,
        replay: &OperatorReplay,
        limit: Option<usize>,
    ) -> Result<Vec<Self>, Error> {
        let selection = Selection {
            limit,
            ..Selection::default()
        };
        let mut messages = replay.peek(&selection).await.map_err(Error::aws)?;
        messages.sort_by_key(|message| message.sent_at);
        let counts = &context.parts.receive_counts;
        let letters = messages.iter().map(|message| Self {
            received_before: counts.before(&message.id),
            ..Self::of(message, &context.deployment.outbox_table)
        });
        Ok(letters.collect())
    }

    fn of(message: &Message, table: &str) -> Self {
        let letter = Letter::parse(&message.body);
        let Described {
            from,
            about,
            code,
            message: described,
        } = Described::of(&letter);
        let row = match &letter {
            Ok(Letter::Reference(letter)) if letter.table == table => Some(letter.key.clone()),
            _ => None,
        };
        Self {
            id: message.id.clone(),
            since: message.sent_at,
            from,
            about,
            why: match &letter {
                Ok(Letter::Reference(_)) => format!("{code}: {described}"),
                Ok(Letter::Pointer(_)) => code.clone(),
                Err(_) => described.clone(),
            },
            code,
            received_before: None,
            message: described,
            row,
        }
    }

    /// Returns those of the letters that have this code.
    ///
    /// # Errors
    ///
    /// If there are none.
    pub(crate) fn only(mut letters: Vec<Self>, code: &str) -> Result<Vec<Self>, Error> {
        let groups = Self::groups(&letters);
        letters.retain(|letter| letter.code == code);
        if letters.is_empty() {
            return Err(Error::NoSuchGroup {
                group: code.to_owned(),
                things: "dead letters",
                codes: codes(&groups),
            });
        }
        Ok(letters)
    }

    /// Groups letters by code and message.
    pub(crate) fn groups(letters: &[Self]) -> Vec<FailureGroup> {
        FailureGroup::of(letters.iter().map(|letter| Failure {
            code: letter.code.clone(),
            message: letter.message.clone(),
            from: Some(letter.from),
            name: letter.id.clone(),
            row: letter.row.clone(),
            at: letter.since,
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn letter(body: &str) -> ListedLetter {
        let message = Message {
            id: "1".into(),
            receipt: String::new(),
            body: body.into(),
            sent_at: None,
        };
        ListedLetter::of(&message, "outbox")
    }

    #[test]
    fn a_message_that_is_not_a_dead_letter_is_listed_as_such() {
        let listed = letter("nonsense");
        assert_eq!(listed.from, "unknown");
        assert_eq!(listed.about, "not a dead letter");
        assert_eq!(listed.why, "it is not JSON");
        assert_eq!(listed.code, "NotADeadLetter");
    }

    #[test]
    fn a_row_of_another_outbox_is_none_of_this_one() {
        let reference = |table: &str| {
            let body = format!(
                r#"{{"table": "{table}", "aggregateId": "a", "position": "1#x", "code": "TooLarge",
                    "message": "no", "bytes": 2, "sha256": "", "at": "2026-11-24T09:00:00Z"}}"#
            );
            letter(&body)
        };
        assert!(reference("outbox").row.is_some());
        assert_eq!(reference("other").row, None);
        assert_eq!(reference("other").why, "TooLarge: no");
    }
}
