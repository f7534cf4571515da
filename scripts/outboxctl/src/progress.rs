//! Progress of a long command, on standard error.

use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use tokio::time::Instant;

use crate::{notes::note, text::Text};

/// How often a line is written if standard error is no terminal.
const EVERY: Duration = Duration::from_secs(10);

/// A progress bar on a terminal, or a line every 10 seconds elsewhere.
pub(crate) struct Progress {
    /// Whether anything is shown.
    is_for_people: bool,
    /// What is being done, as in "replaying".
    what: &'static str,
    bar: ProgressBar,
    is_terminal: bool,
    last_line: Instant,
}

impl Progress {
    /// Starts the progress of about this many things. Nothing is shown if it is not for
    /// people.
    pub(crate) fn of(what: &'static str, about: usize, is_for_people: bool) -> Self {
        let template = "{msg} {bar:30} {pos} of about {len}, {per_sec:.0}, {eta} left";
        let style = ProgressStyle::with_template(template);
        let style = style.unwrap_or_else(|_| ProgressStyle::default_bar());
        let bar = ProgressBar::new(about as u64).with_style(style);
        if !is_for_people {
            bar.set_draw_target(ProgressDrawTarget::hidden());
        }
        Self {
            is_for_people,
            what,
            bar: bar.with_message(what),
            is_terminal: console::user_attended_stderr(),
            last_line: Instant::now(),
        }
    }

    /// Counts one more thing as done.
    pub(crate) fn advance(&mut self) {
        self.bar.inc(1);
        let done = self.bar.position();
        // The length was an estimate: it grows with what is done.
        if self.bar.length().is_some_and(|about| about < done) {
            self.bar.set_length(done);
        }
        if self.is_for_people && !self.is_terminal && self.last_line.elapsed() >= EVERY {
            self.last_line = Instant::now();
            let about = self.bar.length().unwrap_or(done);
            note(format_args!("{}: {done} of about {about}", self.what));
        }
    }

    /// Writes a text above the bar.
    pub(crate) fn say(&self, text: Text) {
        if self.is_for_people {
            self.bar.suspend(|| note(text));
        }
    }

    /// Removes the bar.
    pub(crate) fn finish(self) {
        self.bar.finish_and_clear();
    }
}
