//! `bench`: measures the relay beside what one would write without the library.
//!
//! | module | contents |
//! |---|---|
//! | `contestant` | the programs that are measured |
//! | `function` | the process of one, with the services that it calls |
//! | `runtime_api` | Lambda's Runtime API |
//! | `aws`, `ledger` | EventBridge and DynamoDB with a fixed latency, and their requests |
//! | `batch`, `item_size` | batches of the stream, and the size of items |
//! | `scenario` | the scenarios, and their rounds |
//! | `start` | from exec to the first poll |
//! | `commit` | the processor time of `create-order` |
//! | `invocation`, `instructions`, `in_memory` | the instructions of an invocation |
//! | `backlog`, `pending_table` | the sweeper with a million pending rows |
//! | `cost`, `prices` | the cost of a million orders |
//! | `scaling` | the time for a backlog |
//! | `peak_memory`, `statistics`, `scenario_report`, `report` | the figures |
//! | `markdown`, `plot` | tables and the plot |

mod aws;
mod backlog;
mod batch;
mod commit;
mod contestant;
mod cost;
mod function;
mod in_memory;
mod instructions;
mod invocation;
mod item_size;
mod ledger;
mod markdown;
mod peak_memory;
mod pending_table;
mod plot;
mod prices;
mod report;
mod runtime_api;
mod scaling;
mod scenario;
mod scenario_report;
mod start;
mod statistics;

use std::{
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use clap::{Parser, Subcommand};
use miette::{Context, IntoDiagnostic, Result, bail};

use crate::{
    aws::Latency,
    contestant::Contestant,
    cost::Durations,
    invocation::Work,
    report::Report,
    scenario::{Scenario, scenarios},
    scenario_report::ScenarioReport,
    statistics::Figures,
};

/// Measures the relay beside what one would write without the library, all in one run.
#[derive(Parser)]
struct Arguments {
    /// The latency of PutEvents, in milliseconds.
    #[arg(long, default_value_t = 10)]
    put_events_latency: u64,

    /// The latency of DynamoDB, in milliseconds.
    #[arg(long, default_value_t = 4)]
    dynamodb_latency: u64,

    /// The number of rounds.
    #[arg(long, default_value_t = 7, value_parser = clap::value_parser!(u16).range(5..))]
    rounds: u16,

    /// The folder for tables, JSON and plot.
    #[arg(long, default_value = "target/bench")]
    output: PathBuf,

    #[command(subcommand)]
    task: Option<Task>,
}

/// What the program does in place of a whole run.
#[derive(Subcommand)]
enum Task {
    /// Count the instructions of an invocation, and fail if they have grown.
    Instructions {
        /// The file with the recorded numbers.
        #[arg(default_value = "scripts/proof/bench/instructions.json")]
        file: PathBuf,

        /// Record the new numbers.
        #[arg(long)]
        record: bool,
    },

    /// Sweep a table with many pending rows, in this process.
    Backlog {
        /// The number of rows.
        #[arg(default_value_t = 1_000_000)]
        rows: usize,

        /// The bus rejects for now the events of one aggregate in so many; of none if it is 0.
        #[arg(long, default_value_t = 0)]
        fails_one_in: usize,
    },

    /// Run invocations in this process, to count or profile them.
    Invoke {
        /// The code to run.
        work: Work,

        /// The number of invocations.
        times: usize,
    },
}

fn main() -> Result<()> {
    let arguments = Arguments::parse();
    match &arguments.task {
        Some(Task::Instructions { file, record: true }) => instructions::record(file),
        Some(Task::Instructions { file, .. }) => instructions::check(file),
        Some(Task::Invoke { work, times }) => invocation::invoke(*work, *times),
        Some(Task::Backlog { rows, fails_one_in }) => {
            runtime()?.block_on(backlog::measure(*rows, *fails_one_in))
        }
        None => runtime()?.block_on(measure(arguments)),
    }
}

fn runtime() -> Result<tokio::runtime::Runtime> {
    tokio::runtime::Runtime::new().into_diagnostic()
}

/// Runs everything, prints the results, and writes them to files.
async fn measure(arguments: Arguments) -> Result<()> {
    let project = std::env::current_dir().into_diagnostic()?;
    let latency = Latency {
        put_events: Duration::from_millis(arguments.put_events_latency),
        dynamodb: Duration::from_millis(arguments.dynamodb_latency),
    };
    let mut sections = Sections::default();

    let starts = start::measure(&project).await?;
    sections.print(start::table(&starts).to_string());
    let mut reports = Vec::new();
    for scenario in scenarios(latency) {
        let report = measure_scenario(&scenario, &project, arguments.rounds.into()).await?;
        sections.print_scenario(&report);
        reports.push(report);
    }
    let [hundred, .., one] = reports.as_slice() else {
        bail!("there are not enough scenarios");
    };
    if let Some(drain) = scaling::table(hundred) {
        sections.print(format!("a million events:\n\n{drain}"));
    }
    let commit = commit::measure().await?;
    sections.print(format!(
        "create-order: {:.0} µs of processor time, {:.0} more than a raw TransactWriteItems ({:.0})",
        commit.create_order, commit.added, commit.raw,
    ));
    let durations = Durations::of(hundred, one)?;
    let cost = cost::measure(&project, &durations, latency).await?;
    sections.print(cost.table().to_string());

    let output = &arguments.output;
    fs::create_dir_all(output).into_diagnostic()?;
    plot::draw(hundred, &output.join("events-per-second.svg"))?;
    let report = Report {
        scenarios: reports,
        starts,
        commit,
        cost,
    };
    write_results(output, &report, &sections)
}

fn write_results(output: &Path, report: &Report, sections: &Sections) -> Result<()> {
    let json = serde_json::to_string_pretty(report).into_diagnostic()?;
    write(&output.join("bench.json"), json)?;
    write(&output.join("bench.md"), sections.0.join("\n\n"))?;
    println!("JSON and the plot are in {}", output.display());
    Ok(())
}

async fn measure_scenario(
    scenario: &Scenario,
    project: &Path,
    rounds: usize,
) -> Result<ScenarioReport> {
    let measured = scenario.measure(project, rounds).await?;
    let contestants = measured
        .iter()
        .map(|measured| (measured.contestant, Figures::of(measured)));
    Ok(ScenarioReport {
        name: scenario.name,
        contestants: contestants.collect(),
    })
}

fn write(file: &Path, content: String) -> Result<()> {
    let written = fs::write(file, content + "\n").into_diagnostic();
    written.wrap_err_with(|| format!("writing {}", file.display()))
}

/// The printed texts, for the file `bench.md`.
#[derive(Default)]
struct Sections(Vec<String>);

impl Sections {
    fn print(&mut self, text: String) {
        println!("{text}\n");
        self.0.push(text);
    }

    fn print_scenario(&mut self, report: &ScenarioReport) {
        self.print(report.table().to_string());
        for (of, to) in [
            (Contestant::Relay, Contestant::NodeOneByOne),
            (Contestant::Relay, Contestant::Bare),
            (Contestant::RelayAged, Contestant::BareLookingUp),
            (Contestant::RelayLookingUp, Contestant::BareLookingUp),
        ] {
            if let Some((speed, cpu)) = report.ratios(of, to) {
                self.print(format!(
                    "{of}: {speed:.2} times the events a second of {to}, and {cpu:.2} times its \
                     processor time"
                ));
            }
        }
    }
}
