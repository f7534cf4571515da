//! The protocol holds in every order of its steps, and the checks find every deliberate
//! mistake.

use std::{collections::HashMap, thread};

use model::{Mistake, Protocol, State};
use stateright::{Checker, HasDiscoveries, Model};

fn protocol(mistake: Option<Mistake>) -> Protocol {
    Protocol {
        faults: 3,
        at_once: mistake.is_some_and(Mistake::is_of_writer),
        mistake,
    }
}

/// With fewer faults, because one more publisher makes many more states.
fn with_writer() -> Protocol {
    Protocol {
        faults: 2,
        at_once: true,
        mistake: None,
    }
}

fn check(protocol: Protocol, until: HasDiscoveries) -> impl Checker<Protocol> {
    let processors = thread::available_parallelism().map_or(1, usize::from);
    let checker = protocol.checker().threads(processors).finish_when(until);
    checker.spawn_bfs().join()
}

#[test]
fn the_protocol_holds() {
    check(protocol(None), HasDiscoveries::AnyFailures).assert_properties();
}

#[test]
fn the_protocol_holds_with_a_writer_that_publishes_at_once() {
    check(with_writer(), HasDiscoveries::AnyFailures).assert_properties();
}

#[test]
fn every_mistake_is_found_by_the_property_that_is_about_it() {
    for mistake in Mistake::all() {
        let violated = mistake.violates();
        let checker = check(
            protocol(Some(*mistake)),
            HasDiscoveries::AllOf([violated].into()),
        );
        assert!(
            checker.discovery(violated).is_some(),
            "{mistake}: {violated}"
        );
    }
}

/// Without this, an endless path would count as one that ends drained.
#[test]
fn every_path_ends() {
    for protocol in [protocol(None), with_writer()] {
        let mut is_followed = HashMap::new();
        for state in protocol.init_states() {
            follow(protocol, state, &mut is_followed);
        }
    }
}

/// Follows every path from a state to its end.
fn follow(protocol: Protocol, state: State, is_followed: &mut HashMap<State, bool>) {
    match is_followed.get(&state) {
        Some(true) => return,
        Some(false) => panic!("a path returns to {state:?}"),
        None => is_followed.insert(state.clone(), false),
    };
    for next in protocol.next_states(&state) {
        follow(protocol, next, is_followed);
    }
    is_followed.insert(state, true);
}
