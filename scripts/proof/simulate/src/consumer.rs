//! Who consumes events: a function behind a queue of the bus, with an inbox.

use std::{sync::Arc, time::Duration};

use aws_sdk_dynamodb::types::{AttributeValue, Update};
use outbox::{
    CloudEvent, KeySchema, OutboxRow,
    inbox::{ConsumerWrites, Inbox, InvalidInbox},
    simulation::Transact,
};
use tokio::time::Instant;

use crate::{
    bugs::Bug,
    caller::Caller,
    functions::{alive, nowhere},
    world::{State, World},
};

/// How long the function may take.
const TIMEOUT: Duration = Duration::from_secs(30);

/// How long a message is hidden that somebody has received.
const HIDDEN_FOR: Duration = Duration::from_mins(1);

/// Messages received at once.
const AT_ONCE: usize = 10;

/// How long it takes at most until somebody looks whether there is more.
const LOOK_AGAIN: Duration = Duration::from_mins(1);

/// An event on its way to the consumer.
#[derive(Debug, Clone)]
pub(crate) struct Delivery {
    id: u64,
    detail: String,
    hidden_until: Option<Instant>,
}

impl State {
    /// The bus brings an event to the consumer's queue, at times twice.
    pub(crate) fn deliver(&mut self, row: &OutboxRow) {
        let times = if !self.is_calm && self.random.u8(..50) == 0 {
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
            // A queue knows no order.
            let last = self.deliveries.len();
            let place = if self.is_calm {
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
        for delivery in visible.take(AT_ONCE) {
            delivery.hidden_until = Some(now + HIDDEN_FOR);
            received.push(delivery.clone());
        }
        received
    }
}

/// Handles what comes, as long as the world lasts.
pub(crate) async fn consume(world: World) {
    let mut caller = Caller::new(&world);
    loop {
        let received = world.with(State::receive);
        if received.is_empty() {
            world.delivery(LOOK_AGAIN).await;
            continue;
        }
        let handling = handle(&caller, &received);
        match alive(&caller, TIMEOUT, handling).await {
            Some(handled) => world.with(|state| {
                state
                    .deliveries
                    .retain(|delivery| !handled.contains(&delivery.id));
            }),
            None => caller = Caller::new(&world),
        }
    }
}

/// Answers which deliveries are handled.
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

async fn once(caller: &Caller, inbox: &Inbox, event: &CloudEvent) -> bool {
    let effect = effect(event);
    let writes = ConsumerWrites::new().update(effect.clone());
    if caller.has(Bug::NoInbox) {
        return write(caller, effect).await;
    }
    if caller.has(Bug::RecordBeforeEffect) {
        return match inbox.once(event, ConsumerWrites::new()).await {
            Ok(outbox::inbox::Handled::Now) => write(caller, effect).await,
            handled => handled.is_ok(),
        };
    }
    let handled = inbox.once(event, writes).await;
    caller
        .world
        .log(|| format!("the consumer of {}: {handled:?}", event.id));
    handled.is_ok()
}

async fn write(caller: &Caller, effect: Update) -> bool {
    let item = aws_sdk_dynamodb::types::TransactWriteItem::builder().update(effect);
    let token = caller.world.with(State::new_id).to_string();
    caller.transact(vec![item.build()], token).await.is_ok()
}

/// What the consumer makes of an event: it counts it.
fn effect(event: &CloudEvent) -> Update {
    let effect = Update::builder()
        .table_name("effects")
        .key("eventId", AttributeValue::S(event.id.clone()))
        .update_expression("ADD effects :one")
        .expression_attribute_values(":one", AttributeValue::N("1".into()))
        .build();
    // Table, key and expression are there.
    effect.unwrap_or_else(|error| unreachable!("{error}"))
}

fn inbox(caller: &Caller) -> Result<Inbox, InvalidInbox> {
    let key = KeySchema::partition_key("pk");
    let inbox = Inbox::new(nowhere(), "inbox", key, "consumer")?;
    Ok(inbox
        .with_clock(caller.world.clock())
        .on(Arc::new(caller.clone())))
}
