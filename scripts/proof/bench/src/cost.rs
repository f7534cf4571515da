//! The cost of a million orders: the requests and units of one order, counted with the
//! real functions, and the prices of this and other designs.

use std::{fs, path::Path};

use comfy_table::Table;
use miette::{IntoDiagnostic, Result, bail, miette};
use serde::Serialize;
use serde_json::Value;

use crate::{
    aws::Latency,
    batch::{Age, payload},
    contestant::Contestant,
    function::Function,
    item_size::item_bytes,
    ledger::{Calls, RowOutcomes},
    markdown, prices,
    scenario_report::ScenarioReport,
    statistics::number,
};

/// The memory of the deployed relay.
const RELAY_GIGABYTES: f64 = 0.5;

/// The memory of the deployed `create-order`.
const WRITER_GIGABYTES: f64 = 0.5;

/// A function that polls every second, and mostly finds nothing.
const POLLS_A_MONTH: f64 = 30.0 * 24.0 * 3_600.0;
const POLL_SECONDS: f64 = 0.006;

/// Sweeps run every five minutes, and each scans this many segments.
const SWEEPS_A_MONTH: f64 = 30.0 * 24.0 * 12.0;
const SEGMENTS: f64 = 8.0;
const SWEEP_SECONDS: f64 = 0.1;

/// What one order takes, and what each design costs.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Cost {
    /// The requests to create one order.
    pub(crate) order: Counted,
    /// The requests of the relay to publish its event.
    pub(crate) publish: Counted,
    /// The requests to create one order and publish its event at once.
    pub(crate) at_once: Counted,
    /// The requests of the relay for an event that is published.
    pub(crate) skip: Counted,
    pub(crate) designs: Vec<DesignCost>,
}

/// Requests, and the units that AWS bills for them.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Counted {
    pub(crate) requests: Vec<(String, u64)>,
    pub(crate) write_units: u64,
    pub(crate) read_units: u64,
    pub(crate) billed_events: u64,
}

/// The cost of a design, in USD.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct DesignCost {
    pub(crate) design: &'static str,
    /// For a million orders at a rate that fills the batches.
    pub(crate) a_million_in_batches_of_100: f64,
    /// For a million orders, one by one.
    pub(crate) a_million_one_by_one: f64,
    /// For a month without any order.
    pub(crate) a_month: f64,
}

/// The durations of invocations, of the relay and of the tutorial's handler, in seconds.
/// The number is the batch size. The relay skips events that are published.
pub(crate) struct Durations {
    relay_of_1: f64,
    relay_of_100: f64,
    skipping_of_1: f64,
    skipping_of_100: f64,
    tutorial_of_1: f64,
    tutorial_of_100: f64,
}

impl Durations {
    /// Returns the medians of two scenarios: batches of 100, and one event.
    pub(crate) fn of(hundred: &ScenarioReport, one: &ScenarioReport) -> Result<Self> {
        let seconds = |scenario: &ScenarioReport, wanted: Contestant| {
            let figures = scenario.figures(wanted);
            let figures = figures.ok_or_else(|| miette!("{wanted} was not measured"))?;
            Ok::<_, miette::Report>(figures.p50_milliseconds / 1e3)
        };
        Ok(Self {
            relay_of_1: seconds(one, Contestant::Relay)?,
            relay_of_100: seconds(hundred, Contestant::Relay)?,
            skipping_of_1: seconds(one, Contestant::RelaySkipping)?,
            skipping_of_100: seconds(hundred, Contestant::RelaySkipping)?,
            tutorial_of_1: seconds(one, Contestant::NodeOneByOne)?,
            tutorial_of_100: seconds(hundred, Contestant::NodeOneByOne)?,
        })
    }
}

impl From<Calls> for Counted {
    fn from(calls: Calls) -> Self {
        Self {
            write_units: calls.write_units,
            read_units: calls.read_units,
            billed_events: calls.billed_events,
            requests: calls.requests.into_iter().collect(),
        }
    }
}

/// The orders whose time after the response is measured, after one that warms up.
const ORDERS_AT_ONCE: usize = 100;

/// Counts the requests of the real functions for one order and its event. With this latency of the
/// services, it measures how long `create-order` publishes after its response.
pub(crate) async fn measure(
    project: &Path,
    durations: &Durations,
    latency: Latency,
) -> Result<Cost> {
    let create_order = Function::start(Contestant::CreateOrder, project, Latency::NONE).await?;
    create_order.invoke(request(project)?.into()).await?;
    let (order, written) = {
        let mut ledger = create_order.aws().ledger();
        (ledger.take_calls(), ledger.take_written())
    };
    create_order.stop().await?;
    let rows: Vec<Value> = written
        .into_iter()
        .filter(|(table, _)| table == "outbox")
        .map(|(_, item)| item)
        .collect();

    let publish = relay_calls(Contestant::Relay, &rows, project).await?;
    let skip = relay_calls(Contestant::RelaySkipping, &rows, project).await?;
    let (at_once, after_response) = publish_at_once(project, latency).await?;
    let row_bytes: usize = rows.iter().map(item_bytes).sum();
    let counted = CountedCalls {
        order: &order,
        publish: &publish,
        at_once: &at_once,
        skip: &skip,
    };
    Ok(Cost {
        designs: designs(&counted, row_bytes, durations, after_response),
        order: order.into(),
        publish: publish.into(),
        at_once: at_once.into(),
        skip: skip.into(),
    })
}

/// Returns the calls of the relay for the record of one order's event.
async fn relay_calls(contestant: Contestant, rows: &[Value], project: &Path) -> Result<Calls> {
    let relay = Function::start(contestant, project, Latency::NONE).await?;
    if !contestant.skips() {
        relay.aws().ledger().begin(rows.iter().cloned());
    }
    relay.invoke(payload(rows, Age::Fresh)).await?;
    let (calls, row_outcomes) = {
        let mut ledger = relay.aws().ledger();
        let ids = rows.iter().filter_map(|row| row["eventId"]["S"].as_str());
        (ledger.take_calls(), ledger.row_outcomes(ids))
    };
    relay.stop().await?;
    let is_done = if contestant.skips() {
        calls.of("PutEvents") == 0
    } else {
        row_outcomes == RowOutcomes::default()
    };
    if rows.len() != 1 || !is_done {
        bail!("an order did not create exactly one published event: {rows:?}, {row_outcomes:?}");
    }
    Ok(calls)
}

/// Returns the calls to create an order and publish its event at once, and the median time that
/// this takes after the response, in seconds.
async fn publish_at_once(project: &Path, latency: Latency) -> Result<(Calls, f64)> {
    let create_order = Function::start(Contestant::CreateOrderAtOnce, project, latency).await?;
    let warm_up = create_order.invoke_until_idle(request(project)?.into());
    warm_up.await?;
    // Not part of the calls of an order.
    create_order.aws().ledger().take_calls();
    let mut after_response = Vec::new();
    let mut calls = Calls::default();
    for _ in 0..ORDERS_AT_ONCE {
        let took = create_order.invoke_until_idle(request(project)?.into());
        after_response.push(took.await?);
        calls = create_order.aws().ledger().take_calls();
    }
    create_order.stop().await?;
    if calls.of("PutEvents") != 1 {
        bail!("an order was not published at once: {calls:?}");
    }
    after_response.sort_unstable();
    let median = after_response[after_response.len() / 2].as_secs_f64();
    Ok((calls, median))
}

/// The calls of the functions for one order and its event.
struct CountedCalls<'c> {
    order: &'c Calls,
    publish: &'c Calls,
    at_once: &'c Calls,
    skip: &'c Calls,
}

/// Returns the sample's order without its idempotency key, which would need another item.
fn request(project: &Path) -> Result<String> {
    let sample = fs::read_to_string(project.join("samples/create-order.json"));
    let mut request: Value = serde_json::from_str(&sample.into_diagnostic()?).into_diagnostic()?;
    let headers = request["headers"].as_object_mut();
    headers.and_then(|headers| headers.remove("idempotency-key"));
    Ok(request.to_string())
}

fn designs(
    calls: &CountedCalls,
    row_bytes: usize,
    durations: &Durations,
    after_response: f64,
) -> Vec<DesignCost> {
    let CountedCalls {
        order,
        publish,
        at_once,
        skip,
    } = calls;
    let write = number(order.write_units) * prices::WRITE_UNIT;
    let event = number(publish.billed_events) * prices::EVENT;
    let delete = number(publish.write_units) * prices::WRITE_UNIT;
    let function = |seconds: f64, events: f64| {
        (prices::INVOCATION + seconds * RELAY_GIGABYTES * prices::GIGABYTE_SECOND) / events
    };
    // An eventually consistent query takes half a unit for 4 KB.
    #[expect(clippy::cast_precision_loss, reason = "a row has a few KB")]
    let query = row_bytes as f64 / 4096.0 / 2.0 * prices::READ_UNIT;
    // The index of pending rows is written with the row, and again when it is deleted.
    let index = 2.0 * delete;
    let published_at_once = number(at_once.write_units) * prices::WRITE_UNIT
        + number(at_once.billed_events) * prices::EVENT
        + number(at_once.read_units + skip.read_units) * prices::READ_UNIT
        + after_response * WRITER_GIGABYTES * prices::GIGABYTE_SECOND;
    let million = |one: f64| one * 1e6;
    let sweeps = SWEEPS_A_MONTH * (function(SWEEP_SECONDS, 1.0) + SEGMENTS * prices::READ_UNIT);
    vec![
        DesignCost {
            design: "this one",
            a_million_in_batches_of_100: million(
                write + event + delete + function(durations.relay_of_100, 100.0),
            ),
            a_million_one_by_one: million(
                write + event + delete + function(durations.relay_of_1, 1.0),
            ),
            a_month: sweeps,
        },
        DesignCost {
            design: "this one, publishing at once",
            a_million_in_batches_of_100: million(
                published_at_once + function(durations.skipping_of_100, 100.0),
            ),
            a_million_one_by_one: million(
                published_at_once + function(durations.skipping_of_1, 1.0),
            ),
            a_month: sweeps,
        },
        DesignCost {
            design: "EventBridge Pipes, rows expire",
            // A batch of ten events fits into the 64 KB of one request.
            a_million_in_batches_of_100: million(write + event + prices::PIPE_REQUEST / 10.0),
            a_million_one_by_one: million(write + event + prices::PIPE_REQUEST),
            a_month: 0.0,
        },
        DesignCost {
            design: "the tutorial's handler, rows expire",
            a_million_in_batches_of_100: million(
                write + event + function(durations.tutorial_of_100, 100.0),
            ),
            a_million_one_by_one: million(write + event + function(durations.tutorial_of_1, 1.0)),
            a_month: 0.0,
        },
        DesignCost {
            design: "polling an index every second",
            a_million_in_batches_of_100: million(
                write + index + event + delete + query + function(durations.relay_of_100, 100.0),
            ),
            // The polls every second are in the cost of a month.
            a_million_one_by_one: million(write + index + event + delete + query),
            a_month: POLLS_A_MONTH * (function(POLL_SECONDS, 1.0) + prices::READ_UNIT / 2.0),
        },
    ]
}

impl Cost {
    /// Returns the table with a row for each design.
    pub(crate) fn table(&self) -> Table {
        let mut table = markdown::table([
            "USD",
            "a million orders, batches of 100",
            "a million orders, one by one",
            "a month without any",
        ]);
        for cost in &self.designs {
            table.add_row([
                cost.design.to_owned(),
                format!("{:.2}", cost.a_million_in_batches_of_100),
                format!("{:.2}", cost.a_million_one_by_one),
                format!("{:.2}", cost.a_month),
            ]);
        }
        table
    }
}
