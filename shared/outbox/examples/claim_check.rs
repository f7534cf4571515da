//! Publishes a report that is too large for an event, and reads it as its consumer does.
//!
//! `ITEMS_TABLE` has the partition key `pk`; `OUTBOX_TABLE` has the partition key
//! `aggregateId` and the sort key `position`, all text. `LARGE_DATA_BUCKET` is a bucket of S3.

use aws_config::BehaviorVersion;
use outbox::{AggregateWrite, CloudEvent, DomainEvent, KeySchema, Outbox, claim_check::ClaimCheck};
use serde::{Deserialize, Serialize};

#[derive(Serialize, Deserialize)]
struct ReportMade {
    rows: Vec<String>,
}

impl DomainEvent for ReportMade {
    fn event_type(&self) -> &str {
        "ReportMade"
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let config = aws_config::load_defaults(BehaviorVersion::latest()).await;
    let client = aws_sdk_dynamodb::Client::new(&config);
    let s3 = aws_sdk_s3::Client::new(&config);
    let items = std::env::var("ITEMS_TABLE")?;
    let outbox = Outbox::new(client, std::env::var("OUTBOX_TABLE")?, "reports")?;
    let claim_check = ClaimCheck::new(s3, std::env::var("LARGE_DATA_BUCKET")?);

    let report = serde_json::json!({"pk": "report#1", "lines": 100_000});
    let key = KeySchema::partition_key("pk");
    let write = AggregateWrite::create("report#1", &items, key, &report);
    let made = ReportMade {
        rows: (0..100_000).map(|row| format!("row {row}")).collect(),
    };
    let committed = outbox
        .transaction(write)
        .event(&made)
        .store_large_data(&claim_check)
        .await?
        .commit()
        .await?;
    println!("committed {}", committed.events[0]);

    // At the other end, with the `detail` of the EventBridge event.
    for line in std::io::stdin().lines() {
        let event: CloudEvent = serde_json::from_str(&line?)?;
        let report: ReportMade = claim_check.data_of(&event).await?.parse()?;
        println!("received {} rows", report.rows.len());
    }
    Ok(())
}
