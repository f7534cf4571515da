//! Why parts of the pipeline don't work, each in one sentence.

use devstack_api::{InjectedFault, Kind, Pipeline};
use stream_mapping_cli::InvocationOutcome;

use super::State;

/// How many characters of an error are shown.
const MOST_CHARS: usize = 300;

/// The functions whose failure is a trouble of the commands.
const COMMANDS: [&str; 3] = ["create-order", "cancel-order", "get-order"];

/// Adds the troubles to the parts.
pub(super) fn add(pipeline: &mut Pipeline, state: &State, faults: &[InjectedFault]) {
    let function = |names: &[&str]| {
        let mut failed = names.iter().filter_map(|name| state.functions.get(*name));
        failed.next().map(|reason| shortened(reason))
    };
    let fault = |is_hit: &dyn Fn(&InjectedFault) -> bool| of_faults(faults, is_hit);
    let transactions = |fault: &InjectedFault| {
        matches!(
            fault.fault.action.as_str(),
            "TransactWriteItems" | "GetItem"
        )
    };
    pipeline.commands.trouble = function(&COMMANDS).or_else(|| fault(&transactions));
    pipeline.outbox.trouble = fault(&|fault| {
        matches!(
            fault.fault.action.as_str(),
            "BatchWriteItem" | "BatchGetItem" | "Query" | "Scan" | "UpdateItem"
        )
    });
    pipeline.mapping.trouble = state.mapping_trouble.as_deref().map(shortened);
    pipeline.relay.trouble = function(&["publish-events"])
        .or_else(|| state.relay_trouble.clone())
        .or_else(|| function(&["sweep-outbox"]));
    pipeline.bus.trouble = fault(&|fault| fault.fault.action == "PutEvents");
    pipeline.shipping.trouble = function(&["start-shipping"]).or_else(|| {
        // Shipping commits no events.
        fault(&|fault| transactions(fault) && fault.fault.kind != Kind::Poison)
    });
}

/// Returns how an invocation of the relay failed. A partial failure is none: the relay works.
pub(super) fn of_relay(outcome: &InvocationOutcome) -> Option<String> {
    match outcome {
        InvocationOutcome::FunctionError { error } => {
            Some(shortened(&format!("its last invocation failed: {error}")))
        }
        InvocationOutcome::NotReached { error } => {
            Some(shortened(&format!("it could not be invoked: {error}")))
        }
        _ => None,
    }
}

fn of_faults(faults: &[InjectedFault], is_hit: &dyn Fn(&InjectedFault) -> bool) -> Option<String> {
    let mut hit = faults.iter().filter(|fault| is_hit(fault));
    let first = &hit.next()?.fault;
    let others = match hit.count() {
        0 => String::new(),
        1 => ", and there is another fault".to_owned(),
        others => format!(", and there are {others} other faults"),
    };
    Some(format!("an injected fault: {first}{others}"))
}

fn shortened(text: &str) -> String {
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    if line.chars().count() <= MOST_CHARS {
        return line;
    }
    let kept: String = line.chars().take(MOST_CHARS).collect();
    format!("{kept}…")
}
