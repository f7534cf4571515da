//! `model`: checks the protocol in every order of its steps.

use std::{num::NonZeroUsize, process::ExitCode, thread, time::Instant};

use clap::Parser;
use model::{Mistake, Protocol};
use stateright::{Checker, HasDiscoveries, Model, Path, Property};

/// Checks the protocol in every order of its steps.
#[derive(Parser)]
struct Arguments {
    /// How much may go wrong on one path.
    #[arg(long, default_value_t = 3)]
    troubles: u8,

    /// A deliberate mistake, to see it found.
    #[arg(long)]
    mistake: Option<Mistake>,
}

fn main() -> ExitCode {
    let Arguments { troubles, mistake } = Arguments::parse();
    let protocol = Protocol { troubles, mistake };
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
    let violates = |property: &Property<Protocol>| {
        property.expectation.discovery_is_failure() && discoveries.contains_key(property.name)
    };
    if let Some(property) = protocol.properties().into_iter().find(violates) {
        println!("violated: {}", property.name);
        tell_shortest_path(protocol, property.name);
        return ExitCode::FAILURE;
    }
    let mut is_well = true;
    for property in protocol.properties() {
        let is_seen = discoveries.contains_key(property.name);
        let outcome = match (property.expectation.discovery_is_failure(), is_seen) {
            (true, _) => "always",
            (false, true) => "sometimes",
            (false, false) => "NEVER",
        };
        is_well &= outcome != "NEVER";
        println!("{outcome:>9}: {}", property.name);
    }
    if is_well {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

/// Tells how a property is violated that is; the checker's own path may be longer.
fn tell_shortest_path(protocol: Protocol, violated: &'static str) {
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
