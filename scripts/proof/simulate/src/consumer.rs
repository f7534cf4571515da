//! The consumer of the events: a function behind a queue, with an inbox.

use std::{sync::Arc, time::Duration};

use aws_sdk_dynamodb::types::{AttributeValue, Update};
use outbox::{
    CloudEvent, KeySchema, OutboxRow,
    inbox::{ConsumerWrites, Inbox, InvalidInbox},
    testing::Transact,
};
use outbox_testing::unreachable_client;
use tokio::time::Instant;

use crate::{
    caller::{Caller, Role},
    delivery::Delivery,
    functions::run_invocation,
    mutants::Mutant,
    simulation::Simulation,
    state::State,
};

/// The function's timeout.
const TIMEOUT: Duration = Duration::from_secs(30);

/// The queue's visibility timeout.
const VISIBILITY_TIMEOUT: Duration = Duration::from_mins(1);

/// Most messages of one receive.
const BATCH_SIZE: usize = 10;

/// How long the consumer waits at most before it polls an empty queue.
const POLL_INTERVAL: Duration = Duration::from_mins(1);

impl State {
    /// Delivers an event to the consumer's queue, at times twice.
    pub(crate) fn deliver(&mut self, row: &OutboxRow) {
        let times = if !self.is_fault_free && self.random.u8(..50) == 0 {
            2
        } else {
            1
        };
        for _ in 0..times {
            let delivery = Delivery {
                id: self.new_id(),
                detail: row.detail.clone(),
                hidden_until: None,
            };
            // A standard queue keeps no order.
            let last = self.deliveries.len();
            let place = if self.is_fault_free {
                last
            } else {
                self.random.usize(..=last)
            };
            self.deliveries.insert(place, delivery);
        }
    }

    fn receive(&mut self) -> Vec<Delivery> {
        let now = Instant::now();
        let visible = self
            .deliveries
            .iter_mut()
            .filter(|delivery| delivery.hidden_until.is_none_or(|until| until <= now));
        let mut received = Vec::new();
        for delivery in visible.take(BATCH_SIZE) {
            delivery.hidden_until = Some(now + VISIBILITY_TIMEOUT);
            received.push(delivery.clone());
        }
        received
    }
}

/// Handles deliveries until the history ends.
pub(crate) async fn consume(simulation: Simulation) {
    let mut caller = Caller::new(&simulation, Role::Service);
    loop {
        let received = simulation.with(State::receive);
        if received.is_empty() {
            simulation.delivery_or(POLL_INTERVAL).await;
            continue;
        }
        let handling = handle(&caller, &received);
        match run_invocation(&caller, TIMEOUT, handling).await {
            Some(handled) => simulation.with(|state| {
                state
                    .deliveries
                    .retain(|delivery| !handled.contains(&delivery.id));
            }),
            None => caller = Caller::new(&simulation, Role::Service),
        }
    }
}

/// Handles deliveries, and returns the ids of those to delete.
async fn handle(caller: &Caller, received: &[Delivery]) -> Vec<u64> {
    let Ok(inbox) = inbox(caller) else {
        return Vec::new();
    };
    let mut handled = Vec::new();
    for delivery in received {
        let Ok(event) = serde_json::from_str::<CloudEvent>(&delivery.detail) else {
            continue;
        };
        if once(caller, &inbox, &event).await {
            handled.push(delivery.id);
        }
    }
    handled
}

/// Handles an event once, unless a mistake is planted. Returns whether to delete its
/// delivery.
async fn once(caller: &Caller, inbox: &Inbox, event: &CloudEvent) -> bool {
    let effect = effect(event);
    let writes = ConsumerWrites::new().update(effect.clone());
    if caller.has(Mutant::NoInbox) {
        return write(caller, effect).await;
    }
    if caller.has(Mutant::RecordBeforeEffect) {
        return match inbox.once(event, ConsumerWrites::new()).await {
            Ok(outbox::inbox::Handled::Now) => write(caller, effect).await,
            handled => handled.is_ok(),
        };
    }
    let handled = inbox.once(event, writes).await;
    caller
        .simulation
        .log(|| format!("the consumer handled {}: {handled:?}", event.id));
    handled.is_ok()
}

/// Commits an effect without a record that the event was handled.
async fn write(caller: &Caller, effect: Update) -> bool {
    let item = aws_sdk_dynamodb::types::TransactWriteItem::builder().update(effect);
    let token = caller.simulation.with(State::new_id).to_string();
    caller.transact(vec![item.build()], token).await.is_ok()
}

/// Returns the consumer's effect of an event: a counter.
fn effect(event: &CloudEvent) -> Update {
    let effect = Update::builder()
        .table_name("effects")
        .key("eventId", AttributeValue::S(event.id.clone()))
        .update_expression("ADD effects :one")
        .expression_attribute_values(":one", AttributeValue::N("1".into()))
        .build();
    // Table, key and expression, which an update requires, are set.
    effect.unwrap_or_else(|error| unreachable!("{error}"))
}

fn inbox(caller: &Caller) -> Result<Inbox, InvalidInbox> {
    let key = KeySchema::partition_key("pk");
    let inbox = Inbox::new(unreachable_client(), "inbox", key, "consumer")?;
    Ok(inbox
        .with_clock(caller.clock.clone())
        .on(Arc::new(caller.clone())))
}
