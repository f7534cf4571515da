//! Checks of the dead-letter queue, as the relay sees it: Amazon SQS, or a replacement.

use jiff::Timestamp;
use outbox::{
    RowKey,
    ports::{DeadLetter, DeadLetters},
    replay::Letter,
};

use crate::{check::suite, rows::row};

/// An empty queue.
pub trait Fixture {
    /// The queue, as the relay sees it.
    type DeadLetters: DeadLetters;

    /// Returns the queue.
    fn dead_letters(&self) -> &Self::DeadLetters;

    /// Returns the bodies of all messages in the queue, in any order.
    fn bodies(&self) -> impl Future<Output = Vec<String>>;
}

suite!(Fixture:
    a_letter_arrives_as_it_was_sent,
    a_letter_sent_twice_arrives_twice,
    a_letter_can_name_any_row,
);

fn letter(key: RowKey) -> DeadLetter {
    DeadLetter {
        table: "outbox".to_owned(),
        event_id: key.event_id().map(str::to_owned),
        key,
        code: "TooLarge".to_owned(),
        message: "the event has 300000 bytes, the bus takes 100000".to_owned(),
        bytes: 300_000,
        sha256: "00".repeat(32),
        at: Timestamp::constant(1_795_510_900, 123_456_789),
    }
}

async fn assert_arrived(fixture: &impl Fixture, letters: &[DeadLetter]) {
    let bodies = fixture.bodies().await;
    assert_eq!(bodies.len(), letters.len());
    let arrived = bodies.iter().map(|body| Letter::parse(body));
    let arrived: Vec<Letter> = arrived.collect::<Result<_, _>>().expect("dead letters");
    for letter in letters {
        assert!(arrived.contains(&Letter::Reference(letter.clone())));
    }
}

async fn a_letter_arrives_as_it_was_sent(fixture: &impl Fixture) {
    let letters = [letter(row("a", 1).key), letter(row("a", 2).key)];
    for letter in &letters {
        assert_eq!(fixture.dead_letters().send(letter).await, Ok(()));
    }
    assert_arrived(fixture, &letters).await;
}

/// A standard queue doesn't deduplicate.
async fn a_letter_sent_twice_arrives_twice(fixture: &impl Fixture) {
    let twice = [letter(row("a", 1).key), letter(row("a", 1).key)];
    for letter in &twice {
        assert_eq!(fixture.dead_letters().send(letter).await, Ok(()));
    }
    assert_arrived(fixture, &twice).await;
}

/// A key of DynamoDB is any UTF-8, up to 2048 and 1024 bytes. SQS accepts only the characters
/// of XML and replaces others by U+FFFD, so that the letter would name a row that doesn't
/// exist.
async fn a_letter_can_name_any_row(fixture: &impl Fixture) {
    let mut letters = Vec::new();
    for text in [
        "\0\u{1}\u{8}\u{b}\u{c}\u{e}\u{1f}",
        "\t\n\r\u{7f}\u{85}\u{2028}",
        "\u{fffe}\u{ffff}",
        "\u{d7ff}\u{e000}\u{fffd}\u{10000}\u{1fffe}\u{10ffff}",
        "\"\\/<&>'\\ufffe",
    ] {
        letters.push(letter(RowKey {
            aggregate_id: text.repeat(2048 / text.len()),
            position: text.repeat(1024 / text.len()),
        }));
    }
    for letter in &letters {
        assert_eq!(fixture.dead_letters().send(letter).await, Ok(()));
    }
    assert_arrived(fixture, &letters).await;
}
