//! The options of `devstack fault add`.

use clap::{Args, ValueEnum};
use devstack::{Fault, Kind};

/// A fault as given on the command line.
#[derive(Args)]
pub(crate) struct NewFault {
    /// The AWS action: `PutEvents`, `BatchGetItem`, `BatchWriteItem`, ...
    action: String,

    /// What goes wrong.
    kind: FaultKind,

    /// The probability for each call, more than 0 and up to 1.
    #[arg(long, default_value_t = 1.0)]
    probability: f64,

    /// The number of calls to hit; without it, all calls until the fault is cleared.
    #[arg(long)]
    count: Option<u32>,

    /// Rejects the entries with this text in their detail type or detail, for the kind
    /// reject-entries.
    #[arg(long, value_name = "TEXT", required_if_eq("kind", "reject-entries"))]
    containing: Option<String>,

    /// The added latency in milliseconds, for the kind latency.
    #[arg(long, default_value_t = 1_000)]
    milliseconds: u64,
}

#[derive(Clone, Copy, ValueEnum)]
enum FaultKind {
    /// The call is throttled.
    Throttle,
    /// The call is denied for missing permissions.
    Deny,
    /// Half of the call's entries or items fail.
    Partial,
    /// The bus rejects some entries, and accepts the others of the call.
    RejectEntries,
    /// The call's event is damaged, so that the relay parks it.
    Poison,
    /// The call takes longer.
    Latency,
    /// The connection is cut before the call has an effect.
    CutBefore,
    /// The connection is cut after the call had its effect.
    CutAfter,
}

impl NewFault {
    pub(crate) fn fault(&self) -> Fault {
        Fault {
            action: self.action.clone(),
            kind: match self.kind {
                FaultKind::Throttle => Kind::Throttle,
                FaultKind::Deny => Kind::Deny,
                FaultKind::Partial => Kind::Partial,
                FaultKind::RejectEntries => Kind::RejectEntries {
                    containing: self.containing.clone().unwrap_or_default(),
                },
                FaultKind::Poison => Kind::Poison,
                FaultKind::Latency => Kind::Latency {
                    milliseconds: self.milliseconds,
                },
                FaultKind::CutBefore => Kind::CutBefore,
                FaultKind::CutAfter => Kind::CutAfter,
            },
            probability: self.probability,
            count: self.count,
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Options {
        #[command(flatten)]
        new: NewFault,
    }

    fn parse(arguments: &str) -> Result<Fault, clap::Error> {
        let arguments = std::iter::once("add").chain(arguments.split(' '));
        Ok(Options::try_parse_from(arguments)?.new.fault())
    }

    #[test]
    fn reject_entries_needs_a_text() {
        let fault = parse("PutEvents reject-entries --containing order#42").unwrap();
        let containing = "order#42".to_owned();
        assert_eq!(fault.kind, Kind::RejectEntries { containing });
        let error = parse("PutEvents reject-entries").unwrap_err().to_string();
        assert!(error.contains("--containing <TEXT>"), "{error}");
        assert!(parse("PutEvents throttle").is_ok());
    }
}
