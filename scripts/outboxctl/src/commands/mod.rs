//! The commands, one file each.

mod discard;
mod dlq_list;
mod dlq_replay;
mod dlq_show;
mod edit;
mod parked;
mod pause;
mod pending;
mod publish;
mod published;
mod status;
mod unpark;

use std::fmt;

use aws_config::SdkConfig;

use crate::{
    arguments::{Arguments, Command, Dlq, Format},
    clients::aws_config,
    command_line::CommandLine,
    confirm::confirm_change,
    deployment::Deployment,
    error::Error,
    notes::note,
    outbox_parts::OutboxParts,
    output::{Report, print},
};

/// How a command ended that did not fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ending {
    Fine,
    NeedsAPerson,
}

/// What every command works with.
pub(crate) struct Context<'c> {
    pub(crate) arguments: &'c Arguments,
    pub(crate) commands: &'c CommandLine,
    pub(crate) config: &'c SdkConfig,
    pub(crate) deployment: &'c Deployment,
    pub(crate) parts: OutboxParts<'c>,
}

impl Context<'_> {
    /// Prints what a command has to tell.
    pub(crate) fn print(&self, report: &impl Report) -> Result<(), Error> {
        print(report, self.arguments.output)
    }

    /// Returns a command for the same outbox, to be suggested.
    pub(crate) fn command(&self, arguments: &[&str]) -> String {
        self.commands.with(arguments)
    }

    /// Whether a person reads along. To a program standard error says nothing but
    /// why a command failed.
    pub(crate) fn is_for_people(&self) -> bool {
        self.arguments.output == Format::Table
    }

    /// Writes a line to standard error, for people.
    pub(crate) fn note(&self, line: impl fmt::Display) {
        if self.is_for_people() {
            note(line);
        }
    }
}

pub(crate) async fn run(arguments: &Arguments, commands: &CommandLine) -> Result<Ending, Error> {
    let config = aws_config(arguments.env).await?;
    let deployment = Deployment::find(&config, arguments).await?;
    let context = Context {
        arguments,
        commands,
        config: &config,
        deployment: &deployment,
        parts: OutboxParts::new(&config, &deployment),
    };
    if arguments.command.changes() {
        confirm_change(&context)?;
    }
    match &arguments.command {
        Command::Status => status::run(&context).await,
        Command::Pending(pending) => pending::run(&context, pending).await,
        Command::Parked { reason } => parked::run(&context, reason.as_deref()).await,
        Command::Dlq(Dlq::List { limit }) => dlq_list::run(&context, *limit).await,
        Command::Dlq(Dlq::Show { id }) => dlq_show::run(&context, id).await,
        Command::Dlq(Dlq::Replay {
            dry_run,
            limit,
            ids,
        }) => dlq_replay::run(&context, *dry_run, *limit, ids).await,
        Command::Publish(publish) => publish::run(&context, publish).await,
        Command::Unpark(unpark) => unpark::run(&context, unpark).await,
        Command::Edit { row, detail } => edit::run(&context, row, detail.as_deref()).await,
        Command::Discard { row, reason } => discard::run(&context, row, reason).await,
        Command::Pause => pause::pause(&context).await,
        Command::Resume => pause::resume(&context).await,
    }
}
