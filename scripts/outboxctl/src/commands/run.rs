//! Runs the command that was typed, and prints its report.

use std::sync::Arc;

use crate::{
    arguments::{self, Arguments, Dlq, Format, OutboxCommand},
    command_line::CommandLine,
    confirm::confirm_change,
    console::serve,
    context::{Context, Outcome},
    deployment::Deployment,
    error::Error,
    output::{Report, print},
    sdk_config::sdk_config,
    terminal::Terminal,
};

use super::{
    discard,
    dlq_list::dlq_list,
    dlq_replay::dlq_replay,
    dlq_show::dlq_show,
    edit::edit,
    history::history,
    parked::parked,
    pause,
    pending::pending,
    publish,
    show::show,
    status::{status, watch_status},
    unpark,
};

/// Runs the command that was typed.
///
/// # Errors
///
/// If it can't be carried out.
pub(crate) async fn run(
    arguments: &Arguments,
    command: &OutboxCommand,
    commands: &CommandLine,
) -> Result<Outcome, Error> {
    let config = sdk_config(arguments).await?;
    if let OutboxCommand::Status { watch: true } = command {
        return Box::pin(watch_status(&config, arguments, commands)).await;
    }
    let deployment = Deployment::find(&config, arguments).await?;
    let context = &Arc::new(Context::new(commands.clone(), config, deployment));
    let terminal = &Terminal::new(arguments.output == Format::Table);
    if command.changes() {
        confirm_change(&context.deployment, terminal, arguments.yes)?;
    }
    let printer = Printer(arguments.output);
    match command {
        OutboxCommand::Status { .. } => printer.print(&Box::pin(status(context)).await?),
        OutboxCommand::Pending(options) => printer.print(&pending(context, options).await?),
        OutboxCommand::Parked(listing) => printer.print(&parked(context, listing).await?),
        OutboxCommand::Dlq(Dlq::List { limit, listing }) => {
            printer.print(&dlq_list(context, *limit, listing).await?)
        }
        OutboxCommand::Dlq(Dlq::Show { id }) => printer.print(&dlq_show(context, id).await?),
        OutboxCommand::Dlq(Dlq::Replay(replay)) => {
            printer.print(&dlq_replay(context, terminal, replay).await?)
        }
        OutboxCommand::Publish(options) => match options.older_than {
            Some(older_than) => {
                printer.print(&publish::publish_older_than(context, terminal, older_than).await)
            }
            None => printer.print(&publish::publish_named(context, &options.rows).await?),
        },
        OutboxCommand::Unpark(options) => run_unpark(context, terminal, options, &printer).await,
        OutboxCommand::Edit { row, detail } => {
            printer.print(&edit(context, terminal, row, detail.as_deref()).await?)
        }
        OutboxCommand::Discard(options) => run_discard(context, terminal, options, &printer).await,
        OutboxCommand::Show { row } => printer.print(&show(context, row).await?),
        OutboxCommand::History { row } => printer.print(&history(context, row).await?),
        OutboxCommand::Pause => printer.print(&pause::pause(context).await?),
        OutboxCommand::Resume => printer.print(&pause::resume(context).await?),
        OutboxCommand::Console(options) => {
            serve(Arc::clone(context), options).await?;
            Ok(Outcome::Done)
        }
    }
}

async fn run_unpark(
    context: &Context,
    terminal: &Terminal,
    options: &arguments::Unpark,
    printer: &Printer,
) -> Result<Outcome, Error> {
    match (&options.whole.group, options.whole.until) {
        (Some(code), Some(until)) => {
            printer.print(&unpark::unpark_group(context, terminal, code, until).await?)
        }
        (Some(code), None) => printer.print(&unpark::preview_unpark(context, code).await?),
        (None, _) if options.all => printer.print(&unpark::unpark_all(context).await?),
        (None, _) => printer.print(&unpark::unpark_rows(context, &options.rows).await?),
    }
}

async fn run_discard(
    context: &Context,
    terminal: &Terminal,
    options: &arguments::Discard,
    printer: &Printer,
) -> Result<Outcome, Error> {
    let reason = &options.reason;
    if let Some(row) = &options.row {
        return printer.print(&discard::discard_row(context, row, reason).await?);
    }
    // Without a row there is a group, or the command line was rejected.
    let code = options.whole.group.as_deref().unwrap_or_default();
    match options.whole.until {
        Some(until) => {
            printer.print(&discard::discard_group(context, terminal, code, until, reason).await?)
        }
        None => printer.print(&discard::preview_discard(context, code, reason).await?),
    }
}

/// Prints reports in the format that was typed.
struct Printer(Format);

impl Printer {
    fn print(&self, report: &impl Report) -> Result<Outcome, Error> {
        print(report, self.0)?;
        Ok(report.outcome())
    }
}
