//! Checks of the dead-letter queue, as its readers see it: Amazon SQS, or a replacement.

use std::{collections::BTreeSet, time::Duration};

use outbox::ports::{DeadLetterQueue, Depth, Message};

use crate::check::suite;

/// An empty queue, and what happens to it besides its readers' requests.
pub trait World {
    /// The queue, as its readers see it.
    type Queue: DeadLetterQueue;

    /// Returns the queue.
    fn queue(&self) -> &Self::Queue;

    /// Sends a message.
    fn send(&self, body: &str) -> impl Future<Output = ()>;

    /// Lets time pass, for the queue.
    fn pass(&self, time: Duration) -> impl Future<Output = ()>;
}

suite!(World:
    an_empty_queue_returns_no_messages,
    a_message_is_received_as_it_was_sent,
    no_more_messages_are_received_than_asked_for,
    a_received_message_is_hidden_for_a_while,
    a_message_is_received_again_with_another_receipt,
    hiding_a_message_again_extends_its_time,
    a_message_hidden_for_no_time_is_visible_at_once,
    a_deleted_message_is_not_received_again,
    what_was_deleted_may_be_deleted_again,
    an_old_receipt_deletes_without_an_error,
    a_deleted_message_cannot_be_hidden,
    batches_have_at_most_ten_messages,
    the_depth_counts_visible_and_hidden_messages,
);

/// How long messages are hidden. With real services the checks wait for this long.
const HIDDEN_FOR: Duration = Duration::from_secs(6);

/// Most of that time.
const MOST_OF_IT: Duration = Duration::from_secs(4);

async fn receive(world: &impl World) -> Vec<Message> {
    let received = world.queue().receive(10, HIDDEN_FOR).await;
    received.expect("an answer")
}

/// Receives the only visible message.
async fn receive_one(world: &impl World) -> Message {
    let mut received = receive(world).await;
    assert_eq!(received.len(), 1);
    received.remove(0)
}

fn only(message: &Message) -> &[Message] {
    std::slice::from_ref(message)
}

async fn an_empty_queue_returns_no_messages(world: &impl World) {
    assert_eq!(receive(world).await, []);
}

/// Any message, also one that is not a dead letter.
async fn a_message_is_received_as_it_was_sent(world: &impl World) {
    let body = "not a letter: \"\u{e4}\u{1f4ee}\"\n";
    world.send(body).await;
    let message = receive_one(world).await;
    assert_eq!(message.body, body);
    assert!(message.sent_at.is_some());
    assert!(!message.id.is_empty() && !message.receipt.is_empty());
}

/// `MaxNumberOfMessages` is 1 to 10.
async fn no_more_messages_are_received_than_asked_for(world: &impl World) {
    let sent: BTreeSet<String> = (0..23).map(|number| number.to_string()).collect();
    for body in &sent {
        world.send(body).await;
    }
    let mut seen = BTreeSet::new();
    let hour = Duration::from_hours(1);
    for most in [1, 10, 100].into_iter().chain(std::iter::repeat(10)) {
        let received = world.queue().receive(most, hour).await;
        let received = received.expect("an answer");
        assert!(received.len() <= most.min(10));
        if received.is_empty() {
            break;
        }
        for message in received {
            assert!(seen.insert(message.body), "it should be hidden");
        }
    }
    assert_eq!(seen, sent);
}

/// The visibility timeout "begins when Amazon SQS returns a message".
async fn a_received_message_is_hidden_for_a_while(world: &impl World) {
    world.send("a").await;
    let first = receive_one(world).await;
    assert_eq!(receive(world).await, []);
    world.pass(HIDDEN_FOR).await;
    assert_eq!(receive_one(world).await.id, first.id);
}

/// "If you receive the same message more than once, you will get a different
/// `ReceiptHandle` each time."
async fn a_message_is_received_again_with_another_receipt(world: &impl World) {
    world.send("a").await;
    let first = receive_one(world).await;
    world.pass(HIDDEN_FOR).await;
    let again = receive_one(world).await;
    assert_ne!(again.receipt, first.receipt);
    let receipt = first.receipt.clone();
    assert_eq!(Message { receipt, ..again }, first);
}

/// The new timeout counts "from the time that you make the `ChangeMessageVisibility`
/// call".
async fn hiding_a_message_again_extends_its_time(world: &impl World) {
    world.send("a").await;
    let message = receive_one(world).await;
    world.pass(MOST_OF_IT).await;
    let hidden = world.queue().hide(only(&message), HIDDEN_FOR).await;
    assert_eq!(hidden, Ok(()));
    world.pass(MOST_OF_IT).await;
    assert_eq!(receive(world).await, []);
    world.pass(MOST_OF_IT).await;
    assert_eq!(receive_one(world).await.id, message.id);
}

/// A timeout of 0 makes a message visible at once.
async fn a_message_hidden_for_no_time_is_visible_at_once(world: &impl World) {
    world.send("a").await;
    world.send("b").await;
    let mut messages = receive(world).await;
    messages.extend(receive(world).await);
    let given_back = &messages[..1];
    let hidden = world.queue().hide(given_back, Duration::ZERO).await;
    assert_eq!(hidden, Ok(()));
    assert_eq!(receive_one(world).await.id, given_back[0].id);
}

async fn a_deleted_message_is_not_received_again(world: &impl World) {
    world.send("a").await;
    world.send("b").await;
    let mut messages = receive(world).await;
    messages.extend(receive(world).await);
    let deleted = world.queue().delete(&messages[..1]).await;
    assert_eq!(deleted, Ok(vec![]));
    world.pass(HIDDEN_FOR).await;
    assert_eq!(receive_one(world).await.id, messages[1].id);
}

/// A reader that got no response to a delete retries it, which must not be an error.
async fn what_was_deleted_may_be_deleted_again(world: &impl World) {
    world.send("a").await;
    let message = receive_one(world).await;
    for _ in 0..2 {
        let deleted = world.queue().delete(only(&message)).await;
        assert_eq!(deleted, Ok(vec![]));
    }
}

/// "If you use an old `ReceiptHandle`, the request will succeed, but the message might
/// not be deleted."
async fn an_old_receipt_deletes_without_an_error(world: &impl World) {
    world.send("a").await;
    let first = receive_one(world).await;
    world.pass(HIDDEN_FOR).await;
    let again = receive_one(world).await;
    let deleted = world.queue().delete(only(&first)).await;
    assert_eq!(deleted, Ok(vec![]));
    let deleted = world.queue().delete(only(&again)).await;
    assert_eq!(deleted, Ok(vec![]));
    world.pass(HIDDEN_FOR).await;
    assert_eq!(receive(world).await, []);
}

/// "The result of the action on each message is reported individually": the others
/// are hidden.
async fn a_deleted_message_cannot_be_hidden(world: &impl World) {
    world.send("a").await;
    world.send("b").await;
    let mut messages = receive(world).await;
    messages.extend(receive(world).await);
    let deleted = world.queue().delete(&messages[..1]).await;
    assert_eq!(deleted, Ok(vec![]));
    let hidden = world.queue().hide(&messages, Duration::ZERO).await;
    assert!(hidden.is_err());
    assert_eq!(receive_one(world).await.id, messages[1].id);
}

/// `TooManyEntriesInBatchRequest`, and no message is changed.
async fn batches_have_at_most_ten_messages(world: &impl World) {
    for number in 0..11 {
        world.send(&number.to_string()).await;
    }
    let mut messages = Vec::new();
    while messages.len() < 11 {
        let received = world.queue().receive(10, Duration::from_hours(1)).await;
        messages.extend(received.expect("an answer"));
    }
    assert!(world.queue().delete(&messages).await.is_err());
    assert!(world.queue().hide(&messages, Duration::ZERO).await.is_err());
    assert_eq!(receive(world).await, []);
    let ten = &messages[..10];
    assert_eq!(world.queue().hide(ten, Duration::ZERO).await, Ok(()));
    assert_eq!(receive(world).await.len(), 10);
}

async fn the_depth_counts_visible_and_hidden_messages(world: &impl World) {
    for body in ["a", "b", "c"] {
        world.send(body).await;
    }
    let received = world.queue().receive(1, HIDDEN_FOR).await;
    assert_eq!(received.expect("an answer").len(), 1);
    let expected = Depth {
        visible: 2,
        hidden: 1,
    };
    assert_eq!(world.queue().depth().await, Ok(expected));
}
