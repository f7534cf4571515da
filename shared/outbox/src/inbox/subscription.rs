//! What a consumer expects on its queue, and what it rejects.

use serde::Deserialize;

use crate::{CloudEvent, json_problem, serde_failure::text_of_path};

/// The most events that an aggregate is expected to have, unless a consumer says otherwise.
const LONGEST_HISTORY: u64 = 1_000_000;

/// What a consumer expects on its queue: the events of one source.
///
/// A queue receives all events that match its rule. A principal that may put events of any source
/// on the bus can forge an event of another service. With a high sequence, that event makes all
/// later events of its aggregate look late. So a consumer reads messages by
/// [`event`](Self::event), and compares the subject with what the event is about by
/// [`check_subject`].
///
/// IAM protects the envelope: with `events:source` in its policy, a service can put events of its
/// own source only. For that reason the event must have the same source as the envelope.
///
/// ```
/// use outbox::inbox::{Subscription, UnexpectedEvent, check_subject};
/// use serde::Deserialize;
///
/// #[derive(Deserialize)]
/// #[serde(rename_all = "camelCase")]
/// struct OrderCreated {
///     order_id: String,
/// }
///
/// /// Returns the id of the order that a message is about.
/// fn order_of(body: &str) -> Result<String, Box<dyn std::error::Error>> {
///     // An order has few events.
///     let orders = Subscription::to("orders").in_account("111122223333").longest_history(100);
///     let event = orders.event(body)?;
///     let created: OrderCreated = event.data.parse()?;
///     check_subject(&event, &format!("order#{}", created.order_id))?;
///     Ok(created.order_id)
/// }
///
/// # let message = r#"{"id": "1", "source": "attacker", "detail-type": "OrderCreated",
/// #     "account": "111122223333", "detail": {"specversion": "1.0", "id": "1", "source": "orders",
/// #     "type": "OrderCreated", "time": "2026-11-24T09:00:00Z", "data": {}}}"#;
/// assert!(order_of(message).is_err());
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subscription {
    source: String,
    /// The account that events are put by; `None` for any.
    account: Option<String>,
    longest_history: u64,
}

/// An event that a consumer must not handle; see [`Subscription`] for an example. Leave the message
/// to the dead-letter queue. The texts quote nothing of the event.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum UnexpectedEvent {
    /// The message is no EventBridge event with a `CloudEvent` in it.
    #[error("the message is no EventBridge event with a CloudEvent in it: {path}: {problem}")]
    Message {
        /// Where in the message.
        path: String,
        /// What is wrong there.
        problem: String,
    },
    /// It is of a source that the consumer doesn't subscribe to.
    #[error("the event is of another source than {expected}")]
    Source {
        /// The source that the consumer subscribes to.
        expected: String,
    },
    /// An attribute of the event differs from that of the envelope, which IAM protects.
    #[error("{attribute} of the event differs from its envelope")]
    Envelope {
        /// The attribute.
        attribute: &'static str,
    },
    /// It was put on the bus by another account.
    #[error("the event was put on the bus by another account than {expected}")]
    Account {
        /// The account that the consumer expects.
        expected: String,
    },
    /// It is about another aggregate than its data.
    #[error("the subject of the event is another aggregate than that of its data")]
    Subject,
    /// Its sequence is 0, or higher than an aggregate's history is long.
    #[error("the event has a sequence that is not between 1 and {most}")]
    Sequence {
        /// The highest sequence that the consumer expects.
        most: u64,
    },
}

/// EventBridge's envelope, as far as it is compared.
#[derive(Deserialize)]
struct Envelope {
    source: String,
    #[serde(rename = "detail-type")]
    detail_type: String,
    account: String,
    detail: CloudEvent,
}

impl Subscription {
    /// Subscribes to the events of a source, put by any account. See [`Subscription`] for an
    /// example.
    pub fn to(source: impl Into<String>) -> Self {
        Self {
            source: source.into(),
            account: None,
            longest_history: LONGEST_HISTORY,
        }
    }

    /// Returns the subscription for events that this account puts on the bus. See
    /// [`Subscription`] for an example.
    #[must_use]
    pub fn in_account(self, account: impl Into<String>) -> Self {
        let account = Some(account.into());
        Self { account, ..self }
    }

    /// Returns the subscription with the number of events that an aggregate has at most. A higher
    /// sequence is rejected. A million by default. See [`Subscription`] for an example.
    #[must_use]
    pub fn longest_history(self, events: u64) -> Self {
        Self {
            longest_history: events,
            ..self
        }
    }

    /// Returns the event in a message that an EventBridge rule has sent, if it is an expected one.
    /// See [`Subscription`] for an example.
    ///
    /// # Errors
    ///
    /// Why it must not be handled.
    pub fn event(&self, message: &str) -> Result<CloudEvent, UnexpectedEvent> {
        let envelope = read(message)?;
        if let Some(expected) = &self.account
            && *expected != envelope.account
        {
            let expected = expected.clone();
            return Err(UnexpectedEvent::Account { expected });
        }
        if envelope.source != self.source {
            let expected = self.source.clone();
            return Err(UnexpectedEvent::Source { expected });
        }
        let event = envelope.detail;
        for (attribute, of_event, of_envelope) in [
            ("source", &event.source, &envelope.source),
            ("type", &event.event_type, &envelope.detail_type),
        ] {
            if of_event != of_envelope {
                return Err(UnexpectedEvent::Envelope { attribute });
            }
        }
        let most = self.longest_history;
        let is_plausible = |sequence: u64| (1..=most).contains(&sequence);
        if event
            .sequence
            .is_some_and(|sequence| !is_plausible(sequence))
        {
            return Err(UnexpectedEvent::Sequence { most });
        }
        Ok(event)
    }
}

/// Checks that an event is about the aggregate with this id: the one that its data is of.
/// See [`Subscription`] for an example.
///
/// # Errors
///
/// If its subject is another one, or it has none.
pub fn check_subject(event: &CloudEvent, aggregate_id: &str) -> Result<(), UnexpectedEvent> {
    if event.subject.as_deref() == Some(aggregate_id) {
        Ok(())
    } else {
        Err(UnexpectedEvent::Subject)
    }
}

fn read(message: &str) -> Result<Envelope, UnexpectedEvent> {
    let mut json = serde_json::Deserializer::from_str(message);
    let envelope = serde_path_to_error::deserialize(&mut json);
    let envelope: Envelope = envelope.map_err(|error| UnexpectedEvent::Message {
        path: text_of_path(error.path()),
        problem: json_problem(error.inner()),
    })?;
    json.end().map_err(|error| UnexpectedEvent::Message {
        path: ".".to_owned(),
        problem: json_problem(&error),
    })?;
    Ok(envelope)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn message() -> Value {
        json!({
            "version": "0",
            "id": "e",
            "source": "orders",
            "detail-type": "OrderCreated",
            "account": "111122223333",
            "detail": {
                "specversion": "1.0",
                "id": "1",
                "source": "orders",
                "type": "OrderCreated",
                "subject": "order#42",
                "time": "2026-11-24T09:00:00Z",
                "sequence": "00000000000000000001",
                "data": {},
            },
        })
    }

    fn subscription() -> Subscription {
        let orders = Subscription::to("orders").in_account("111122223333");
        orders.longest_history(100)
    }

    #[test]
    fn an_expected_event_is_returned() {
        let event = subscription().event(&message().to_string()).unwrap();
        assert_eq!((event.id.as_str(), event.sequence), ("1", Some(1)));
        assert_eq!(check_subject(&event, "order#42"), Ok(()));
        assert_eq!(
            check_subject(&event, "order#43"),
            Err(UnexpectedEvent::Subject)
        );
        let any = Subscription::to("orders").event(&message().to_string());
        assert!(any.is_ok());
    }

    #[test]
    fn forged_events_are_rejected() {
        let most = 100;
        let expected = |text: &str| text.to_owned();
        for (path, value, error) in [
            (
                "/source",
                "attacker",
                UnexpectedEvent::Source {
                    expected: expected("orders"),
                },
            ),
            (
                "/detail/source",
                "attacker",
                UnexpectedEvent::Envelope {
                    attribute: "source",
                },
            ),
            (
                "/detail/type",
                "OrderCancelled",
                UnexpectedEvent::Envelope { attribute: "type" },
            ),
            (
                "/account",
                "444455556666",
                UnexpectedEvent::Account {
                    expected: expected("111122223333"),
                },
            ),
            (
                "/detail/sequence",
                "18446744073709551615",
                UnexpectedEvent::Sequence { most },
            ),
            (
                "/detail/sequence",
                "00000000000000000101",
                UnexpectedEvent::Sequence { most },
            ),
            (
                "/detail/sequence",
                "00000000000000000000",
                UnexpectedEvent::Sequence { most },
            ),
        ] {
            let mut message = message();
            *message.pointer_mut(path).unwrap() = value.into();
            let found = subscription().event(&message.to_string());
            assert_eq!(found, Err(error), "{path}: {value}");
        }
    }

    #[test]
    fn a_message_that_is_no_event_is_rejected_without_its_content() {
        for (message, path, problem) in [
            ("", ".", "EOF while parsing a value at line 1 column 0"),
            ("{}", ".", "missing field `source`"),
            (
                r#"{"source": 5}"#,
                "source",
                "invalid type, expected a string",
            ),
            (
                r#"{"source": ["SECRET"]}"#,
                "source",
                "invalid type, expected a string",
            ),
        ] {
            let UnexpectedEvent::Message {
                path: at,
                problem: why,
            } = subscription().event(message).unwrap_err()
            else {
                panic!("{message}");
            };
            assert_eq!((at.as_str(), why.as_str()), (path, problem), "{message}");
        }
        let mut broken = message();
        broken["detail"]["time"] = "SECRET".into();
        let error = subscription().event(&broken.to_string()).unwrap_err();
        assert!(!error.to_string().contains("SECRET"), "{error}");
        let trailing = format!("{} SECRET", message());
        let error = subscription().event(&trailing).unwrap_err();
        assert!(!error.to_string().contains("SECRET"), "{error}");
    }
}
