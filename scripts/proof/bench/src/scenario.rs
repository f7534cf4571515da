//! Under which conditions the contestants are measured, and how: in rounds that take
//! turns, so that whatever else the machine does hits all alike.

use std::{path::Path, time::Duration};

use miette::{Result, bail};

use crate::{
    aws::Latency,
    batch::{Batch, Shape},
    contestant::Contestant,
    function::Function,
    ledger::{Calls, Fates},
};

/// How long a contestant runs in each round. One that is slower than that is invoked
/// once.
const ROUND: Duration = Duration::from_millis(1_500);

/// How long one runs before it is measured. Node compiles what runs often, and is not
/// fast before.
const WARM_UP: Duration = Duration::from_secs(1);
const WARM_UP_OF_NODE: Duration = Duration::from_secs(6);

pub(crate) struct Scenario {
    pub(crate) name: &'static str,
    pub(crate) shape: Shape,
    pub(crate) latency: Latency,
    pub(crate) contestants: &'static [Contestant],
}

/// What a contestant came to in one round.
pub(crate) struct Round {
    pub(crate) invocations: Vec<Duration>,
    pub(crate) cpu: Duration,
    pub(crate) calls: Calls,
    pub(crate) events: u64,
}

/// What a contestant came to in a scenario.
pub(crate) struct Measured {
    pub(crate) contestant: Contestant,
    pub(crate) rounds: Vec<Round>,
    pub(crate) row_outcomes: Fates,
    pub(crate) peak_memory: u64,
}

/// The conditions that the README speaks of.
pub(crate) fn scenarios(latency: Latency) -> Vec<Scenario> {
    let hundred = Shape {
        events: 100,
        aggregates: 20,
    };
    vec![
        Scenario {
            name: "batches of 100",
            shape: hundred,
            latency,
            contestants: &Contestant::ALL,
        },
        Scenario {
            name: "batches of 100, services without latency",
            shape: hundred,
            latency: Latency::NONE,
            contestants: &Contestant::ALL,
        },
        Scenario {
            name: "batches of 1,000",
            shape: Shape {
                events: 1_000,
                aggregates: 200,
            },
            latency,
            contestants: &Contestant::OURS_AND_BARE,
        },
        Scenario {
            name: "one event",
            shape: Shape {
                events: 1,
                aggregates: 1,
            },
            latency,
            contestants: &Contestant::ALL,
        },
    ]
}

impl Scenario {
    /// Measures each contestant in each round, a process each for all of them.
    pub(crate) async fn measure(&self, project: &Path, rounds: usize) -> Result<Vec<Measured>> {
        let mut running = Vec::new();
        for contestant in self.contestants {
            let function = Function::start(*contestant, project, self.latency).await?;
            let warm_up = if contestant.is_node() {
                WARM_UP_OF_NODE
            } else {
                WARM_UP
            };
            let mut measured = Measured {
                contestant: *contestant,
                rounds: Vec::new(),
                row_outcomes: Fates::default(),
                peak_memory: 0,
            };
            self.run(&function, &mut measured, warm_up).await?;
            measured.rounds.clear();
            running.push((function, measured));
        }
        for _ in 0..rounds {
            for (function, measured) in &mut running {
                self.run(function, measured, ROUND).await?;
            }
        }
        let mut all = Vec::new();
        for (function, mut measured) in running {
            measured.peak_memory = function.peak_memory()?;
            function.stop().await?;
            measured.require_what_was_promised()?;
            all.push(measured);
        }
        Ok(all)
    }

    async fn run(
        &self,
        function: &Function,
        measured: &mut Measured,
        lasting: Duration,
    ) -> Result<()> {
        function.aws().ledger().take_calls();
        let cpu_before = function.cpu()?;
        let mut invocations = Vec::new();
        while invocations.iter().sum::<Duration>() < lasting {
            let batch = Batch::new(self.shape, measured.contestant.age());
            let invocation = function.publish(&batch).await?;
            invocations.push(invocation.lasted);
            measured.row_outcomes.add(invocation.row_outcomes);
        }
        measured.rounds.push(Round {
            events: (invocations.len() * self.shape.events) as u64,
            invocations,
            cpu: function.cpu()?.saturating_sub(cpu_before),
            calls: function.aws().ledger().take_calls(),
        });
        Ok(())
    }
}

impl Measured {
    /// Speed that comes of doing less than what is measured says nothing.
    fn require_what_was_promised(&self) -> Result<()> {
        let Fates {
            lost,
            twice,
            out_of_order,
            undeleted,
        } = self.row_outcomes;
        let undeleted = if self.contestant.deletes() {
            undeleted
        } else {
            0
        };
        let disordered = if self.contestant.keeps_order() {
            out_of_order
        } else {
            0
        };
        if lost + twice + disordered + undeleted > 0 {
            let contestant = self.contestant;
            bail!(
                "{contestant}: {lost} lost, {twice} twice, {out_of_order} out of order, {undeleted} not deleted"
            );
        }
        Ok(())
    }
}
