//! `outboxctl`: what waits in an outbox, and how to put it right.

// Both panic when nobody reads: `output` and `notes` don't.
#![deny(clippy::print_stdout, clippy::print_stderr)]

mod account;
mod age;
mod arguments;
mod call_failure;
mod clients;
mod command_line;
mod commands;
mod confirm;
mod deployment;
mod editor;
mod error;
mod failure;
mod interrupt;
mod json_layout;
mod notes;
mod outbox_parts;
mod output;
mod progress;
mod row_name;
mod table;

use std::process::ExitCode;

use crate::{
    arguments::{Arguments, Format},
    command_line::CommandLine,
    commands::Ending,
};

#[tokio::main]
async fn main() -> ExitCode {
    let commands = CommandLine::of_this_process();
    let arguments = match Arguments::read(std::env::args_os(), &commands) {
        Ok(arguments) => arguments,
        Err(error) => return explain(&error),
    };
    match Box::pin(commands::run(&arguments, &commands)).await {
        Ok(Ending::Fine) => ExitCode::SUCCESS,
        Ok(Ending::NeedsAPerson) => ExitCode::from(1),
        Err(error) => {
            failure::tell(&error, &commands, arguments.output);
            ExitCode::from(2)
        }
    }
}

/// Shows the help that was asked for, or what is wrong with the arguments.
fn explain(error: &clap::Error) -> ExitCode {
    if error.use_stderr() {
        failure::tell_usage(error, Format::typed(std::env::args_os()));
        return ExitCode::from(2);
    }
    // Nobody reads on, as with '--help | head'.
    let _ = error.print();
    ExitCode::SUCCESS
}
