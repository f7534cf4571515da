//! Moves money between two accounts: one aggregate for each transaction, and a process manager that
//! continues with the other when it receives the event of the first.
//!
//! `ACCOUNTS_TABLE` has the partition key `pk`, text, and the TTL attribute `expiresAt`;
//! `OUTBOX_TABLE` has the partition key `aggregateId` and the sort key `position`, all text. Events
//! are read from standard input, as CloudEvents JSON. Without any, the money is withdrawn.

use aws_config::BehaviorVersion;
use aws_sdk_dynamodb::{Client, types::AttributeValue};
use outbox::{
    AggregateWrite, CloudEvent, DomainEvent, KeySchema, Outbox, Transaction, Versioned,
    inbox::{Handled, Inbox},
};
use serde::{Deserialize, Serialize};

#[derive(Serialize, Deserialize)]
struct Account {
    pk: String,
    cents: i64,
}

/// What happens to an account.
#[derive(Serialize)]
#[serde(untagged)]
enum AccountEvent {
    Withdrawn { cents: i64, to: String },
    Deposited { cents: i64 },
}

impl DomainEvent for AccountEvent {
    fn event_type(&self) -> &str {
        match self {
            Self::Withdrawn { .. } => "Withdrawn",
            Self::Deposited { .. } => "Deposited",
        }
    }
}

/// What the process manager reads of `Withdrawn`.
#[derive(Deserialize)]
struct Withdrawn {
    cents: i64,
    to: String,
}

struct Accounts {
    client: Client,
    table: String,
    outbox: Outbox,
}

impl Accounts {
    /// Returns the change of one account, with its event.
    async fn change(
        &self,
        id: &str,
        cents: i64,
        event: &AccountEvent,
    ) -> Result<Transaction, Box<dyn std::error::Error>> {
        let get = self.client.get_item().table_name(&self.table);
        let get = get.key("pk", AttributeValue::S(id.into()));
        let item = get.consistent_read(true).send().await?.item;
        let found = Versioned::<Account>::from_item(item.ok_or("no such account")?)?;
        let account = Account {
            cents: found.state.cents + cents,
            ..found.state
        };
        let key = KeySchema::partition_key("pk");
        let write = AggregateWrite::replace(id, &self.table, key, &account, found.revision);
        Ok(self.outbox.transaction(write).event(event))
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let config = aws_config::load_defaults(BehaviorVersion::latest()).await;
    let client = Client::new(&config);
    let table = std::env::var("ACCOUNTS_TABLE")?;
    let key = KeySchema::partition_key("pk");
    let inbox = Inbox::new(client.clone(), &table, key, "transfers")?;
    let accounts = Accounts {
        outbox: Outbox::new(client.clone(), std::env::var("OUTBOX_TABLE")?, "accounts")?,
        client,
        table,
    };

    let events: Vec<String> = std::io::stdin().lines().collect::<Result<_, _>>()?;
    if events.is_empty() {
        let cents = 500;
        let to = "account#2".to_owned();
        let withdrawn = AccountEvent::Withdrawn { cents, to };
        let transaction = accounts.change("account#1", -cents, &withdrawn).await?;
        transaction.commit().await?;
        println!("withdrawn");
    }
    for event in events {
        let event: CloudEvent = serde_json::from_str(&event)?;
        let Withdrawn { cents, to } = event.data.parse()?;
        let deposited = AccountEvent::Deposited { cents };
        let transaction = accounts.change(&to, cents, &deposited).await?;
        // The account, its event and the record that the event was handled: all or nothing.
        match inbox.once(&event, transaction.caused_by(&event)).await? {
            Handled::Now => println!("deposited"),
            Handled::Before => println!("deposited before"),
        }
    }
    Ok(())
}
