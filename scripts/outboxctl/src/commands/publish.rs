//! `publish`: publishes pending rows now.

use std::{collections::BTreeSet, time::Duration};

use jiff::SignedDuration;
use outbox::handlers::{CutShort, Sweeper};
use schemars::JsonSchema;
use serde::Serialize;
use tokio::time::Instant;

use super::{find_row::find_row, published::Published};
use crate::{
    context::{Context, Outcome},
    error::Error,
    operator::Operator,
    output::{Report, count},
    row_name::RowName,
    text::Text,
};

/// The time limit of one pass over the table. After each pass, progress is reported.
const ONE_PASS: Duration = Duration::from_mins(1);

/// Publishes rows.
pub(crate) async fn publish_named(context: &Context, rows: &[RowName]) -> Result<Published, Error> {
    let relay = context.parts.relay();
    let mut wanted = BTreeSet::new();
    for row in rows {
        wanted.insert(find_row(&relay, row).await?);
    }
    Ok(Published::of(
        &wanted,
        &relay.publish_rows(&wanted).await,
        context,
    ))
}

/// The result of publishing every row older than some time.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct SweepReport {
    /// Rows that were published.
    published: usize,
    /// Rows that were parked on the way.
    newly_parked: usize,
    /// Rows that could not be published.
    failed: usize,
    /// Why the command ended early, if it did.
    #[serde(skip_serializing_if = "Option::is_none")]
    ended_early: Option<String>,
    /// The command that lists parked rows.
    #[serde(skip)]
    parked: String,
}

/// Publishes every row older than this.
pub(crate) async fn publish_older_than(
    context: &Context,
    operator: &dyn Operator,
    older_than: SignedDuration,
) -> SweepReport {
    operator.offer_stop();
    let sweeper = Sweeper::new(context.parts.relay(), older_than);
    let mut sum = SweepReport {
        published: 0,
        newly_parked: 0,
        failed: 0,
        ended_early: None,
        parked: context.command(&["parked"]),
    };
    loop {
        let swept = sweeper.sweep(Instant::now() + ONE_PASS).await;
        sum.published += swept.published;
        sum.newly_parked += swept.newly_parked;
        // Not a sum: rows that failed are tried again in the next pass.
        sum.failed = swept.failed;
        if swept.undeleted > 0 {
            let rows = count(swept.undeleted, "row");
            sum.ended_early = Some(format!("{rows} published, but not deleted"));
            break;
        }
        match swept.cut_short {
            None => break,
            Some(CutShort::OutOfTime) if operator.is_stop_wanted() => {
                sum.ended_early = Some("interrupted".to_owned());
                break;
            }
            // Published rows are deleted from the table, so the next pass gets further.
            Some(CutShort::OutOfTime) if swept.published > 0 => {
                let published = count(sum.published, "row");
                operator.note(Text::line(format_args!("{published} published so far")));
            }
            Some(reason) => {
                sum.ended_early = Some(reason.to_string());
                break;
            }
        }
    }
    sum
}

impl Report for SweepReport {
    fn outcome(&self) -> Outcome {
        let is_done = self.ended_early.is_none() && self.failed + self.newly_parked == 0;
        Outcome::done_if(is_done)
    }

    fn text(&self) -> Text {
        let mut text = Text::line(format_args!("{} published", count(self.published, "row")));
        if self.newly_parked > 0 {
            let rows = count(self.newly_parked, "row");
            text.suggest(format_args!("{rows} parked"), &self.parked);
        }
        if self.failed > 0 {
            let rows = count(self.failed, "row");
            text.add(format_args!(
                "{rows} could not be published; run the command again"
            ));
        }
        if let Some(reason) = &self.ended_early {
            text.add(format_args!("ended early: {reason}"));
        }
        text
    }
}
