//! `bench`: measures the relay beside what people would otherwise write.
//!
//! | module | what it is |
//! |---|---|
//! | `contestant` | who is measured |
//! | `function` | a process of one, with all it talks to |
//! | `runtime_api` | Lambda's Runtime API |
//! | `aws`, `ledger` | EventBridge and DynamoDB with a set latency, and what they were asked |
//! | `batch` | what the stream hands over |
//! | `scenario` | rounds in turns |
//! | `start` | from exec to the first poll |
//! | `commit` | what `create-order` adds to its transaction |
//! | `invocation`, `instructions` | what an invocation takes of the processor, counted |
//! | `cost`, `prices` | what a million orders cost |
//! | `scaling` | how long a backlog takes |
//! | `report`, `statistics`, `plot` | tables, JSON, and the plot |

mod aws;
mod batch;
mod commit;
mod contestant;
mod cost;
mod function;
mod instructions;
mod invocation;
mod item_size;
mod ledger;
mod plot;
mod prices;
mod report;
mod runtime_api;
mod scaling;
mod scenario;
mod start;
mod statistics;

use std::{fs, path::PathBuf, time::Duration};

use clap::{Parser, Subcommand};
use miette::{Context, IntoDiagnostic, Result};

use crate::{
    aws::Latency,
    contestant::Contestant,
    cost::Durations,
    invocation::Work,
    report::{Report, ScenarioReport, spread, starts_table},
    scenario::scenarios,
    statistics::Figures,
};

/// Measures the relay beside what people would otherwise write, all in one run.
#[derive(Parser)]
struct Arguments {
    /// How long PutEvents takes, in milliseconds.
    #[arg(long, default_value_t = 10)]
    put_events_latency: u64,

    /// How long DynamoDB takes, in milliseconds.
    #[arg(long, default_value_t = 4)]
    dynamodb_latency: u64,

    /// How many rounds each is measured.
    #[arg(long, default_value_t = 7, value_parser = clap::value_parser!(u16).range(5..))]
    rounds: u16,

    /// Where tables, JSON and plot are written.
    #[arg(long, default_value = "target/bench")]
    output: PathBuf,

    #[command(subcommand)]
    instead: Option<Instead>,
}

#[derive(Subcommand)]
enum Instead {
    /// Count the instructions of an invocation, and fail if they have grown.
    Instructions {
        /// What is recorded.
        #[arg(default_value = "scripts/proof/bench/instructions.json")]
        file: PathBuf,

        /// Record what is counted.
        #[arg(long)]
        record: bool,
    },

    /// Work in this process, to be counted or profiled.
    Invoke {
        /// Whose work.
        work: Work,

        /// How many times.
        times: usize,
    },
}

fn main() -> Result<()> {
    let arguments = Arguments::parse();
    match &arguments.instead {
        Some(Instead::Instructions { file, record: true }) => instructions::record(file),
        Some(Instead::Instructions { file, .. }) => instructions::check(file),
        Some(Instead::Invoke { work, times }) => invocation::invoke(*work, *times),
        None => {
            let runtime = tokio::runtime::Runtime::new().into_diagnostic()?;
            runtime.block_on(measure(arguments))
        }
    }
}

async fn measure(arguments: Arguments) -> Result<()> {
    let project = std::env::current_dir().into_diagnostic()?;
    let latency = Latency {
        put_events: Duration::from_millis(arguments.put_events_latency),
        dynamodb: Duration::from_millis(arguments.dynamodb_latency),
    };
    let mut told = Vec::new();
    let mut tell = |text: String| {
        println!("{text}\n");
        told.push(text);
    };

    let starts = start::measure(&project).await?;
    tell(starts_table(&starts).to_string());
    let mut reports = Vec::new();
    for scenario in scenarios(latency) {
        let measured = scenario.measure(&project, arguments.rounds.into()).await?;
        let contestants = measured
            .iter()
            .map(|measured| (measured.contestant, Figures::of(measured)));
        let report = ScenarioReport {
            name: scenario.name,
            contestants: contestants.collect(),
        };
        tell(report.table().to_string());
        for (of, to) in [
            (Contestant::Relay, Contestant::NodeOneByOne),
            (Contestant::Relay, Contestant::Bare),
            (Contestant::RelayAged, Contestant::Bare),
        ] {
            if let Some(ratio) = report.ratio(of, to) {
                tell(format!(
                    "{of}: {ratio:.2} times the events a second of {to}"
                ));
            }
        }
        reports.push(report);
    }
    if let Some(drain) = scaling::table(&reports[0]) {
        tell(format!("a million events:\n\n{drain}"));
    }
    let commit = commit::measure().await?;
    tell(format!(
        "create-order: {} µs of processor time, {} more than a raw TransactWriteItems ({})",
        spread(commit.create_order, 0),
        spread(commit.added, 0),
        spread(commit.raw, 0),
    ));
    let durations = Durations::of(&reports[0], &reports[3])?;
    let cost = cost::measure(&project, &durations).await?;
    tell(cost.table().to_string());

    let output = &arguments.output;
    fs::create_dir_all(output).into_diagnostic()?;
    plot::draw(&reports[0], &output.join("events-per-second.svg"))?;
    let report = Report {
        scenarios: reports,
        starts,
        commit,
        cost,
    };
    let json = serde_json::to_string_pretty(&report).into_diagnostic()?;
    for (name, content) in [("bench.json", json), ("bench.md", told.join("\n\n"))] {
        let file = output.join(name);
        let written = fs::write(&file, content + "\n").into_diagnostic();
        written.wrap_err_with(|| format!("writing {}", file.display()))?;
    }
    println!("as JSON and as a plot in {}", output.display());
    Ok(())
}
