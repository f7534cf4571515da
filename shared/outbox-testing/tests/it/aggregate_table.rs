//! A table of aggregates that is read in memory.

use outbox::{Aggregate, DomainEvent, FindError};
use outbox_testing::{Fault, InMemoryAws, Operation};
use serde::{Deserialize, Serialize};

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Ticket {
    id: String,
}

impl Aggregate for Ticket {
    fn aggregate_id(&self) -> String {
        format!("ticket#{}", self.id)
    }
}

#[derive(Serialize)]
struct TicketOpened;

impl DomainEvent for TicketOpened {
    fn event_type(&self) -> &'static str {
        "TicketOpened"
    }
}

#[tokio::test]
async fn an_aggregate_is_found_as_an_outbox_has_written_it() {
    let aws = InMemoryAws::new();
    let tickets = aws.aggregate_table::<Ticket>("tickets", "pk");
    let outbox = aws.outbox("help-desk").unwrap();
    assert_eq!(tickets.find("ticket#1").await.unwrap(), None);

    let ticket = Ticket { id: "1".into() };
    let transaction = outbox.transaction(tickets.create(&ticket));
    let committed = transaction.event(&TicketOpened).commit().await.unwrap();
    let found = tickets.find("ticket#1").await.unwrap().unwrap();
    assert_eq!((found.state, found.revision), (ticket, committed.revision));
}

#[tokio::test(start_paused = true)]
async fn a_read_fails_on_demand() {
    let aws = InMemoryAws::new();
    let tickets = aws.aggregate_table::<Ticket>("tickets", "pk");
    for fault in [Fault::throttled(), Fault::RequestLost] {
        aws.fail_next(Operation::GetItem, fault);
        let failed = tickets.find("ticket#1").await.unwrap_err();
        assert!(matches!(failed, FindError::Unavailable(_)), "{failed}");
    }
    aws.fail_next(Operation::GetItem, Fault::denied());
    let denied = tickets.find("ticket#1").await.unwrap_err();
    assert!(matches!(denied, FindError::Rejected(_)), "{denied}");
}
