//! `outboxctl`: what waits in an outbox, and how to put it right.

mod account;
mod age;
mod arguments;
mod clients;
mod commands;
mod confirm;
mod deployment;
mod error;
mod interrupt;
mod outbox_parts;
mod output;
mod progress;
mod row_name;

use std::process::ExitCode;

use clap::Parser;

use crate::{arguments::Arguments, commands::Ending};

#[tokio::main]
async fn main() -> ExitCode {
    let arguments = Arguments::parse();
    match commands::run(&arguments).await {
        Ok(Ending::Fine) => ExitCode::SUCCESS,
        Ok(Ending::NeedsAPerson) => ExitCode::from(1),
        Err(error) => {
            eprintln!("{:?}", miette::Report::new(error));
            ExitCode::from(2)
        }
    }
}
