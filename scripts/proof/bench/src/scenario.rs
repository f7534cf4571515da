//! The scenarios, and how they are measured: the contestants alternate in each round, so
//! that other load of the machine affects all of them alike.

use std::{path::Path, time::Duration};

use miette::{Result, bail};

use crate::{
    aws::Latency,
    batch::{Batch, Shape},
    contestant::Contestant,
    function::Function,
    ledger::{Calls, RowOutcomes},
};

/// How long a contestant runs in each round. One whose invocation takes longer is invoked
/// once.
const ROUND: Duration = Duration::from_millis(1_500);

/// How long a contestant runs before it is measured. Node takes longer, because it
/// compiles only code that has run often.
const WARM_UP: Duration = Duration::from_secs(1);
const WARM_UP_OF_NODE: Duration = Duration::from_secs(6);

/// The conditions of a measurement.
pub(crate) struct Scenario {
    pub(crate) name: &'static str,
    pub(crate) shape: Shape,
    pub(crate) latency: Latency,
    pub(crate) contestants: &'static [Contestant],
}

/// The results of a contestant in one round.
pub(crate) struct Round {
    pub(crate) invocations: Vec<Duration>,
    pub(crate) cpu: Duration,
    pub(crate) calls: Calls,
    pub(crate) events: u64,
}

/// The results of a contestant in a scenario.
pub(crate) struct Measured {
    pub(crate) contestant: Contestant,
    pub(crate) rounds: Vec<Round>,
    pub(crate) row_outcomes: RowOutcomes,
    pub(crate) peak_memory: u64,
}

/// Returns the scenarios of docs/performance.md.
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
    /// Measures each contestant in each round. A contestant has one process for all rounds.
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
                row_outcomes: RowOutcomes::default(),
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
            measured.require_expected_outcomes()?;
            all.push(measured);
        }
        Ok(all)
    }

    async fn run(
        &self,
        function: &Function,
        measured: &mut Measured,
        duration: Duration,
    ) -> Result<()> {
        function.aws().ledger().take_calls();
        let cpu_before = function.cpu()?;
        let mut invocations = Vec::new();
        let contestant = measured.contestant;
        while invocations.iter().sum::<Duration>() < duration {
            let batch = Batch::new(self.shape, contestant.age(), contestant.first_sequence());
            let invocation = function.publish(&batch).await?;
            invocations.push(invocation.duration);
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
    /// Fails if events were lost, duplicated, out of order or not deleted where the
    /// contestant shouldn't: its speed would mean nothing.
    fn require_expected_outcomes(&self) -> Result<()> {
        let RowOutcomes {
            lost,
            duplicates,
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
        if lost + duplicates + disordered + undeleted > 0 {
            let contestant = self.contestant;
            bail!(
                "{contestant}: {lost} lost, {duplicates} duplicates, {out_of_order} out of order, {undeleted} not deleted"
            );
        }
        Ok(())
    }
}
