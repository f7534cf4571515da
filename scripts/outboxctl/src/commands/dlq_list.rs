//! `dlq list`: the dead letters, oldest first.

use outbox::ports::{CallError, DeadLetterQueue, Depth};
use schemars::JsonSchema;
use serde::Serialize;

use super::{
    edits::Edits,
    group_table::{self, ShownGroup},
    letters::ListedLetter,
};
use crate::{
    age, arguments,
    context::{Context, Outcome},
    error::Error,
    output::{Report, count},
    table::Table,
    text::Text,
};

/// The dead letters.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Listing {
    /// The letters by code and message, the largest group first.
    pub(crate) groups: Vec<ShownGroup>,
    /// Each letter, the oldest first.
    pub(crate) letters: Vec<ListedLetter>,
    /// About how many letters are not listed: beyond the limit, of another group, or in flight.
    pub(crate) others: usize,
    /// Why edits are unknown, if they are.
    #[serde(skip_serializing_if = "Option::is_none")]
    edits_unknown: Option<String>,
    #[serde(skip)]
    is_flat: bool,
    #[serde(skip)]
    suggested: Suggested,
}

/// The commands that the list suggests.
#[derive(Debug)]
struct Suggested {
    /// Shows the first letter.
    show: Option<String>,
    /// Shows what a replay would do.
    dry_run: String,
    /// Shows what a replay of the largest group would do.
    group: Option<String>,
    /// Lists every letter.
    flat: String,
}

/// Receives dead letters, and makes them visible again.
pub(crate) async fn dlq_list(
    context: &Context,
    limit: usize,
    options: &arguments::Listing,
) -> Result<Listing, Error> {
    let replay = context.parts.replay().await?;
    let mut letters = ListedLetter::peek(context, &replay, Some(limit)).await?;
    // Without letters all is well, whatever group was asked for.
    if let Some(code) = &options.group
        && !letters.is_empty()
    {
        letters = ListedLetter::only(letters, code)?;
    }
    let Depth { visible, hidden } = replay.queue().depth().await.map_err(Error::aws)?;
    let rows = letters.iter().filter_map(|letter| letter.row.as_ref());
    let edits = Edits::read(replay.relay(), rows).await;
    Ok(Listing::of(
        context,
        letters,
        visible + hidden,
        &edits,
        options,
    ))
}

impl Listing {
    fn of(
        context: &Context,
        letters: Vec<ListedLetter>,
        depth: usize,
        edits: &Result<Edits, CallError>,
        options: &arguments::Listing,
    ) -> Self {
        let counts = &context.parts.receive_counts;
        let groups = ListedLetter::groups(&letters);
        let groups = ShownGroup::of(groups, edits, |id| counts.before(id));
        Self {
            suggested: Suggested::of(context, &letters, &groups),
            groups,
            others: depth.saturating_sub(letters.len()),
            edits_unknown: edits.as_ref().err().map(ToString::to_string),
            is_flat: options.flat,
            letters,
        }
    }
}

impl Suggested {
    fn of(context: &Context, letters: &[ListedLetter], groups: &[ShownGroup]) -> Self {
        let show = |letter: &ListedLetter| context.command_for(&["dlq", "show"], &letter.id, &[]);
        let replay =
            |group: &ShownGroup| context.command_for_group(&["dlq", "replay"], group.code(), &[]);
        Self {
            show: letters.first().map(show),
            dry_run: context.command(&["dlq", "replay", "--dry-run"]),
            group: groups.first().map(replay),
            flat: context.command(&["dlq", "list", "--flat"]),
        }
    }
}

fn flat(letters: &[ListedLetter]) -> Text {
    let mut table = Table::new(["letter", "from", "about", "why", "since", "received before"]);
    for letter in letters {
        let received = letter.received_before;
        table.add_row([
            letter.id.clone(),
            letter.from.to_owned(),
            letter.about.clone(),
            letter.why.clone(),
            letter.since.map_or("unknown".to_owned(), age::age),
            received.map_or("unknown".to_owned(), |times| times.to_string()),
        ]);
    }
    table.text()
}

impl Report for Listing {
    fn outcome(&self) -> Outcome {
        Outcome::done_if(self.letters.is_empty())
    }

    fn text(&self) -> Text {
        if self.letters.is_empty() && self.others == 0 {
            return "there are no dead letters".into();
        }
        let mut text = if self.is_flat {
            flat(&self.letters)
        } else {
            group_table::of_letters(&self.groups)
        };
        if self.others > 0 {
            let others = count(self.others, "other");
            text.add(format_args!("about {others} not listed, or in flight"));
        }
        if !self.letters.is_empty() {
            text.add("received: by a replay, or only to look at it; SQS doesn't record when last");
        }
        if let Some(reason) = &self.edits_unknown {
            text.add(format_args!("edits are unknown: {reason}"));
        }
        self.suggested.add_to(&mut text, self.is_flat);
        text
    }
}

impl Suggested {
    fn add_to(&self, text: &mut Text, is_flat: bool) {
        if let Some(show) = &self.show {
            text.suggest("show a letter, such as the first", show);
        }
        text.suggest("preview a replay of all", &self.dry_run);
        if let Some(group) = &self.group {
            text.suggest("preview a replay of the largest group", group);
        }
        if !is_flat {
            text.suggest("list every letter", &self.flat);
        }
    }
}
