//! `outboxctl`: shows what is pending, parked or dead in an outbox, and fixes it.
//!
//! The command line and the console read and act through the same functions: those of `commands`.

// Both panic when the reader has closed the pipe, and print hidden characters as they are:
// `output` and `notes` don't.
#![deny(clippy::print_stdout, clippy::print_stderr)]

mod account;
mod age;
mod arguments;
mod call_failure;
mod colours;
mod command_line;
mod commands;
mod confirm;
mod console;
mod context;
mod deployment;
mod editor;
mod environment;
mod error;
mod failure;
mod failure_group;
mod generate;
mod holders;
mod interrupt;
mod json_layout;
mod json_output;
mod json_schema;
mod message_shape;
mod notes;
mod operator;
mod outbox_parts;
mod output;
mod progress;
mod purpose;
mod receive_counts;
mod row_name;
mod sdk_config;
mod shell;
mod table;
mod terminal;
mod terminal_width;
mod text;
mod typed;
mod visible;
mod wrap;

use std::process::ExitCode;

use clap::CommandFactory;

use crate::{
    arguments::{Arguments, Command, Format},
    command_line::CommandLine,
    context::Outcome,
    text::Text,
};

/// Runs the command of this process's command line, and returns its exit status.
pub async fn run() -> ExitCode {
    colours::choose();
    let typed = typed::typed();
    let commands = CommandLine::of_this_process(&typed);
    let arguments = match Arguments::read(typed, &commands) {
        Ok(arguments) => arguments,
        Err(error) => return explain(&error),
    };
    let ended = match &arguments.command {
        Command::OnOutbox(command) => Box::pin(commands::run(&arguments, command, &commands)).await,
        Command::Generate(generate) => match generate.page(Arguments::command()) {
            Ok(page) => output::print_bytes(&page).map(|()| Outcome::Done),
            Err(error) => return explain(&error),
        },
    };
    match ended {
        Ok(Outcome::Done) => ExitCode::SUCCESS,
        Ok(Outcome::NeedsAttention) => ExitCode::from(1),
        Err(error) => {
            failure::report(&error, &commands, arguments.output);
            ExitCode::from(2)
        }
    }
}

/// Prints the requested help, or what is wrong with the arguments.
fn explain(error: &clap::Error) -> ExitCode {
    if error.use_stderr() {
        failure::report_usage(error, Format::typed(std::env::args_os()));
        return ExitCode::from(2);
    }
    let help = Text::of_parser(error, ::console::colors_enabled());
    // The reader may have closed the pipe, as with '--help | head'.
    let _ = output::print_text(&help);
    ExitCode::SUCCESS
}
