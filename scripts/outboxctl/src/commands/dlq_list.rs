//! `dlq list`: the dead letters, oldest first.

use jiff::Timestamp;
use outbox::{
    ports::{DeadLetterQueue, Depth, Message},
    replay::{Letter, Selection},
};
use serde::Serialize;

use crate::{
    age,
    context::{Context, Outcome},
    error::Error,
    output::{Report, count},
    table::Table,
    text::Text,
};

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Listing {
    letters: Vec<Listed>,
    /// About how many letters are not listed: beyond the limit, or in flight.
    others: usize,
    /// The command that shows the first letter.
    #[serde(skip)]
    show: Option<String>,
    /// The command that shows what a replay would do.
    #[serde(skip)]
    dry_run: String,
}

#[derive(Debug, Serialize)]
struct Listed {
    id: String,
    /// When it was sent.
    #[serde(skip_serializing_if = "Option::is_none")]
    since: Option<Timestamp>,
    /// Who sent it: the relay, or Lambda for its stream mapping.
    from: &'static str,
    /// The row or the records of the stream.
    about: String,
    /// Why it was sent.
    why: String,
}

pub(super) async fn run(context: &Context<'_>, limit: usize) -> Result<Outcome, Error> {
    let replay = context.parts.replay().await?;
    let selection = Selection {
        limit: Some(limit),
        ..Selection::default()
    };
    let mut messages = replay.peek(&selection).await.map_err(Error::aws)?;
    messages.sort_by_key(|message| message.sent_at);
    let Depth { visible, hidden } = replay.queue().depth().await.map_err(Error::aws)?;
    let letters: Vec<Listed> = messages.iter().map(Listed::of).collect();
    let listing = Listing {
        others: (visible + hidden).saturating_sub(letters.len()),
        show: letters
            .first()
            .map(|letter| context.command_for(&["dlq", "show"], &letter.id, &[])),
        dry_run: context.command(&["dlq", "replay", "--dry-run"]),
        letters,
    };
    context.print(&listing)?;
    Ok(Outcome::done_if(listing.letters.is_empty()))
}

impl Listed {
    fn of(message: &Message) -> Self {
        let (from, about, why) = match Letter::parse(&message.body) {
            Ok(Letter::Reference(letter)) => {
                let why = format!("{}: {}", letter.code, letter.message);
                ("relay", letter.key.to_string(), why)
            }
            Ok(Letter::Pointer(pointer)) => {
                let records = usize::try_from(pointer.batch_size).unwrap_or(usize::MAX);
                let about = format!("{} of the stream", count(records, "record"));
                ("Lambda", about, pointer.condition)
            }
            Err(error) => ("unknown", "not a dead letter".to_owned(), error.to_string()),
        };
        Self {
            id: message.id.clone(),
            since: message.sent_at,
            from,
            about,
            why,
        }
    }
}

impl Report for Listing {
    fn text(&self) -> Text {
        if self.letters.is_empty() && self.others == 0 {
            return "there are no dead letters".into();
        }
        let mut table = Table::new(["letter", "from", "about", "why", "since"]);
        for letter in &self.letters {
            table.add_row([
                letter.id.clone(),
                letter.from.to_owned(),
                letter.about.clone(),
                letter.why.clone(),
                letter.since.map_or("unknown".to_owned(), age::age),
            ]);
        }
        let mut text = table.text();
        if self.others > 0 {
            let others = count(self.others, "other");
            text.add(format_args!("about {others} not listed, or in flight"));
        }
        if let Some(show) = &self.show {
            text.add(format_args!("show a letter, such as the first: {show}"));
        }
        text.add(format_args!("preview a replay of all: {}", self.dry_run));
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_that_is_not_a_dead_letter_is_listed_as_such() {
        let message = Message {
            id: "1".into(),
            receipt: String::new(),
            body: "nonsense".into(),
            sent_at: None,
        };
        let listed = Listed::of(&message);
        assert_eq!(listed.from, "unknown");
        assert_eq!(listed.about, "not a dead letter");
        assert_eq!(listed.why, "it is not JSON");
    }
}
