//! What every command is given, and how a command ends.

use aws_config::SdkConfig;

use crate::{
    arguments::{Arguments, Format},
    command_line::CommandLine,
    deployment::Deployment,
    error::Error,
    notes::note,
    outbox_parts::OutboxParts,
    output::{Report, print},
    text::Text,
};

/// How a command ended that did not fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// Nothing is left to do.
    Done,
    /// The operator has something to do; the report says what.
    NeedsAttention,
}

/// What every command works with.
pub(crate) struct Context<'c> {
    pub(crate) arguments: &'c Arguments,
    /// Builds the commands that reports suggest.
    pub(crate) commands: &'c CommandLine,
    /// How AWS is reached.
    pub(crate) config: &'c SdkConfig,
    pub(crate) deployment: &'c Deployment,
    pub(crate) parts: OutboxParts<'c>,
}

impl Context<'_> {
    /// Prints a command's report to standard output.
    pub(crate) fn print(&self, report: &impl Report) -> Result<(), Error> {
        print(report, self.arguments.output)
    }

    /// Returns a command for the same outbox, to be suggested.
    pub(crate) fn command(&self, arguments: &[&str]) -> String {
        self.commands.with(arguments)
    }

    /// Returns a command for a row or dead letter of the same outbox, to be suggested.
    pub(crate) fn command_for(&self, command: &[&str], id: &str, options: &[&str]) -> String {
        self.commands.with_id(command, id, options)
    }

    /// Returns a command for a whole group of the same outbox, to be suggested.
    pub(crate) fn command_for_group(
        &self,
        command: &[&str],
        code: &str,
        options: &[&str],
    ) -> String {
        self.commands.with_group(command, code, options)
    }

    /// Returns whether the output is for people. For programs, standard error holds
    /// only the reason why a command failed.
    pub(crate) fn is_for_people(&self) -> bool {
        self.arguments.output == Format::Table
    }

    /// Writes to standard error, for people.
    pub(crate) fn note(&self, text: impl Into<Text>) {
        if self.is_for_people() {
            note(text);
        }
    }
}

impl Outcome {
    /// Returns [`Outcome::Done`] if nothing is left to do.
    pub(crate) fn done_if(is_done: bool) -> Self {
        if is_done {
            Self::Done
        } else {
            Self::NeedsAttention
        }
    }
}
