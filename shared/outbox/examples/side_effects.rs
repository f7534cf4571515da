//! A consumer that charges a card and sends a mail: effects that no transaction contains.
//!
//! `CONSUMER_TABLE` has the partition key `pk`, text, and the TTL attribute `expiresAt`. The events
//! are read from standard input, as CloudEvents JSON.

use std::collections::HashMap;

use aws_config::BehaviorVersion;
use aws_sdk_dynamodb::types::{AttributeValue, Put};
use outbox::{
    CloudEvent, KeySchema,
    inbox::{ConsumerWrites, Handled, Inbox},
};

/// A payment provider, as such services work: it charges once for each idempotency key.
#[derive(Default)]
struct PaymentProvider {
    payments: HashMap<String, String>,
}

impl PaymentProvider {
    fn charge(&mut self, idempotency_key: &str) -> String {
        let next = format!("payment-{}", self.payments.len() + 1);
        let payment = self.payments.entry(idempotency_key.to_owned());
        payment.or_insert(next).clone()
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let config = aws_config::load_defaults(BehaviorVersion::latest()).await;
    let client = aws_sdk_dynamodb::Client::new(&config);
    let table = std::env::var("CONSUMER_TABLE")?;
    let key = KeySchema::partition_key("pk");
    let inbox = Inbox::new(client, &table, key.clone(), "billing")?;
    let mut provider = PaymentProvider::default();

    for line in std::io::stdin().lines() {
        let event: CloudEvent = serde_json::from_str(&line?)?;
        // First the effect, under a key that is the same for every delivery of the event. If the
        // process dies here, the redelivery charges nothing more.
        let payment = provider.charge(&format!("{}#{}", event.source, event.id));
        // Then the record and what came of it, in one transaction.
        let record = Put::builder()
            .table_name(&table)
            .item("pk", AttributeValue::S(payment.clone()))
            .item("eventId", AttributeValue::S(event.id.clone()))
            .build()?;
        let writes = ConsumerWrites::new().put(record, key.clone());
        match inbox.once(&event, writes).await? {
            // Only now the mail, for which there is no key: if the process dies here, it is not
            // sent. It is never sent twice.
            Handled::Now => println!("charged {payment}, mail sent"),
            Handled::Before => println!("charged {payment} before, no mail"),
        }
    }
    Ok(())
}
