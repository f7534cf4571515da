//! `devstack`: the local AWS of this project.

use std::{net::SocketAddr, process::ExitCode, sync::Arc};

use clap::{Parser, Subcommand};
use devstack::{Error, Functions, Mappings, Paths, Stack, demo};
use stream_mapping_driver::Event;
use tokio::signal::unix::{SignalKind, signal};

/// The local AWS of this project: nothing in it can reach a real account.
#[derive(Parser)]
struct Arguments {
    /// Where the emulator listens, on loopback; port 0 stands for any free one.
    #[arg(long, global = true, default_value = "127.0.0.1:0")]
    listen: SocketAddr,

    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Post orders and follow their events to the other end of the bus.
    Demo {
        /// How many orders.
        #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u64).range(1..=10_000))]
        orders: u64,
    },
    /// Start and deploy the stack, and drive it until Ctrl-C.
    Up,
}

#[tokio::main]
async fn main() -> miette::Result<ExitCode> {
    let arguments = Arguments::parse();
    let paths = Paths::of_this_project();
    // Ending by a signal drops what was started, and that ends it.
    tokio::select! {
        result = run(&arguments, &paths) => Ok(result?),
        () = interrupted() => Ok(ExitCode::from(130)),
    }
}

async fn run(arguments: &Arguments, paths: &Paths) -> Result<ExitCode, Error> {
    match arguments.command {
        Command::Demo { orders } => {
            let report = demo(paths, arguments.listen, orders).await?;
            println!("{report}");
            Ok(if report.is_success() {
                ExitCode::SUCCESS
            } else {
                ExitCode::FAILURE
            })
        }
        Command::Up => up(paths, arguments.listen).await,
    }
}

async fn up(paths: &Paths, listen: SocketAddr) -> Result<ExitCode, Error> {
    let stack = Stack::start(paths, listen).await?;
    let observer = Arc::new(|event: &Event| println!("{event}"));
    let functions = Functions::Deployed;
    let _mappings =
        Mappings::take_over(&stack.clients, &stack.deployment, &functions, observer).await?;
    let endpoint = stack.emulator.endpoint();
    let host = stack.deployment.api_url.trim_start_matches("http://");
    println!("post orders with:\n");
    println!(
        "  curl {endpoint}/orders -H 'Host: {host}' -H 'Content-Type: application/json' \\\n    \
         -d '{{\"customerId\":\"customer-7\",\"currency\":\"EUR\",\"items\":[{{\"productId\":\"teapot\",\"quantity\":2,\"unitPrice\":1950}}]}}'\n"
    );
    println!("Ctrl-C stops everything");
    std::future::pending().await
}

async fn interrupted() {
    let terminate = signal(SignalKind::terminate());
    let Ok(mut terminate) = terminate else {
        return std::future::pending().await;
    };
    tokio::select! {
        _ = terminate.recv() => {}
        _ = tokio::signal::ctrl_c() => {}
    }
}
