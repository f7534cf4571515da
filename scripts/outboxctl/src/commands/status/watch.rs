//! `status --watch`: the status again and again, until Ctrl-C.

use std::{future::pending, pin::pin, time::Duration};

use aws_config::SdkConfig;
use console::Term;
use jiff::Timestamp;

use super::{print::Status, status};
use crate::{
    arguments::{Arguments, Format},
    colours::can_be_cleared,
    command_line::CommandLine,
    context::{Context, Outcome},
    deployment::Deployment,
    error::Error,
    failure, json_output,
    output::{Reader, Report, print_while_read},
    terminal_width::of_standard_output,
    text::Text,
};

/// How long after a round the next begins. Each reads the table and `CloudWatch`.
const PAUSE: Duration = Duration::from_secs(5);

/// Shows the status of the outbox every few seconds, until Ctrl-C. The outcome is that of the last
/// status.
///
/// # Errors
///
/// If a round fails in a way that the next can't change, or standard output can't be written.
pub(crate) async fn watch_status(
    config: &SdkConfig,
    arguments: &Arguments,
    commands: &CommandLine,
) -> Result<Outcome, Error> {
    // The stack, too, can change or go meanwhile.
    let round = async || {
        let deployment = Deployment::find(config, arguments).await?;
        let context = Context::new(commands.clone(), config.clone(), deployment);
        Box::pin(status(&context)).await
    };
    let screen = StandardOutput {
        format: arguments.output,
        is_cleared: can_be_cleared(),
        commands,
    };
    watch(round, &screen, interrupted(), PAUSE).await
}

async fn interrupted() {
    if tokio::signal::ctrl_c().await.is_err() {
        // Then Ctrl-C ends the process by itself.
        pending::<()>().await;
    }
}

/// What a round is shown on.
trait Screen<R> {
    fn status(&self, status: &R) -> Result<Reader, Error>;
    fn failure(&self, error: &Error);
}

async fn watch<R: Report>(
    round: impl AsyncFn() -> Result<R, Error>,
    screen: &impl Screen<R>,
    interrupted: impl Future<Output = ()>,
    pause: Duration,
) -> Result<Outcome, Error> {
    let mut interrupted = pin!(interrupted);
    // Until a status says something else: not knowing it is no good news.
    let mut outcome = Outcome::NeedsAttention;
    loop {
        let ended = tokio::select! {
            biased;
            () = &mut interrupted => return Ok(outcome),
            ended = round() => ended,
        };
        match ended {
            Ok(status) => {
                outcome = status.outcome();
                if screen.status(&status)? == Reader::Gone {
                    return Ok(outcome);
                }
            }
            Err(error) if error.is_lasting() => return Err(error),
            Err(error) => screen.failure(&error),
        }
        tokio::select! {
            biased;
            () = &mut interrupted => return Ok(outcome),
            () = tokio::time::sleep(pause) => {}
        }
    }
}

/// A terminal, which is cleared before each status, or a file or pipe.
struct StandardOutput<'c> {
    format: Format,
    is_cleared: bool,
    commands: &'c CommandLine,
}

impl Screen<Status> for StandardOutput<'_> {
    fn status(&self, status: &Status) -> Result<Reader, Error> {
        match self.format {
            Format::Json => print_while_read(&json_output::on_one_line(status)),
            Format::Table => {
                if self.is_cleared {
                    Term::stdout().clear_screen().map_err(Error::Unprinted)?;
                }
                let text = at(Timestamp::now(), status);
                print_while_read(&text.fitting(of_standard_output()))
            }
        }
    }

    /// Shows it below the last status, which stays.
    fn failure(&self, error: &Error) {
        failure::report(error, self.commands, self.format);
    }
}

/// Returns a status with the time when it was read.
fn at(now: Timestamp, status: &Status) -> Text {
    let pause = PAUSE.as_secs();
    let mut text = Text::line(format_args!(
        "status at {now:.0}, again every {pause} s until Ctrl-C"
    ));
    text.append(status.text());
    text
}

#[cfg(test)]
mod tests {
    use std::{cell::RefCell, collections::VecDeque};

    use schemars::JsonSchema;
    use serde::Serialize;
    use tokio::sync::Notify;

    use super::*;

    #[derive(Debug, Clone, Copy, Serialize, JsonSchema)]
    struct Seen(bool);

    impl Report for Seen {
        fn text(&self) -> Text {
            Text::new()
        }

        fn outcome(&self) -> Outcome {
            Outcome::done_if(self.0)
        }
    }

    /// What was shown. After this many rounds it is interrupted, or its reader is gone.
    struct Shown {
        lines: RefCell<Vec<String>>,
        most: usize,
        interrupt: Notify,
        has_reader: bool,
    }

    impl Shown {
        fn most(most: usize) -> Self {
            Self {
                lines: RefCell::default(),
                most,
                interrupt: Notify::new(),
                has_reader: true,
            }
        }

        fn add(&self, line: String) -> Reader {
            let mut lines = self.lines.borrow_mut();
            lines.push(line);
            if lines.len() < self.most {
                return Reader::Reads;
            }
            if self.has_reader {
                self.interrupt.notify_one();
                return Reader::Reads;
            }
            Reader::Gone
        }
    }

    impl Screen<Seen> for Shown {
        fn status(&self, status: &Seen) -> Result<Reader, Error> {
            Ok(self.add(format!("{status:?}")))
        }

        fn failure(&self, error: &Error) {
            self.add(error.to_string());
        }
    }

    fn unavailable() -> Result<Seen, Error> {
        Err(Error::Aws("unavailable".to_owned()))
    }

    fn no_stack() -> Result<Seen, Error> {
        Err(Error::NoStack {
            stack: "mine".to_owned(),
            account: "1".to_owned(),
            region: "eu-central-1".to_owned(),
            is_local: false,
        })
    }

    /// Watches these rounds; there must be none after them.
    async fn watched(
        shown: &Shown,
        rounds: impl IntoIterator<Item = Result<Seen, Error>>,
    ) -> Result<Outcome, Error> {
        let rounds = RefCell::new(rounds.into_iter().collect::<VecDeque<_>>());
        let round = async || rounds.borrow_mut().pop_front().unwrap();
        watch(round, shown, shown.interrupt.notified(), Duration::ZERO).await
    }

    #[tokio::test]
    async fn rounds_go_on_until_ctrl_c_whatever_they_show() {
        let shown = Shown::most(4);
        let rounds = [
            unavailable(),
            Ok(Seen(false)),
            unavailable(),
            Ok(Seen(true)),
        ];
        let outcome = watched(&shown, rounds).await.unwrap();
        assert_eq!(outcome, Outcome::Done);
        assert_eq!(
            *shown.lines.borrow(),
            ["unavailable", "Seen(false)", "unavailable", "Seen(true)"]
        );
    }

    #[tokio::test]
    async fn the_outcome_is_that_of_the_last_status() {
        for (rounds, expected) in [
            (vec![Ok(Seen(true)), unavailable()], Outcome::Done),
            (
                vec![Ok(Seen(true)), Ok(Seen(false))],
                Outcome::NeedsAttention,
            ),
            (vec![unavailable()], Outcome::NeedsAttention),
        ] {
            let shown = Shown::most(rounds.len());
            assert_eq!(watched(&shown, rounds).await.unwrap(), expected);
        }
    }

    #[tokio::test]
    async fn a_failure_that_will_not_change_ends_it() {
        let shown = Shown::most(9);
        let ended = watched(&shown, [Ok(Seen(true)), no_stack()]).await;
        assert!(matches!(ended, Err(Error::NoStack { .. })), "{ended:?}");
        assert_eq!(*shown.lines.borrow(), ["Seen(true)"]);
    }

    #[tokio::test]
    async fn a_reader_that_is_gone_ends_it() {
        let mut shown = Shown::most(2);
        shown.has_reader = false;
        let rounds = [Ok(Seen(true)), Ok(Seen(false))];
        assert_eq!(
            watched(&shown, rounds).await.unwrap(),
            Outcome::NeedsAttention
        );
    }

    #[tokio::test]
    async fn ctrl_c_ends_a_round_that_takes_long() {
        let shown = Shown::most(1);
        let round = || pending::<Result<Seen, Error>>();
        let outcome = watch(round, &shown, std::future::ready(()), Duration::ZERO).await;
        assert_eq!(outcome.unwrap(), Outcome::NeedsAttention);
        assert!(shown.lines.borrow().is_empty());
    }
}
