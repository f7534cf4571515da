//! Shows how each design does: under faults, and beside one event that fails for ever.

use std::process::ExitCode;

use comfy_table::Table;
use jiff::SignedDuration;
use simulate::{Design, OtherEvents, Plan, Report, beside_bad_event};

use crate::{Arguments, plan, simulate};

/// Shows both tables. Fails if this library breaks a promise beside the event that fails.
pub(crate) fn show(arguments: &Arguments) -> ExitCode {
    println!("{}", under_faults(arguments));
    println!();
    let mut table = table([
        "of 100,000 beside one that fails for ever",
        "half within",
        "99 % within",
        "all within",
        "never published",
    ]);
    for design in Design::ALL {
        let others = beside_bad_events(arguments, design);
        if let Some(violation) = others.violations.first() {
            println!("violated: {violation}");
            return ExitCode::FAILURE;
        }
        table.add_row(row_beside_bad_event(design, others));
    }
    println!("{table}");
    ExitCode::SUCCESS
}

fn table<const COLUMNS: usize>(header: [&str; COLUMNS]) -> Table {
    let mut table = Table::new();
    table.load_style(comfy_table::presets::ASCII_MARKDOWN);
    table.set_header(header);
    table
}

/// Returns the outcome of each design under the same faults.
fn under_faults(arguments: &Arguments) -> Table {
    let mut table = table([
        "of 100,000 events",
        "lost",
        "need an operator",
        "twice",
        "out of order",
        "half within",
        "99 % within",
        "calls an event",
    ]);
    for design in Design::ALL {
        let plan = Plan {
            design,
            varies: false,
            ..plan(arguments)
        };
        let (total, _) = simulate(arguments, plan);
        table.add_row(row_under_faults(design, total));
    }
    table
}

fn row_under_faults(design: Design, mut total: Report) -> [String; 8] {
    total.delays.sort_unstable();
    let delay = |percent| {
        let delay = percentile(&total.delays, percent);
        delay.map_or(String::new(), |seconds| {
            in_words(SignedDuration::from_secs(seconds))
        })
    };
    let share = |count: u64| (count * 100_000 / total.committed.max(1)).to_string();
    #[expect(
        clippy::cast_precision_loss,
        reason = "they are shown with a digit or two"
    )]
    let calls = total.calls_to_publish as f64 / total.committed.max(1) as f64;
    [
        design.to_string(),
        share(total.lost),
        share(total.unpublished),
        share(total.duplicates),
        share(total.out_of_order),
        delay(50),
        delay(99),
        format!("{calls:.2}"),
    ]
}

/// Returns what happens to the events beside one that fails for ever, in all histories.
fn beside_bad_events(arguments: &Arguments, design: Design) -> OtherEvents {
    let mut total = OtherEvents::default();
    for seed in arguments.from..arguments.from + arguments.seeds {
        let others = beside_bad_event(seed, design, arguments.events);
        total.delays.extend(others.delays);
        total.unpublished += others.unpublished;
        total.violations.extend(others.violations);
    }
    total
}

fn row_beside_bad_event(design: Design, mut others: OtherEvents) -> [String; 5] {
    others.delays.sort_unstable();
    let delay = |percent| percentile(&others.delays, percent).map_or(String::new(), in_words);
    let events = others.delays.len() as u64 + others.unpublished;
    [
        design.to_string(),
        delay(50),
        delay(99),
        delay(100),
        (others.unpublished * 100_000 / events.max(1)).to_string(),
    ]
}

/// Returns the value below which so many percent of the sorted values are.
fn percentile<T: Copy>(sorted: &[T], percent: usize) -> Option<T> {
    let index = sorted.len() * percent / 100;
    sorted.get(index.min(sorted.len().checked_sub(1)?)).copied()
}

/// Returns a time in a unit in which it has few digits.
fn in_words(time: SignedDuration) -> String {
    let seconds = time.as_secs_f64();
    match time.as_secs() {
        0..120 => format!("{seconds:.1} s"),
        120..7_200 => format!("{:.0} min", seconds / 60.0),
        _ => format!("{:.1} h", seconds / 3_600.0),
    }
}
