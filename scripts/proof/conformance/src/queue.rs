//! Checks of the dead-letter queue, as its readers see it: Amazon SQS, or a replacement.

use std::{collections::BTreeSet, time::Duration};

use outbox::ports::{DeadLetterQueue, Depth, Message};

use crate::check::suite;

/// An empty queue, and what happens to it besides its readers' requests.
pub trait Fixture {
    /// The queue, as its readers see it.
    type Queue: DeadLetterQueue;

    /// Returns the queue.
    fn queue(&self) -> &Self::Queue;

    /// Sends a message.
    fn send(&self, body: &str) -> impl Future<Output = ()>;

    /// Lets time pass, for the queue.
    fn pass(&self, time: Duration) -> impl Future<Output = ()>;
}

suite!(Fixture:
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

async fn receive(fixture: &impl Fixture) -> Vec<Message> {
    let received = fixture.queue().receive(10, HIDDEN_FOR).await;
    received.expect("an answer")
}

/// Receives the only visible message.
async fn receive_one(fixture: &impl Fixture) -> Message {
    let mut received = receive(fixture).await;
    assert_eq!(received.len(), 1);
    received.remove(0)
}

fn only(message: &Message) -> &[Message] {
    std::slice::from_ref(message)
}

async fn an_empty_queue_returns_no_messages(fixture: &impl Fixture) {
    assert_eq!(receive(fixture).await, []);
}

/// Any message, also one that is not a dead letter.
async fn a_message_is_received_as_it_was_sent(fixture: &impl Fixture) {
    let body = "not a letter: \"\u{e4}\u{1f4ee}\"\n";
    fixture.send(body).await;
    let message = receive_one(fixture).await;
    assert_eq!(message.body, body);
    assert!(message.sent_at.is_some());
    assert!(!message.id.is_empty() && !message.receipt.is_empty());
}

/// `MaxNumberOfMessages` is 1 to 10.
async fn no_more_messages_are_received_than_asked_for(fixture: &impl Fixture) {
    let sent: BTreeSet<String> = (0..23).map(|number| number.to_string()).collect();
    for body in &sent {
        fixture.send(body).await;
    }
    let mut seen = BTreeSet::new();
    let hour = Duration::from_hours(1);
    for most in [1, 10, 100].into_iter().chain(std::iter::repeat(10)) {
        let received = fixture.queue().receive(most, hour).await;
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
async fn a_received_message_is_hidden_for_a_while(fixture: &impl Fixture) {
    fixture.send("a").await;
    let first = receive_one(fixture).await;
    assert_eq!(receive(fixture).await, []);
    fixture.pass(HIDDEN_FOR).await;
    assert_eq!(receive_one(fixture).await.id, first.id);
}

/// "If you receive the same message more than once, you will get a different
/// `ReceiptHandle` each time."
async fn a_message_is_received_again_with_another_receipt(fixture: &impl Fixture) {
    fixture.send("a").await;
    let first = receive_one(fixture).await;
    fixture.pass(HIDDEN_FOR).await;
    let again = receive_one(fixture).await;
    assert_ne!(again.receipt, first.receipt);
    let receipt = first.receipt.clone();
    assert_eq!(Message { receipt, ..again }, first);
}

/// The new timeout counts "from the time that you make the `ChangeMessageVisibility`
/// call".
async fn hiding_a_message_again_extends_its_time(fixture: &impl Fixture) {
    fixture.send("a").await;
    let message = receive_one(fixture).await;
    fixture.pass(MOST_OF_IT).await;
    let hidden = fixture.queue().hide(only(&message), HIDDEN_FOR).await;
    assert_eq!(hidden, Ok(()));
    fixture.pass(MOST_OF_IT).await;
    assert_eq!(receive(fixture).await, []);
    fixture.pass(MOST_OF_IT).await;
    assert_eq!(receive_one(fixture).await.id, message.id);
}

/// A timeout of 0 makes a message visible at once.
async fn a_message_hidden_for_no_time_is_visible_at_once(fixture: &impl Fixture) {
    fixture.send("a").await;
    fixture.send("b").await;
    let mut messages = receive(fixture).await;
    messages.extend(receive(fixture).await);
    let given_back = &messages[..1];
    let hidden = fixture.queue().hide(given_back, Duration::ZERO).await;
    assert_eq!(hidden, Ok(()));
    assert_eq!(receive_one(fixture).await.id, given_back[0].id);
}

async fn a_deleted_message_is_not_received_again(fixture: &impl Fixture) {
    fixture.send("a").await;
    fixture.send("b").await;
    let mut messages = receive(fixture).await;
    messages.extend(receive(fixture).await);
    let deleted = fixture.queue().delete(&messages[..1]).await;
    assert_eq!(deleted, Ok(vec![]));
    fixture.pass(HIDDEN_FOR).await;
    assert_eq!(receive_one(fixture).await.id, messages[1].id);
}

/// A reader that got no response to a delete retries it, which must not be an error.
async fn what_was_deleted_may_be_deleted_again(fixture: &impl Fixture) {
    fixture.send("a").await;
    let message = receive_one(fixture).await;
    for _ in 0..2 {
        let deleted = fixture.queue().delete(only(&message)).await;
        assert_eq!(deleted, Ok(vec![]));
    }
}

/// "If you use an old `ReceiptHandle`, the request will succeed, but the message might
/// not be deleted."
async fn an_old_receipt_deletes_without_an_error(fixture: &impl Fixture) {
    fixture.send("a").await;
    let first = receive_one(fixture).await;
    fixture.pass(HIDDEN_FOR).await;
    let again = receive_one(fixture).await;
    let deleted = fixture.queue().delete(only(&first)).await;
    assert_eq!(deleted, Ok(vec![]));
    let deleted = fixture.queue().delete(only(&again)).await;
    assert_eq!(deleted, Ok(vec![]));
    fixture.pass(HIDDEN_FOR).await;
    assert_eq!(receive(fixture).await, []);
}

/// "The result of the action on each message is reported individually": the others
/// are hidden.
async fn a_deleted_message_cannot_be_hidden(fixture: &impl Fixture) {
    fixture.send("a").await;
    fixture.send("b").await;
    let mut messages = receive(fixture).await;
    messages.extend(receive(fixture).await);
    let deleted = fixture.queue().delete(&messages[..1]).await;
    assert_eq!(deleted, Ok(vec![]));
    let hidden = fixture.queue().hide(&messages, Duration::ZERO).await;
    assert!(hidden.is_err());
    assert_eq!(receive_one(fixture).await.id, messages[1].id);
}

/// `TooManyEntriesInBatchRequest`, and no message is changed.
async fn batches_have_at_most_ten_messages(fixture: &impl Fixture) {
    for number in 0..11 {
        fixture.send(&number.to_string()).await;
    }
    let mut messages = Vec::new();
    while messages.len() < 11 {
        let received = fixture.queue().receive(10, Duration::from_hours(1)).await;
        messages.extend(received.expect("an answer"));
    }
    assert!(fixture.queue().delete(&messages).await.is_err());
    assert!(
        fixture
            .queue()
            .hide(&messages, Duration::ZERO)
            .await
            .is_err()
    );
    assert_eq!(receive(fixture).await, []);
    let ten = &messages[..10];
    assert_eq!(fixture.queue().hide(ten, Duration::ZERO).await, Ok(()));
    assert_eq!(receive(fixture).await.len(), 10);
}

async fn the_depth_counts_visible_and_hidden_messages(fixture: &impl Fixture) {
    for body in ["a", "b", "c"] {
        fixture.send(body).await;
    }
    let received = fixture.queue().receive(1, HIDDEN_FOR).await;
    assert_eq!(received.expect("an answer").len(), 1);
    let expected = Depth {
        visible: 2,
        hidden: 1,
    };
    assert_eq!(fixture.queue().depth().await, Ok(expected));
}
