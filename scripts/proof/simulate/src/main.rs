//! `simulate`: tries to lose an event.

mod comparison;

use std::{
    process::ExitCode,
    sync::atomic::{AtomicU64, Ordering},
    thread,
    time::Instant,
};

use clap::Parser;
use indicatif::{ProgressBar, ProgressStyle};
use simulate::{Design, Mutant, Plan, Report, Seed, run};

/// Tries to lose an event: the whole pipeline in simulated time, with every kind of
/// fault.
#[derive(Parser)]
struct Arguments {
    /// How many histories to make, each from its own seed
    #[arg(long, default_value_t = 1_000)]
    seeds: u64,

    /// The first seed
    #[arg(long, default_value_t = 0)]
    from: Seed,

    /// Make the history of this seed only, and show all that happens
    #[arg(long, conflicts_with_all = ["seeds", "from"])]
    seed: Option<Seed>,

    /// How many events each history commits
    #[arg(long, default_value_t = 300)]
    events: u64,

    /// Plant this deliberate mistake
    #[arg(long)]
    mutant: Option<Mutant>,

    /// Compare this library with other designs under the same faults
    #[arg(long, conflicts_with_all = ["seed", "mutant", "mutants"])]
    compare: bool,

    /// Plant every deliberate mistake in turn, and show which seed finds it
    #[arg(long, conflicts_with_all = ["seed", "mutant"])]
    mutants: bool,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    if let Some(seed) = arguments.seed {
        return show_history(&arguments, seed);
    }
    if arguments.compare {
        return comparison::show(&arguments);
    }
    if arguments.mutants {
        return find_mutants(&arguments);
    }
    let begun = Instant::now();
    let (total, violated) = simulate(&arguments, plan(&arguments));
    println!("{total}");
    println!(
        "{} seeds in {:.1} s",
        arguments.seeds,
        begun.elapsed().as_secs_f64()
    );
    match violated {
        None => ExitCode::SUCCESS,
        Some(seed) => show_history(&arguments, seed),
    }
}

/// Returns the plan of the histories that are asked for.
fn plan(arguments: &Arguments) -> Plan {
    Plan {
        events: arguments.events,
        design: Design::default(),
        varies: true,
        mutant: arguments.mutant,
        keeps_history: false,
    }
}

/// Makes the histories, as many at once as there are processors. Returns their sum, and
/// the lowest seed with a violation.
fn simulate(arguments: &Arguments, plan: Plan) -> (Report, Option<Seed>) {
    let next = AtomicU64::new(arguments.from);
    let end = arguments.from + arguments.seeds;
    let progress = progress(arguments.seeds);
    let work = || {
        let mut total = Report::default();
        let mut violated: Option<Seed> = None;
        loop {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if seed >= end {
                return (total, violated);
            }
            let report = run(seed, plan);
            total.add(&report);
            progress.inc(1);
            if !report.violations.is_empty() {
                total.violations.extend(report.violations);
                violated = violated.or(Some(seed));
                next.store(end, Ordering::Relaxed);
            }
        }
    };
    let processors = thread::available_parallelism().map_or(1, usize::from);
    let workers = thread::scope(|scope| {
        let workers: Vec<_> = (0..processors).map(|_| scope.spawn(work)).collect();
        let ended = workers.into_iter().map(thread::ScopedJoinHandle::join);
        ended.collect::<Vec<_>>()
    });
    progress.finish_and_clear();
    let mut total = Report::default();
    let mut violated = None;
    for ended in workers {
        let (report, seed) = ended.unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        total.add(&report);
        total.violations.extend(report.violations);
        violated = [violated, seed].into_iter().flatten().min();
    }
    (total, violated)
}

/// Shows on a terminal how long it will take.
fn progress(seeds: u64) -> ProgressBar {
    let style = ProgressStyle::with_template("{bar:30} {pos} of {len} seeds, {eta} left")
        .expect("a template that indicatif knows");
    ProgressBar::new(seeds).with_style(style)
}

/// Makes one history, and shows it line by line.
fn show_history(arguments: &Arguments, seed: Seed) -> ExitCode {
    let report = run(
        seed,
        Plan {
            keeps_history: true,
            ..plan(arguments)
        },
    );
    for line in &report.history {
        println!("{line}");
    }
    println!("{report}");
    for violation in &report.violations {
        println!("violated: {violation}");
    }
    println!(
        "to repeat it: simulate --seed {seed} --events {}",
        arguments.events
    );
    if report.violations.is_empty() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

/// Plants each mistake, and shows the first seed that finds it.
fn find_mutants(arguments: &Arguments) -> ExitCode {
    let mut missed = 0;
    for mutant in Mutant::all() {
        let plan = Plan {
            mutant: Some(*mutant),
            ..plan(arguments)
        };
        let seeds = arguments.from..arguments.from + arguments.seeds;
        let found = seeds.clone().find_map(|seed| {
            let violation = run(seed, plan).violations.first()?.clone();
            Some((seed, violation))
        });
        if let Some((seed, violation)) = found {
            println!("{mutant}: found by seed {seed}: {violation}");
        } else {
            missed += 1;
            println!("{mutant}: NOT FOUND by {} seeds", arguments.seeds);
        }
    }
    if missed == 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}
