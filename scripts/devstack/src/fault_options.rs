use clap::{Args, ValueEnum};
use devstack::{Fault, Kind};

/// A fault, as it is asked for.
#[derive(Args)]
pub(crate) struct NewFault {
    /// The AWS action: `PutEvents`, `BatchGetItem`, `BatchWriteItem`, ...
    action: String,

    /// What goes wrong.
    kind: FaultKind,

    /// How likely it is for each call, up to 1.
    #[arg(long, default_value_t = 1.0)]
    probability: f64,

    /// How many calls it hits; without it, all until it is cleared.
    #[arg(long)]
    count: Option<u32>,

    /// How much longer a call takes, for latency.
    #[arg(long, default_value_t = 1_000)]
    milliseconds: u64,
}

#[derive(Clone, Copy, ValueEnum)]
enum FaultKind {
    /// The call is refused as throttled.
    Throttle,
    /// The call is refused for want of rights.
    Deny,
    /// Half of what the call holds is left undone.
    Partial,
    /// The event that the call commits is damaged: the relay parks it.
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
