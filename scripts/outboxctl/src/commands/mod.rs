//! The commands, one file each.

mod discard;
mod dlq_list;
mod dlq_replay;
mod dlq_show;
mod edit;
mod edits;
mod find_row;
mod group_change;
mod group_preview;
mod group_table;
mod history;
mod letters;
mod parked;
mod parked_rows;
mod pause;
mod pending;
mod publish;
mod published;
mod status;
mod unpark;

use crate::{
    arguments::{Arguments, Command, Dlq},
    command_line::CommandLine,
    confirm::confirm_change,
    context::{Context, Outcome},
    deployment::Deployment,
    error::Error,
    outbox_parts::OutboxParts,
    sdk_config::sdk_config,
};

/// Runs the command that was typed.
///
/// # Errors
///
/// If it can't be carried out.
pub(crate) async fn run(arguments: &Arguments, commands: &CommandLine) -> Result<Outcome, Error> {
    let config = sdk_config(arguments.env).await?;
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
        Command::Parked(listing) => parked::run(&context, listing).await,
        Command::Dlq(Dlq::List { limit, listing }) => {
            dlq_list::run(&context, *limit, listing).await
        }
        Command::Dlq(Dlq::Show { id }) => dlq_show::run(&context, id).await,
        Command::Dlq(Dlq::Replay(replay)) => dlq_replay::run(&context, replay).await,
        Command::Publish(publish) => publish::run(&context, publish).await,
        Command::Unpark(unpark) => unpark::run(&context, unpark).await,
        Command::Edit { row, detail } => edit::run(&context, row, detail.as_deref()).await,
        Command::Discard(discard) => discard::run(&context, discard).await,
        Command::History { row } => history::run(&context, row).await,
        Command::Pause => pause::pause(&context).await,
        Command::Resume => pause::resume(&context).await,
    }
}
