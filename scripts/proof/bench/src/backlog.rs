//! How fast a sweeper publishes a large backlog, and how much memory it takes: sweeps one
//! after the other, each with the deployed timeout.

use std::time::Duration;

use miette::{IntoDiagnostic, Result, bail};
use nix::time::{ClockId, clock_gettime};
use outbox::{
    aws::DynamoDbTable,
    handlers::{DEFAULT_GRACE, Sweeper},
    ports::{OutboxTable, Segment},
};
use tokio::time::Instant;

use crate::{
    in_memory::InMemory,
    markdown,
    peak_memory::peak_memory,
    pending_table::{PendingTable, ROWS_OF_AGGREGATE, Seen},
    statistics::number,
};

/// The timeout of the deployed sweeper.
const TIMEOUT: Duration = Duration::from_mins(4);

/// How many segments a scan reads, as the sweeper and `outboxctl` do.
const SEGMENTS: u32 = 8;

/// Reads a table with so many rows, then sweeps it until only failing rows are left, and
/// prints a line for each. The bus rejects for now the events of one aggregate in
/// `fails_one_in`: of none if it is 0, and all if it is 1, as in an outage. Another number should
/// be odd, so that each of the eight segments has failing aggregates and others.
pub(crate) async fn measure(rows: usize, fails_one_in: usize) -> Result<()> {
    let aws = InMemory::new(PendingTable::new(rows, fails_one_in));
    let mut table = markdown::table([
        "",
        "duration",
        "rows read",
        "published",
        "rejected",
        "rows a second",
        "read units",
        "CPU",
        "peak memory",
    ]);
    let begun = Begun::now()?;
    scan(&aws).await?;
    table.add_row(line("scan", &begun, take_seen(&aws)?)?);
    let sweeper = Sweeper::new(aws.relay(), DEFAULT_GRACE);
    for sweep in 1.. {
        let begun = Begun::now()?;
        let report = sweeper.sweep(begun.at + TIMEOUT).await;
        let seen = take_seen(&aws)?;
        let name = format!("sweep {sweep}");
        table.add_row(line(&name, &begun, seen)?);
        println!("{name}: {} pending, {report:?}", aws.services().pending());
        // If the bus accepts nothing, the next sweep would find the same.
        if report.cut_short.is_none() || seen.published == 0 {
            break;
        }
    }
    println!("\n{table}");
    require_drained(&aws, rows, fails_one_in)
}

/// When something began, and how much processor time this process had used then.
struct Begun {
    at: Instant,
    cpu: Duration,
}

impl Begun {
    fn now() -> Result<Self> {
        Ok(Self {
            at: Instant::now(),
            cpu: cpu()?,
        })
    }
}

/// Returns the processor time of this process.
fn cpu() -> Result<Duration> {
    let time = clock_gettime(ClockId::CLOCK_PROCESS_CPUTIME_ID);
    Ok(time.into_diagnostic()?.into())
}

/// Reads all rows, and keeps none.
async fn scan(aws: &InMemory<PendingTable>) -> Result<()> {
    let table = DynamoDbTable::new(aws.dynamodb(), "outbox");
    for index in 0..SEGMENTS {
        let segment = Segment {
            index,
            of: SEGMENTS,
        };
        let mut after = None;
        loop {
            let page = table.scan(segment, after.as_ref()).await;
            after = page.into_diagnostic()?.next;
            if after.is_none() {
                break;
            }
        }
    }
    Ok(())
}

/// Returns what happened since the last look. Fails if an event was lost, repeated or out of
/// order: the speed would mean nothing.
fn take_seen(aws: &InMemory<PendingTable>) -> Result<Seen> {
    let seen = std::mem::take(&mut aws.services().seen);
    if seen.mistakes > 0 {
        bail!("{} events lost, repeated or out of order", seen.mistakes);
    }
    Ok(seen)
}

fn line(name: &str, begun: &Begun, seen: Seen) -> Result<[String; 9]> {
    let duration = begun.at.elapsed();
    let cpu = cpu()?.saturating_sub(begun.cpu);
    let rows = if seen.published > 0 {
        seen.published
    } else {
        seen.read
    };
    let per_second = number(rows as u64) / duration.as_secs_f64();
    Ok([
        name.to_owned(),
        format!("{:.1} s", duration.as_secs_f64()),
        seen.read.to_string(),
        seen.published.to_string(),
        seen.rejected.to_string(),
        format!("{per_second:.0}"),
        seen.read_units.to_string(),
        format!("{:.1} s", cpu.as_secs_f64()),
        format!("{} MB", peak_memory("self")? >> 20),
    ])
}

fn require_drained(aws: &InMemory<PendingTable>, rows: usize, fails_one_in: usize) -> Result<()> {
    let aggregates = rows.div_ceil(ROWS_OF_AGGREGATE);
    let failing = match fails_one_in {
        0 => 0,
        one_in => aggregates.div_ceil(one_in) * ROWS_OF_AGGREGATE,
    };
    let pending = aws.services().pending();
    if pending != failing {
        bail!("{pending} rows are pending, and {failing} should be");
    }
    Ok(())
}
