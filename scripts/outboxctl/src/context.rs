//! What every command works with, and how a command ends.

use aws_config::SdkConfig;

use crate::{command_line::CommandLine, deployment::Deployment, outbox_parts::OutboxParts};

/// How a command ended that did not fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// Nothing is left to do.
    Done,
    /// The operator has something to do; the report says what.
    NeedsAttention,
}

/// One outbox, for the commands and for the console.
pub(crate) struct Context {
    /// Builds the commands that reports suggest.
    pub(crate) commands: CommandLine,
    /// How AWS is reached.
    pub(crate) config: SdkConfig,
    pub(crate) deployment: Deployment,
    pub(crate) parts: OutboxParts,
}

impl Context {
    pub(crate) fn new(commands: CommandLine, config: SdkConfig, deployment: Deployment) -> Self {
        Self {
            parts: OutboxParts::new(&config, &deployment),
            commands,
            config,
            deployment,
        }
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
