//! The command line: options, subcommands and their help.

use std::{ffi::OsString, path::PathBuf};

use clap::{
    ArgGroup, ArgMatches, Args, CommandFactory, FromArgMatches, Parser, Subcommand, ValueEnum,
    builder::StyledStr,
    error::{ContextValue, ErrorKind},
};
use jiff::{SignedDuration, Timestamp};

use crate::{
    command_line::CommandLine,
    console::{ConsoleOptions, HELP},
    environment::Environment,
    generate::Generate,
    row_name::RowName,
    visible::visible,
};

/// Show what is pending, parked or dead in an outbox, and fix it.
///
/// Rows are named AGGREGATE/SEQUENCE, as every list shows them. The names of the
/// table, bus and queues come from the outputs of the outbox's stack; credentials
/// and Region come from --profile and --region, or else from the AWS environment.
#[derive(Debug, Parser)]
#[command(
    version = VERSION,
    group = ArgGroup::new("outbox").required(true).multiple(true),
    after_help = "Examples:
  outboxctl --env prod status
  outboxctl --env prod dlq list
  outboxctl --env prod dlq replay --dry-run
  outboxctl --env dev publish --older-than 15m
  outboxctl --stack orders-dev unpark 'order#42/7'

Before a change, the stack, the account and your identity are shown, and you are asked, unless
the stack is known to be for development: by its tag 'environment', which is dev or local, or
without this tag by --env dev or --env local. --yes skips the question.

OUTBOXCTL_STACK names the stack if neither --env nor --stack does.

Exit status:
  0  all is well, or the command succeeded
  1  something needs attention
  2  the command failed, was rejected or not confirmed

With --output json the result is JSON on standard output; a failure is {\"error\": {\"message\", \"help\"}},
on one line of standard error."
)]
pub(crate) struct Arguments {
    /// The outbox of the orders service in this environment.
    #[arg(long, value_enum, group = "outbox")]
    pub(crate) env: Option<Environment>,

    /// The outbox in this stack. With --env local: in this stack of the local AWS.
    #[arg(long, value_name = "NAME", group = "outbox")]
    pub(crate) stack: Option<String>,

    /// The profile of your AWS configuration. It replaces the credentials of the environment.
    #[arg(long, value_name = "NAME", global = true)]
    pub(crate) profile: Option<String>,

    /// The Region. Without it: that of the environment, or of the profile.
    #[arg(long, value_name = "NAME", global = true)]
    pub(crate) region: Option<String>,

    /// Output format: a table for people, or JSON for programs.
    #[arg(long, value_enum, default_value_t, global = true)]
    pub(crate) output: Format,

    /// Change the stack without asking for confirmation.
    #[arg(long, global = true)]
    pub(crate) yes: bool,

    #[command(subcommand)]
    pub(crate) command: Command,
}

/// The version, and the commit if it is known: `0.1.0 (1a2b3c4d5)`.
const VERSION: &str = env!("VERSION_AND_COMMIT");

/// How results are printed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    #[default]
    Table,
    Json,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    #[command(flatten)]
    OnOutbox(OutboxCommand),

    /// Print the man page, the completions of a shell, or the schema of a command's JSON. It
    /// needs no outbox.
    Generate(Generate),
}

/// A command on an outbox.
#[derive(Debug, Subcommand)]
pub(crate) enum OutboxCommand {
    /// Show whether the outbox is healthy, and what to do if it isn't.
    #[command(after_help = "Examples:
  outboxctl --env dev status
  outboxctl --env dev status --watch")]
    Status {
        /// Show it again every 5 seconds until Ctrl-C. With --output json each is one line.
        #[arg(long)]
        watch: bool,
    },

    /// List pending events, oldest first.
    Pending(Pending),

    /// List parked rows, grouped by reason.
    Parked(Listing),

    /// Show a pending or parked row with its event.
    #[command(after_help = "Example:
  outboxctl --env dev show 'order#42/7'")]
    Show {
        /// The row.
        #[arg(value_name = "AGGREGATE/SEQUENCE")]
        row: RowName,
    },

    /// List, show and replay dead letters.
    #[command(subcommand)]
    Dlq(Dlq),

    /// Publish pending events, and the events before them in their aggregates.
    #[command(after_help = "Examples:
  outboxctl --env dev publish 'order#42/7'
  outboxctl --env dev publish --older-than 15m")]
    Publish(Publish),

    /// Make parked rows pending again, and publish them.
    #[command(after_help = "Examples:
  outboxctl --env dev unpark 'order#42/7'
  outboxctl --env dev unpark --group RequestRefused
  outboxctl --env dev unpark --group RequestRefused --until 2026-11-24T09:00:00Z
  outboxctl --env dev unpark --all")]
    Unpark(Unpark),

    /// Edit the detail of a parked row, and publish it. Who edited it, when, and the row as
    /// it was before are kept for 30 days.
    #[command(
        after_help = "Opens $VISUAL or $EDITOR, or reads the new detail from a file:
  outboxctl --env dev edit 'order#42/7'
  outboxctl --env dev edit 'order#42/7' --detail fixed.json"
    )]
    Edit {
        /// The row.
        #[arg(value_name = "AGGREGATE/SEQUENCE")]
        row: RowName,

        /// A file with the new detail.
        #[arg(long, value_name = "FILE")]
        detail: Option<PathBuf>,
    },

    /// Give up a parked row: it is never published, and kept for 30 days.
    #[command(after_help = "Examples:
  outboxctl --env dev discard 'order#42/7' --reason 'sent by mail, ticket 1234'
  outboxctl --env dev discard --group TooLarge --reason 'sent by mail, ticket 1234'")]
    Discard(Discard),

    /// Show who edited or discarded a row in the past 30 days, and its content before.
    #[command(after_help = "Example:
  outboxctl --env dev history 'order#42/7'")]
    History {
        /// The row.
        #[arg(value_name = "AGGREGATE/SEQUENCE")]
        row: RowName,
    },

    /// Stop publishing: disable the stream mapping and the sweeper. Nothing is lost:
    /// the stream keeps records for 24 hours, and the sweeper finds older rows.
    Pause,

    /// Start publishing again after a pause.
    Resume,

    /// Serve a page on this machine that shows the pipeline and fixes what is stuck.
    #[command(after_help = HELP)]
    Console(ConsoleOptions),
}

#[derive(Debug, Args)]
pub(crate) struct Pending {
    /// Only rows of this aggregate.
    #[arg(long, value_name = "ID")]
    pub(crate) aggregate: Option<String>,

    /// Only rows older than this, as in 15m or 2h.
    #[arg(long, value_name = "TIME", value_parser = duration)]
    pub(crate) older_than: Option<SignedDuration>,

    /// Maximum number of rows.
    #[arg(long, value_name = "COUNT", default_value_t = 100, value_parser = at_least_one)]
    pub(crate) limit: usize,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Dlq {
    /// List dead letters, grouped by reason.
    List {
        /// Maximum number of letters.
        #[arg(long, value_name = "COUNT", default_value_t = 100, value_parser = at_least_one)]
        limit: usize,

        #[command(flatten)]
        listing: Listing,
    },

    /// Show a dead letter, its rows, and what a replay of it would do.
    Show {
        /// The letter's id, as list shows it.
        id: String,
    },

    /// Publish the rows of dead letters that are still pending, then delete the letters.
    #[command(
        after_help = "A replay can be interrupted and run again. Two replays can run at the same time.

Examples:
  outboxctl --env dev dlq replay --dry-run
  outboxctl --env dev dlq replay
  outboxctl --env dev dlq replay --limit 10
  outboxctl --env dev dlq replay --group RetryAttemptsExhausted"
    )]
    Replay(DlqReplay),
}

/// Which parked rows or dead letters are listed, and how.
#[derive(Debug, Args)]
pub(crate) struct Listing {
    /// Only those with this code.
    #[arg(long, value_name = "CODE")]
    pub(crate) group: Option<String>,

    /// List each on its own instead of grouping them.
    #[arg(long)]
    pub(crate) flat: bool,
}

#[derive(Debug, Args)]
pub(crate) struct DlqReplay {
    /// Show what a replay would do, without doing it.
    #[arg(long, conflicts_with = "until")]
    pub(crate) dry_run: bool,

    /// Maximum number of letters.
    #[arg(long, value_name = "COUNT", value_parser = at_least_one, conflicts_with = "group")]
    pub(crate) limit: Option<usize>,

    /// Only the letters with these ids, as list --flat shows them.
    #[arg(conflicts_with_all = ["limit", "group"])]
    pub(crate) ids: Vec<String>,

    #[command(flatten)]
    pub(crate) whole: WholeGroup,
}

/// A group of parked rows or dead letters that a command acts on as a whole.
#[derive(Debug, Args)]
#[group(skip)]
pub(crate) struct WholeGroup {
    /// All with this code, as the lists show it. Without --until nothing is changed: the command
    /// shows what it would do, and the command that does it.
    #[arg(long, value_name = "CODE")]
    pub(crate) group: Option<String>,

    /// Act on the group, but on nothing that joined it after this time.
    #[arg(long, value_name = "TIME", requires = "group")]
    pub(crate) until: Option<Timestamp>,
}

#[derive(Debug, Args)]
#[group(skip)]
#[command(group = ArgGroup::new("which").required(true).args(["row", "group"]))]
pub(crate) struct Discard {
    /// The row.
    #[arg(value_name = "AGGREGATE/SEQUENCE")]
    pub(crate) row: Option<RowName>,

    #[command(flatten)]
    pub(crate) whole: WholeGroup,

    /// The reason, kept with the row: up to 500 characters.
    #[arg(long)]
    pub(crate) reason: String,
}

#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
pub(crate) struct Publish {
    /// The rows.
    #[arg(value_name = "AGGREGATE/SEQUENCE")]
    pub(crate) rows: Vec<RowName>,

    /// Every row older than this, as in 15m or 2h.
    #[arg(long, value_name = "TIME", value_parser = duration)]
    pub(crate) older_than: Option<SignedDuration>,
}

#[derive(Debug, Args)]
#[group(skip)]
#[command(group = ArgGroup::new("which").required(true).args(["rows", "group", "all"]))]
pub(crate) struct Unpark {
    /// The rows.
    #[arg(value_name = "AGGREGATE/SEQUENCE")]
    pub(crate) rows: Vec<RowName>,

    #[command(flatten)]
    pub(crate) whole: WholeGroup,

    /// Every parked row.
    #[arg(long)]
    pub(crate) all: bool,
}

impl Arguments {
    /// Parses the command line.
    ///
    /// # Errors
    ///
    /// If it is invalid, or if it asks for help or the version.
    pub(crate) fn read(
        typed: impl IntoIterator<Item = OsString>,
        commands: &CommandLine,
    ) -> Result<Self, clap::Error> {
        let typed: Vec<OsString> = typed.into_iter().collect();
        let command = with_examples(Self::command(), commands);
        let matches = match without_outbox(&command, &typed) {
            Some(matches) => matches,
            None => command
                .clone()
                .try_get_matches_from(typed)
                .map_err(visible_error)?,
        };
        let arguments = Self::from_arg_matches(&matches).map_err(visible_error)?;
        arguments.one_outbox(command)
    }

    /// Returns the arguments if they name one outbox. Only the local AWS may have the stacks of
    /// several services: elsewhere `--env` names a stack itself.
    fn one_outbox(self, mut command: clap::Command) -> Result<Self, clap::Error> {
        let names_two = |env: &Environment| *env != Environment::Local && self.stack.is_some();
        match self.env.filter(names_two) {
            None => Ok(self),
            Some(env) => Err(command.error(
                ErrorKind::ArgumentConflict,
                format!(
                    "--env {} and --stack name two outboxes: leave one out",
                    env.name()
                ),
            )),
        }
    }
}

/// Returns the command line if its command is the only one that needs no outbox.
fn without_outbox(command: &clap::Command, typed: &[OsString]) -> Option<ArgMatches> {
    let command = command.clone();
    let command = command.mut_group("outbox", |outbox| outbox.required(false));
    let matches = command.try_get_matches_from(typed).ok()?;
    (matches.subcommand_name() == Some("generate")).then_some(matches)
}

/// Escapes hidden characters in the arguments that an error quotes. The error's own text has
/// line breaks and colours, so it is too late once they are part of it.
fn visible_error(mut error: clap::Error) -> clap::Error {
    let shown = |text: &str| visible(text).into_owned();
    let quoted = error.context().filter_map(|(kind, value)| {
        let value = match value {
            ContextValue::String(text) => ContextValue::String(shown(text)),
            ContextValue::Strings(texts) => {
                ContextValue::Strings(texts.iter().map(|text| shown(text)).collect())
            }
            ContextValue::StyledStrs(texts) => {
                let shown = |text: &StyledStr| shown(&text.to_string()).into();
                ContextValue::StyledStrs(texts.iter().map(shown).collect())
            }
            // The usage, which has no arguments in it, and numbers.
            _ => return None,
        };
        Some((kind, value))
    });
    for (kind, value) in quoted.collect::<Vec<_>>() {
        error.insert(kind, value);
    }
    error
}

/// Rewrites the examples in the help for the way this program was started.
fn with_examples(mut command: clap::Command, commands: &CommandLine) -> clap::Command {
    let help = command.get_after_help().map(ToString::to_string);
    if let Some(help) = help {
        command = command.after_help(commands.in_help(&help));
    }
    let names = command
        .get_subcommands()
        .map(|sub| sub.get_name().to_owned());
    for name in names.collect::<Vec<_>>() {
        command = command.mut_subcommand(name, |sub| with_examples(sub, commands));
    }
    command
}

impl Format {
    /// Returns the requested format, even if the rest of the command line is invalid.
    pub(crate) fn typed(typed: impl IntoIterator<Item = OsString>) -> Self {
        let mut typed = typed
            .into_iter()
            .skip(1)
            .take_while(|argument| argument != "--");
        while let Some(argument) = typed.next() {
            let is_json = match argument.to_str() {
                Some("--output") => typed.next().is_some_and(|format| format == "json"),
                argument => argument == Some("--output=json"),
            };
            if is_json {
                return Self::Json;
            }
        }
        Self::Table
    }
}

impl OutboxCommand {
    /// Returns whether the command changes something.
    pub(crate) fn changes(&self) -> bool {
        match self {
            Self::Status { .. }
            | Self::Show { .. }
            | Self::History { .. }
            | Self::Pending(_)
            // Each action on the page is confirmed there.
            | Self::Console(_)
            | Self::Parked(_)
            | Self::Dlq(Dlq::List { .. } | Dlq::Show { .. }) => false,
            Self::Dlq(Dlq::Replay(replay)) => !replay.dry_run && replay.whole.changes(),
            Self::Unpark(unpark) => unpark.whole.changes(),
            Self::Discard(discard) => discard.whole.changes(),
            Self::Publish(_) | Self::Edit { .. } | Self::Pause | Self::Resume => true,
        }
    }
}

impl WholeGroup {
    /// Returns whether the command changes something: a group only once the operator has seen
    /// it.
    fn changes(&self) -> bool {
        !self.is_preview()
    }

    /// Returns whether the command only shows what it would do with the group.
    pub(crate) fn is_preview(&self) -> bool {
        self.group.is_some() && self.until.is_none()
    }
}

fn duration(text: &str) -> Result<SignedDuration, String> {
    match text.parse::<SignedDuration>() {
        Ok(duration) if !duration.is_negative() => Ok(duration),
        _ => Err("write a time as in 90s, 15m, 2h or 1h 30m".to_owned()),
    }
}

fn at_least_one(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(0) | Err(_) => Err("write a whole number from 1".to_owned()),
        Ok(count) => Ok(count),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Arguments::command().debug_assert();
    }

    fn typed(line: &str) -> Vec<OsString> {
        let words = shell_words::split(line).unwrap();
        words.into_iter().map(OsString::from).collect()
    }

    #[test]
    fn the_format_of_an_invalid_command_line_is_known() {
        for (line, expected) in [
            ("outboxctl --output json nonsense", Format::Json),
            ("outboxctl nonsense --output=json", Format::Json),
            ("outboxctl --output table status", Format::Table),
            ("outboxctl --output", Format::Table),
            ("outboxctl -- --output json", Format::Table),
            ("--output=json", Format::Table),
        ] {
            assert_eq!(Format::typed(typed(line)), expected, "{line}");
        }
    }

    #[test]
    fn examples_of_every_command_can_be_pasted() {
        let mine = CommandLine::Program {
            program: "outboxctl".to_owned(),
            outbox: ["--stack", "mine"].map(str::to_owned).into(),
            account: Vec::new(),
        };
        for command in [
            "",
            "status",
            "show",
            "publish",
            "unpark",
            "edit",
            "discard",
            "history",
            "dlq replay",
            "console",
        ] {
            let line = typed(&format!("outboxctl {command} --help"));
            let help = Arguments::read(line, &mine).unwrap_err().to_string();
            let examples = help.matches("  outboxctl --").count();
            assert!(examples > 0, "{help}");
            assert_eq!(
                help.matches("  outboxctl --stack mine ").count(),
                examples,
                "{help}"
            );
            for example in help
                .lines()
                .filter_map(|line| line.strip_prefix("  outboxctl "))
            {
                let example = typed(&format!("outboxctl {example}"));
                Arguments::read(example, &mine).unwrap();
            }
        }
    }

    #[test]
    fn a_suggested_command_for_an_id_with_a_hyphen_is_parsed() {
        let mine = CommandLine::Program {
            program: "outboxctl".to_owned(),
            outbox: ["--stack", "mine"].map(str::to_owned).into(),
            account: Vec::new(),
        };
        for (command, options) in [
            (&["edit"][..], &[][..]),
            (&["edit"], &["--detail", "fixed.json"]),
            (&["unpark"], &[]),
            (&["publish"], &[]),
            (&["history"], &[]),
            (&["show"], &[]),
            (&["discard"], &["--reason", "sent by mail"]),
            (&["dlq", "show"], &[]),
        ] {
            let suggested = mine.with_id(command, "-x/7", options);
            let read = Arguments::read(typed(&suggested), &mine);
            let command = format!("{:?}", read.unwrap().command);
            assert!(command.contains("-x"), "{suggested}: {command}");
        }
    }

    #[test]
    fn the_help_lists_exit_statuses_and_says_where_the_account_comes_from() {
        let commands = CommandLine::of_this_process(&[]);
        for option in ["--help", "-h"] {
            let help = Arguments::read(typed(&format!("outboxctl {option}")), &commands);
            let help = help.unwrap_err().to_string();
            let (_, statuses) = help.split_once("\nExit status:\n").unwrap();
            for (status, line) in statuses.lines().take(3).enumerate() {
                assert!(line.starts_with(&format!("  {status}  ")), "{help}");
            }
            if option == "--help" {
                let words: Vec<&str> = help.split_whitespace().collect();
                let account = "Region come from --profile and --region, or else from the AWS";
                assert!(words.join(" ").contains(account), "{help}");
            }
        }
    }

    #[test]
    fn only_generate_needs_no_outbox() {
        let commands = CommandLine::of_this_process(&[]);
        let read = |line: &str| Arguments::read(typed(line), &commands);
        for line in [
            "outboxctl generate man",
            "outboxctl --stack mine generate man",
        ] {
            let command = read(line).unwrap().command;
            let is_generate = matches!(command, Command::Generate(_));
            assert!(is_generate, "{line}: {command:?}");
        }
        let missing = read("outboxctl status").unwrap_err();
        assert_eq!(missing.kind(), ErrorKind::MissingRequiredArgument);
        let unknown = read("outboxctl --stack mine generate tcsh").unwrap_err();
        assert!(
            unknown
                .to_string()
                .contains("[possible values: man, bash, "),
            "{unknown}"
        );
        let unknown = read("outboxctl generate tcsh").unwrap_err();
        assert_eq!(unknown.kind(), ErrorKind::InvalidValue, "{unknown}");
    }

    #[test]
    fn the_version_has_the_commit_if_it_is_known() {
        let version = Arguments::command().render_version();
        let version = version.strip_prefix("outboxctl ").unwrap().trim_end();
        let Some((number, commit)) = version.split_once(' ') else {
            assert_eq!(version, env!("CARGO_PKG_VERSION"));
            return;
        };
        assert_eq!(number, env!("CARGO_PKG_VERSION"));
        let commit = commit.strip_prefix('(').unwrap().strip_suffix(')').unwrap();
        assert!(commit.len() >= 9, "{version}");
        assert!(
            commit.chars().all(|digit| digit.is_ascii_hexdigit()),
            "{version}"
        );
    }

    #[test]
    fn durations_are_parsed_with_units() {
        for (text, minutes) in [("15m", 15), ("1h 30m", 90), ("2h", 120), ("PT5M", 5)] {
            assert_eq!(duration(text), Ok(SignedDuration::from_mins(minutes)));
        }
        for text in ["", "15", "soon", "-5m"] {
            assert!(duration(text).is_err(), "{text}");
        }
    }
}
