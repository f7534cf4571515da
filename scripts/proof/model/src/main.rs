//! `model`: checks the protocol in every order of its steps.

use std::{num::NonZeroUsize, process::ExitCode, thread, time::Instant};

use clap::Parser;
use model::{Mistake, Protocol};
use stateright::{Checker, HasDiscoveries, Model, Path, Property};

/// Checks the protocol in every order of its steps.
#[derive(Parser)]
struct Arguments {
    /// The most faults on one path.
    #[arg(long, default_value_t = 3)]
    faults: u8,

    /// Whether a writer publishes at once.
    #[arg(long)]
    at_once: bool,

    /// A deliberate mistake, which the check must find.
    #[arg(long)]
    mistake: Option<Mistake>,
}

fn main() -> ExitCode {
    let Arguments {
        faults,
        at_once,
        mistake,
    } = Arguments::parse();
    let at_once = at_once || mistake.is_some_and(Mistake::is_of_writer);
    let protocol = Protocol {
        faults,
        at_once,
        mistake,
    };
    let begun = Instant::now();
    let checker = protocol
        .checker()
        .threads(thread::available_parallelism().map_or(1, NonZeroUsize::get))
        .finish_when(HasDiscoveries::AnyFailures)
        .spawn_bfs()
        .join();
    println!(
        "{} states, {} deep, in {:.1} s",
        checker.unique_state_count(),
        checker.max_depth(),
        begun.elapsed().as_secs_f64()
    );

    let discoveries = checker.discoveries();
    let is_violated = |property: &Property<Protocol>| {
        property.expectation.discovery_is_failure() && discoveries.contains_key(property.name)
    };
    if let Some(property) = protocol.properties().into_iter().find(is_violated) {
        println!("violated: {}", property.name);
        print_shortest_path(protocol, property.name);
        return ExitCode::FAILURE;
    }
    if print_properties(protocol, |name| discoveries.contains_key(name)) {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

/// Prints how often each property holds. Returns whether all hold as they should.
fn print_properties(protocol: Protocol, is_discovered: impl Fn(&str) -> bool) -> bool {
    let mut holds = true;
    for property in protocol.properties() {
        let is_discovered = is_discovered(property.name);
        let outcome = match (property.expectation.discovery_is_failure(), is_discovered) {
            (true, _) => "always",
            (false, true) => "sometimes",
            (false, false) => "NEVER",
        };
        holds &= outcome != "NEVER";
        println!("{outcome:>9}: {}", property.name);
    }
    holds
}

/// Prints the shortest path to a violation; the path that the checker has found may be
/// longer.
fn print_shortest_path(protocol: Protocol, violated: &'static str) {
    let shortest = (1..).find_map(|depth| {
        let checker = protocol.checker().target_max_depth(depth);
        checker.spawn_bfs().join().discovery(violated)
    });
    for (state, action) in shortest.into_iter().flat_map(Path::into_vec) {
        match action {
            Some(action) => println!("  {action}"),
            None => println!("then: {state:?}"),
        }
    }
}
