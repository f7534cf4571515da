//! `devstack`: the local AWS of this project.

mod fault_options;

use std::{
    net::{Ipv4Addr, SocketAddr},
    path::PathBuf,
    process::ExitCode,
};

use clap::{Parser, Subcommand};
use devstack::{Error, FaultClient, Paths, demo, dev, endpoint, service_demo, watch};
use fault_options::NewFault;
use stream_mapping_cli::interrupted;

/// The local AWS of this project: nothing in it can reach a real account.
#[derive(Parser)]
struct Arguments {
    /// The address of the emulator, and for watch of the functions; on loopback. Port 0 means
    /// any free port, which is the emulator's default. That of watch is 9000, if it is free.
    #[arg(long, global = true)]
    listen: Option<SocketAddr>,

    /// The folder of another service, to run in the place of this project's orders.
    #[arg(long, global = true)]
    service: Option<PathBuf>,

    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Place orders and follow their events to their shipments. For another service: make the
    /// calls in its scripts/demo.json, and follow their events.
    Demo {
        /// The number of orders in the first act; half as many in the second.
        #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u64).range(1..=10_000))]
        orders: u64,
        /// Keep the stack and its console running afterwards, until Enter.
        #[arg(long)]
        stay: bool,
    },
    /// Run the stack with the functions as you edit them, until Ctrl-C.
    Dev,
    /// Serve the functions as you edit them without a local AWS, until Ctrl-C.
    Watch,
    /// Print the address of the running stack's AWS.
    Endpoint,
    /// Make calls of the running stack's functions fail.
    #[command(subcommand)]
    Fault(FaultCommand),
}

#[derive(Subcommand)]
enum FaultCommand {
    /// Add a fault.
    Add(NewFault),
    /// Show the active faults.
    List,
    /// Remove a fault, or all.
    Clear {
        /// The fault's number, as shown by list; without it, all.
        id: Option<u32>,
    },
}

#[tokio::main]
async fn main() -> miette::Result<ExitCode> {
    let arguments = Arguments::parse();
    let mut paths = Paths::of_this_project()?;
    if let Some(service) = &arguments.service {
        paths = paths.with_service(service)?;
    }
    // A signal drops `run`, and with it everything that it started, which ends it.
    tokio::select! {
        result = run(&arguments, &paths) => Ok(result?),
        () = interrupted() => Ok(ExitCode::from(130)),
    }
}

async fn run(arguments: &Arguments, paths: &Paths) -> Result<ExitCode, Error> {
    let any_port = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    let emulator = arguments.listen.unwrap_or(any_port);
    match &arguments.command {
        Command::Demo { stay, .. } if arguments.service.is_some() => {
            let report = service_demo(paths, emulator, *stay).await?;
            Ok(status(report.is_success()))
        }
        Command::Demo { orders, stay } => {
            let report = demo(paths, emulator, *orders, *stay).await?;
            Ok(status(report.is_success()))
        }
        Command::Dev => {
            dev(paths, emulator).await?;
            Ok(ExitCode::SUCCESS)
        }
        Command::Watch => {
            watch(paths, arguments.listen).await?;
            Ok(ExitCode::SUCCESS)
        }
        Command::Endpoint => {
            println!("{}", endpoint(paths)?);
            Ok(ExitCode::SUCCESS)
        }
        Command::Fault(command) => {
            fault(command, &FaultClient::find(paths)?).await?;
            Ok(ExitCode::SUCCESS)
        }
    }
}

fn status(is_success: bool) -> ExitCode {
    if is_success {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

async fn fault(command: &FaultCommand, faults: &FaultClient) -> Result<(), Error> {
    match command {
        FaultCommand::Add(new) => println!("{}", faults.add(&new.fault()).await?),
        FaultCommand::List => {
            let faults = faults.list().await?;
            if faults.is_empty() {
                println!("no faults");
            }
            for fault in faults {
                println!("{fault}");
            }
        }
        FaultCommand::Clear { id } => println!("faults removed: {}", faults.clear(*id).await?),
    }
    Ok(())
}
